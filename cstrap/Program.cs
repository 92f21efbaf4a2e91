using System;
using System.Runtime;
using Board;
using Wire;

namespace Cstrap;

/// <summary>The firmware of an empty domain: a TCP server that takes a loader and gives it the machine.</summary>
internal static unsafe class Program
{
    private const ulong PageSize = 4096;

    /// <summary>For one record of the secure channel, whole pages.</summary>
    private const ulong RecordRoom = (SecureChannel.MaxRecord + PageSize - 1) & ~(PageSize - 1);

    [RuntimeExport("kernel_main")]
    private static void Main(ulong monitorStartInfo)
    {
        byte* free = Native.ImageEnd();
        StartInfo given = new(monitorStartInfo, 0);
        if (!given.IsValid || given.MemoryEnd <= GuestPhysical.LoaderEnd)
            Stop("The monitor hands over no memory map, or less than 4 MiB of memory."u8);
        ulong startInfo = (ulong)free;
        free += Keep(given, free);
        StartInfo kept = new(startInfo, 0);

        if (!BootArguments.TryParse(kept.CommandLine, out BootArguments arguments))
            Stop("""
                The command line lacks evilman.boot=A.B.C.D/LEN or evilman.loader=SHA-1, or holds one that is malformed.
                """u8);
        Span<byte> key = stackalloc byte[Sha1.DigestSize];
        if (!TryTakeKey(given, key))
            Stop("The monitor hands over no machine key: nobody could prove that the machine is his."u8);
        Idle.Init(free);
        free += PageSize;
        ServiceTable* table = (ServiceTable*)free;
        free += PageSize;
        byte* inbox = free;
        byte* outbox = inbox + RecordRoom;
        byte* scratch = outbox + RecordRoom;
        free = scratch + RecordRoom;
        Entropy.Gather(kept.CommandLine, key);
        if (!Network.TryStart(kept.CommandLine, arguments, free, GuestPhysical.Loader - (ulong)free))
            Stop("The network does not start."u8);

        Log.Begin("an empty domain at "u8);
        Log.Address(arguments.BootAddress);
        Uart.Write(", MiB "u8);
        Uart.WriteDecimal(kept.MemoryEnd >> 20);
        Log.End();
        Inbox.Begin(inbox);
        UploadServer.Begin(key, scratch);
        key.Clear();
        Lease.Begin(arguments.Lease);
        // Above the window there was nothing but the key.
        ulong zerosFrom = GuestPhysical.LoaderEnd;
        while (true)
        {
            UploadServer.Serve(arguments);
            Client* owner = UploadServer.Owner;
            Services.Fill(table, owner, outbox, kept, startInfo, zerosFrom);
            zerosFrom = 0;
            Native.WipeStack(Layout.StackResidue);
            ((delegate*<ServiceTable*, void>)GuestPhysical.Loader)(table);
            // It came back: it refused what it was sent, and said so to the sender.
            Log.Line("the loader gave up; waiting for another"u8);
            UploadServer.Dismiss(owner);
        }
    }

    /// <summary>
    /// Copies the machine key out of the first module and wipes the module: memory above the window is the guest's.
    /// </summary>
    private static bool TryTakeKey(in StartInfo given, Span<byte> key)
    {
        if (given.ModuleCount == 0)
            return false;
        StartInfo.Module module = given.ModuleAt(0);
        if (module.Length != KeyModule.Size || module.Address > given.MemoryEnd - KeyModule.Size)
            return false;
        // SAFETY: within RAM by the check above, identity mapped, and nobody else's.
        Span<byte> bytes = new((byte*)module.Address, KeyModule.Size);
        if (!KeyModule.TryParse(bytes, out ReadOnlySpan<byte> found))
            return false;
        found.CopyTo(key);
        bytes.Clear();
        return true;
    }

    /// <summary>
    /// Copies the start info, its memory map and its command line into the window: low memory becomes the network
    /// device's, and what a guest is given has to outlive that. Returns the bytes used, whole pages.
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
        text.CopyTo(new Span<byte>(line, StartInfo.MaxCommandLine));
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
