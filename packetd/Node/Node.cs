using System;
using Wire;

namespace Packetd;

/// <summary>What the node was told when it started.</summary>
public struct Limits
{
    /// <summary>The node's own address, which the host's kernel does not have.</summary>
    public uint Address;

    /// <summary>Made from the secret shared with the broker.</summary>
    public HmacSha1 Key;

    /// <summary>Unix seconds: tokens issued before are refused.</summary>
    public ulong Started;

    public uint MaxMemoryMiB;

    /// <summary>How many tokens of a chain are verified in one packet.</summary>
    public uint ChainSteps;
}

/// <summary>
/// The node: every packet comes in here, and every decision about it is made here and in the other files of this type,
/// without a system call, a heap or a clock of its own. All memory belongs to the caller and is as large as it will ever be.
/// </summary>
public ref partial struct Node<THost>(THost host, Limits limits, Span<Domain> domains, UsedTokens used, Limiter limiter)
    where THost : IHost, allows ref struct
{
    public THost Host = host;
    public Limiter Limiter = limiter;

    /// <summary>By slot. Whoever sees a machine's end empties its slot, and so frees its addresses.</summary>
    public readonly Span<Domain> Domains = domains;

    private readonly Limits limits = limits;
    private UsedTokens used = used;

    /// <summary>What a packet that is not only passed on counts, in packets that are.</summary>
    public const int OwnWeight = 4;

    /// <summary>
    /// Takes a packet from a domain's slot or from <see cref="Port.Link"/>. The packet's memory may be written to: answers
    /// are made in place.
    /// </summary>
    /// <returns>What it counts in its port's share of a turn: 1, or <see cref="OwnWeight"/> when it was for the node itself or for all.</returns>
    public int Receive(int port, Span<byte> packet)
    {
        if (packet.Length < Packet.HeaderSize + Packet.EthernetSize || (port != Port.Link && !MaySend(ref Domains[port], packet)))
            return 1;
        bool group = (packet[Packet.TargetAt] & 1) != 0;
        if (!group && !Packet.HasMac(packet, Packet.TargetAt, limits.Address))
        {
            int to = Bytes.Be16(packet, Packet.TargetAt) == Packet.MacPrefix ? Find(Bytes.Be32(packet, Packet.TargetAt + 2)) : Port.Link;
            if (to != port)
                Deliver(to, packet);
            return 1;
        }
        if (!group)
            AnswerEcho(port, packet);
        else if (Limiter.Allows(AnswerKind.Group, Bytes.Be32(packet, Packet.SourceAt + 2)))
            for (int to = Port.Link; to < Domains.Length; to++)
                if (to != port)
                    Deliver(to, packet);
        AnswerArp(port, packet);
        return OwnWeight;
    }

    private static bool MaySend(ref Domain domain, ReadOnlySpan<byte> packet)
    {
        bool allowed = Filter.Allows(in domain, packet);
        (allowed ? ref domain.Sent : ref domain.Forged)++;
        return allowed;
    }

    private void Deliver(int port, Span<byte> packet)
    {
        if (port == Port.Link)
            Host.Send(port, packet);
        else if (Domains[port].Boot != 0)
            (Host.Send(port, packet) ? ref Domains[port].Received : ref Domains[port].Dropped)++;
    }

    /// <summary>The slot of the domain with this boot address; the link when no domain has it, or when it is 0.</summary>
    private readonly int Find(uint boot)
    {
        for (int slot = 0; slot < Domains.Length; slot++)
            if (Domains[slot].Boot == boot && boot != 0)
                return slot;
        return Port.Link;
    }
}
