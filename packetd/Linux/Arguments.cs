using System;
using System.Linux;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Wire;
using static System.Linux.Syscall;

namespace Packetd;

/// <summary>
/// The argument vector: options, each a name and its value, then a command. A name that was asked for is taken out, so
/// that a name that is left in the end is no option. Whatever is wrong ends the program with one sentence.
/// </summary>
internal readonly unsafe struct Arguments(int count, byte** vector)
{
    /// <summary>
    /// The value of an option: the last one if it is given twice, null if it is not given and need not be.
    /// </summary>
    public byte* Text(ReadOnlySpan<byte> name, bool isNeeded)
    {
        byte* value = null;
        for (int i = 1; i < count && (vector[i] == null || *vector[i] == '-'); i += 2)
            if (Is(vector[i], name))
            {
                value = vector[i + 1];
                vector[i] = null;
                isNeeded = true;
            }
        if (value == null && isNeeded)
            Log.Fail(name, " is needed, and its value; --help explains it."u8);
        return value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public uint Number(ReadOnlySpan<byte> name, uint least, uint most, uint usual)
    {
        byte* text = Text(name, isNeeded: false);
        return text == null ? usual : Parse(name, ref text, 0, least, most);
    }

    public uint Address(ReadOnlySpan<byte> name)
    {
        byte* text = Text(name, isNeeded: true);
        uint address = 0;
        for (int part = 3; part >= 0; part--)
            address = address << 8 | Parse(name, ref text, part > 0 ? '.' : 0, 0, 255);
        if (address >> 24 is 0 or > 223)
            Fail(name);
        return address;
    }

    /// <summary>The command. What is before it and was not asked for is no option.</summary>
    public byte** Rest()
    {
        int i = 1;
        while (i < count && vector[i] == null)
            i += 2;
        if (i >= count)
            Log.Fail("PROGRAM"u8, " is needed; --help explains it."u8);
        if (*vector[i] == '-')
            Log.Fail(At(vector[i]), " is not an option; --help lists them."u8);
        return vector + i;
    }

    /// <summary>
    /// A number, and the character that has to follow it. SAFETY: a text that ends with a zero is not read past it,
    /// whatever it holds.
    /// </summary>
    private static uint Parse(ReadOnlySpan<byte> name, ref byte* text, int end, uint least, uint most)
    {
        byte* begin = text;
        ulong value = 0;
        for (; *text is >= (byte)'0' and <= (byte)'9' && value <= most; text++)
            value = value * 10 + *text - '0';
        if (text == begin || *text != end || value < least || value > most)
            Fail(name);
        text++;
        return (uint)value;
    }

    private static void Fail(ReadOnlySpan<byte> name) =>
        Log.Fail(name, " is not of the form and in the range that --help tells."u8);

    public static bool Is(byte* argument, ReadOnlySpan<byte> text) => Bytes.FixedTimeEquals(At(argument), text);

    // SAFETY: the kernel ends every argument with a zero, keeps it for as long as the program runs, and ends the vector
    // with null.
    public static ReadOnlySpan<byte> At(byte* argument) =>
        MemoryMarshal.CreateReadOnlySpanFromNullTerminated(argument);
}
