using System;
using System.Linux;

namespace Packetd;

/// <summary>The command line. Texts stay where the kernel put them, terminated by zero.</summary>
internal unsafe struct Options
{
    public byte* Link;
    public byte* KeyFile;

    /// <summary>Null where none is given.</summary>
    public byte* FormerKeyFile;
    public uint Address;
    public int MaxDomains;

    /// <summary>In MiB.</summary>
    public uint MaxMemory;
    public uint ChainSteps;

    /// <summary>In hundredths of a processor.</summary>
    public uint MinCpuShare;

    /// <summary>In seconds.</summary>
    public uint Grace;
    public uint UidBase;

    /// <summary>What starts a machine: the program and its arguments, ended by null.</summary>
    public byte** Command;

    public const int DomainCapacity = 64;

    private static ReadOnlySpan<byte> Help =>
        """
        Usage: packetd --link IFACE --address A.B.C.D --key-file FILE [options] PROGRAM [ARGUMENT...]
        Answers ARP and ping for an address that the host does not have, and runs PROGRAM for each valid boot token:
        a machine. It finds frames on descriptor 3, and token and machine key, 216 bytes, on 4. "launcher MONITOR
        FIRMWARE" makes a monitor's options of them.

          --link IFACE          network interface that frames come and go through
          --address A.B.C.D     the node's own address, 1.0.0.0 to 223.255.255.255
          --key-file FILE       secret shared with the broker: 16 to 64 bytes, a newline ends it
          --former-key-file FILE
                                the secret before that one, honoured as well until packetd ends
          --max-domains N       machines at a time, 1 to 64 (16)
          --max-memory MIB      memory of one machine at most, 1 to 3071 (1024)
          --min-cpu-share N     percent of a processor that a token asks for at least, 1 to 100 (100: whole ones only);
                                less only where PROGRAM holds machines to it, as "launcher --cgroup" does
          --chain-steps N       tokens verified in one packet at most, 1 to 100000 (1000)
          --grace SECONDS       how long a machine runs that has spent what was paid, 0 to 1000000 (60)
          --uid-base N          machine n runs as user and group N + n, up to 2000000000 (200000); 0: as packetd's own,
                                for laboratories only
          --log-level N         0 errors, 1 events (1)

        SIGTERM ends packetd and its machines. Its log is its standard error; what monitors write is its standard
        output. The log tells a machine's end by its monitor's exit code: 0 reset or powered off, 2 crashed, 3 not
        locked in, 4 monitor failed.

        """u8;

    /// <summary>
    /// Reads the arguments; says in one sentence what is wrong and ends the program when something is.
    /// </summary>
    public static void Parse(int count, byte** vector, out Options options)
    {
        if (Arguments.Is(vector[1], "--help"u8)) // null where there is none
        {
            Syscall.Write(1, Help);
            Syscall.Exit(0);
        }
        Arguments arguments = new(count, vector);
        Log.Level = arguments.Number("--log-level"u8, 0, 1, 1);
        options.Link = arguments.Text("--link"u8, isNeeded: true);
        options.Address = arguments.Address("--address"u8);
        options.KeyFile = arguments.Text("--key-file"u8, isNeeded: true);
        options.FormerKeyFile = arguments.Text("--former-key-file"u8, isNeeded: false);
        options.MaxDomains = (int)arguments.Number("--max-domains"u8, 1, DomainCapacity, 16);
        options.MaxMemory = arguments.Number("--max-memory"u8, 1, 3071, 1024);
        options.MinCpuShare = arguments.Number("--min-cpu-share"u8, 1, 100, 100);
        options.ChainSteps = arguments.Number("--chain-steps"u8, 1, 100_000, 1000);
        options.Grace = arguments.Number("--grace"u8, 0, 1_000_000, 60);
        options.UidBase = arguments.Number("--uid-base"u8, 0, 2_000_000_000, 200_000);
        options.Command = arguments.Rest();
    }
}
