using System;

namespace Guestos;

/// <summary>The names of the machine and of its NIS domain, as uname(2) tells them.</summary>
public static unsafe class HostName
{
    public const int MaxLength = 64;

    private struct Buffer
    {
        public fixed byte Bytes[MaxLength];
        public int Length;
    }

    private static Buffer s_name;
    private static Buffer s_domain;

    public static ReadOnlySpan<byte> Text => TextOf(ref s_name, "guest"u8);

    public static ReadOnlySpan<byte> Domain => TextOf(ref s_domain, "(none)"u8);

    /// <summary>At most <see cref="MaxLength"/> bytes; empty is the name at boot.</summary>
    public static void Set(ReadOnlySpan<byte> name) => Set(ref s_name, name);

    /// <summary>The same of the domain's.</summary>
    public static void SetDomain(ReadOnlySpan<byte> name) => Set(ref s_domain, name);

    private static ReadOnlySpan<byte> TextOf(ref Buffer buffer, ReadOnlySpan<byte> atBoot)
    {
        // SAFETY: a static of the image does not move.
        fixed (byte* bytes = buffer.Bytes)
            return buffer.Length == 0 ? atBoot : new ReadOnlySpan<byte>(bytes, buffer.Length);
    }

    private static void Set(ref Buffer buffer, ReadOnlySpan<byte> name)
    {
        buffer.Length = Math.Min(name.Length, MaxLength);
        fixed (byte* bytes = buffer.Bytes)
            name.Slice(0, buffer.Length).CopyTo(new Span<byte>(bytes, MaxLength));
    }
}
