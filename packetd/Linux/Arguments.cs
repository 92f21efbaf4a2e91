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

    public byte* Text(ReadOnlySpan<byte> name)
    {
        byte* value = Find(name);
        if (value == null)
            Log.Fail(name, " is needed; --help explains it."u8);
        return value;
    }

    public uint Number(ReadOnlySpan<byte> name, uint least, uint most, uint usual)
    {
        byte* text = Find(name);
        return text == null ? usual : Parse(name, ref text, 0, least, most);
    }

    public uint Address(ReadOnlySpan<byte> name)
    {
        byte* text = Text(name);
        uint address = 0;
        for (int part = 0; part < 4; part++)
            address = address << 8 | Parse(name, ref text, part < 3 ? '.' : 0, 0, 255);
        if (!Packet.IsHost(address))
            Log.Fail(name, " is not an address that a host can have."u8);
        return address;
    }

    public void RejectRest()
    {
        for (int i = 1; i < count; i += 2)
            if (vector[i] != null)
                Log.Fail(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(vector[i]), " is not an option; --help lists them."u8);
    }

    /// <summary>A number, and what has to follow it. SAFETY: whatever it is, a terminated text is not read past its zero.</summary>
    private static uint Parse(ReadOnlySpan<byte> name, ref byte* text, int end, uint least, uint most)
    {
        byte* begin = text;
        ulong value = 0;
        for (; *text is >= (byte)'0' and <= (byte)'9' && value <= most; text++)
            value = value * 10 + *text - '0';
        if (text == begin || *text++ != end || value < least || value > most)
            Log.Fail(name, " is not of the form and in the range that --help tells."u8);
        return (uint)value;
    }

    // SAFETY: the kernel terminates every argument, keeps it for as long as the program runs, and ends the vector with null.
    private static bool Is(byte* argument, ReadOnlySpan<byte> text) =>
        Bytes.FixedTimeEquals(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(argument), text);
}
