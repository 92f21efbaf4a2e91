using System;
using System.Runtime.InteropServices;
using Wire;

namespace Packetd;

/// <summary>
/// The argument vector: names and values in turn. A name that was asked for is taken out, so that what is left in the end is
/// no option. Whatever is wrong ends the program with one sentence.
/// </summary>
internal readonly unsafe struct Arguments(int count, byte** vector)
{
    public bool AskForHelp() => count > 1 && Is(vector[1], "--help"u8);

    /// <summary>The value of an option, the last one if it is given twice, or null.</summary>
    private byte* Find(ReadOnlySpan<byte> name)
    {
        byte* value = null;
        for (int i = 1; i < count; i += 2)
            if (Is(vector[i], name))
            {
                value = vector[i + 1];
                vector[i] = null;
                if (value == null)
                    Log.Fail(name, " needs a value."u8);
            }
        return value;
    }

    public byte* Needed(ReadOnlySpan<byte> name)
    {
        byte* value = Find(name);
        if (value == null)
            Log.Fail(name, " is needed; --help explains it."u8);
        return value;
    }

    public bool Switch(ReadOnlySpan<byte> name)
    {
        byte* value = Find(name);
        bool off = Is(value, "off"u8);
        if (value != null && !off && !Is(value, "on"u8))
            Log.Fail(name, " is on or off."u8);
        return !off;
    }

    public uint Number(ReadOnlySpan<byte> name, uint least, uint most, uint usual)
    {
        byte* value = Find(name);
        return value == null ? usual : Parse(name, Text(value), least, most);
    }

    public uint Address(ReadOnlySpan<byte> name)
    {
        ReadOnlySpan<byte> text = Text(Needed(name));
        uint address = 0;
        for (int part = 0; part < 4; part++)
        {
            int end = part < 3 ? text.IndexOf((byte)'.') : text.Length;
            if (end < 0)
                Log.Fail(name, " is not an address like 10.0.0.2."u8);
            address = address << 8 | Parse(name, text.Slice(0, end), 0, 255);
            text = text.Slice(part < 3 ? end + 1 : end);
        }
        if (!Packet.IsHost(address))
            Log.Fail(name, " is not an address that a host can have."u8);
        return address;
    }

    public void RejectRest()
    {
        for (int i = 1; i < count; i += 2)
            if (vector[i] != null)
                Log.Fail(Text(vector[i]), " is not an option; --help lists them."u8);
    }

    private static uint Parse(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text, uint least, uint most)
    {
        ulong value = 0;
        bool right = text.Length is > 0 and <= 10;
        for (int i = 0; right && i < text.Length; i++)
        {
            right = text[i] is >= (byte)'0' and <= (byte)'9';
            value = value * 10 + text[i] - '0';
        }
        if (!right || value < least || value > most)
            Log.Fail(name, " is a number that is too small, too large or not one; --help tells the range."u8);
        return (uint)value;
    }

    private static bool Is(byte* argument, ReadOnlySpan<byte> text) => Bytes.FixedTimeEquals(Text(argument), text);

    // SAFETY: the kernel terminates every argument, keeps it for as long as the program runs, and ends the vector with null.
    private static ReadOnlySpan<byte> Text(byte* argument) => MemoryMarshal.CreateReadOnlySpanFromNullTerminated(argument);
}
