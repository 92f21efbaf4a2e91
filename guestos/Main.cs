using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Board;

namespace Guestos;

/// <summary>Where the kernel begins: long mode, boot page tables, boot stack (board/boot/Pvh.S).</summary>
internal static unsafe class Kernel
{
    [RuntimeExport("kernel_main")]
    private static void Main(ulong startInfo)
    {
        Descriptors.Begin(LogicalProcessor.First);
        var start = new StartInfo(startInfo, DirectMap.Base);
        if (!start.IsValid)
            Panic.Stop("no PVH start info"u8);
        CommandLine.Keep(start.CommandLine);
        UsedFeatures.Start(CommandLine.Text);
        ulong end = start.MemoryEnd;
        if (end < 16 << 20)
            Panic.Stop("less than 16 MiB of memory"u8);
        if (!Frames.Init(start, end, KernelImage.End() - DirectMap.Base) || !PageTable.BuildKernel(end))
            Panic.Stop("no memory for the kernel's tables"u8);
        Symbols.EnterKernelTables(PageTable.KernelRoot, startInfo);
    }

    /// <summary>The same on the kernel's own page tables. Ends as the idle loop.</summary>
    [RuntimeExport("kernel_start")]
    private static void Start(ulong startInfo)
    {
        var start = new StartInfo(startInfo, DirectMap.Base);
        Connect();
        LogicalProcessor* processor = LogicalProcessor.First;
        processor->InterruptStacks = Frames.AllocateExcluded(Descriptors.InterruptStackPages);
        if (processor->InterruptStacks == 0)
            Panic.Stop("no memory for the interrupt stacks"u8);
        Descriptors.Load(processor);
        Interrupts.Start();
        Clock.Start(Interrupts.Local);
        Entropy.Gather(CommandLine.Text);
        byte* archive = null;
        ulong archiveLength = 0;
        if (start.ModuleCount > 0)
        {
            archive = DirectMap.At(start.ModuleAt(0).Address);
            archiveLength = start.ModuleAt(0).Length;
        }
        if (!Vfs.Init(archive, archiveLength))
            Panic.Stop("the initramfs cannot be used"u8);
        if (archive != null && !InitialTree.KeepsArchive)
            FreeModule(start.ModuleAt(0));
        ZeroPage.Start();
        Vdso.Start();
        ConsoleTerminal.Start();
        CheckpointDevice.Register();
        ulong* secrets = stackalloc ulong[2];
        Randomness.Fill(new Span<byte>(secrets, 16));
        Network.Start(CommandLine.Text, secrets[0], secrets[1]);
        Console.Write("guestos: "u8);
        Console.WriteDecimal(Frames.End >> 20);
        Console.Write(" MiB, "u8);
        Console.WriteDecimal(Frames.Free * Frames.Size >> 10);
        Console.Write(" KiB free\n"u8);
        StartInit();
        Scheduler.Idle();
    }

    /// <summary>Tells lower layers what of the upper ones they are to call.</summary>
    private static void Connect()
    {
        Scheduler.Register();
        Interrupts.TimerHandler = &Timers.Expired;
        Timers.NetworkDeadline = &NextNetworkDeadline;
        Timers.NetworkDue = &Network.Tick;
        SemaphoreSets.Register();
        SharedMemory.Register();
        PosixQueues.Register();
        ProcIpc.Register();
    }

    private static ulong NextNetworkDeadline() => Network.NextDeadline;

    /// <summary>The whole pages of a module that nobody needs any more.</summary>
    private static void FreeModule(in StartInfo.Module module)
    {
        ulong from = Math.Max((module.Address + Frames.Size - 1) / Frames.Size, Frames.FirstByte / Frames.Size);
        for (ulong frame = from; frame < (module.Address + module.Length) / Frames.Size; frame++)
            Frames.Release(frame * Frames.Size);
    }

    /// <summary>init=PATH on the command line, else /init.</summary>
    private static void StartInit()
    {
        InitArguments given = default;
        if (!given.Begin(CommandLine.Text))
            Panic.Stop("no memory for the first program's arguments"u8);
        // A script's interpreter takes the place of the path; the first argument stays what it was.
        long result = FirstProcess.Start(given.Path, given.Arguments, given.Environment);
        if (result < 0)
        {
            Console.Write("guestos: the first program cannot be run: "u8);
            Console.Write(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(given.Arguments[0]));
            Console.Write(", error "u8);
            Console.WriteDecimal((ulong)-result);
            Panic.Stop("no init"u8);
        }
        given.Free();
    }
}
