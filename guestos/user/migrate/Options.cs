using System;
using System.Runtime.InteropServices;
using Wire;

namespace Migrate;

/// <summary>What the command line asks for.</summary>
internal unsafe struct Options
{
    /// <summary>IPv4 address of the empty domain, in host order.</summary>
    public uint Address;
    public ushort Port;

    /// <summary>Checks the transfer by a hash over all frames.</summary>
    public bool Checksum;

    /// <summary>Checks the snapshot itself: every frame is hashed at the instant of the fork (thesis §6.6.4).</summary>
    public bool Verify;

    /// <summary>Megabits per second, 0 for as fast as it goes.</summary>
    public ulong Rate;

    /// <summary>Milliseconds: how long a destination may be silent, and how long all that follows the fork may take.</summary>
    public int Patience;

    /// <summary>Path of the checkpoint loader, ending with a zero.</summary>
    public byte* Loader;

    public bool Help;

    /// <summary>False when it cannot be understood.</summary>
    public static bool TryParse(int count, byte** words, out Options options)
    {
        options = default;
        options.Port = Upload.Port;
        options.Patience = 10_000;
        // SAFETY: a literal's data stays where it is and ends with a zero.
        fixed (byte* path = "/lib/checkpoint-loader\0"u8)
            options.Loader = path;
        bool host = false;
        for (int i = 1; i < count; i++)
        {
            ReadOnlySpan<byte> word = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(words[i]);
            if (word.SequenceEqual("--help"u8) || word.SequenceEqual("-h"u8))
                options.Help = true;
            else if (word.SequenceEqual("--checksum"u8))
                options.Checksum = true;
            else if (word.SequenceEqual("--verify"u8))
                options.Verify = true;
            else if (word.SequenceEqual("--rate"u8) && i + 1 < count)
            {
                ReadOnlySpan<byte> value = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(words[++i]);
                if (!TakeNumber(ref value, 1_000_000, out options.Rate) || value.Length > 0 || options.Rate == 0)
                    return false;
            }
            else if (word.SequenceEqual("--patience"u8) && i + 1 < count)
            {
                ReadOnlySpan<byte> value = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(words[++i]);
                if (!TakeNumber(ref value, 3600, out ulong seconds) || value.Length > 0 || seconds == 0)
                    return false;
                options.Patience = (int)seconds * 1000;
            }
            else if (word.SequenceEqual("--loader"u8) && i + 1 < count)
                options.Loader = words[++i];
            else if (!host && TryHost(word, out options.Address, ref options.Port))
                host = true;
            else
                return false;
        }
        return host || options.Help;
    }

    private static bool TryHost(ReadOnlySpan<byte> text, out uint address, ref ushort port)
    {
        address = 0;
        for (int octet = 0; octet < 4; octet++)
        {
            if (octet > 0 && !TakeByte(ref text, (byte)'.') || !TakeNumber(ref text, 255, out ulong value))
                return false;
            address = address << 8 | (uint)value;
        }
        if (text.Length == 0)
            return true;
        if (!TakeByte(ref text, (byte)':') || !TakeNumber(ref text, 65535, out ulong number) || number == 0 || text.Length > 0)
            return false;
        port = (ushort)number;
        return true;
    }

    private static bool TakeByte(ref ReadOnlySpan<byte> text, byte value)
    {
        if (text.Length == 0 || text[0] != value)
            return false;
        text = text.Slice(1);
        return true;
    }

    private static bool TakeNumber(ref ReadOnlySpan<byte> text, ulong maximum, out ulong value)
    {
        value = 0;
        int digits = 0;
        while (digits < text.Length && digits < 8 && text[digits] is >= (byte)'0' and <= (byte)'9')
            value = value * 10 + text[digits++] - '0';
        text = text.Slice(digits);
        return digits > 0 && value <= maximum;
    }
}
