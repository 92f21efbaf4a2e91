using System;
using System.Linux;
using System.Runtime;

namespace Selftest;

/// <summary>Prints one line per group of <see cref="Checks"/>; with an argument, breaks an invariant on purpose.</summary>
internal static unsafe class Program
{
    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv, byte** envp)
    {
        if (argc > 1)
        {
            var short_ = new Span<byte>(argv[1], 1);
            return short_[argc]; // one past the end: must not return
        }
        byte* line = stackalloc byte[17];
        for (int group = 0; group < Checks.Groups; group++)
        {
            ulong digest = Checks.Run(group);
            for (int i = 0; i < 16; i++)
                line[i] = "0123456789abcdef"u8[(int)(digest >> (60 - 4 * i)) & 15];
            line[16] = (byte)'\n';
            Syscall.Invoke(1, 1, (nint)line, 17);
        }
        return 0;
    }
}
