using System;
using Wire;

namespace Packetd;

/// <summary>
/// All that the node's decisions may do outside of their own memory. packetd's makes system calls, that of tests
/// records.
/// </summary>
public interface IHost
{
    /// <summary>Unix seconds.</summary>
    ulong Now { get; }

    /// <summary>Milliseconds since any moment, by a clock that is never set.</summary>
    ulong Uptime { get; }

    /// <summary>Microseconds of CPU time that a slot's machine has used, or less when that cannot be told.</summary>
    ulong CpuTime(int slot);

    /// <summary>
    /// Sends a packet (virtio-net header, then the frame) to a domain's slot or to <see cref="Port.Link"/>, at once or
    /// never. False when it was dropped.
    /// </summary>
    bool Send(int port, scoped Span<byte> packet);

    /// <summary>Starts a machine in a free slot. False leaves nothing behind.</summary>
    /// <param name="record">What the machine is told: the token's bytes, then its machine key.</param>
    bool Start(int slot, BootToken token, scoped ReadOnlySpan<byte> record);

    /// <summary>Ends a machine. The event loop empties its slot when its end is seen.</summary>
    void Kill(int slot);

    /// <summary>As <see cref="Kill"/>, a machine that is not paid any more, and notes it.</summary>
    void Purge(int slot);

    /// <summary>Notes that a magic ping was refused.</summary>
    void Refused(uint source, Refusal refusal);
}

public static class Port
{
    /// <summary>The node's network; every other port is the slot of a domain.</summary>
    public const int Link = -1;
}
