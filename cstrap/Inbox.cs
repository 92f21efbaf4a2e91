using System;
using Netstack;
using Wire;

namespace Cstrap;

/// <summary>Text of the owner's last record that nobody has taken yet.</summary>
internal static unsafe class Inbox
{
    private static byte* record;
    private static int at;
    private static int end;

    /// <param name="memory">Room for <see cref="SecureChannel.MaxRecord"/> bytes.</param>
    public static void Begin(byte* memory) => record = memory;

    /// <summary>Replaces all that was there.</summary>
    public static void Put(ReadOnlySpan<byte> text)
    {
        text.CopyTo(new Span<byte>(record + SecureChannel.LengthSize, SecureChannel.MaxText));
        at = SecureChannel.LengthSize;
        end = at + text.Length;
    }

    public static void Wipe() => new Span<byte>(record, SecureChannel.MaxRecord).Clear();

    public static bool IsEmpty => at == end;

    /// <summary>
    /// Takes a record when there is no text. More than 0 when there is text now; otherwise as
    /// <see cref="Client.TakeRecord"/>.
    /// </summary>
    public static int Fill(Client* owner)
    {
        if (!IsEmpty)
            return end - at;
        int length = owner->TakeRecord(record);
        at = SecureChannel.LengthSize;
        end = at + Math.Max(length, 0);
        return length;
    }

    /// <summary>How many bytes it gave.</summary>
    public static int Take(Span<byte> to)
    {
        int count = Math.Min(to.Length, end - at);
        new ReadOnlySpan<byte>(record + at, count).CopyTo(to);
        at += count;
        return count;
    }
}
