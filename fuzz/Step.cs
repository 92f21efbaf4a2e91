using System;

namespace Fuzz;

/// <summary>What a script can do to a node. The number is in a step's first byte.</summary>
internal enum StepKind : byte
{
    /// <summary>Moves the clock by a signed number of seconds: 2 bytes, little-endian.</summary>
    Clock,

    /// <summary>Time goes on for the limiter: 1 byte, tenths of a second.</summary>
    Tick,

    /// <summary>The domain in a slot ends: 1 byte.</summary>
    Death,

    /// <summary>packetd ends with its domains and starts again a second later.</summary>
    Restart,

    /// <summary>What the host refuses from now on: 1 byte, <see cref="Faults"/>.</summary>
    Host,

    /// <summary>A packet as it is: port, length, and as many bytes.</summary>
    Raw,

    /// <summary>An ARP packet: port, MACs, addresses, operation, mending.</summary>
    Arp,

    /// <summary>An IPv4 packet of no known use: port, MACs, addresses, protocol, length, offload, checksum start, mending.</summary>
    Ipv4,

    /// <summary>An Echo Request: port, MACs, addresses, length, mending.</summary>
    Echo,

    /// <summary>A magic ping: port, MACs, addresses, then what the token says (<see cref="World"/>), spoiling, mending.</summary>
    Token,

    /// <summary>An earlier packet of the script again: how far back, how often.</summary>
    Again,

    /// <summary>A request to end a domain: port, MACs, addresses, whose slot, spoiling, mending.</summary>
    End,

    /// <summary>Time passes that no clock shows, and processors are used: quarters of a second, milliseconds.</summary>
    Time,

    /// <summary>A payment: port, MACs, addresses, whose account, how many elements more, spoiling and mending.</summary>
    Pay,

    /// <summary>A query or a refund: port, MACs, addresses, whose account, spoiling and mending.</summary>
    Ask,

    /// <summary>A continuation: port, MACs, addresses, whose account, the new chain, spoiling, mending.</summary>
    Continue,
}

/// <summary>
/// One step of a script. A script is bytes: each step has a first byte (kind in the low half, in the high half how many
/// patches), the kind's arguments, the patches of 3 bytes, and for <see cref="StepKind.Raw"/> the packet. Every byte
/// string is a script; what is left over at its end does nothing.
/// </summary>
internal readonly ref struct Step
{
    public const int Kinds = 16, PatchSize = 3, MaxPatches = 3;

    private static ReadOnlySpan<byte> Sizes => [2, 1, 1, 0, 1, 2, 5, 8, 5, 12, 2, 6, 2, 6, 5, 7];

    public StepKind Kind { get; private init; }

    public ReadOnlySpan<byte> Arguments { get; private init; }

    public ReadOnlySpan<byte> Patches { get; private init; }

    public ReadOnlySpan<byte> Packet { get; private init; }

    public static int ArgumentsOf(StepKind kind) => Sizes[(int)kind];

    /// <summary>The size of the step that begins a script; 0 when no whole one does.</summary>
    public static int SizeOf(ReadOnlySpan<byte> script)
    {
        if (script.IsEmpty)
            return 0;
        StepKind kind = (StepKind)((script[0] & 15) % Kinds);
        int size = 1 + Sizes[(int)kind];
        if (kind >= StepKind.Arp)
            size += (script[0] >> 4) % (MaxPatches + 1) * PatchSize;
        else if (kind == StepKind.Raw && script.Length >= size)
            size += script[2];
        return size <= script.Length ? size : 0;
    }

    /// <summary>Takes the first step off a script; false at its end.</summary>
    public static bool TryTake(ref ReadOnlySpan<byte> script, out Step step)
    {
        step = default;
        int size = SizeOf(script);
        if (size == 0)
            return false;
        StepKind kind = (StepKind)((script[0] & 15) % Kinds);
        int rest = 1 + Sizes[(int)kind];
        ReadOnlySpan<byte> after = script[rest..size];
        step = new Step
        {
            Kind = kind, Arguments = script[1..rest],
            Packet = kind == StepKind.Raw ? after : default, Patches = kind == StepKind.Raw ? default : after,
        };
        script = script[size..];
        return true;
    }
}
