using System;
using Wire;

namespace Cstrap;

/// <summary>Text of the owner's last record that nobody has taken yet.</summary>
internal static unsafe class Inbox
{
    private static byte* s_record;
    private static int s_at;
    private static int s_end;

    /// <param name="memory">Room for <see cref="SecureChannel.MaxRecord"/> bytes.</param>
    public static void Begin(byte* memory) => s_record = memory;

    /// <summary>Replaces all that was there.</summary>
    public static void Put(ReadOnlySpan<byte> text)
    {
        text.CopyTo(new Span<byte>(s_record + SecureChannel.LengthSize, SecureChannel.MaxText));
        s_at = SecureChannel.LengthSize;
        s_end = s_at + text.Length;
    }

    public static void Wipe() => new Span<byte>(s_record, SecureChannel.MaxRecord).Clear();

    public static bool IsEmpty => s_at == s_end;

    /// <summary>
    /// Takes a record when there is no text. More than 0 when there is text now; otherwise as
    /// <see cref="Client.TakeRecord"/>.
    /// </summary>
    public static int Fill(Client* owner)
    {
        if (!IsEmpty)
            return s_end - s_at;
        int length = owner->TakeRecord(s_record);
        s_at = SecureChannel.LengthSize;
        s_end = s_at + Math.Max(length, 0);
        return length;
    }

    /// <summary>How many bytes it gave.</summary>
    public static int Take(Span<byte> to)
    {
        int count = Math.Min(to.Length, s_end - s_at);
        new ReadOnlySpan<byte>(s_record + s_at, count).CopyTo(to);
        s_at += count;
        return count;
    }
}
