using System;
using Wire;

namespace Loader.Checkpoint;

/// <summary>
/// Frames that reached the sender after its snapshot, kept for the guest (docs/architecture.md, "Checkpoint
/// hand-over"): {u64 length, frame, zeros to a multiple of 8}, behind the arrival block. What does not fit is dropped:
/// it is only packets.
/// </summary>
internal static unsafe class LateFrames
{
    /// <summary>
    /// Takes the body of one LATE record. As <see cref="Peer.Receive"/>; 2 when its length is no frame's.
    /// </summary>
    public static int Take(Peer peer, ulong length)
    {
        if (length is 0 or > HandOver.MaxLateFrame)
            return 2;
        ulong padded = (length + 7) & ~7UL;
        ArrivalBlock* arrival = Areas.Arrival();
        if (arrival->LateBytes + 8 + padded > HandOver.LateCapacity)
            return Skip(peer, padded);
        // SAFETY: the area holds the block and LateCapacity bytes.
        byte* at = (byte*)(arrival + 1) + arrival->LateBytes;
        *(ulong*)at = length;
        int result = peer.Receive(at + 8, padded);
        if (result == 0)
            arrival->LateBytes += 8 + padded;
        return result;
    }

    private static int Skip(Peer peer, ulong count)
    {
        byte* waste = stackalloc byte[1024];
        int result = 0;
        for (; count > 0 && result == 0; count -= Math.Min(count, 1024))
            result = peer.Receive(waste, Math.Min(count, 1024));
        return result;
    }
}
