using System;
using System.Linux;
using System.Runtime;

namespace Hello;

internal static unsafe class Program
{
    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv, byte** envp)
    {
        ReadOnlySpan<byte> text = "hello from freestanding C#\n"u8;
        fixed (byte* bytes = text)
            return Syscall.Invoke(1, 1, (nint)bytes, text.Length) == text.Length ? 0 : 1;
    }
}
