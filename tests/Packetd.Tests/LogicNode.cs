using System.Collections.Generic;
using System.Linq;
using Testing.Nodes;
using Wire;

namespace Packetd.Tests;

/// <summary>packetd's decisions alone, without its system calls, and with little room for tokens.</summary>
internal ref struct LogicNode : INodeUnderTest
{
    private readonly TestHost host = new();
    private readonly int slots;
    private Domain[] domains = [];
    private Node<TestHost> node;
    private ulong tenth;

    public LogicNode(int slots)
    {
        this.slots = slots;
        Start(TestHost.Started);
    }

    /// <summary>How many honoured tokens it can remember.</summary>
    public readonly int TokenRoom => 3;

    public readonly ulong Now
    {
        set => host.Now = value;
    }

    public readonly IEnumerable<uint> Domains => domains.Select(domain => domain.Boot).Where(boot => boot != 0).Order();

    public List<(uint To, byte[] Frame)> Send(uint from, byte[] packet)
    {
        host.Sent.Clear();
        node.Limiter.Tick(++tenth);
        node.Receive(from == 0 ? Port.Link : Slot(from), packet.ToArray());
        var all = new List<(uint, byte[])>();
        foreach ((int port, byte[] sent) in host.Sent)
            all.Add((port == Port.Link ? 0 : domains[port].Boot, sent[10..]));
        return all;
    }

    public Counters End(uint boot, Ending how)
    {
        int slot = Slot(boot);
        Domain domain = node.Domains[slot];
        node.Domains[slot] = default;
        return new Counters(domain.Sent, domain.Received, domain.Dropped, domain.Forged);
    }

    public ulong Restart(bool politely)
    {
        Start(++host.Now);
        return host.Now;
    }

    public readonly void HideProgram(bool hidden) => host.CanStart = !hidden;

    public readonly void Dispose()
    {
    }

    private void Start(ulong started)
    {
        domains = new Domain[slots];
        node = host.MakeNode(domains, TokenRoom, started);
    }

    private readonly int Slot(uint boot) => System.Array.FindIndex(domains, domain => domain.Boot == boot);
}
