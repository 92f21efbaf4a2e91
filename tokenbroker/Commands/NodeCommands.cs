using System;
using System.CommandLine;
using System.Text;
using Tokenbroker.Market;
using Tokenbroker.Secrets;

namespace Tokenbroker.Commands;

/// <summary><c>tokenbroker node add|list|rotate-key</c>.</summary>
internal static class NodeCommands
{
    internal const string Actor = "command line";

    internal static Command Create(Place place) =>
        new("node", "The nodes whose time is sold.") { Add(place), List(place), Rotate(place) };

    private static Command Add(Place place)
    {
        Argument<string> name = new("name") { Description = "What it is called here." };
        Option<string> address = Values.Text("--address", "A.B.C.D", "The node's own address.");
        Option<string> key = Values.Text("--key-file", "FILE",
            "The secret that the node shares with this broker («evilman keygen»).");
        Option<string> boot = Values.Text("--boot-addresses", "A.B.C.D-A.B.C.D", "Addresses for machines.");
        Option<string> guests = Values.Text("--guest-addresses", "A.B.C.D-A.B.C.D",
            "Addresses for guests; nodes between which guests move share them.", required: false);
        Option<string> gateway = Values.Text("--gateway", "A.B.C.D", "The router of that subnet.", required: false);
        Option<long> prefix = Values.Count("--prefix-length", "Of the subnet of the machines' addresses.", 8, 30, 24);
        Option<long> memory = Values.Count("--memory", "MiB of memory for all machines.", 1, 1L << 32);
        Option<long> machines = Values.Count("--machines", "How many machines at once (packetd's --max-domains).", 1,
            1L << 32);
        Option<long> most = Values.Count("--most-memory",
            "MiB of memory that one machine may have (packetd's --max-memory); 0: as much as all together.", 0, 1L << 32,
            0);
        Option<long> least = Values.Count("--min-cpu-share",
            "Percent of a processor that a machine has at least (packetd's --min-cpu-share); 100: whole ones only.", 1,
            Market.Broker.WholeProcessor, Market.Broker.WholeProcessor);
        Option<long> processors = Values.Count("--cpu",
            "Hundredths of a processor for all machines together, 100 at least; 0: they are not counted.", 0, 1L << 32, 0);
        Option<long> share = Values.Count("--price-share",
            "Units for a hundredth of a processor that a machine may use, in a second.", 0, uint.MaxValue, 0);
        Option<long> cpu = Values.Count("--price-cpu", "Units for a microsecond of CPU time.", 0, uint.MaxValue, 0);
        Option<long> memoryPrice = Values.Count("--price-memory", "Units for a MiB of memory in a second.", 0,
            uint.MaxValue, 0);
        Option<long> network = Values.Count("--price-network", "Units for a KiB sent or received.", 0, uint.MaxValue,
            0);
        Option<long> existence = Values.Count("--price-existence", "Units for a second of existence.", 0, uint.MaxValue,
            1);
        Option<long> elements = Values.Count("--elements-per-packet",
            "Elements that the node verifies for one packet (packetd's --chain-steps).", 1,
            NewNode.MaxElementsPerPacket, NewNode.UsualElementsPerPacket);
        Command command = new("add", "Adds a node.") { name, address, key, boot, guests, gateway, prefix, memory,
            most, machines, least, processors, cpu, memoryPrice, network, existence, share, elements };
        command.SetAction(result =>
        {
            NewNode wanted = new(result.GetValue(name)!, result.GetValue(address)!,
                Encoding.ASCII.GetString(SecretFile.NodeKey(result.GetValue(key)!)), (int)result.GetValue(prefix),
                result.GetValue(boot)!, result.GetValue(guests) ?? "", result.GetValue(memory),
                    result.GetValue(machines),
                new Prices(result.GetValue(cpu), result.GetValue(memoryPrice), result.GetValue(network),
                    result.GetValue(existence), result.GetValue(share)), result.GetValue(gateway),
                result.GetValue(elements), result.GetValue(most) is not 0 and var ofOne ? ofOne : null,
                result.GetValue(least), result.GetValue(processors) is not 0 and var ofAll ? ofAll : null);
            using Broker broker = place.Broker(result);
            NodeView node = broker.Database.Write(session => broker.AddNode(session, Actor, wanted));
            Console.WriteLine($"node {node.Id} {node.Name} {node.Address}");
            return 0;
        });
        return command;
    }

    private static Command List(Place place)
    {
        Command command = new("list", "One line for each node: number, name, address, machines, memory, processors where they are counted.");
        command.SetAction(result =>
        {
            using Broker broker = place.Broker(result);
            for (long? after = 0; after is { } at;)
            {
                Page<NodeView> page = broker.Database.Read(session => Broker.Nodes(session, at, Broker.MaxPageSize));
                foreach (NodeView node in page.Items)
                    Console.WriteLine(
                        $"{node.Id} {node.Name} {node.Address} machines {node.UsedMachines}/{node.Machines} memory "
                        + $"{node.UsedMemoryMib}/{node.MemoryMib} MiB "
                        + $"{(node.CpuPercent is { } all ? $"cpu {node.UsedCpuPercent}/{all} % " : "")}key "
                        + $"{node.KeyNumber}{(node.Enabled ? "" : " disabled")}");
                after = page.Next;
            }
            return 0;
        });
        return command;
    }

    private static Command Rotate(Place place)
    {
        Argument<string> name = new("name") { Description = "The node." };
        Option<string> key = Values.Text("--key-file", "FILE", "Its new secret, which the node takes already.");
        Command command = new("rotate-key",
            "Signs a node's tokens with a new key from now on; certificates under the old one are still taken.") { name,
            key };
        command.SetAction(result =>
        {
            NewNodeKey wanted = new(Encoding.ASCII.GetString(SecretFile.NodeKey(result.GetValue(key)!)));
            using Broker broker = place.Broker(result);
            NodeView node = broker.Database.Write(
                session => broker.RotateNodeKey(session, Actor, Broker.NodeNamed(session, result.GetValue(name)!),
                wanted));
            Console.WriteLine($"node {node.Name} key {node.KeyNumber}");
            return 0;
        });
        return command;
    }
}
