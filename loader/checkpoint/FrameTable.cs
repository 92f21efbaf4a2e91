using System;
using Wire;

namespace Loader.Checkpoint;

/// <summary>
/// Which frames have come, and their hash (docs/protocols.md, "Checkpoint"), kept up to date record by record.
/// </summary>
/// <param name="hashed">Whether a hash is kept.</param>
/// <param name="startsAsZeros">A frame that has not come yet is zeros.</param>
internal unsafe struct FrameTable(bool hashed, bool startsAsZeros)
{
    /// <summary>The hash of all that has come so far; 0 when there is none.</summary>
    public ulong Hash { get; private set; }

    /// <summary>
    /// A page is about to come: what lies there will have been sent in vain. The frame is below the header's frames.
    /// </summary>
    public void Begin(uint frame)
    {
        if (hashed && Has(frame))
            Hash -= CheckpointSum.Term(frame, Checksum(frame));
    }

    /// <summary>Notes a page that lies at its place now.</summary>
    public void Set(uint frame)
    {
        Note(frame);
        if (hashed)
            Hash += CheckpointSum.Term(frame, Checksum(frame));
    }

    /// <summary>
    /// Makes so many frames zeros. One that is zeros already is only read, so that a monitor need not have memory for
    /// it; one that is known to be is not even that, since the first touch of a page costs the monitor most.
    /// </summary>
    /// <param name="frame">All of them are below the header's frames.</param>
    public void SetZero(uint frame, uint count)
    {
        for (uint end = frame + count; frame < end; frame++)
        {
            bool isKnown = startsAsZeros && !Has(frame);
            Begin(frame);
            Note(frame);
            // SAFETY: the frame is RAM of this machine, see below.
            byte* page = (byte*)((ulong)frame << 12);
            if (!isKnown && !IsZero(page))
                new Span<byte>(page, CheckpointRecord.PageSize).Clear();
            if (hashed)
                Hash += CheckpointSum.Term(frame, Crc32C.ZeroPage);
        }
    }

    private static void Note(uint frame) => Areas.Received()[frame >> 3] |= (byte)(1 << (int)(frame & 7));

    private static bool IsZero(byte* page)
    {
        ulong* words = (ulong*)page;
        ulong* end = words + CheckpointRecord.PageSize / sizeof(ulong);
        for (; words < end; words += 8)
        {
            ulong any = words[0] | words[1] | words[2] | words[3]
                | words[4] | words[5] | words[6] | words[7];
            if (any != 0)
                return false;
        }
        return true;
    }

    public static bool Has(uint frame) => (Areas.Received()[frame >> 3] & 1 << (int)(frame & 7)) != 0;

    // SAFETY: the frame is RAM of this machine: the header was checked against its size.
    private static uint Checksum(uint frame) =>
        Crc32C.Of(new ReadOnlySpan<byte>((byte*)((ulong)frame << 12), CheckpointRecord.PageSize));
}
