using System;
using System.Linux;
using Wire;

namespace Tokend;

/// <summary>What the machine's command line says.</summary>
internal struct Settings
{
    private const int MaxLineLength = 4096;
    private const ulong MaxTime = 1_000_000;

    /// <summary>In host order.</summary>
    public uint Home;

    /// <summary>Seconds left, from which on home is asked.</summary>
    public ulong Low;

    /// <summary>Seconds left, from which on the end is near.</summary>
    public ulong Last;

    /// <returns>Whether there is a home.</returns>
    public static bool TryRead(out Settings settings, out bool isGood)
    {
        settings = new() { Low = 60, Last = 10 };
        isGood = true;
        Span<byte> line = stackalloc byte[MaxLineLength];
        int file = Host.Open("/proc/cmdline\0"u8);
        int length = Math.Max(0, Syscall.Read(file, line));
        Syscall.Close(file);
        bool hasHome = false;
        ReadOnlySpan<byte> rest = line.Slice(0, length);
        while (TakeWord(ref rest, out ReadOnlySpan<byte> word))
        {
            if (TryValue(word, "tokend.home="u8, out ReadOnlySpan<byte> value))
            {
                hasHome = true;
                isGood &= TryAddress(value, out settings.Home);
            }
            else if (TryValue(word, "tokend.low="u8, out value))
                isGood &= TryNumber(value, out settings.Low);
            else if (TryValue(word, "tokend.last="u8, out value))
                isGood &= TryNumber(value, out settings.Last);
        }
        return hasHome;
    }

    private static bool TakeWord(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> word)
    {
        int begin = 0;
        while (begin < rest.Length && rest[begin] <= ' ')
            begin++;
        int end = begin;
        while (end < rest.Length && rest[end] > ' ')
            end++;
        word = rest.Slice(begin, end - begin);
        rest = rest.Slice(end);
        return word.Length > 0;
    }

    private static bool TryValue(ReadOnlySpan<byte> word, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        bool isNamed = word.Length >= name.Length && word.Slice(0, name.Length).SequenceEqual(name);
        value = isNamed ? word.Slice(name.Length) : default;
        return isNamed;
    }

    private static bool TryAddress(ReadOnlySpan<byte> text, out uint address) =>
        DecimalText.TakeAddress(ref text, out address) && text.Length == 0;

    private static bool TryNumber(ReadOnlySpan<byte> text, out ulong number) =>
        DecimalText.TakeNumber(ref text, MaxTime, out number) && text.Length == 0;
}
