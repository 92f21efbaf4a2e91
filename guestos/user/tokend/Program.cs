using System;
using System.Linux;
using System.Runtime;
using System.Runtime.InteropServices;

namespace Tokend;

/// <summary>
/// <c>tokend</c>: asks the node what is left of this machine's tokens, calls home for more in time, and says on the
/// console, and to the programs of /etc/tokend.d, when the end is near.
/// </summary>
internal static unsafe class Program
{
    private const int Done = 0;
    private const int BadUsage = 1;

    private static ReadOnlySpan<byte> Usage => """
        usage: tokend
        Sees to it that this machine is paid, as its command line (/proc/cmdline) says:
          tokend.home=A.B.C.D   the home node, where «evilman home --listen» runs; without it nothing is done
          tokend.low=SECONDS    when home is asked for more (default 60)
          tokend.last=SECONDS   when the end is near (default 10)
        /etc/tokend.d/low is run when home is asked, /etc/tokend.d/end when the end is near, if they are there; both
        with the seconds that are left.

        """u8;

    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv)
    {
        if (argc > 1)
        {
            ReadOnlySpan<byte> word = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(argv[1]);
            bool isHelp = word.SequenceEqual("--help"u8) || word.SequenceEqual("-h"u8);
            Syscall.Write(isHelp ? 1 : 2, Usage);
            return isHelp ? Done : BadUsage;
        }
        if (!Settings.TryRead(out Settings settings, out bool isGood))
            return Done;
        if (!isGood)
        {
            Host.Log("tokend: tokend.home, .low or .last of the command line is wrong: see «tokend --help»"u8);
            return BadUsage;
        }
        Watch watch = new(settings);
        while (true)
        {
            int seconds = watch.Look();
            Timing.Sleep((ulong)seconds * Timing.NanosecondsInSecond);
            Host.Reap();
        }
    }
}
