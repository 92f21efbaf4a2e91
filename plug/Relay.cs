using System;
using System.Linux;
using static System.Linux.Uapi;

namespace Plug;

/// <summary>
/// Frames on their way between the node (headers in front, work left undone) and the monitor (neither). At most one
/// packet of each direction is here; while it waits for room, no other is taken, so queues fill where they would
/// without this program.
/// </summary>
internal ref struct Relay(int node, int monitor, Span<byte> packet, Span<byte> frame)
{
    /// <summary>Packets of one direction in a row.</summary>
    private const int Batch = 64;

    /// <summary>
    /// What <see cref="Relay"/> needs for a packet of the node and for one of the monitor, and a byte to see more in.
    /// </summary>
    public const int PacketSize = Segmenter.MaxPacket + 1;
    public const int FrameSize = Segmenter.HeaderSize + Segmenter.MaxFrame + 1;

    private readonly Span<byte> packet = packet;
    private readonly Span<byte> frame = frame;

    /// <summary>Of the node's packet that is here.</summary>
    private Segmenter frames;

    /// <summary>What waits for room, or nothing.</summary>
    private Span<byte> toMonitor;
    private Span<byte> toNode;

    public ulong Malformed { get; private set; }
    public ulong Unsupported { get; private set; }
    public ulong TooLarge { get; private set; }

    /// <summary>Whether something waits for room in the queue to the monitor, or to the node.</summary>
    public readonly bool MonitorOwed => toMonitor.Length > 0 || frames.More;
    public readonly bool NodeOwed => toNode.Length > 0;

    /// <summary>Whether <see cref="Up"/> has passed on all that the monitor has sent.</summary>
    public bool Drained { get; private set; }

    /// <summary>Moves what it can towards the monitor. False when the node is gone.</summary>
    public bool Down()
    {
        for (int i = 0; i < Batch; i++)
        {
            if (toMonitor.Length == 0 && !frames.Next(out toMonitor))
            {
                int length = Syscall.Receive(node, packet);
                if (length == EAGAIN)
                    return true;
                if (length <= 0)
                    return false;
                Count(Segmenter.Open(packet.Slice(0, length), out frames));
                continue;
            }
            if (Syscall.Send(monitor, toMonitor) == EAGAIN)
                return true;
            // Sent, or the monitor has closed its end.
            toMonitor = default;
        }
        return true;
    }

    /// <summary>Moves what it can towards the node. False when the monitor has closed its frames.</summary>
    public bool Up()
    {
        for (int i = 0; i < Batch; i++)
        {
            if (toNode.Length == 0)
            {
                int length = Syscall.Receive(monitor, frame.Slice(Segmenter.HeaderSize));
                Drained = length is 0 or EAGAIN;
                if (length == EAGAIN)
                    return true;
                // It ended with frames unread: the error comes before what it sent itself.
                if (length == ECONNRESET)
                    continue;
                if (length <= 0)
                    return false;
                if (length > Segmenter.MaxFrame)
                {
                    Count(Verdict.TooLarge);
                    continue;
                }
                // The header stays as it was made: zero, since nothing is left undone.
                toNode = frame.Slice(0, Segmenter.HeaderSize + length);
            }
            if (Syscall.Send(node, toNode) == EAGAIN)
                return true;
            toNode = default;
        }
        return true;
    }

    private void Count(Verdict verdict)
    {
        if (verdict == Verdict.Malformed)
            Malformed++;
        else if (verdict == Verdict.Unsupported)
            Unsupported++;
        else if (verdict == Verdict.TooLarge)
            TooLarge++;
    }

    /// <summary>Says what was dropped, if anything was.</summary>
    public readonly void Tell()
    {
        if (Malformed + Unsupported + TooLarge == 0)
            return;
        TextBuffer line = new(stackalloc byte[160]);
        ReadOnlySpan<byte> text = "plug: frames dropped: malformed %, unsupported %, too large %\n"u8;
        line.Add(text, Malformed, Unsupported, TooLarge);
        Syscall.Write(2, line.Text);
    }
}
