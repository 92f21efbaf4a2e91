using System;
using Wire;
using static Packetd.Packet;

namespace Packetd;

/// <summary>What the node was told when it started.</summary>
public struct Limits
{
    /// <summary>The node's own address, which the host's kernel does not have.</summary>
    public uint Address;

    /// <summary>Made from the secret shared with the broker. Tokens and statements are signed with it.</summary>
    public HmacSha1 Key;

    /// <summary>
    /// Made from the secret before that: tokens that are signed with it are honoured too. The same where there is none.
    /// </summary>
    public HmacSha1 FormerKey;

    /// <summary>Where there is no former secret a bad boot token costs one signature check, not two.</summary>
    public bool HasFormerKey;

    public uint MaxMemoryMiB;

    /// <summary>Of a processor, in hundredths: the least share that machines are held to.</summary>
    public uint MinCpuShare;

    /// <summary>How many elements of a chain are verified in one packet at most.</summary>
    public uint ChainSteps;

    /// <summary>
    /// A machine's credit: what so many seconds of its memory and existence cost (<see cref="Account.IsOver"/>).
    /// Processor time and packets use it up sooner.
    /// </summary>
    public uint Grace;
}

/// <summary>
/// The node: every packet comes in here, and every decision about it is made here and in the other files of this type,
/// without a system call, a heap or a clock of its own. All memory belongs to the caller and is as large as it will
/// ever be.
/// </summary>
public ref partial struct Node<THost>(
    THost host, Limits limits, Span<Domain> domains, UsedTokens used, Accounts accounts, Limiter limiter)
    where THost : IHost, allows ref struct
{
    public THost Host = host;
    public Limiter Limiter = limiter;

    /// <summary>
    /// By slot. The event loop empties a slot when it sees the machine's end (packetd's <c>Program.Reap</c>), which
    /// frees the addresses.
    /// </summary>
    public readonly Span<Domain> Domains = domains;

    private readonly Limits limits = limits;
    private UsedTokens used = used;
    private readonly Accounts accounts = accounts;

    /// <summary>To be called once, when the host's clock is read: older tokens may have been honoured before.</summary>
    public void Start() => used.Since = Host.Now;

    /// <summary>When all machines were metered last, in milliseconds.</summary>
    public ulong Metered { get; set; }

    /// <summary>Cost of a packet that the node itself answers or floods, in packets that are forwarded.</summary>
    public const int OwnWeight = 4;

    /// <summary>The share that a port has of a turn of the event loop, in packets that are forwarded.</summary>
    public const int Share = 64;

    /// <summary>How many steps of a chain count as one packet: about a microsecond's.</summary>
    public const int StepsPerWeight = 16;

    /// <summary>
    /// What was done for the packet that is looked at, in steps of a chain. Starting a machine is a whole share's.
    /// </summary>
    private uint work;

    /// <summary>
    /// Takes a packet from a domain's slot or from <see cref="Port.Link"/>. The packet's memory may be written to:
    /// answers are made in place.
    /// </summary>
    /// <returns>
    /// What it counts in its port's share of a turn: 1, or <see cref="OwnWeight"/> when it was for the node itself or
    /// for all, and what was done for it.
    /// </returns>
    public int Receive(int port, Span<byte> packet)
    {
        if (packet.Length < HeaderSize + EthernetSize)
            return 1;
        if (port != Port.Link && !MaySend(ref Domains[port], packet))
            return 1;
        bool group = IsToGroup(packet);
        if (!group && !HasMac(packet, TargetAt, limits.Address))
        {
            int to = Port.Link;
            if (Bytes.Be16(packet, TargetAt) == MacPrefix)
                to = Find(Bytes.Be32(packet, TargetAt + 2));
            if (to != port)
                Deliver(to, packet);
            return 1;
        }
        if (!group)
            AnswerEcho(port, packet);
        else if (Limiter.Allows(AnswerKind.Group, Bytes.Be32(packet, SourceAt + 2)))
            for (int to = Port.Link; to < Domains.Length; to++)
                if (to != port)
                    Deliver(to, packet);
        AnswerArp(port, packet);
        int steps = (int)work;
        work = 0;
        return OwnWeight + steps / StepsPerWeight;
    }

    private static bool MaySend(ref Domain domain, ReadOnlySpan<byte> packet)
    {
        bool allowed = Filter.Allows(in domain, packet);
        if (allowed)
        {
            domain.Sent++;
            domain.Bytes += (uint)packet.Length - HeaderSize;
        }
        else
            domain.Forged++;
        return allowed;
    }

    private void Deliver(int port, Span<byte> packet)
    {
        if (port == Port.Link)
        {
            Host.Send(port, packet);
            return;
        }
        ref Domain domain = ref Domains[port];
        if (domain.Boot == 0)
            return;
        if (Host.Send(port, packet))
        {
            domain.Received++;
            domain.Bytes += (uint)packet.Length - HeaderSize;
        }
        else
            domain.Dropped++;
    }

    /// <summary>
    /// The slot of the domain with this boot address; the link when no domain has it, or when it is 0.
    /// </summary>
    private readonly int Find(uint boot)
    {
        for (int slot = 0; slot < Domains.Length; slot++)
            if (Domains[slot].Boot == boot && boot != 0)
                return slot;
        return Port.Link;
    }
}
