using System;
using Board;

namespace Cstrap;

/// <summary>The words of the command line that are meant for cstrap (docs/architecture.md, "The monitor").</summary>
internal unsafe struct BootArguments
{
    /// <summary>IPv4 addresses in host order.</summary>
    public uint BootAddress;
    public uint Gateway;

    public int PrefixLength;

    /// <summary>Seconds that the machine waits for its customer; 0 when the word is not there, for ever.</summary>
    public int Lease;

    /// <summary>SHA-1 of the only loader that may run here.</summary>
    public fixed byte LoaderHash[20];

    /// <summary>False when a word that must be there is missing or malformed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> line, out BootArguments arguments)
    {
        arguments = default;
        bool boot = false;
        bool loader = false;
        while (DeviceAnnouncement.TakeWord(ref line, out ReadOnlySpan<byte> word))
        {
            if (Take(ref word, "evilman.boot="u8))
            {
                boot = TryAddress(ref word, out arguments.BootAddress) && word.Length > 1 && word[0] == (byte)'/'
                    && TryNumber(ref word, 32, out arguments.PrefixLength) && word.Length == 0;
            }
            else if (Take(ref word, "evilman.gateway="u8))
            {
                if (!TryAddress(ref word, out arguments.Gateway) || word.Length != 0)
                    return false;
            }
            else if (Take(ref word, "evilman.lease="u8))
            {
                if (!TryNumber(ref word, ushort.MaxValue, out arguments.Lease, skip: 0) || word.Length != 0
                    || arguments.Lease == 0)
                    return false;
            }
            else if (Take(ref word, "evilman.loader="u8))
            {
                fixed (byte* hash = arguments.LoaderHash)
                    loader = TryHex(word, new Span<byte>(hash, 20));
            }
        }
        return boot && loader;
    }

    private static bool Take(ref ReadOnlySpan<byte> word, ReadOnlySpan<byte> key)
    {
        if (!word.StartsWith(key))
            return false;
        word = word.Slice(key.Length);
        return true;
    }

    private static bool TryAddress(ref ReadOnlySpan<byte> text, out uint address)
    {
        address = 0;
        for (int octet = 0; octet < 4; octet++)
        {
            if (octet > 0 && (text.Length == 0 || text[0] != (byte)'.'))
                return false;
            if (!TryNumber(ref text, 255, out int value, skip: octet > 0 ? 1 : 0))
                return false;
            address = address << 8 | (uint)value;
        }
        return true;
    }

    /// <summary>
    /// A decimal number up to <paramref name="maximum"/>, after <paramref name="skip"/> characters of punctuation.
    /// </summary>
    private static bool TryNumber(ref ReadOnlySpan<byte> text, int maximum, out int value, int skip = 1)
    {
        value = 0;
        int at = skip;
        int most = skip + (maximum > 999 ? 5 : 3);
        while (at < text.Length && at < most && text[at] is >= (byte)'0' and <= (byte)'9')
        {
            value = value * 10 + text[at] - '0';
            at++;
        }
        if (at == skip)
            return false;
        text = text.Slice(at);
        return value <= maximum;
    }

    private static bool TryHex(ReadOnlySpan<byte> text, Span<byte> into)
    {
        if (text.Length != 2 * into.Length)
            return false;
        for (int i = 0; i < text.Length; i++)
        {
            int character = text[i] | 0x20;
            int digit = character switch
            {
                >= '0' and <= '9' => character - '0',
                >= 'a' and <= 'f' => character - 'a' + 10,
                _ => -1,
            };
            if (digit < 0)
                return false;
            into[i / 2] = (byte)(into[i / 2] << 4 | digit);
        }
        return true;
    }
}
