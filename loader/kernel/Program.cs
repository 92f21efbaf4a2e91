using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using Board;
using Wire;

namespace Loader.Kernel;

/// <summary>
/// Receives a kernel bundle and starts the kernel as a PVH monitor would. Whatever the bundle breaks is refused with a
/// reason, and the firmware waits for the next client.
/// </summary>
internal static unsafe class Program
{
    [RuntimeImport("*", "enter_pvh"), MethodImpl(MethodImplOptions.InternalCall)]
    private static extern void EnterPvh(uint entry, ulong startInfo);

    [RuntimeExport("loader_main")]
    private static void Main(ServiceTable* services)
    {
        Peer peer = new(services);
        if (!peer.IsKnown)
            return;
        UploadRefusal refusal = Receive(peer, out uint entry, out ulong detail, out bool broken);
        if (broken)
            return;
        byte* answer = stackalloc byte[UploadAnswer.Size];
        UploadAnswer.Emit(new Span<byte>(answer, UploadAnswer.Size), UploadStage.KernelLoader, refusal, detail);
        if (refusal != UploadRefusal.None)
        {
            peer.Say("loader: refused a kernel bundle, reason "u8);
            peer.SayNumber((ulong)refusal);
            peer.Say("\n"u8);
            peer.Send(answer, UploadAnswer.Size);
            return;
        }
        // The guest does not depend on whether the client hears of it.
        peer.Send(answer, UploadAnswer.Size);
        peer.Flush(1000);
        peer.Say("loader: starting the kernel\n"u8);
        peer.Quiesce();
        EnterPvh(entry, GuestStartInfo.Physical);
    }

    /// <param name="broken">The connection is gone: there is nobody to answer.</param>
    private static UploadRefusal Receive(Peer peer, out uint entry, out ulong detail, out bool broken)
    {
        entry = 0;
        detail = 0;
        broken = false;
        byte* header = stackalloc byte[KernelBundle.Size];
        int result = peer.Receive(header, KernelBundle.Size);
        if (result != 0)
        {
            broken = result < 0;
            return UploadRefusal.BadBundle;
        }
        if (!KernelBundle.TryParse(new ReadOnlySpan<byte>(header, KernelBundle.Size), out KernelBundle bundle))
            return UploadRefusal.BadBundle;

        // The bundle goes to the end of memory, the initramfs to the start of a page; the kernel is loaded below all of
        // it.
        ulong total = (ulong)bundle.CommandLineLength + bundle.KernelLength + bundle.InitramfsLength;
        ulong memoryEnd = peer.MemoryEnd & ~4095UL;
        detail = memoryEnd >> 20;
        if (bundle.InitramfsLength > memoryEnd || total > int.MaxValue)
            return UploadRefusal.NotEnoughMemory;
        ulong initramfs = (memoryEnd - bundle.InitramfsLength) & ~4095UL;
        ulong before = bundle.CommandLineLength + (ulong)bundle.KernelLength;
        if (initramfs < GuestPhysical.Guest + before)
            return UploadRefusal.NotEnoughMemory;
        byte* commandLine = (byte*)(initramfs - before);
        byte* kernel = commandLine + bundle.CommandLineLength;
        // SAFETY: [commandLine, commandLine + total) lies in RAM above the firmware window, which nobody uses yet.
        result = peer.Receive(commandLine, total);
        detail = 0;
        if (result != 0)
        {
            broken = result < 0;
            return UploadRefusal.BadBundle;
        }
        if (bundle.Hashed)
        {
            byte* digest = stackalloc byte[Sha1.DigestSize];
            Sha1.Hash(new ReadOnlySpan<byte>(commandLine, (int)total), new Span<byte>(digest, Sha1.DigestSize));
            if (!bundle.Hash.SequenceEqual(new ReadOnlySpan<byte>(digest, Sha1.DigestSize)))
                return UploadRefusal.BadBundle;
        }
        StartInfo monitor = new(peer.StartInfoPhysical, 0);
        if (!GuestStartInfo.TryWrite(monitor, new ReadOnlySpan<byte>(commandLine, (int)bundle.CommandLineLength),
            initramfs, bundle.InitramfsLength))
        {
            detail = GuestStartInfo.MaxCommandLine;
            return UploadRefusal.BadBundle;
        }
        return new Elf(kernel, bundle.KernelLength, GuestPhysical.Guest, (ulong)commandLine).TryLoad(out entry)
            ? UploadRefusal.None : UploadRefusal.BadKernel;
    }
}
