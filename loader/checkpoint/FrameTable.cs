using System;
using Wire;

namespace Loader.Checkpoint;

/// <summary>
/// Which frames have come, and their checksums (docs/protocols.md, "Checkpoint"). Up to 384 MiB of guest the checksums are kept record by
/// record, so that the end of the stream costs one pass over the table; above, the table does not fit the window and they are
/// computed from memory at the end.
/// </summary>
internal readonly unsafe struct FrameTable(uint frames, bool hashed)
{
    private readonly bool incremental = hashed && frames <= Areas.ChecksumFrames;

    /// <summary>Notes a page that lies at its place now. The frame is below the header's frames.</summary>
    public void Set(uint frame, bool zero)
    {
        Areas.Received()[frame >> 3] |= (byte)(1 << (int)(frame & 7));
        if (incremental)
            Areas.Checksums()[frame] = zero ? Crc32C.ZeroPage : Checksum(frame);
    }

    public bool Has(uint frame) => (Areas.Received()[frame >> 3] & 1 << (int)(frame & 7)) != 0;

    /// <summary>The hash over the table.</summary>
    public uint Hash()
    {
        // SAFETY: incremental says that the table holds all frames.
        if (incremental)
            return CheckpointTable.Hash(new ReadOnlySpan<uint>(Areas.Checksums(), (int)frames));
        uint crc = ~0u;
        for (uint frame = 0; frame < frames; frame++)
        {
            uint word = Has(frame) ? Checksum(frame) : 0;
            crc = Crc32C.Append(crc, new ReadOnlySpan<byte>(&word, 4));
        }
        return ~crc;
    }

    // SAFETY: the frame is RAM of this machine: the header was checked against its size.
    private static uint Checksum(uint frame) => Crc32C.Of(new ReadOnlySpan<byte>((byte*)((ulong)frame << 12), CheckpointRecord.PageSize));
}
