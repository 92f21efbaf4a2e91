using System;
using System.Linux;
using System.Runtime;
using System.Runtime.InteropServices;
using Wire;

namespace Migrate;

/// <summary>
/// <c>migrate --key FILE HOST</c>: the machine that runs this moves itself to an empty one (thesis figure 6.3). With
/// <c>--token</c> it has the machine started first, with <c>--serve</c> it waits to be told.
/// </summary>
internal static unsafe class Program
{
    private static ReadOnlySpan<byte> Usage => """
        usage: migrate --key FILE [options] HOST[:PORT]
               migrate --key FILE --token FILE [options] NODE
               migrate --serve [--key FILE] [--loader FILE]
               migrate --job FILE UID:GID PROGRAM [ARGUMENT...]
               migrate --recall FILE [--follow]
        Moves this machine, running as it is, to the empty machine at HOST (an IPv4 address; port 1707), or to the one
        that NODE starts for a boot token. Or waits on port 1708 for who has the guest's key, and moves, or runs a
        program for him, when he says so. Or runs a program, and keeps the last 256 KiB of what it writes in FILE for
        --recall; the exit code is the program's.
          --key FILE     the destination's machine key; with --serve the guest's own (default /etc/evilman/guest.key)
          --token FILE   spend this boot token at NODE, and move to the machine that it starts
          --plaintext    do not encrypt: everybody on the way can read and change this machine's memory
          --checksum     let the destination check a hash over all pages
          --verify       hash all pages at the instant of the snapshot too (slow)
          --rate MBIT    send at most so many megabits a second before the snapshot
          --patience S   give up when the destination is silent for so long, or the end takes longer (default 10)
          --give-up S    give up when the snapshot has not come after so long
          --freeze MS    what is left then may take so long (default 10); what writes faster is slowed until it fits
          --loader FILE  the loader to send first (default /lib/checkpoint-loader)
        Exit: 0 arrived, 1 usage, 2 no connection, 3 no loader, 4 loader refused, 5 no checkpoint,
        6 checkpoint refused, 7 connection broke, 8 given up, 9 the destination has another key,
        10 the node refuses the token, 11 the destination is busy with another. Unless it is 0 the machine has stayed,
        and what was started for the token has been ended.

        """u8;

    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv)
    {
        // Behind the arguments and their null, as on every System V system.
        s_environment = argv + argc + 1;
        if (argc > 4 && Is(argv[1], "--job"u8) && Account.TryParse(Text(argv[3]), out Account account))
            return Job.Run(argv[2], account, argv + 4);
        if (argc is 3 or 4 && Is(argv[1], "--recall"u8))
            return Recall(argv[2], argc == 4 && Is(argv[3], "--follow"u8));
        return (int)Run(argc, argv);
    }

    private static byte** s_environment;

    /// <summary>In a new process: what it becomes has a terminal.</summary>
    public static void HasTerminal() => s_environment = Terminal.Environment(s_environment);

    private static ReadOnlySpan<byte> Text(byte* word) => MemoryMarshal.CreateReadOnlySpanFromNullTerminated(word);

    private static bool Is(byte* word, ReadOnlySpan<byte> text) => Text(word).SequenceEqual(text);

    private static int Recall(byte* file, bool follow)
    {
        if (OutputRing.Recall(file, follow))
            return 0;
        Syscall.Write(2, "migrate: There is no such file: nothing is kept of what programs write here.\n"u8);
        return (int)ExitCode.Usage;
    }

    /// <summary>
    /// In a new process: becomes the program that the first word names, by its path or by a name in the usual folders.
    /// Ends the process as shells do where that cannot be: 127 when it is not there, 126 when it cannot be run.
    /// </summary>
    public static void Become(byte** words, int input, int output, int error, bool leads)
    {
        const int ENOENT = -2;
        const int NotFound = 127;
        const int NotRun = 126;
        const int MaxPath = 4096;
        ReadOnlySpan<byte> name = Text(words[0]);
        ReadOnlySpan<byte> folders =
            "/usr/local/bin/\0/usr/bin/\0/bin/\0/usr/local/sbin/\0/usr/sbin/\0/sbin/\0/app/\0"u8;
        byte* path = Host.Allocate(MaxPath);
        int code = ENOENT;
        if (name.IndexOf((byte)'/') >= 0)
            code = Host.Execute(words[0], words, s_environment, input, output, error, leads);
        else if (name.Length > 0 && name.Length < MaxPath - folders.Length)
        {
            while (folders.Length > 0 && code == ENOENT)
            {
                int end = folders.IndexOf((byte)0);
                folders.Slice(0, end).CopyTo(new Span<byte>(path, MaxPath));
                name.CopyTo(new Span<byte>(path + end, MaxPath - end));
                path[end + name.Length] = 0;
                code = Host.Execute(path, words, s_environment, input, output, error, leads);
                // By now the descriptors are in their places.
                (input, output, error, leads) = (0, 1, 2, false);
                folders = folders.Slice(end + 1);
            }
        }
        Host.WriteAll(2, name);
        Host.WriteAll(2, code == ENOENT ? ": not found\n"u8 : ": cannot be run\n"u8);
        Syscall.Exit(code == ENOENT ? NotFound : NotRun);
    }

    private static ExitCode Run(int argc, byte** argv)
    {
        if (!Options.TryParse(argc, argv, out Options options))
        {
            Syscall.Write(2, Usage);
            return ExitCode.Usage;
        }
        if (options.Help)
        {
            Syscall.Write(1, Usage);
            return ExitCode.Arrived;
        }
        Host.IgnorePipeSignal();
        if (options.Serve)
            return Server.Run(options);
        Span<byte> key = stackalloc byte[MachineKey.Size];
        if (!Keys.TryRead(options.Key, key))
        {
            return Report.Failed(
                ExitCode.Usage, "migrate: The key's file is not there, or does not hold 40 hexadecimal digits."u8);
        }
        uint node = options.Address;
        if (options.Token != null && NodePing.Spend(ref options) is var refused and not ExitCode.Arrived)
            return refused;
        ExitCode code = Move(options, key);
        // Nobody moves to the machine that was started: it is ended, so that it costs no more.
        if (options.Token != null && code != ExitCode.Arrived)
            NodePing.End(node, key);
        return code;
    }

    /// <summary>Returns on the destination, with Arrived, or on the source when the move failed.</summary>
    public static ExitCode Move(in Options options, ReadOnlySpan<byte> key)
    {
        if (options.Plaintext)
            Report.Progress("migrate: NOT ENCRYPTED: everybody on the way can read and change this machine's memory"u8);
        ExitCode code = Destination.Connect(options, key, out Destination destination);
        if (code == ExitCode.Arrived)
            code = destination.SendLoader(options.Loader, options.Plaintext);
        if (code != ExitCode.Arrived)
            return code;
        int device = Host.Open("/dev/checkpoint\0"u8);
        if (device < 0)
            return Failure.Say(ExitCode.NoCheckpoint, Failure.Reason(device));
        Migration migration = new(destination, device, options);
        code = migration.Run();
        // Closing the device before a commit is what lets the machine go on as if nothing had been.
        Syscall.Close(device);
        if (code != ExitCode.Arrived)
            destination.Abort();
        return code;
    }
}
