using System;
using Board;
using Wire;

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
                ulong prefixLength = 0;
                boot = DecimalText.TakeAddress(ref word, out arguments.BootAddress)
                    && DecimalText.TakeByte(ref word, (byte)'/')
                    && DecimalText.TakeNumber(ref word, 32, out prefixLength) && word.Length == 0;
                arguments.PrefixLength = (int)prefixLength;
            }
            else if (Take(ref word, "evilman.gateway="u8))
            {
                if (!DecimalText.TakeAddress(ref word, out arguments.Gateway) || word.Length != 0)
                    return false;
            }
            else if (Take(ref word, "evilman.lease="u8))
            {
                if (!DecimalText.TakeNumber(ref word, ushort.MaxValue, out ulong lease) || word.Length != 0
                    || lease == 0)
                    return false;
                arguments.Lease = (int)lease;
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
