using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using Board;

namespace Guestos;

/// <summary>Where the kernel begins: long mode, boot page tables, boot stack (board/boot/Pvh.S).</summary>
internal static unsafe class Kernel
{
    private const int MaximumCommandLine = StartInfo.MaximumCommandLine;

    private struct CommandLineBuffer
    {
        public fixed byte Bytes[MaximumCommandLine];
    }

    private static CommandLineBuffer s_commandLine;
    private static int s_commandLineLength;

    /// <summary>What the machine was started with (/proc/cmdline).</summary>
    public static ReadOnlySpan<byte> CommandLine
    {
        get
        {
            // SAFETY: a static of the image does not move.
            fixed (byte* bytes = s_commandLine.Bytes)
                return new ReadOnlySpan<byte>(bytes, s_commandLineLength);
        }
    }

    [RuntimeExport("kernel_main")]
    private static void Main(ulong startInfo)
    {
        var start = new StartInfo(startInfo, DirectMap.Base);
        if (!start.IsValid)
            Panic.Stop("no PVH start info"u8);
        KeepCommandLine(start.CommandLine);
        ulong end = start.MemoryEnd;
        if (end < 16 << 20)
            Panic.Stop("less than 16 MiB of memory"u8);
        if (!Frames.Init(start, end, Symbols.KernelEnd() - DirectMap.Base) || !PageTable.BuildKernel(end))
            Panic.Stop("no memory for the kernel's tables"u8);
        Symbols.EnterKernelTables(PageTable.KernelRoot, startInfo);
    }

    /// <summary>The same on the kernel's own page tables. Ends as the idle loop.</summary>
    [RuntimeExport("kernel_start")]
    private static void Start(ulong startInfo)
    {
        var start = new StartInfo(startInfo, DirectMap.Base);
        if (!Descriptors.Build())
            Panic.Stop("no memory for the interrupt stacks"u8);
        Interrupts.Start();
        Clock.Start();
        Entropy.Gather(CommandLine);
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
        Terminal.Begin();
        CheckpointDevice.Register();
        ulong* secrets = stackalloc ulong[2];
        Randomness.Fill(new Span<byte>(secrets, 16));
        Network.Start(CommandLine, secrets[0], secrets[1]);
        Console.Write("guestos: "u8);
        Console.WriteDecimal(Frames.End >> 20);
        Console.Write(" MiB, "u8);
        Console.WriteDecimal(Frames.Free * Frames.Size >> 10);
        Console.Write(" KiB free\n"u8);
        StartInit();
        Scheduler.Idle();
    }

    /// <summary>The whole pages of a module that nobody needs any more.</summary>
    private static void FreeModule(in StartInfo.Module module)
    {
        ulong from = Math.Max((module.Address + Frames.Size - 1) / Frames.Size, Frames.FirstByte / Frames.Size);
        for (ulong frame = from; frame < (module.Address + module.Length) / Frames.Size; frame++)
            Frames.Release(frame * Frames.Size);
    }

    private static void KeepCommandLine(ReadOnlySpan<byte> line)
    {
        s_commandLineLength = Math.Min(line.Length, MaximumCommandLine);
        fixed (byte* bytes = s_commandLine.Bytes)
            line.Slice(0, s_commandLineLength).CopyTo(new Span<byte>(bytes, MaximumCommandLine));
    }

    /// <summary>init=PATH on the command line, else /init.</summary>
    private static void StartInit()
    {
        InitArguments given = default;
        if (!given.Begin(CommandLine))
            Panic.Stop("no memory for the first program's arguments"u8);
        // A script's interpreter takes the place of the path; the first argument stays what it was.
        long result = Processes.StartFirst(given.Path, given.Arguments, given.Environment);
        if (result < 0)
        {
            Console.Write("guestos: the first program cannot be run: "u8);
            Console.Write(System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(given.Arguments[0]));
            Console.Write(", error "u8);
            Console.WriteDecimal((ulong)-result);
            Panic.Stop("no init"u8);
        }
        given.Free();
    }
}
