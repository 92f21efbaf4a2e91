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
    private byte* _memory;
    private int _end;
    private int _sent;

    public ulong Count { get; private set; }
    public ulong Dropped { get; private set; }

    public LateFrames(byte* memory) => _memory = memory;

    /// <summary>Keeps one frame given as pieces.</summary>
    public void Capture(Netstack.Fragment* pieces, int count)
    {
        int length = 0;
        for (int i = 0; i < count; i++)
            length += pieces[i].Length;
        int padded = (length + 7) & ~7;
        if (length > HandOver.MaxLateFrame || _end + HandOver.Size + padded > HandOver.LateCapacity)
        {
            Dropped++;
            return;
        }
        // SAFETY: the room was checked; each piece is a run of bytes of the received frame.
        var header = new Span<byte>(_memory + _end, HandOver.Size);
        HandOver.Emit(header, HandOverKind.Late, CheckpointRefusal.None, (ulong)length);
        byte* to = _memory + _end + HandOver.Size;
        for (int i = 0; i < count; i++)
        {
            new ReadOnlySpan<byte>(pieces[i].Address, pieces[i].Length).CopyTo(new Span<byte>(to, pieces[i].Length));
            to += pieces[i].Length;
        }
        new Span<byte>(to, padded - length).Clear();
        _end += HandOver.Size + padded;
        Count++;
    }

    /// <summary>The records not yet sent.</summary>
    public readonly ReadOnlySpan<byte> Unsent => new(_memory + _sent, _end - _sent);

    public readonly byte* UnsentAddress => _memory + _sent;

    public void Sent(int bytes) => _sent += bytes;

    /// <summary>Walks the kept frames; <paramref name="cursor"/> begins at 0.</summary>
    public readonly bool Next(ref int cursor, out byte* frame, out int length)
    {
        frame = null;
        length = 0;
        if (cursor + HandOver.Size > _end)
            return false;
        // SAFETY: records were written by Capture, whole.
        length = (int)*(ulong*)(_memory + cursor + 8);
        frame = _memory + cursor + HandOver.Size;
        cursor += HandOver.Size + ((length + 7) & ~7);
        return true;
    }
}
