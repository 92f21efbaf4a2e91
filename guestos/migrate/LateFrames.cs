using System;
using Wire;

namespace Guestos;

/// <summary>
/// Frames that arrived after the fork: only the copy may answer them (external consistency, thesis §5.4). They follow
/// it as LATE records, or are delivered here after all when the migration fails. Full means the rest is lost, as
/// packets may be.
/// </summary>
internal unsafe struct LateFrames
{
    private readonly byte* memory;
    private int end;
    private int sent;

    public ulong Count { get; private set; }
    public ulong Dropped { get; private set; }

    public LateFrames(byte* memory) => this.memory = memory;

    /// <summary>Keeps one frame given as pieces.</summary>
    public void Capture(Netstack.FramePiece* pieces, int count)
    {
        int length = 0;
        for (int i = 0; i < count; i++)
            length += pieces[i].Length;
        int padded = (length + 7) & ~7;
        if (length > HandOver.MaxLateFrame || end + HandOver.Size + padded > HandOver.LateCapacity)
        {
            Dropped++;
            return;
        }
        // SAFETY: the room was checked; each piece is a run of bytes of the received frame.
        var header = new Span<byte>(memory + end, HandOver.Size);
        HandOver.Emit(header, HandOverKind.Late, CheckpointRefusal.None, (ulong)length);
        byte* to = memory + end + HandOver.Size;
        for (int i = 0; i < count; i++)
        {
            new ReadOnlySpan<byte>(pieces[i].Address, pieces[i].Length).CopyTo(new Span<byte>(to, pieces[i].Length));
            to += pieces[i].Length;
        }
        new Span<byte>(to, padded - length).Clear();
        end += HandOver.Size + padded;
        Count++;
    }

    /// <summary>The records not yet sent.</summary>
    public readonly ReadOnlySpan<byte> Unsent => new(memory + sent, end - sent);

    public readonly byte* UnsentAddress => memory + sent;

    public void Sent(int bytes) => sent += bytes;

    /// <summary>Walks the kept frames; <paramref name="cursor"/> begins at 0.</summary>
    public readonly bool Next(ref int cursor, out byte* frame, out int length)
    {
        frame = null;
        length = 0;
        if (cursor + HandOver.Size > end)
            return false;
        // SAFETY: records were written by Capture, whole.
        length = (int)*(ulong*)(memory + cursor + 8);
        frame = memory + cursor + HandOver.Size;
        cursor += HandOver.Size + ((length + 7) & ~7);
        return true;
    }
}
