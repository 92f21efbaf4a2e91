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

    /// <summary>
    /// Milliseconds: how long a destination may be silent, and how long all that follows the fork may take.
    /// </summary>
    public int Patience;

    /// <summary>Path of the checkpoint loader, ending with a zero.</summary>
    public byte* Loader;

    /// <summary>The guest's memory crosses the wire as it is.</summary>
    public bool Plaintext;

    /// <summary>Waits for commands to move instead of moving.</summary>
    public bool Serve;

    /// <summary>Seconds before a move that has not come to its snapshot is given up, 0 for never.</summary>
    public ulong GiveUp;

    /// <summary>Milliseconds that sending what is left after the snapshot may take, 0 for the kernel's choice</summary>
    public ulong Freeze;

    /// <summary>
    /// Path of the destination's machine key, or, with <see cref="Serve"/>, of the guest's own; null when not named.
    /// </summary>
    public byte* Key;

    /// <summary>Path of a boot token for the node at <see cref="Address"/>, or null.</summary>
    public byte* Token;

    private const ulong MaxFreeze = 10_000;

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
        bool hasHost = false;
        for (int i = 1; i < count; i++)
        {
            ReadOnlySpan<byte> word = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(words[i]);
            if (options.TryFlag(word))
                continue;
            if (i + 1 < count && options.TryValue(word, words[i + 1], out bool isGood))
            {
                if (!isGood)
                    return false;
                i++;
                continue;
            }
            if (hasHost || !TryHost(word, out options.Address, ref options.Port))
                return false;
            hasHost = true;
        }
        if (options.Help)
            return true;
        return options.Serve ? !hasHost && options.Token == null : hasHost && options.Key != null;
    }

    // An option that stands for itself.
    private bool TryFlag(ReadOnlySpan<byte> word)
    {
        if (word.SequenceEqual("--help"u8) || word.SequenceEqual("-h"u8))
            Help = true;
        else if (word.SequenceEqual("--checksum"u8))
            Checksum = true;
        else if (word.SequenceEqual("--verify"u8))
            Verify = true;
        else if (word.SequenceEqual("--plaintext"u8))
            Plaintext = true;
        else if (word.SequenceEqual("--serve"u8))
            Serve = true;
        else
            return false;
        return true;
    }

    // An option with a value behind it, which may be a bad one.
    private bool TryValue(ReadOnlySpan<byte> word, byte* value, out bool isGood)
    {
        isGood = true;
        if (word.SequenceEqual("--rate"u8))
            isGood = TryNumber(value, MoveCommand.MaxRate, out Rate);
        else if (word.SequenceEqual("--patience"u8))
        {
            isGood = TryNumber(value, MoveCommand.MaxSeconds, out ulong seconds);
            Patience = (int)seconds * 1000;
        }
        else if (word.SequenceEqual("--give-up"u8))
            isGood = TryNumber(value, MoveCommand.MaxSeconds, out GiveUp);
        else if (word.SequenceEqual("--freeze"u8))
            isGood = TryNumber(value, MaxFreeze, out Freeze);
        else if (word.SequenceEqual("--loader"u8))
            Loader = value;
        else if (word.SequenceEqual("--key"u8))
            Key = value;
        else if (word.SequenceEqual("--token"u8))
            Token = value;
        else
            return false;
        return true;
    }

    /// <summary>
    /// What a command of the guest's key holder asks for, with this machine's own choices for the rest.
    /// </summary>
    public void Take(in MoveCommand command)
    {
        Address = command.Address;
        Port = command.DestinationPort;
        Checksum = (command.Flags & MoveFlags.Checksum) != 0;
        Verify = (command.Flags & MoveFlags.Verify) != 0;
        Plaintext = (command.Flags & MoveFlags.Plaintext) != 0;
        Rate = command.Rate;
        GiveUp = command.GiveUp;
        if (command.Patience != 0)
            Patience = command.Patience * 1000;
    }

    /// <summary>A number from 1 on.</summary>
    private static bool TryNumber(byte* word, ulong maximum, out ulong number)
    {
        ReadOnlySpan<byte> text = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(word);
        return DecimalText.TakeNumber(ref text, maximum, out number) && text.Length == 0 && number != 0;
    }

    private static bool TryHost(ReadOnlySpan<byte> text, out uint address, ref ushort port)
    {
        if (!DecimalText.TakeAddress(ref text, out address))
            return false;
        if (text.Length == 0)
            return true;
        if (!DecimalText.TakeByte(ref text, (byte)':')
            || !DecimalText.TakeNumber(ref text, ushort.MaxValue, out ulong number))
            return false;
        port = (ushort)number;
        return number != 0 && text.Length == 0;
    }
}
