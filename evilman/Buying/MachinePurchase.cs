using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text.Json;
using Evilman.Minting;
using Evilman.Net;
using Wire;

namespace Evilman.Buying;

/// <summary>Sends magic pings to nodes.</summary>
internal interface INodeLink
{
    /// <exception cref="Failure">The node does not answer.</exception>
    NodeAnswer Ask(IPAddress node, MagicKind kind, byte[] body);
}

/// <summary>
/// Buys, pays and gives back, in steps each of which is on the disk before the next one shows outside: killed at any
/// instant and called again, it goes on where it was, and neither loses nor doubles anything.
/// </summary>
internal sealed class MachinePurchase(IMachineFile file, Func<string, IBroker> brokers, INodeLink node, Func<long> clock)
{
    const string MachinesPath = "/v1/machines", RefundsPath = "/v1/refunds", TokensSuffix = "/tokens";

    /// <summary>
    /// Buys a machine under the file's name. Asked for the same once more it finishes the purchase, if that was cut
    /// off, and buys nothing.
    /// </summary>
    /// <returns>Whether it was begun before.</returns>
    internal bool Buy(string broker, NewMachine wanted)
    {
        var body = JsonSerializer.Serialize(wanted, Json.Default.NewMachine);
        // What was given back is over, and its name is free.
        var isBegun = file.Machine is { Refunded: null };
        if (isBegun)
        {
            var there = file.Machine!;
            if (there.Wanted != body || there.Broker != broker)
                throw Failure.Usage($"{file.Name} is another machine, «{there.Wanted}» from the broker {there.Broker}"
                    + (there.Bought is null ? ": ask for that to finish its purchase"
                        : $": buy under another name; «evilman refund {file.Name}» frees this one, also where the machine has "
                            + "ended"));
        }
        else
        {
            file.Save(new BoughtMachine(broker, body) { Order = Order.New(MachinesPath, body, clock()) });
        }
        Finish();
        return isBegun;
    }

    /// <summary>
    /// As <see cref="PayRunning"/>, after asking the node: for a machine that does not run nothing is bought.
    /// </summary>
    internal int? Pay(int tokens)
    {
        if (!IsUnsettled && Bought() is { Certificate: null, Bought: { } bought }
            && node.Account(bought) is not { State: AccountState.Running or AccountState.Grace })
            throw new Failure(TakenPlace() ?? $"{bought.Node()} runs no machine {file.Name}, so nothing was bought: "
                + "«evilman boot» starts one that has not run yet", ExitCode.Refused);
        return PayRunning(tokens);
    }

    /// <summary>
    /// Buys tokens and hands them to the node. The caller has found out that the machine runs. A payment that was begun
    /// before is finished instead.
    /// </summary>
    /// <returns>How many tokens were bought, or null when it was an earlier payment that was finished.</returns>
    internal int? PayRunning(int tokens)
    {
        var machine = Bought();
        if (machine.Order is not null || machine.Pings.Count > 0)
        {
            Finish();
            return null;
        }
        if (machine.Certificate is not null)
            throw Failure.Usage($"the machine {file.Name} was ended for a refund: buy another");
        var path = string.Create(CultureInfo.InvariantCulture,
            $"{MachinesPath}/{machine.Bought!.Machine.Id}{TokensSuffix}");
        var body = JsonSerializer.Serialize(new NewTokens(tokens), Json.Default.NewTokens);
        file.Save(machine with { Order = Order.New(path, body, clock()) });
        Finish();
        return tokens;
    }

    /// <summary>
    /// Has the node end the machine, and the broker give back what is unused. What was bought and is not with the node
    /// yet goes there before, since its certificate counts nothing else.
    /// </summary>
    internal RefundView Refund()
    {
        var machine = Bought();
        if (machine.Refunded is { } before)
            return before;
        try
        {
            Finish();
        }
        catch (Failure refused) when (refused.ExitCode == ExitCode.Refused && file.Machine!.Pings.Count > 0)
        {
            // The machine has ended: tokens that the node has not taken are lost; what it has taken and not used is
            // refunded.
        }
        machine = Bought();
        if (machine.Refunded is { } meanwhile)
            return meanwhile;
        if (machine.Certificate is null)
        {
            machine = machine with { Certificate = Certificate(machine.Bought!) };
            file.Save(machine);
        }
        file.Save(machine with
        {
            Pings = [],
            Order = Order.New(RefundsPath,
                JsonSerializer.Serialize(new NewRefund(machine.Certificate), Json.Default.NewRefund), clock()),
        });
        Finish();
        return Bought().Refunded!;
    }

