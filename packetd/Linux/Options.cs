using System;

namespace Packetd;

/// <summary>The command line. Paths stay where the kernel put them, terminated by zero.</summary>
internal unsafe struct Options
{
    public byte* Link, KeyFile, Monitor, Firmware;
    public uint Address;
    public uint MaxDomains, MaxMemory, ChainSteps, TokenCpu, UidBase, LogLevel;

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
          --max-domains N       machines at a time, 1 to 64 (16)
          --max-memory MIB      memory of one machine at most, 1 to 3071 (1024)
          --chain-steps N       tokens verified in one packet at most, 1 to 100000 (1000)
          --token-cpu SECONDS   CPU time that one token pays for, 1 to 1000000 (3600); a machine that has used up its tokens' ends
          --uid-base N          machine n runs as user and group N + n, up to 2000000000 (200000); 0: as packetd's own, for laboratories only
          --log-level N         0 errors, 1 events (1)

        SIGTERM ends packetd and its machines. Its log is its standard error; what monitors write is its standard output.
        The log tells a machine's end by its monitor's exit code: 0 reset or powered off, 2 crashed, 3 not locked in, 4 monitor failed.

        """u8;

    /// <summary>Reads the arguments; says in one sentence what is wrong and ends the program when something is.</summary>
    public static Options Parse(Arguments arguments)
    {
        if (arguments.AskForHelp())
        {
            Kernel.Write(1, Help);
            Kernel.Exit(0);
        }
        Options options = new()
        {
            Link = arguments.Text("--link"u8),
            Address = arguments.Address("--address"u8),
            KeyFile = arguments.Text("--key-file"u8),
            Monitor = arguments.Text("--monitor"u8),
            Firmware = arguments.Text("--firmware"u8),
            MaxDomains = arguments.Number("--max-domains"u8, 1, DomainsLimit, 16),
            MaxMemory = arguments.Number("--max-memory"u8, 1, 3071, 1024),
            ChainSteps = arguments.Number("--chain-steps"u8, 1, 100_000, 1000),
            TokenCpu = arguments.Number("--token-cpu"u8, 1, 1_000_000, 3600),
            UidBase = arguments.Number("--uid-base"u8, 0, 2_000_000_000, 200_000),
            LogLevel = arguments.Number("--log-level"u8, 0, 1, 1),
        };
        arguments.RejectRest();
        return options;
    }
}
