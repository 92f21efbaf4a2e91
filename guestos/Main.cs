using System.Machine;
using System.Runtime;

namespace Guestos;

/// <summary>Where the kernel begins: long mode, boot page tables, boot stack (corelib/Machine/Pvh.S).</summary>
internal static unsafe class Kernel
{
    [RuntimeExport("kernel_main")]
    private static void Main(ulong startInfo)
    {
        Console.Write("guestos\n"u8);
        Processor.Reset();
    }
}
