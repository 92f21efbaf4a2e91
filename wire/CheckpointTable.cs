using System;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// The table behind a checkpoint's hash: one CRC-32C per frame, in frame order from frame 0, 0 for a frame that never
/// appeared. Both sides keep it up to date record by record (the last record of a frame wins), so the hash of gigabytes
/// that arrived in any order costs one pass over the table at the end.
/// </summary>
public static class CheckpointTable
{
    /// <summary>Notes a page that was sent or received.</summary>
    public static void Set(Span<uint> table, uint frame, ReadOnlySpan<byte> page) => table[(int)frame] = Crc32C.Of(page);

    public static void SetZero(Span<uint> table, uint frame) => table[(int)frame] = Crc32C.ZeroPage;

    /// <summary>The hash of <c>table[0 .. frames)</c>.</summary>
    public static uint Hash(ReadOnlySpan<uint> table) => Crc32C.Of(MemoryMarshal.AsBytes(table));
}
