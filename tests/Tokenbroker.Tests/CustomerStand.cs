using System;
using System.IO;
using System.Threading.Tasks;
using Evilman.Buying;
using Evilman.Net;
using Tokenbroker.Http;
using Tokenbroker.Secrets;
using Wire;

namespace Tokenbroker.Tests;

internal sealed class Killed : Exception;

/// <summary>Counts the instants before and after everything that shows outside of the process.</summary>
internal sealed class Killer(int after)
{
    internal int Passed { get; private set; }

    internal int After { get; set; } = after;

    internal void Instant()
    {
        if (Passed++ == After)
            throw new Killed();
    }
}

internal sealed class KilledFile(IMachineFile file, Killer killer) : IMachineFile
{
    public string Name => file.Name;

    public BoughtMachine? Machine => file.Machine;

    public void Save(BoughtMachine machine)
    {
        killer.Instant();
        file.Save(machine);
        killer.Instant();
    }

    public void Remove()
    {
        killer.Instant();
        file.Remove();
        killer.Instant();
    }

    public void Dispose() => file.Dispose();
}

internal sealed class KilledBroker(IBroker broker, Killer killer) : IBroker
{
    public BrokerAnswer Send(Order order)
    {
        killer.Instant();
        BrokerAnswer answer = broker.Send(order);
        killer.Instant();
        return answer;
    }

    public MachineView Machine(long id) => broker.Machine(id);
}

internal sealed class KilledNode(INodeLink node, Killer killer) : INodeLink
{
    public NodeAnswer Ask(System.Net.IPAddress address, MagicKind kind, byte[] body)
    {
        killer.Instant();
        NodeAnswer answer = node.Ask(address, kind, body);
        killer.Instant();
        return answer;
    }
}

/// <summary>A broker that serves, a node, a customer with a folder of his own.</summary>
internal sealed class CustomerStand : IAsyncDisposable
{
    private readonly Server server;
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-");

    private CustomerStand(Shop shop, PayingNode node, Server server) => (Shop, Node, this.server) = (shop, node, server);

    internal Shop Shop { get; }

    /// <summary>Asked by the broker, too.</summary>
    internal PayingNode Node { get; }

    internal string Folder => folder.FullName;

    internal MachineStore Store => new(Folder);

    internal long Now { get; set; } = 1_800_000_000;

    internal BrokerClient Client => new(Broker);

    internal KnownBroker Broker { get; private set; } = null!;

    internal BrokerUrl Url => BrokerUrl.Parse(server.Address);

    internal static async Task<CustomerStand> Open(string kind)
    {
        PayingNode node = new();
        Shop shop = new(kind, link: node);
        Server server = new(shop.Broker, new ServerOptions("http://127.0.0.1:0", 100_000, LogsRequests: false));
        await server.Start();
        CustomerStand stand = new(shop, node, server);
        stand.Broker = new KnownBroker("lab", stand.Url, shop.AddKey(shop.Customer, [.. ApiKeys.OfCustomers]));
        return stand;
    }

    /// <summary>One run of the program, which may be killed.</summary>
    internal void Run(string name, Killer killer, Action<MachinePurchase, IMachineFile> work)
    {
        using IMachineFile file = Store.Open(name);
        work(new MachinePurchase(new KilledFile(file, killer), _ => new KilledBroker(Client, killer),
            new KilledNode(Node, killer), () => Now), file);
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        Shop.Dispose();
        folder.Delete(recursive: true);
    }
}
