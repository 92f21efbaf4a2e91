using System;

namespace Netstack;

/// <summary>
/// A run of bytes inside a received frame that may lie in several pieces. Valid while the frame is being received.
/// </summary>
internal unsafe struct Payload
{
    private FramePiece* pieces;
    private int count;

    /// <summary>Where the run begins in the first piece.</summary>
    private int offset;

    internal int Length;

    internal Payload(FramePiece* pieces, int count, int offset, int length)
    {
        this.pieces = pieces;
        this.count = count;
        this.offset = offset;
        Length = length;
        Normalize();
    }

    /// <summary>The bytes that lie in one piece at the beginning.</summary>
    internal readonly ReadOnlySpan<byte> First
    {
        get
        {
            if (count == 0 || Length == 0)
                return default;
            int contiguous = pieces->Length - offset;
            // SAFETY: Normalize keeps offset inside the first piece.
            return new ReadOnlySpan<byte>(pieces->Address + offset, contiguous < Length ? contiguous : Length);
        }
    }

    internal void Skip(int bytes)
    {
        offset += bytes;
        Length -= bytes;
        Normalize();
    }

    internal void Truncate(int length)
    {
        if (length < Length)
            Length = length;
    }

    /// <summary>Copies <paramref name="length"/> bytes, which the run must have.</summary>
    internal readonly void CopyTo(byte* to, int length)
    {
        // SAFETY: length <= Length, and the pieces hold Length bytes from offset on.
        FramePiece* piece = pieces;
        int offset = this.offset;
        while (length > 0)
        {
            int part = piece->Length - offset;
            if (part > length)
                part = length;
            Bytes.Copy(piece->Address + offset, to, part);
            to += part;
            length -= part;
            offset = 0;
            piece++;
        }
    }

    /// <summary>One's complement sum of the run, as if it began at an even offset.</summary>
    internal readonly uint Sum()
    {
        ulong sum = 0;
        bool odd = false;
        FramePiece* piece = pieces;
        int offset = this.offset;
        for (int left = Length; left > 0; piece++, offset = 0)
        {
            int part = piece->Length - offset;
            if (part > left)
                part = left;
            uint folded = Checksum.Sum(piece->Address + offset, part);
            sum += odd ? Checksum.AtOddOffset(folded) : folded;
            odd ^= (part & 1) != 0;
            left -= part;
        }
        return Checksum.Fold(sum);
    }

    private void Normalize()
    {
        while (count > 0 && offset >= pieces->Length)
        {
            offset -= pieces->Length;
            pieces++;
            count--;
        }
    }
}

/// <summary>Bulk copies.</summary>
internal static unsafe class Bytes
{
    // SAFETY: the caller owns both runs; CopyTo allows overlap.
    internal static void Copy(byte* from, byte* to, int length) =>
        new ReadOnlySpan<byte>(from, length).CopyTo(new Span<byte>(to, length));
}
