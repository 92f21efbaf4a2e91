using System;
using System.Collections.Generic;
using System.Globalization;
using Domain.Host;

namespace Domain;

/// <summary>What was asked for on the command line.</summary>
internal sealed class CommandLine
{
    public const string Help = """
        domain - runs one emulated x86-64 machine

        usage: domain --kernel IMAGE [options]

        machine
          --kernel IMAGE        ELF image with a PVH entry point, started at reset
          --initrd FILE         given to the kernel as its first module
          --append TEXT         the kernel's command line; the devices are added behind it
          --memory MIB          RAM, 8 to 3072 MiB (default 64)
          --engine NAME         how its code is executed: translator, which writes it anew for
                                the host, or interpreter, which has no AVX (default translator,
                                where the host gives memory for code)
          --cpu NAME            what its processor is: host, x86-64-v2 with what the host has of
                                LZCNT, BMI, MOVBE, AES, PCLMULQDQ, SHA, XSAVE, AVX, AVX2, F16C
                                and FMA, or x86-64-v2, from which a guest can move to any
                                machine (default host)
          --disk FILE           virtio block device on this file
          --disk-read-only      the disk cannot be written
        network (none by default)
          --tap NAME            a TAP interface of the host
          --net-fd N            an inherited descriptor: one datagram is one Ethernet frame
          --mac MAC             the guest's MAC address (default 02:45:00:00:00:01)
          --offload on|off      frames carry a virtio-net header, so that checksums and
                                TCP segmentation may be left undone (default on)
        host
          --console stdio|none  where the serial port and the virtio console go (default stdio);
                                on a terminal Ctrl-A X ends the machine
          --control-fd N        an inherited descriptor for control records
          --no-sandbox          do not lock the process in before the guest runs
          --log-level LEVEL     error, info (counters when the machine ends) or debug (what drivers do
                                to devices, registers of a crash, too; default error)
          --help, --version

        exit status: 0 the guest reset or powered off, 1 bad arguments, 2 the guest crashed,
        3 the sandbox could not be built, 4 the monitor failed

        """;

    public string? Kernel, Initrd, Disk, Tap;
    public string Append = "";
    public ulong MemoryMib = 64;
    public int NetDescriptor = -1, ControlDescriptor = -1;
    public byte[] Mac = [0x02, 0x45, 0, 0, 0, 1];
    public bool Offload = true, DiskReadOnly, NoSandbox, ConsoleStdio = true, ShowHelp, ShowVersion;

    /// <summary>Guest code is translated, not interpreted; null: where the host gives memory for code.</summary>
    public bool? Translates;

    /// <summary>The processor announces x86-64-v2 and nothing that its host has beyond.</summary>
    public bool IsPlainProcessor;

    public LogLevel LogLevel;

    /// <summary>Reads <c>--name value</c> and <c>--name=value</c>.</summary>
    /// <param name="second">these are the words of <see cref="WithDescriptors"/></param>
    /// <exception cref="UsageError">anything that is not understood</exception>
    public static CommandLine Parse(ReadOnlySpan<string> arguments, bool second = false)
    {
        var result = new CommandLine();
        while (arguments.Length > 0)
        {
            string name = arguments[0];
            arguments = arguments[1..];
            string? value = null;
            int equals = name.IndexOf('=');
            if (name.StartsWith("--", StringComparison.Ordinal) && equals > 0)
            {
                value = name[(equals + 1)..];
                name = name[..equals];
            }
            if (result.Flag(name))
            {
                if (value is not null)
                    throw new UsageError($"{name} takes no value");
                continue;
            }
            if (!IsOption(name) && !(second && IsOwnOption(name)))
                throw new UsageError($"unknown argument \"{name}\"; see domain --help");
            if (value is null)
            {
                if (arguments.Length == 0)
                    throw new UsageError($"{name} needs a value");
                value = arguments[0];
                arguments = arguments[1..];
            }
            result.Option(name, value);
        }
        result.Check();
        return result;
    }

    // The second start (Lockdown.Reenter) is handed what the first has opened: "N:name" behind these words.
    private const string ParentOption = "--parent", KernelDescriptorOption = "--kernel-fd",
        InitrdDescriptorOption = "--initrd-fd", DiskDescriptorOption = "--disk-fd";

    /// <summary>Descriptors of the files named above, once open.</summary>
    public int KernelDescriptor = -1, InitrdDescriptor = -1, DiskDescriptor = -1;

    /// <summary>Signal to die of when the parent dies, and who that is; 0 where none was set.</summary>
    public int DeathSignal, Parent;

    /// <summary>The same options for the second start, which inherits the open descriptors.</summary>
    public List<string> WithDescriptors()
    {
        var arguments = new List<string>
        {
            KernelDescriptorOption, $"{KernelDescriptor}:{Kernel}",
            "--append", Append,
            "--memory", MemoryMib.ToString(CultureInfo.InvariantCulture),
            "--mac", Convert.ToHexStringLower(Mac.AsSpan(0, 1))
                + string.Concat(Array.ConvertAll(Mac[1..], static part => $":{part:x2}")),
            "--offload", Offload ? "on" : "off",
            "--console", ConsoleStdio ? "stdio" : "none",
            "--log-level", s_logLevelNames[(int)LogLevel],
        };
        if (IsPlainProcessor)
            arguments.AddRange(["--cpu", s_processorNames[1]]);
        if (Translates is { } translates)
            arguments.AddRange(["--engine", s_engineNames[translates ? 1 : 0]]);
        if (InitrdDescriptor >= 0)
            arguments.AddRange([InitrdDescriptorOption, $"{InitrdDescriptor}:{Initrd}"]);
        if (DiskDescriptor >= 0)
            arguments.AddRange([DiskDescriptorOption, $"{DiskDescriptor}:{Disk}"]);
        if (DeathSignal != 0)
            arguments.AddRange([ParentOption, $"{DeathSignal}:{Parent}"]);
        if (DiskReadOnly)
            arguments.Add("--disk-read-only");
        if (NetDescriptor >= 0)
            arguments.AddRange(["--net-fd", NetDescriptor.ToString(CultureInfo.InvariantCulture)]);
        if (ControlDescriptor >= 0)
            arguments.AddRange(["--control-fd", ControlDescriptor.ToString(CultureInfo.InvariantCulture)]);
        return arguments;
    }

