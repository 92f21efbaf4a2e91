using System;
using System.CommandLine;
using Tokenbroker.Market;
using Tokenbroker.Secrets;

namespace Tokenbroker.Commands;

/// <summary><c>tokenbroker customer add|list|key|revoke</c> and <c>tokenbroker deposit</c>.</summary>
internal static class CustomerCommands
{
    internal static Command Create(Place place) =>
        new("customer", "Who buys, and with which API keys.") { Add(place), List(place), Key(place), Revoke(place) };

    private static Command Add(Place place)
    {
        Argument<string> name = new("name") { Description = "What the customer is called." };
        Command command = new("add", "Adds a customer, who has no API key yet.") { name };
        command.SetAction(result =>
        {
            using Broker broker = place.Broker(result);
            CustomerView customer = broker.Database.Write(
                session => broker.AddCustomer(session, NodeCommands.Actor, new NewCustomer(result.GetValue(name)!)));
            Console.WriteLine($"customer {customer.Id} {customer.Name}");
            return 0;
        });
        return command;
    }

    private static Command List(Place place)
    {
        Command command = new("list", "One line for each customer: number, name, balance.");
        command.SetAction(result =>
        {
            using Broker broker = place.Broker(result);
            for (long? after = 0; after is { } at;)
            {
                Page<CustomerView> page = broker.Database.Read(
                    session => Broker.Customers(session, at, Broker.MaxPageSize));
                foreach (CustomerView customer in page.Items)
                    Console.WriteLine($"{customer.Id} {customer.Name} {customer.Balance}");
                after = page.Next;
            }
            return 0;
        });
        return command;
    }

    private static Command Key(Place place)
    {
        Argument<string> name = new("name") { Description = "The customer." };
        Option<string> scopes =
            new("--scopes") { Description =
            $"What the key may, with commas between: {string.Join(", ", ApiKeys.OfCustomers)}.", HelpName = "SCOPES",
            DefaultValueFactory = _ => string.Join(',', ApiKeys.OfCustomers) };
        Command command = new("key", "Makes an API key of a customer, which is shown this once.") { name, scopes };
        command.SetAction(result =>
        {
            using Broker broker = place.Broker(result);
            string[] wanted = result.GetValue(scopes)!.Split(',', StringSplitOptions.RemoveEmptyEntries
                | StringSplitOptions.TrimEntries);
            Console.WriteLine(broker.Database.Write(
                session => broker.AddKey(session, NodeCommands.Actor,
                Broker.CustomerNamed(session, result.GetValue(name)!), wanted)));
            return 0;
        });
        return command;
    }

    private static Command Revoke(Place place)
    {
        Argument<string> key =
            new("key") { Description = "The key's name: what stands between its first and its second _." };
        Command command = new("revoke", "Revokes an API key, at once.") { key };
        command.SetAction(result =>
        {
            using Broker broker = place.Broker(result);
            broker.Database.Write(session =>
                { broker.Revoke(session, NodeCommands.Actor, result.GetValue(key)!); return session; });
            return 0;
        });
        return command;
    }

    internal static Command CreateDeposit(Place place)
    {
        Argument<string> name = new("name") { Description = "The customer." };
        Argument<long> amount = Values.Amount("amount", "Units.");
        Option<string> note = Values.Text("--note", "TEXT", "What the ledger says of it, a bill's number for instance.",
            required: false);
        Command command = new("deposit", "Credits a customer with what he has paid.") { name, amount, note };
        command.SetAction(result =>
        {
            using Broker broker = place.Broker(result);
            BalanceView balance = broker.Database.Write(session =>
                broker.Deposit(session, NodeCommands.Actor, Broker.CustomerNamed(session, result.GetValue(name)!),
                    new NewDeposit(result.GetValue(amount), result.GetValue(note) ?? "")));
            Console.WriteLine($"balance {balance.Balance}");
            return 0;
        });
        return command;
    }
}
