using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Run;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman node add|ls|rm</c>: one's own nodes, by name.</summary>
internal static class NodeCommand
{
    internal static Command Create()
    {
        var command = new Command("node", "One's own nodes, by the names that other commands take; on a node's host what it runs.")
        {
            Add(), List(), Remove(),
        };
        foreach (var operators in OperatorCommands.All())
            command.Subcommands.Add(operators);
        return command.WithExamples("""
            evilman node add n1 10.0.0.1 --key-file n1.key \
                    --boot 10.0.0.100-10.0.0.119/24 --guests 10.0.0.50-10.0.0.59
            evilman node ls
            evilman node rm n1
            evilman node top                     on the node's own host
            journalctl -u packetd@eth1 | evilman node log
            """);
    }

    static Command Add()
    {
        var name = Values.Name("name", "What the node shall be called here.");
        var address = Values.Address("address", "The node's address.");
        var keyFile = Values.FileOption("--key-file", "The secret that the node has, and tokens are signed with.");
        var broker = new Option<string?>("--broker")
        {
            Description = "Instead of --key-file: the broker that sells its machines, as «evilman login» has named it. The node's name is "
                + "the one that the broker has.",
            HelpName = "NAME",
        };
        var boot = Values.RangeOption("--boot", "Where new machines' firmware may listen, and the length of their "
            + "subnet's prefix: addresses that nobody else has.", "A.B.C.D-A.B.C.D/LEN", hasSubnet: true);
        var guests = Values.RangeOption("--guests", "What guests may have; the same for nodes between which they move.",
            "A.B.C.D-A.B.C.D", hasSubnet: false);
        var gateway = Values.AddressOption("--gateway", "The router of that subnet.");
        var unmetered = new Option<bool>("--unmetered")
        {
            Description = "The node's monitor starts processes, as QEMU's does, so that no account can be kept of its "
                + "machines.",
        };
        var noProbe = new Option<bool>("--no-probe")
        {
            Description = "Do not ask the node whether it is there and has this secret.",
        };
        var json = Values.Json();
        var command = new Command("add", "Makes a node known by a name, once it has proved that it has the secret.")
        {
            name, address, keyFile, broker, boot, guests, gateway, unmetered, noProbe, json,
        };
        command.WithExamples("""
            evilman node add n1 10.0.0.1 --key-file n1.key \
                    --boot 10.0.0.100-10.0.0.119/24 --guests 10.0.0.50-10.0.0.59
            evilman node add n2 10.0.0.2 --broker lab     its machines are bought
            """);
        command.Validators.Add(result =>
        {
            if (result.GetResult(keyFile) is null == result.GetResult(broker) is null)
                result.AddError("name the node's secret with --key-file, or with --broker who sells its machines");
        });
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            if (result.GetValue(broker) is { } seller)
                return AddSold(new KnownNode(result.GetValue(name)!, result.GetValue(address)!, null) { Broker = seller });
            var path = Path.GetFullPath(result.GetValue(keyFile)!);
            var key = SecretFile.ReadKey(path);
            DemandOwn(path);
            var node = new KnownNode(result.GetValue(name)!, result.GetValue(address)!, path)
            {
                Boot = result.GetValue(boot),
                Guests = result.GetValue(guests),
                Gateway = result.GetValue(gateway),
                IsMetered = !result.GetValue(unmetered),
            };
            DemandApart(node);
            if (!result.GetValue(noProbe))
            {
                using var echo = EchoSocket.Open();
                NodeProbe.DemandKey(echo, node.Address, key, path, MagicPinger.Patience);
            }
            Inventory.Add(Inventory.Folder, node);
            Say.Step($"{node.Name} is {node.Address}" + (result.GetValue(noProbe) ? "" : ", and has this secret"));
            if (node.Boot is null || node.Guests is null)
            {
                var lacking = string.Join(" and ", ((string?[])[node.Boot is null ? "--boot" : null, node.Guests is null ? "--guests" : null]).OfType<string>());
                Say.Note($"without {lacking}, «evilman run --on» cannot choose addresses there");
            }
            return Told(node);
        });
        return command;
    }

    static int AddSold(KnownNode node)
    {
        var broker = Inventory.Load().Broker(node.Broker);
        var nodes = new BrokerClient(broker).List("/v1/nodes", Json.Default.PageNodeView).ToList();
        if (!nodes.Exists(sold => sold.Name == node.Name && sold.Address == $"{node.Address}"))
            throw Failure.Usage($"the broker {broker.Name} has no node {node.Name} at {node.Address}: it has "
                + string.Join(", ", nodes.Select(sold => $"{sold.Name} at {sold.Address}")));
        Inventory.Add(Inventory.Folder, node);
        Say.Step($"{node.Name} is {node.Address}, and {broker.Name} sells its machines");
        return Told(node);
    }

    static int Told(KnownNode node)
    {
        if (Say.IsForPrograms)
            Lines.Print(new KnownNodeLine(node.Name, $"{node.Address}", node.KeyFile, node.Broker), Lines.Default.KnownNodeLine);
        return ExitCode.Done;
    }

    static Command List()
    {
        var broker = Values.BrokerOption();
        var json = Values.Json();
        var command = new Command("ls", "Lists one's own nodes, and those of a broker with their load and prices.")
        {
            broker, json,
        };
        command.WithExamples("""
            evilman node ls
            evilman node ls --json               one object of JSON a line
            """);
        command.SetAction(result => NodesCommand.List(result.GetValue(broker), result.GetValue(json)));
        return command;
    }

    static Command Remove()
    {
        var name = Values.Name("name", "The node's name.");
        var json = Values.Json();
        var command = new Command("rm", "Forgets a node on which nothing runs that is remembered here.") { name, json };
        command.WithExamples("evilman node rm n1");
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            var node = result.GetValue(name)!;
            if (Inventory.Load().Node(node) is not { } known)
                throw Failure.Usage($"the inventory in {Inventory.Folder} has no node {node}");
            var jobs = new JobStore(Inventory.Folder);
            if (jobs.Names.Where(job => jobs.Find(job) is { } found && (found.Machine.Node == node
                || found.Next?.Node == node)).ToList() is { Count: > 0 } there)
                throw Failure.Usage($"{node} runs {string.Join(", ", there)}: «evilman stop» ends them, «evilman drain "
                    + $"{node}» takes them elsewhere");
            Inventory.Remove(Inventory.Folder, node);
            Say.Step($"{node} is forgotten");
            return Told(known);
        });
        return command;
    }

    /// <summary>Who reads the secret can start machines.</summary>
    static void DemandOwn(string path)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead
            | UnixFileMode.OtherWrite;
        if ((File.GetUnixFileMode(path) & Others) != 0)
            throw new Failure($"{path} is a secret, and others may read it: chmod 600 it");
    }

    static void DemandApart(KnownNode node)
    {
        if (node.Boot is { } boot && node.Guests is { } guests && boot.All().Intersect(guests.All()).Any())
            throw Failure.Usage("--boot and --guests have addresses in common: machines and guests need their own");
        foreach (var range in (AddressRange?[])[node.Boot, node.Guests])
        {
            if (range is not null && range.All().Contains(node.Address))
                throw Failure.Usage($"{node.Address} is the node's own, and in {range}");
        }
    }
}
