using System;
using System.Collections.Generic;
using System.Text.Json.Serialization.Metadata;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;

namespace Tokenbroker.Http;

/// <summary>Everything that the API has, in one table.</summary>
internal static class Api
{
    private const string Look = "GET", Add = "POST", Change = "PATCH", Remove = "DELETE";

    private static readonly Json s_json = Json.Default;

    internal static IReadOnlyList<Endpoint> Endpoints { get; } =
    [
        // Customers
        Read("/v1/balance", ApiKeys.Read, "How many units the customer has.",
            s_json.BalanceView, (call, session) => Broker.Balance(session, call.Customer)),
        List("/v1/entries", ApiKeys.Read, "The customer's ledger, the oldest entry first.", s_json.PageEntryView,
            (call, session, after, limit) => Broker.Entries(session, call.Customer, after, limit)),
        List("/v1/plans", ApiKeys.Read, "What is for sale.",
            s_json.PagePlanView, (_, session, after, limit) => Broker.Plans(session, after, limit)),
        List("/v1/machines", ApiKeys.Read, "The customer's machines, the oldest first.", s_json.PageMachineView,
            (call, session, after, limit) => Broker.Machines(session, call.Customer, after, limit)),
        Read("/v1/machines/{id}", ApiKeys.Read, "One of the customer's machines.",
            s_json.MachineView, (call, session) => Broker.Machine(session, call.Customer, call.Number("id"))),
        new Asking(Look, "/v1/machines/{id}/account", ApiKeys.Read,
            "What is left of a machine's tokens and what it uses, as its node says now.", null, s_json.AccountView,
            async (call, cancel) => await call.Broker.Account(call.Customer, call.Number("id"), cancel)),
        new Asking(Add, "/v1/machines/{id}/pings", ApiKeys.Buy,
            "Hands tokens that were bought to the machine's node, for who cannot send pings; the same again does no harm.",
            s_json.NewPings, s_json.PingsView, async (call, cancel) =>
                await call.Broker.Deliver(call.Customer, call.Number("id"), call.Read(s_json.NewPings), cancel)),
        Write(Add, "/v1/quotes", ApiKeys.Buy,
            "A price that holds for ten minutes, and how long the tokens last on each node.",
            s_json.NewQuote, s_json.QuoteView,
            (call, session, wanted) => call.Broker.Quote(session, call.Customer, wanted)),
        new Writing(Add, "/v1/machines", ApiKeys.Buy,
            "Buys a machine: the broker chooses node and addresses, and mints the boot token and the machine's key.",
            s_json.NewMachine, s_json.Purchase, PrepareMachine) { Remembers = true },
        new Writing(Add, "/v1/machines/{id}/tokens", ApiKeys.Buy,
            "Buys more tokens for a machine: bodies of magic pings, which the customer sends to its node in order.",
            s_json.NewTokens, s_json.Resupply, PrepareTokens) { Remembers = true },
        Write(Add, "/v1/refunds", ApiKeys.Refund,
            "Takes a redemption certificate of a node: what the machine has not used goes back to the balance.",
            s_json.NewRefund, s_json.RefundView,
            (call, session, wanted) => call.Broker.Refund(session, call.Customer, wanted)),

        // Operators
        List("/v1/nodes", ApiKeys.ReadOrOperator, "The nodes, their prices and their load.",
            s_json.PageNodeView, (_, session, after, limit) => Broker.Nodes(session, after, limit)),
        Write(Add, "/v1/nodes", ApiKeys.Operator,
            "Adds a node; elements_per_packet, at most 100000, is its packetd's --chain-steps, and min_cpu_percent its "
            + "--min-cpu-share; cpu_percent is what all machines may have of its processors, null where they are not counted.",
            s_json.NewNode,
            s_json.NodeView, (call, session, wanted) => call.Broker.AddNode(session, call.Actor.KeyId, wanted)),
        Write(Change, "/v1/nodes/{id}", ApiKeys.Operator, "Sells machines on a node, or no more of them.",
            s_json.NodeChange, s_json.NodeView,
            (call, session, wanted) => call.Broker.ChangeNode(session, call.Actor.KeyId, call.Number("id"), wanted)),
        Write(Add, "/v1/nodes/{id}/keys", ApiKeys.Operator, "Signs a node's tokens with another key from now on.",
            s_json.NewNodeKey, s_json.NodeView,
            (call, session, wanted) => call.Broker.RotateNodeKey(session, call.Actor.KeyId, call.Number("id"), wanted)),
        Write(Add, "/v1/plans", ApiKeys.Operator, "Adds a plan.", s_json.NewPlan, s_json.PlanView,
            (call, session, wanted) => call.Broker.AddPlan(session, call.Actor.KeyId, wanted)),
        List("/v1/customers", ApiKeys.Operator, "The customers and their balances.",
            s_json.PageCustomerView, (_, session, after, limit) => Broker.Customers(session, after, limit)),
        Write(Add, "/v1/customers", ApiKeys.Operator, "Adds a customer.", s_json.NewCustomer, s_json.CustomerView,
            (call, session, wanted) => call.Broker.AddCustomer(session, call.Actor.KeyId, wanted)),
        Write(Add, "/v1/customers/{id}/keys", ApiKeys.Operator, "Makes a customer's API key, which is shown this once.",
            s_json.NewKey, s_json.KeyView, (call, session, wanted) =>
                new KeyView(call.Broker.AddKey(session, call.Actor.KeyId, call.Number("id"), wanted.Scopes))),
        new Writing(Remove, "/v1/keys/{key}", ApiKeys.Operator, "Revokes an API key.", null, s_json.Done,
            (call, _) => () => session =>
            {
                call.Broker.Revoke(session, call.Actor.KeyId, call.Word("key"));
                return new Done(true);
            }),
        Write(Add, "/v1/customers/{id}/deposits", ApiKeys.Operator, "Credits a customer with what he has paid.",
            s_json.NewDeposit, s_json.BalanceView,
            (call, session, wanted) => call.Broker.Deposit(session, call.Actor.KeyId, call.Number("id"), wanted)),
        List("/v1/audit", ApiKeys.Operator, "What operators have done, the oldest first.",
            s_json.PageAuditView, (_, session, after, limit) => Broker.ReadAudit(session, after, limit)),
    ];

