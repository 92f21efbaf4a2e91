using System;
using System.Runtime.InteropServices;

namespace Packetd;

/// <summary>The command line. Paths stay where the kernel put them, terminated by zero.</summary>
internal unsafe struct Options
{
    public byte* Link, KeyFile, Monitor, Firmware;
    public uint Address;
    public uint MaxDomains, MaxMemory, ChainSteps, UidBase, LogLevel;
    public bool Offload;

    public const int DomainsLimit = 64;

    private static ReadOnlySpan<byte> Help =>
        """
        Usage: packetd --link IFACE --address A.B.C.D --key-file FILE --monitor PROGRAM --firmware IMAGE [options]
        Answers ARP and ping for an address that the host does not have, and starts a machine for each valid boot token.

          --link IFACE          network interface that frames come and go through
          --address A.B.C.D     the node's own address
          --key-file FILE       secret shared with the broker: 16 to 64 bytes, a newline ends it
          --monitor PROGRAM     program that emulates a machine
          --firmware IMAGE      what each machine starts with
          --offload on|off      leave checksums and segmentation to machines and link (on)
          --max-domains N       machines at a time, 1 to 64 (16)
          --max-memory MIB      memory of one machine at most (1024)
          --chain-steps N       tokens verified in one packet at most (1000)
          --uid-base N          machine n runs as user and group N + n (200000); 0: as packetd's own, for laboratories only
          --log-level N         0 errors, 1 events, 2 also what monitors write (1)

        SIGTERM ends packetd and its machines.

        """u8;

    /// <summary>Reads the arguments; says in one sentence what is wrong and ends the program when something is.</summary>
    public static Options Parse(int count, byte** arguments)
    {
        Options options = new()
        {
            MaxDomains = 16, MaxMemory = 1024, ChainSteps = 1000, UidBase = 200_000, LogLevel = 1, Offload = true,
        };
        for (int i = 1; i < count; i += 2)
        {
            ReadOnlySpan<byte> name = Text(arguments[i]);
            if (name.SequenceEqual("--help"u8))
            {
                Kernel.Write(1, Help);
                Kernel.Exit(0);
            }
            if (i + 1 == count)
                Reject(name, " needs a value."u8);
            options.Set(name, arguments[i + 1]);
        }
        if (options.Link == null || options.Address == 0 || options.KeyFile == null || options.Monitor == null || options.Firmware == null)
            Reject("--link, --address, --key-file, --monitor and --firmware"u8, " are needed; --help explains them."u8);
        return options;
    }

    // SAFETY: the kernel terminates every argument and keeps it for as long as the program runs.
    private static ReadOnlySpan<byte> Text(byte* argument) => MemoryMarshal.CreateReadOnlySpanFromNullTerminated(argument);

    private void Set(ReadOnlySpan<byte> name, byte* value)
    {
        if (name.SequenceEqual("--link"u8))
            Link = value;
        else if (name.SequenceEqual("--address"u8))
            Address = ParseAddress(name, Text(value));
        else if (name.SequenceEqual("--key-file"u8))
            KeyFile = value;
        else if (name.SequenceEqual("--monitor"u8))
            Monitor = value;
        else if (name.SequenceEqual("--firmware"u8))
            Firmware = value;
        else if (name.SequenceEqual("--offload"u8))
            Offload = ParseSwitch(name, Text(value));
        else if (name.SequenceEqual("--max-domains"u8))
            MaxDomains = ParseNumber(name, Text(value), 1, DomainsLimit);
        else if (name.SequenceEqual("--max-memory"u8))
            MaxMemory = ParseNumber(name, Text(value), 1, 3071);
        else if (name.SequenceEqual("--chain-steps"u8))
            ChainSteps = ParseNumber(name, Text(value), 1, 100_000);
        else if (name.SequenceEqual("--uid-base"u8))
            UidBase = ParseNumber(name, Text(value), 0, 2_000_000_000);
        else if (name.SequenceEqual("--log-level"u8))
            LogLevel = ParseNumber(name, Text(value), 0, 2);
        else
            Reject(name, " is not an option; --help lists them."u8);
    }

    private static bool ParseSwitch(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        if (!text.SequenceEqual("on"u8) && !text.SequenceEqual("off"u8))
            Reject(name, " is on or off."u8);
        return text.Length == 2;
    }

    private static uint ParseNumber(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text, uint least, uint most)
    {
        ulong value = 0;
        bool right = text.Length is > 0 and <= 10;
        for (int i = 0; right && i < text.Length; i++)
        {
            right = text[i] is >= (byte)'0' and <= (byte)'9';
            value = value * 10 + text[i] - '0';
        }
        if (!right || value < least || value > most)
            Reject(name, " is a number that is too small, too large or not one; --help tells the range."u8);
        return (uint)value;
    }

    private static uint ParseAddress(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        uint address = 0;
        for (int part = 0; part < 4; part++)
        {
            int end = part < 3 ? text.IndexOf((byte)'.') : text.Length;
            if (end < 0)
                Reject(name, " is not an address like 10.0.0.2."u8);
            address = address << 8 | ParseNumber(name, text.Slice(0, end), 0, 255);
            text = text.Slice(part < 3 ? end + 1 : end);
        }
        if (!Packet.IsHost(address))
            Reject(name, " is not an address that a host can have."u8);
        return address;
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    private static void Reject(ReadOnlySpan<byte> what, ReadOnlySpan<byte> why)
    {
        Line line = new(stackalloc byte[200]);
        line.Add("packetd: "u8);
        line.Add(what);
        line.Add(why);
        line.End();
        Kernel.Write(2, line.Text);
        Kernel.Exit(1);
    }
}
