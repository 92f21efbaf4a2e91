using System;

namespace Guestos;

/// <summary>
/// The memory of one read or write that lies in several pieces (readv(2), sendmsg(2)): as <see cref="Transfer"/>, one
/// piece after the other. The vectors are read when it is their turn, since whoever sleeps in between may find other
/// ones.
/// </summary>
public unsafe struct VectoredTransfer
{
    /// <summary>What one call moves at most (MAX_RW_COUNT).</summary>
    private const ulong MaxCount = 0x7ffff000;

    private UserPointer<UserVector> vectors;
    private ulong left;
    private Transfer piece;

    /// <summary>Bytes of all pieces that have not been moved yet.</summary>
    public ulong Count { get; private set; }

    public static VectoredTransfer Of(Transfer piece) => new() { piece = piece, Count = piece.Count };

    /// <summary>What has not been moved of the piece that has been begun.</summary>
    public readonly Transfer Piece => piece;

    /// <summary>0, or EFAULT, EINVAL for a vector that is none.</summary>
    public static long Make(UserPointer<UserVector> vectors, ulong count, out VectoredTransfer made)
    {
        made = new VectoredTransfer { vectors = vectors, left = count };
        for (ulong i = 0; i < count; i++)
        {
            long error = UserVector.Get(vectors.At(i), out UserRange range);
            if (error < 0)
                return error;
            made.Count = Math.Min(made.Count + Math.Min(range.Length, MaxCount), MaxCount);
        }

        return 0;
    }

    /// <summary>Takes the next bytes. False, EFAULT, when one of them cannot be read.</summary>
    public bool TryRead(Span<byte> to)
    {
        while (!to.IsEmpty)
        {
            if (!TryStep(to.Length, out ulong step) || !piece.TryTake(step, out ReadOnlySpan<byte> bytes))
                return false;
            bytes.CopyTo(to);
            Advance(step);
            to = to.Slice((int)step);
        }

        return true;
    }

    /// <summary>Fills the next bytes. False, EFAULT, when one of them cannot be written.</summary>
    public bool TryWrite(ReadOnlySpan<byte> from)
    {
        while (!from.IsEmpty)
        {
            if (!TryStep(from.Length, out ulong step) || !piece.TryFill(step, out Span<byte> bytes))
                return false;
            from.Slice(0, (int)step).CopyTo(bytes);
            Advance(step);
            from = from.Slice((int)step);
        }

        return true;
    }

    private void Advance(ulong step)
    {
        piece.Advance(step);
        Count -= step;
    }

    /// <summary>How many of so many bytes lie in one piece. False: there are no further ones.</summary>
    private bool TryStep(int length, out ulong step)
    {
        step = 0;
        while (piece.Count == 0)
        {
            if (left == 0 || UserVector.Get(vectors, out UserRange range) < 0)
                return false;
            piece = Transfer.Of(range);
            vectors = vectors.At(1);
            left--;
        }

        step = Math.Min(Math.Min((ulong)length, piece.Count), Count);
        return step > 0;
    }
}
