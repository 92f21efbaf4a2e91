using System;
using Wire;

namespace Loader.Checkpoint;

/// <summary>
/// Which frames have come, and their hash (docs/protocols.md, "Checkpoint"), kept up to date record by record.
/// </summary>
internal unsafe struct FrameTable(bool hashed)
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
    public void Set(uint frame, bool zero)
    {
        Areas.Received()[frame >> 3] |= (byte)(1 << (int)(frame & 7));
        if (hashed)
            Hash += CheckpointSum.Term(frame, zero ? Crc32C.ZeroPage : Checksum(frame));
    }

    public static bool Has(uint frame) => (Areas.Received()[frame >> 3] & 1 << (int)(frame & 7)) != 0;

    // SAFETY: the frame is RAM of this machine: the header was checked against its size.
    private static uint Checksum(uint frame) =>
        Crc32C.Of(new ReadOnlySpan<byte>((byte*)((ulong)frame << 12), CheckpointRecord.PageSize));
}
