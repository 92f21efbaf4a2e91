using System;
using System.Machine;
using System.Runtime;

namespace Cstrap;

/// <summary>The firmware of an empty domain: a TCP server that takes a loader and gives it the machine.</summary>
internal static unsafe class Program
{
    private const ulong PageSize = 4096;

    [RuntimeExport("kernel_main")]
    private static void Main(ulong monitorStartInfo)
    {
        byte* free = Native.ImageEnd();
        StartInfo given = new(monitorStartInfo, 0);
        if (!given.IsValid || given.MemoryEnd <= Layout.LoaderWindowEnd)
            Stop("The monitor hands over no memory map, or less than 4 MiB of memory."u8);
        ulong startInfo = (ulong)free;
        free += Keep(given, free);
        StartInfo kept = new(startInfo, 0);

        if (!BootArguments.TryParse(kept.CommandLine, out BootArguments arguments))
            Stop("The command line lacks evilman.boot=A.B.C.D/LEN or evilman.loader=SHA-1, or holds one that is malformed."u8);
        Idle.Init(free);
        free += PageSize;
        ServiceTable* table = (ServiceTable*)free;
        free += PageSize;
        if (!Network.TryStart(kept.CommandLine, arguments, free, Layout.LoaderWindow - (ulong)free))
            Stop("The network does not start."u8);

        Log.Begin("an empty domain at "u8);
        Log.Address(arguments.BootAddress);
        Uart.Write(", MiB "u8);
        Uart.WriteDecimal(kept.MemoryEnd >> 20);
        Log.End();
        while (true)
        {
            int socket = UploadServer.Serve(arguments, kept.MemoryEnd);
            Services.Fill(table, socket, kept, startInfo);
            ((delegate*<ServiceTable*, void>)Layout.LoaderWindow)(table);
            // It came back: it refused what it was sent, and said so to the sender.
            Log.Line("the loader gave up; waiting for another"u8);
            UploadServer.Dismiss(socket);
        }
    }

    /// <summary>
    /// Copies the start info, its memory map and its command line into the window: low memory becomes the network device's, and what a
    /// guest is given has to outlive that. Returns the bytes used, whole pages.
    /// </summary>
    private static ulong Keep(in StartInfo given, byte* to)
    {
        byte* map = to + StartInfo.Size;
        int ranges = given.MemoryRangeCount;
        for (int i = 0; i < ranges; i++)
        {
            StartInfo.MemoryRange range = given.MemoryRangeAt(i);
            ulong* entry = (ulong*)(map + i * StartInfo.MemoryEntrySize);
            entry[0] = range.Address;
            entry[1] = range.Length;
            entry[2] = range.Kind;
        }
        byte* line = map + ranges * StartInfo.MemoryEntrySize;
        ReadOnlySpan<byte> text = given.CommandLine;
        text.CopyTo(new Span<byte>(line, StartInfo.MaximumCommandLine));
        line[text.Length] = 0;
        StartInfo.Write(to, (ulong)line, 0, 0, (ulong)map, (uint)ranges);
        return ((ulong)(line + text.Length + 1 - to) + PageSize - 1) & ~(PageSize - 1);
    }

    private static void Stop(ReadOnlySpan<byte> why)
    {
        Log.Line(why);
        Processor.Reset();
    }
}