    private static Reading Read(
        string route, string scope, string summary, JsonTypeInfo gives, Func<Call, Session, object> look) =>
        new(route, scope, summary, gives, call => session => look(call, session));

    private static Reading List(
        string route, string scope, string summary, JsonTypeInfo gives, Func<Call, Session, long, int, object> look) =>
        new(route, scope, summary, gives, call => session => look(call, session, call.After, call.Limit))
        {
            IsPaged = true,
        };

    private static Writing Write<T>(
        string method, string route, string scope, string summary, JsonTypeInfo<T> takes, JsonTypeInfo gives,
        Func<Call, Session, T, object> work)
    {
        Func<Func<Session, object>> Prepare(Call call, Session _)
        {
            T wanted = call.Read(takes);
            return () => session => work(call, session, wanted);
        }
        return new Writing(method, route, scope, summary, takes, gives, Prepare);
    }

    private static Func<Func<Session, object>> PrepareMachine(Call call, Session look)
    {
        NewMachine wanted = call.Read(s_json.NewMachine);
        int length = call.Broker.ChainLengthFor(look, call.Customer, wanted);
        return () => call.Broker.NewChains.With<Session, object>(length, (session, chain) =>
            call.Broker.Buy(session, call.Customer, wanted, chain));
    }

    private static Func<Func<Session, object>> PrepareTokens(Call call, Session look)
    {
        long id = call.Number("id");
        int tokens = call.Read(s_json.NewTokens).Tokens;
        int length = Broker.NewChainFor(look, call.Customer, id, tokens);
        if (length == 0)
            return () => session => call.Broker.Resupply(session, call.Customer, id, tokens, null);
        return () => call.Broker.NewChains.With<Session, object>(length, (session, chain) =>
            call.Broker.Resupply(session, call.Customer, id, tokens, chain));
    }
}
