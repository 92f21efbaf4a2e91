using System;

namespace Plug;

/// <summary>
/// Frames on their way between the node (headers in front, work left undone) and the monitor (neither). At most one packet of each
/// direction is here; while it waits for room, no other is taken, so queues fill where they would without this program.
/// </summary>
internal ref struct Relay(int node, int monitor, Span<byte> packet, Span<byte> frame)
{
    /// <summary>Packets of one direction in a row.</summary>
    private const int Batch = 64;

    /// <summary>What <see cref="Relay"/> needs for a packet of the node and for one of the monitor, and a byte to see more in.</summary>
    public const int PacketSize = Segmenter.MaxPacket + 1, FrameSize = Segmenter.HeaderSize + Segmenter.MaxFrame + 1;

    private readonly Span<byte> packet = packet, frame = frame;
    private Segmenter frames;
    private Span<byte> toMonitor, toNode;

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
                int length = Kernel.Receive(node, packet);
                if (length == Kernel.Again)
                    return true;
                if (length <= 0)
                    return false;
                Count(Segmenter.Open(packet.Slice(0, length), out frames));
                continue;
            }
            if (Kernel.Send(monitor, toMonitor) == Kernel.Again)
                return true;
            // Sent, or there is nobody any more who would take it.
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
                int length = Kernel.Receive(monitor, frame.Slice(Segmenter.HeaderSize));
                Drained = length is 0 or Kernel.Again;
                if (length == Kernel.Again)
                    return true;
                // It ended with frames unread: the error comes before what it sent itself.
                if (length == Kernel.ConnectionReset)
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
            if (Kernel.Send(node, toNode) == Kernel.Again)
                return true;
            toNode = default;
        }
        return true;
    }

    private void Count(Verdict verdict)
    {
        Malformed += verdict == Verdict.Malformed ? 1UL : 0;
        Unsupported += verdict == Verdict.Unsupported ? 1UL : 0;
        TooLarge += verdict == Verdict.TooLarge ? 1UL : 0;
    }

    /// <summary>Says what was dropped, if anything was.</summary>
    public readonly void Tell()
    {
        if (Malformed + Unsupported + TooLarge == 0)
            return;
        Line line = new(stackalloc byte[160]);
        line.Add("plug: frames dropped: malformed "u8);
        line.Add(Malformed);
        line.Add(", unsupported "u8);
        line.Add(Unsupported);
        line.Add(", too large "u8);
        line.Add(TooLarge);
        line.Add("\n"u8);
        line.Write();
    }
}
