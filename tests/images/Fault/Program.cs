using System.Runtime;
using Board;

namespace Fault;

/// <summary>
/// Accesses memory that is not there. There is no handler for that exception, nor for the double fault that follows, so the machine is
/// reset.
/// </summary>
internal static unsafe class Program
{
    [RuntimeExport("kernel_main")]
    private static void Main(ulong startInfo)
    {
        Uart.Write("a machine that faults three times\n"u8);
        *(byte*)(1UL << 46) = 1;
    }
}
