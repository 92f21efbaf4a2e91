using System;
using System.Runtime.InteropServices;

namespace Launcher;

/// <summary>The command line. Texts stay where the kernel put them, terminated by zero.</summary>
internal unsafe struct Options
{
    /// <summary>Seconds, 1 to 1,000,000.</summary>
    public uint TokenCpu;

    public byte* Monitor;
    public byte* Firmware;

    public static ReadOnlySpan<byte> Help =>
        """
        Usage: launcher [--token-cpu SECONDS] MONITOR FIRMWARE
        What packetd runs for a machine: reads the boot token from descriptor 4, sets the limits of what it pays for,
        and becomes MONITOR with the options that the token says. Descriptor 3 and what follows on 4 are the monitor's.

          --token-cpu SECONDS   CPU time that one token pays for, 1 to 1000000 (3600); a machine that has used up its
                                tokens' ends

        MONITOR is the path of a program that emulates a machine, FIRMWARE what each machine starts with.
        Exit codes: those of MONITOR, and 1 bad arguments, 4 no token, a limit that cannot be set or a MONITOR that
        cannot be run.

        """u8;

    /// <summary>False when something is wrong, and it has been said.</summary>
    public static bool TryParse(int count, byte** arguments, out Options options)
    {
        options = default;
        options.TokenCpu = 3600;
        int at = 1;
        for (; at < count && *arguments[at] == '-'; at += 2)
        {
            ReadOnlySpan<byte> name = At(arguments[at]);
            if (!name.SequenceEqual("--token-cpu"u8))
                return Wrong(name, " is not an option; --help lists them"u8);
            if (at + 1 == count)
                return Wrong(name, " needs a value"u8);
            if (!TryParse(At(arguments[at + 1]), 1_000_000, out options.TokenCpu))
                return Wrong(name, " is not of the form and in the range that --help tells"u8);
        }
        if (count - at < 2)
            return Wrong(count == at ? "MONITOR and FIRMWARE are"u8 : "FIRMWARE is"u8, " needed; --help explains it"u8);
        if (count - at > 2)
            return Wrong(At(arguments[at + 2]), " is one argument too many; --help explains it"u8);
        options.Monitor = arguments[at];
        options.Firmware = arguments[at + 1];
        return true;
    }

    public static bool AskForHelp(int count, byte** arguments) =>
        count > 1 && At(arguments[1]).SequenceEqual("--help"u8);

    // SAFETY: the kernel terminates every argument and keeps it for as long as the program runs.
    private static ReadOnlySpan<byte> At(byte* argument) =>
        MemoryMarshal.CreateReadOnlySpanFromNullTerminated(argument);

    private static bool TryParse(ReadOnlySpan<byte> text, uint most, out uint number)
    {
        number = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is < (byte)'0' or > (byte)'9')
                return false;
            number = number * 10 + text[i] - '0';
            if (number > most)
                return false;
        }
        return number > 0;
    }

    private static bool Wrong(ReadOnlySpan<byte> what, ReadOnlySpan<byte> why)
    {
        Failure.Say(Failure.BadArguments, what, why);
        return false;
    }
}
