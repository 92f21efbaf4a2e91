using System.Runtime;
using Board;

namespace HelloGuest;

/// <summary>Shows the start info that a loader made: command line, memory, module; then asks for a reset.</summary>
internal static unsafe class Program
{
    private static ulong s_zeroed;

    [RuntimeExport("kernel_main")]
    private static void Main(ulong physical)
    {
        StartInfo information = new(physical, 0);
        Uart.Write("guest: "u8);
        Uart.Write(information.CommandLine);
        Uart.Write("; MiB "u8);
        Uart.WriteDecimal(information.MemoryEnd >> 20);
        Uart.Write("; zeroed "u8);
        Uart.WriteDecimal(s_zeroed++);
        for (int i = 0; i < information.ModuleCount; i++)
        {
            StartInfo.Module module = information.ModuleAt(i);
            uint sum = 0;
            for (ulong at = 0; at < module.Length; at++)
                sum += ((byte*)module.Address)[at];
            Uart.Write("; module of "u8);
            Uart.WriteDecimal(module.Length);
            Uart.Write(" bytes, sum "u8);
            Uart.WriteDecimal(sum);
        }
        Uart.Write("\n"u8);
        Processor.Reset();
    }
}
