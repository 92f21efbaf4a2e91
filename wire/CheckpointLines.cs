using System;
using System.Numerics;

namespace Wire;

/// <summary>
/// What follows a record with <see cref="RecordFlags.Lines"/>: a mask of 64 bits, one for each 64-byte line of the
/// page, the lowest for the first line, and then the lines whose bit is set, in ascending order (docs/protocols.md).
/// The other lines are as the frame was sent before.
/// </summary>
public static class CheckpointLines
{
    public const int MaskSize = 8;
    public const int LineSize = 64;

    /// <summary>The lines in which two contents of a page differ.</summary>
    public static unsafe ulong Changed(ReadOnlySpan<byte> page, ReadOnlySpan<byte> before)
    {
        const int WordsPerLine = LineSize / sizeof(ulong);
        if (page.Length != CheckpointRecord.PageSize || before.Length != CheckpointRecord.PageSize)
            return ulong.MaxValue;
        ulong lines = 0;
        // SAFETY: both are whole pages, which is what the loop reads.
        fixed (byte* pageBytes = page)
        fixed (byte* beforeBytes = before)
        {
            ulong* left = (ulong*)pageBytes;
            ulong* right = (ulong*)beforeBytes;
            for (int line = 0; line < 64; line++)
            {
                ulong difference = (left[0] ^ right[0]) | (left[1] ^ right[1])
                    | (left[2] ^ right[2]) | (left[3] ^ right[3])
                    | (left[4] ^ right[4]) | (left[5] ^ right[5])
                    | (left[6] ^ right[6]) | (left[7] ^ right[7]);
                if (difference != 0)
                    lines |= 1UL << line;
                left += WordsPerLine;
                right += WordsPerLine;
            }
        }
        return lines;
    }

    /// <summary>Bytes of mask and lines.</summary>
    public static int Size(ulong lines) => MaskSize + LineSize * BitOperations.PopCount(lines);

    /// <summary>Writes mask and lines. Returns their <see cref="Size"/>.</summary>
    /// <param name="to">Not part of the page.</param>
    public static int Emit(Span<byte> to, ReadOnlySpan<byte> page, ulong lines)
    {
        Bytes.PutLe64(to, 0, lines);
        int at = MaskSize;
        while (TakeRun(ref lines, out int offset, out int length))
        {
            page.Slice(offset, length).CopyTo(to.Slice(at));
            at += length;
        }
        return at;
    }

    /// <summary>A record of no lines says nothing, and is refused.</summary>
    public static CheckpointRefusal Parse(ReadOnlySpan<byte> from, out ulong lines)
    {
        lines = from.Length == MaskSize ? Bytes.Le64(from, 0) : 0;
        return lines != 0 ? CheckpointRefusal.None : CheckpointRefusal.BadRecord;
    }

    /// <summary>
    /// Takes the first lines that lie side by side out of a mask. False when it is empty; else offset and length lie
    /// within a page, whatever the mask.
    /// </summary>
    public static bool TakeRun(ref ulong lines, out int offset, out int length)
    {
        offset = 0;
        length = 0;
        if (lines == 0)
            return false;
        int first = BitOperations.TrailingZeroCount(lines);
        // Ones above the last line end a run that reaches it: there are none after a shift to the right.
        int count = BitOperations.TrailingZeroCount(~(lines >> first));
        offset = first * LineSize;
        length = count * LineSize;
        // A shift by 64 would shift by nothing.
        lines = first + count < 64 ? lines & (ulong.MaxValue << (first + count)) : 0;
        return true;
    }
}
