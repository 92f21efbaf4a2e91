using System;
using System.CommandLine;
using Tokenbroker.Market;
using Tokens;

namespace Tokenbroker.Commands;

/// <summary><c>tokenbroker plan add|list</c>.</summary>
internal static class PlanCommands
{
    internal static Command Create(Place place) => new("plan", "What is for sale.") { Add(place), List(place) };

    private static Command Add(Place place)
    {
        Argument<string> name = new("name") { Description = "What it is called." };
        Option<long> value = Values.Count("--token-value", "Units that a token is worth, and costs.", 1, 1L << 40);
        Option<long> memory = Values.Count("--memory", "MiB of memory of the machine.", 1, 1 << 20);
        Option<long> cpu = Values.Count("--cpu",
            "Hundredths of a processor; not every node gives less than 100 (node add --min-cpu-share).", 1,
            Market.Broker.WholeProcessor, Market.Broker.WholeProcessor);
        Option<long> guests = Values.Count("--guests", "Addresses for guests.", 0, 4, 1);
        Option<long> lease = Values.Count("--lease", "Seconds that a machine waits for its loader.", 1, ushort.MaxValue,
            60);
        Option<long> boot = Values.Count("--boot-seconds", "Seconds in which the machine has to be started.", 1,
            7 * 86400, 600);
        Option<long> length = Values.Count("--chain-length", "Elements of its hash chain.", 1, Chain.MaxLength,
            1024);
        Command command = new("add", "Adds a plan.") { name, value, memory, cpu, guests, lease, boot, length };
        command.SetAction(result =>
        {
            NewPlan wanted = new(result.GetValue(name)!, result.GetValue(value), result.GetValue(memory),
                (int)result.GetValue(cpu), (int)result.GetValue(guests),
                (int)result.GetValue(lease), (int)result.GetValue(boot), (int)result.GetValue(length));
            using Broker broker = place.Broker(result);
            PlanView plan = broker.Database.Write(session => broker.AddPlan(session, NodeCommands.Actor, wanted));
            Console.WriteLine($"plan {plan.Id} {plan.Name}");
            return 0;
        });
        return command;
    }

    private static Command List(Place place)
    {
        Command command = new("list", "One line for each plan.");
        command.SetAction(result =>
        {
            using Broker broker = place.Broker(result);
            for (long? after = 0; after is { } at;)
            {
                Page<PlanView> page = broker.Database.Read(session => Broker.Plans(session, at, Broker.MaxPageSize));
                foreach (PlanView plan in page.Items)
                    Console.WriteLine(
                        $"{plan.Id} {plan.Name} token {plan.TokenValue} units, {plan.MemoryMib} MiB, cpu "
                        + $"{plan.CpuPercent} %, guests {plan.Guests}, chain {plan.ChainLength}");
                after = page.Next;
            }
            return 0;
        });
        return command;
    }
}
