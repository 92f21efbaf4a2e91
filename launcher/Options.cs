using System;
using System.Runtime.InteropServices;

namespace Launcher;

/// <summary>The command line. Texts stay where the kernel put them, terminated by zero.</summary>
internal unsafe struct Options
{
    /// <summary>Seconds, 1 to 1,000,000.</summary>
    public uint TokenCpu;

    /// <summary>Percent of one processor, 1 to 6400: what a machine may take whose token says 100.</summary>
    public uint CpuMax;

    /// <summary>MiB, 1 to 1024, that the control group allows in addition to the guest's memory.</summary>
    public uint MonitorMemory;

    /// <summary>The folder of the machines' control groups, or null.</summary>
    public byte* Groups;

    public byte* Monitor;
    public byte* Firmware;

    public static ReadOnlySpan<byte> Help =>
        """
        Usage: launcher [OPTIONS] MONITOR FIRMWARE
        What packetd runs for a machine: reads the boot token from descriptor 4, sets the limits of what it pays for,
        and becomes MONITOR with the options that the token says. Descriptor 3 and what follows on 4 are the monitor's.

          --token-cpu SECONDS   CPU time that one token pays for, 1 to 1000000 (3600); a machine that has used up its
                                tokens' ends
          --cgroup PATH         the machine runs in the control group PATH/machine-UID, which holds all its processes
                                together to the memory and the processor of its token; cgroups prepares PATH, which is
                                absolute, has at most 160 bytes, and is no link
          --cpu-max PERCENT     of a processor, what --cgroup lets a machine take whose token says a whole one, 1 to
                                6400 (100); another share is held as the token says it
          --monitor-memory MIB  what --cgroup lets a monitor have beside its guest's memory, 1 to 1024 (256)

        MONITOR is the path of a program that emulates a machine, FIRMWARE what each machine starts with.
        Exit codes: those of MONITOR, and 1 bad arguments, 4 no token, a limit that cannot be set, a control group
        that cannot be entered or a MONITOR that cannot be run.

        """u8;

    /// <summary>False when something is wrong, and it has been said.</summary>
    public static bool TryParse(int count, byte** arguments, out Options options)
    {
        options = default;
        options.TokenCpu = 3600;
        options.CpuMax = 100;
        options.MonitorMemory = 256;
        int at = 1;
        for (; at < count && *arguments[at] == '-'; at += 2)
        {
            ReadOnlySpan<byte> name = At(arguments[at]);
            bool isTokenCpu = name.SequenceEqual("--token-cpu"u8);
            bool isCpuMax = name.SequenceEqual("--cpu-max"u8);
            bool isMonitorMemory = name.SequenceEqual("--monitor-memory"u8);
            if (!isTokenCpu && !isCpuMax && !isMonitorMemory && !name.SequenceEqual("--cgroup"u8))
                return Wrong(name, " is not an option; --help lists them"u8);
            if (at + 1 == count)
                return Wrong(name, " needs a value"u8);
            ReadOnlySpan<byte> value = At(arguments[at + 1]);
            bool isGood;
            if (isTokenCpu)
                isGood = TryParse(value, 1_000_000, out options.TokenCpu);
            else if (isCpuMax)
                isGood = TryParse(value, 6400, out options.CpuMax);
            else if (isMonitorMemory)
                isGood = TryParse(value, 1024, out options.MonitorMemory);
            else
            {
                // A slash at the end would have a link followed.
                isGood = value.Length is > 1 and <= ControlGroup.MaxPath && value[0] == '/' && value[^1] != '/';
                options.Groups = arguments[at + 1];
            }
            if (!isGood)
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