    /// <summary>
    /// The sentence for a machine whose place the broker has given to others; the machine's file records it.
    /// </summary>
    /// <returns>Null where it has not, or does not answer.</returns>
    internal string? TakenPlace()
    {
        if (file.Machine is not { Bought: { } bought } machine)
            return null;
        if (machine.Released is null)
        {
            try
            {
                machine = machine with { Released = brokers(machine.Broker).Machine(bought.Machine.Id).Released };
            }
            catch (Failure)
            {
                return null; // what the node says is told all the same
            }
            if (machine.Released is not null)
                file.Save(machine);
        }
        return machine.Released is not { } at ? null : string.Create(CultureInfo.InvariantCulture,
            $"{file.Name} was not started while its boot token held, so its place is others' since ")
            + string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.FromUnixTimeSeconds(at):u}: buy another");
    }

    /// <summary>Whether a request is under way, or tokens are not with the node yet.</summary>
    internal bool IsUnsettled => file.Machine is { Order: not null } or { Pings.Count: > 0 };

    /// <summary>Gets the answer of what is under way, and hands on what was bought.</summary>
    internal void Finish()
    {
        while (file.Machine is { } machine)
        {
            if (machine.Order is { } order)
                Settle(machine, order);
            else if (machine.Pings.Count > 0)
                Deliver(machine);
            else
                return;
        }
    }

    BoughtMachine Bought() => file.Machine is not { } machine
        ? throw Failure.Usage($"there is no machine {file.Name}: «evilman machines» lists those that were bought")
        : machine.Bought is not null ? machine
        : throw Failure.Usage($"the purchase of {file.Name} is under way: «evilman buy» with the same options "
            + "finishes it");

    void Settle(BoughtMachine machine, Order order)
    {
        if (clock() - order.Made > Order.GoodFor)
            throw new Failure($"the machine {file.Name} has a request from more than six days ago whose answer never "
                + "came; the broker has forgotten by now whether it was done. «evilman ledger» tells");
        var answer = brokers(machine.Broker).Send(order);
        var settled = machine with { Order = null };
        if (answer.Refusal is { } refusal)
        {
            if (machine.Bought is null)
                file.Remove();
            else
                file.Save(settled);
            throw new Failure($"the broker {machine.Broker} refused: {refusal}", ExitCode.Refused);
        }
        file.Save(order.Path switch
        {
            MachinesPath => Took(settled, BrokerClient.Read(answer.Body, Json.Default.Purchase)),
            RefundsPath => settled with { Refunded = BrokerClient.Read(answer.Body, Json.Default.RefundView) },
            _ => Took(settled, BrokerClient.Read(answer.Body, Json.Default.Resupply)),
        });
    }

    static BoughtMachine Took(BoughtMachine machine, Purchase purchase) =>
        machine with { Bought = purchase.Checked(), Amount = purchase.Amount };

    static BoughtMachine Took(BoughtMachine machine, Resupply resupply) =>
        machine with
        {
            Amount = machine.Amount + resupply.Amount,
            Pings = [.. machine.Pings, .. resupply.Pings.Select(ping => ping.Checked())],
        };

    /// <summary>
    /// Hands the next ping to the node. Each is taken off the list before the one after it is sent: the node takes the
    /// last one a second time, and not those before.
    /// </summary>
    void Deliver(BoughtMachine machine)
    {
        var ping = machine.Pings[0];
        var address = machine.Bought!.Node();
        var answer = node.Ask(address, (MagicKind)ping.Kind, Convert.FromHexString(ping.Body));
        if (!answer.Accepted && answer.Refusal != Refusal.AlreadyPaid)
            throw new Failure($"{address} refused: {answer.Sentence()} The tokens are kept", ExitCode.Refused);
        file.Save(machine with { Pings = [.. machine.Pings.Skip(1)] });
    }

    string Certificate(Purchase bought)
    {
        var name = bought.Name();
        var body = new byte[AccountRequest.Size];
        AccountRequest.Emit(body, name, bought.Secret());
        var answer = node.Ask(bought.Node(), MagicKind.Refund, body);
        if (!answer.Accepted)
            throw new Failure((answer.Refusal == Refusal.NoSuchDomain ? TakenPlace() : null)
                ?? $"{bought.Node()} refused: {answer.Sentence()}", ExitCode.Refused);
        return AccountView.TryRead(answer.Statement, name) is { State: AccountState.Refunded } account
            ? Convert.ToHexStringLower(account.Bytes)
            : throw new Failure($"{bought.Node()} answers without a certificate");
    }
}
