using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman nodes</c>.</summary>
internal static class NodesCommand
{
    internal static Command Create()
    {
        var broker = Values.BrokerOption();
        var json = Values.Json();
        var command = new Command("nodes", "Lists the nodes of the inventory, and those of a broker with their load "
            + "and prices.")
        {
            broker, json,
        };
        command.WithExamples("""
            evilman nodes
            evilman nodes --broker lab --json    one object of JSON a line
            """);
        command.SetAction(result => List(result.GetValue(broker), result.GetValue(json)));
        return command;
    }

    /// <summary>Those of the inventory, then those of a broker.</summary>
    internal static int List(string? broker, bool json)
    {
        var inventory = Inventory.Load();
        var lines = inventory.Nodes.Select(NodeLine.Of).ToList();
        if (inventory.HasBrokers || broker is not null)
        {
            var from = inventory.Broker(broker);
            lines.AddRange(new BrokerClient(from).List("/v1/nodes", Json.Default.PageNodeView)
                .Select(node => new NodeLine(node.Name, node.Address, from.Name, node, null, null)));
        }
        if (lines.Count == 0)
            throw Failure.Usage("no node is known: «evilman node add» makes one's own known, and «evilman login» "
                + "those of a broker; «evilman lab status» lists those of a lab");
        foreach (var line in lines)
            Say.Plain(json ? JsonSerializer.Serialize(line, Json.Default.NodeLine) : Text(line));
        return ExitCode.Done;
    }

    static string Text(NodeLine line)
    {
        var text = $"{line.Name,-12} {line.Address,-15} ";
        if (line.Load is not { } load)
            return text + (line.Guests is null ? "one's own" : $"one's own, guests {line.Guests}");
        var state = load.Enabled ? "" : ", sells nothing now";
        return text + string.Create(CultureInfo.InvariantCulture,
            $"{load.UsedMachines} of {load.Machines} machines, {load.UsedMemoryMib} of {load.MemoryMib} MiB{state}; ")
            + string.Create(CultureInfo.InvariantCulture,
            $"prices {load.Prices.Cpu},{load.Prices.Memory},{load.Prices.Network},{load.Prices.Existence}");
    }
}
