using System.Runtime;
using Board;

namespace Fault;

/// <summary>Touches memory that is not there. Nobody handles that exception, nor the one that comes of it, so the machine is reset.</summary>
internal static unsafe class Program
{
    [RuntimeExport("kernel_main")]
    private static void Main(ulong startInfo)
    {
        Uart.Write("a machine that faults three times\n"u8);
        *(byte*)(1UL << 46) = 1;
    }
}