    private static readonly string[] s_processorNames = ["host", "x86-64-v2"];
    private static readonly string[] s_engineNames = ["interpreter", "translator"];
    private static readonly string[] s_logLevelNames = ["error", "info", "debug"];

    private static (int, string) Inherited(string name, string value)
    {
        int colon = value.IndexOf(':');
        return colon > 0 ? (Number(name, value[..colon], 1, 1023), value[(colon + 1)..])
            : throw new UsageError($"{name} must be a number and a name");
    }

    private bool Flag(string name)
    {
        switch (name)
        {
            case "--help" or "-h":
                return ShowHelp = true;
            case "--version":
                return ShowVersion = true;
            case "--no-sandbox":
                return NoSandbox = true;
            case "--disk-read-only":
                return DiskReadOnly = true;
            default:
                return false;
        }
    }

    private static bool IsOption(string name) =>
        name is "--kernel" or "--initrd" or "--append" or "--memory" or "--engine" or "--cpu" or "--disk"
        or "--tap" or "--net-fd" or "--mac" or "--offload" or "--console" or "--control-fd" or "--log-level";

    private static bool IsOwnOption(string name) =>
        name is ParentOption or KernelDescriptorOption or InitrdDescriptorOption or DiskDescriptorOption;

    private void Option(string name, string value)
    {
        switch (name)
        {
            case "--kernel":
                Kernel = Named(name, value, "a file");
                break;
            case "--initrd":
                Initrd = Named(name, value, "a file");
                break;
            case "--append":
                Append = value;
                break;
            case "--memory":
                MemoryMib = (ulong)Number(name, value, 8, (int)(GuestMemory.MaxBytes >> 20), "number of MiB");
                break;
            case "--engine":
                Translates = Choice(name, value, s_engineNames) == 1;
                break;
            case "--cpu":
                IsPlainProcessor = Choice(name, value, s_processorNames) == 1;
                break;
            case "--disk":
                Disk = Named(name, value, "a file");
                break;
            case "--tap":
                Tap = Named(name, value, "an interface");
                break;
            case "--net-fd":
                NetDescriptor = Number(name, value, 3, 1023);
                break;
            case "--control-fd":
                ControlDescriptor = Number(name, value, 3, 1023);
                break;
            case "--mac":
                Mac = MacAddress(value);
                break;
            case "--offload":
                Offload = Choice(name, value, "off", "on") == 1;
                break;
            case "--console":
                ConsoleStdio = Choice(name, value, "none", "stdio") == 1;
                break;
            case "--log-level":
                LogLevel = (LogLevel)Choice(name, value, s_logLevelNames);
                break;
            case ParentOption:
                (DeathSignal, string parent) = Inherited(name, value);
                Parent = Number(name, parent, 1, int.MaxValue);
                break;
            case KernelDescriptorOption:
                (KernelDescriptor, Kernel) = Inherited(name, value);
                break;
            case InitrdDescriptorOption:
                (InitrdDescriptor, Initrd) = Inherited(name, value);
                break;
            case DiskDescriptorOption:
                (DiskDescriptor, Disk) = Inherited(name, value);
                break;
        }
    }

    private void Check()
    {
        if (ShowHelp || ShowVersion)
            return;
        if (Kernel is null)
            throw new UsageError("no --kernel was given; see domain --help");
        if (Tap is not null && NetDescriptor >= 0)
            throw new UsageError("--tap and --net-fd exclude each other");
        if (NetDescriptor >= 0 && NetDescriptor == ControlDescriptor)
            throw new UsageError("--net-fd and --control-fd name the same descriptor");
        if (DiskReadOnly && Disk is null)
            throw new UsageError("--disk-read-only needs --disk");
    }

    private static string Named(string name, string value, string what) =>
        value.Length > 0 ? value : throw new UsageError($"{name} must name {what}, not \"\"");

    private static int Number(string name, string value, int least, int most, string kind = "number") =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least
            && number <= most
            ? number
            : throw new UsageError($"{name} must be a {kind} from {least} to {most}, not \"{value}\"");

    private static int Choice(string name, string value, params ReadOnlySpan<string> choices)
    {
        int index = choices.IndexOf(value);
        return index >= 0 ? index
            : throw new UsageError(
                $"{name} must be {string.Join(", ", choices[..^1]!)} or {choices[^1]}, not \"{value}\"");
    }

    private static byte[] MacAddress(string value)
    {
        string[] parts = value.Split(':');
        var address = new byte[6];
        bool good = parts.Length == 6;
        for (int i = 0; good && i < 6; i++)
            good = parts[i].Length == 2
                && byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                    out address[i]);
        if (!good)
            throw new UsageError($"--mac must look like 02:45:0a:00:00:01, not \"{value}\"");
        if ((address[0] & 1) != 0)
            throw new UsageError($"--mac {value} is a group address; a machine needs one of its own");
        return address;
    }
}
