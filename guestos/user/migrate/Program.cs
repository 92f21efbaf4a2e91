using System;
using System.Runtime;

namespace Migrate;

/// <summary><c>migrate HOST</c>: the machine that runs this moves itself to an empty domain (thesis figure 6.3).</summary>
internal static unsafe class Program
{
    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv, byte** envp) => (int)Run(argc, argv);

    private static ExitCode Run(int argc, byte** argv)
    {
        if (!Options.TryParse(argc, argv, out Options options) || options.Help)
        {
            Kernel.Write(options.Help ? 1 : 2, """
                usage: migrate [--checksum] [--verify] [--rate MBIT] [--patience SECONDS] [--loader FILE] HOST[:PORT]
                Moves this machine, running as it is, to the empty domain at HOST (an IPv4 address; port 1707).
                  --checksum     let the destination check a hash over all pages
                  --verify       hash all pages at the instant of the snapshot too (slow)
                  --rate MBIT    send at most so many megabits a second before the snapshot
                  --patience S   give up when the destination is silent for so long, or the end takes longer (default 10)
                  --loader FILE  the loader to send first (default /lib/checkpoint-loader)
                Exit: 0 arrived, 1 usage, 2 no connection, 3 no loader, 4 loader refused, 5 no checkpoint,
                6 checkpoint refused, 7 connection broke, 8 working set too large. Unless it is 0 the machine has stayed.

                """u8);
            return options.Help ? ExitCode.Arrived : ExitCode.Usage;
        }
        Kernel.IgnorePipeSignal();
        ExitCode code = Destination.Connect(options, out Destination destination);
        if (code == ExitCode.Arrived)
            code = destination.SendLoader(options.Loader);
        if (code != ExitCode.Arrived)
            return code;
        int device;
        fixed (byte* path = "/dev/checkpoint\0"u8)
            device = Kernel.Open(path, 0);
        if (device < 0)
            return Failure.Say(ExitCode.NoCheckpoint, Failure.Reason(-device));
        Migration migration = new(destination, device, options);
        code = migration.Run();
        // Closing the device before a commit is what lets the machine go on as if nothing had been.
        Kernel.Close(device);
        return code;
    }
}
