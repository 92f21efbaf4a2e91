using System.Runtime;
using Board;

namespace HelloPvh;

/// <summary>The smallest machine image: says hello on the UART, shows the magic of what the monitor handed over, and asks for a reset.</summary>
internal static unsafe class Program
{
    [RuntimeExport("kernel_main")]
    private static void Main(ulong startInfo)
    {
        Uart.Write("hello from a machine of freestanding C#, start info "u8);
        Uart.WriteHex(*(uint*)startInfo);
        Uart.Write("\n"u8);
        Processor.Reset();
    }
}
