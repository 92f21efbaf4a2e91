using System;

namespace Guestos;

/// <summary>What uname(2) and /proc/sys/kernel say of the system.</summary>
public static unsafe class SystemNames
{
    public static ReadOnlySpan<byte> KernelType => "Linux"u8;
    public static ReadOnlySpan<byte> KernelRelease => "6.1.0-guestos"u8;
    public static ReadOnlySpan<byte> KernelVersion => "#1 Minimal"u8;
    public static ReadOnlySpan<byte> Machine => "x86_64"u8;

    public const int LongestName = 64;

    private struct Text
    {
        public int Length;
        public fixed byte Bytes[LongestName];
    }

    private static Text s_host, s_domain;

    /// <summary>sethostname(2); "guest" until it is set.</summary>
    public static ReadOnlySpan<byte> HostName
    {
        get => s_host.Length == 0 ? "guest"u8 : Get(ref s_host);
        set => Set(ref s_host, value);
    }

    public static ReadOnlySpan<byte> DomainName
    {
        get => s_domain.Length == 0 ? "(none)"u8 : Get(ref s_domain);
        set => Set(ref s_domain, value);
    }

    // SAFETY: non-collected statics never move.
    private static ReadOnlySpan<byte> Get(ref Text text)
    {
        fixed (byte* bytes = text.Bytes)
            return new ReadOnlySpan<byte>(bytes, text.Length);
    }

    private static void Set(ref Text text, ReadOnlySpan<byte> value)
    {
        text.Length = Math.Min(value.Length, LongestName);
        for (int i = 0; i < text.Length; i++)
            text.Bytes[i] = value[i];
    }
}
