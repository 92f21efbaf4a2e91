using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Board;

namespace Guestos;

/// <summary>
/// Segments, the task state with its interrupt stacks, the interrupt table and the SYSCALL registers (SDM vol. 3A
/// chapters 3, 5, 6). The selectors are those of Linux, because signal frames show them.
/// </summary>
public static unsafe class Descriptors
{
    public const ushort KernelCode = 0x10;
    public const ushort KernelData = 0x18;
    public const ushort UserCode = 0x33;
    public const ushort UserData = 0x2b;
    private const ushort UserCode32 = 0x23;
    private const ushort TaskState = 0x40;

    /// <summary>Bytes of the task-state segment (SDM vol. 3A §7.7), without an I/O permission map.</summary>
    private const uint TaskStateSize = 104;

    // Interrupt stacks: page faults may come while another trap is being built, double faults, NMIs and machine checks
    // at any time.
    private const int StackForTraps = 1;
    private const int StackForPageFaults = 2;
    private const int StackForAnyTime = 3;
    private const int Stacks = 3;
    private const int StackPages = 4;

    /// <summary>Pages of the interrupt stacks of one processor.</summary>
    public const int InterruptStackPages = Stacks * StackPages;

    // Model-specific registers (SDM vol. 4 table 2-2).
    private const uint Efer = 0xc0000080;
    private const uint Star = 0xc0000081;
    private const uint LStar = 0xc0000082;
    private const uint CStar = 0xc0000083;
    private const uint FMask = 0xc0000084;
    private const uint FsBase = 0xc0000100;
    private const uint GsBase = 0xc0000101;
    private const uint KernelGsBase = 0xc0000102;

    // Bits of IA32_EFER (SDM vol. 3A §2.2.1).
    private const ulong SystemCallEnable = 1;
    private const ulong NoExecuteEnable = 1 << 11;

    // Fields of descriptors (SDM vol. 3A §3.4.5, §6.14.1, §7.2.3): the type, S, DPL, P, the upper bits of the limit, L,
    // D/B and G. A flat segment is 4 GiB long, in units of 4 KiB.
    private const ulong DataSegment = 0x13ul << 40;
    private const ulong CodeSegment = 0x1bul << 40;
    private const ulong AvailableTaskState = 9ul << 40;
    private const ulong InterruptGate = 14ul << 40;
    private const ulong UserPrivilege = 3ul << 45;
    private const ulong Present = 1ul << 47;
    private const ulong Bits64 = 1ul << 53;
    private const ulong Bits32 = 1ul << 54;
    private const ulong Flat = 1ul << 55 | 0xful << 48 | 0xffff | Present;

    private const int Vectors = 256;

    private struct InterruptTable
    {
        public fixed ulong Gates[2 * Vectors];
    }

    /// <summary>What LGDT and LIDT load.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 2)]
    private struct TableRegister
    {
        public ushort Limit;
        public ulong Base;
    }

    /// <summary>All processors have the same.</summary>
    private static InterruptTable s_interrupts;

    /// <summary>
    /// Makes the processor known to the kernel: the first thing of all, since nothing finds the current thread before.
    /// </summary>
    internal static void Begin(LogicalProcessor* processor)
    {
        processor->Self = processor;
        Processor.WriteMsr(GsBase, (ulong)processor);
    }

    /// <summary>
    /// Fills the tables of a processor, which is the current one, and loads every register that points to them: at
    /// boot, and again on arrival on another machine. Its interrupt stacks are there.
    /// </summary>
    public static void Load(LogicalProcessor* processor)
    {
        FillSegments(processor);
        var segments = new TableRegister
        {
            Limit = LogicalProcessor.SegmentCount * 8 - 1,
            Base = (ulong)processor->Segments,
        };
        Symbols.LoadSegments(&segments);
        // That has cleared the base of GS.
        Begin(processor);
        Processor.WriteMsr(KernelGsBase, 0);
        // SAFETY: a static of the image does not move.
        var table = (InterruptTable*)Unsafe.AsPointer(ref s_interrupts);
        FillGates(table);
        var interrupts = new TableRegister
        {
            Limit = (ushort)(sizeof(InterruptTable) - 1),
            Base = (ulong)table,
        };
        Processor.LoadIdt(&interrupts);
        Processor.LoadTaskRegister(TaskState);
        Processor.WriteMsr(Efer, Processor.ReadMsr(Efer) | SystemCallEnable | NoExecuteEnable);
        Processor.WriteMsr(Star, (ulong)UserCode32 << 48 | (ulong)KernelCode << 32);
        Processor.WriteMsr(LStar, Symbols.SyscallEntry());
        Processor.WriteMsr(CStar, Symbols.SyscallEntry32());
        Processor.WriteMsr(FMask, FlagsRegister.Interrupt | FlagsRegister.Trap | FlagsRegister.Direction
            | FlagsRegister.NestedTask | FlagsRegister.AlignmentCheck);
    }

    /// <summary>The bases of FS and GS that user mode finds.</summary>
    public static void LoadUserBases(ulong fs, ulong gs)
    {
        Processor.WriteMsr(FsBase, fs);
        Processor.WriteMsr(KernelGsBase, gs);
    }

    private static void FillSegments(LogicalProcessor* processor)
    {
        ulong* segments = processor->Segments;
        uint* task = processor->TaskState;
        ulong at = (ulong)task;
        segments[KernelCode >> 3] = Flat | CodeSegment | Bits64;
        segments[KernelData >> 3] = Flat | DataSegment | Bits32;
        segments[UserCode32 >> 3] = Flat | CodeSegment | Bits32 | UserPrivilege;    // SYSRET needs its place
        segments[UserData >> 3] = Flat | DataSegment | Bits32 | UserPrivilege;
        segments[UserCode >> 3] = Flat | CodeSegment | Bits64 | UserPrivilege;
        ulong lower = (at & 0xffffff) << 16 | (at >> 24 & 0xff) << 56;
        segments[TaskState >> 3] = lower | AvailableTaskState | Present | TaskStateSize - 1;
        segments[(TaskState >> 3) + 1] = at >> 32;
        ulong stacks = (ulong)DirectMap.At(processor->InterruptStacks);
        for (int stack = 1; stack <= Stacks; stack++)
            *(ulong*)(task + 7 + 2 * stack) = stacks + (ulong)(stack * StackPages * DirectMap.PageSize);
        task[25] = TaskStateSize << 16;             // no I/O permission map
    }

    private static void FillGates(InterruptTable* table)
    {
        ulong stubs = Symbols.TrapStubs();
        for (int vector = 0; vector < Vectors; vector++)
        {
            ulong stack = vector switch
            {
                ExceptionVector.PF => StackForPageFaults,
                ExceptionVector.NMI or ExceptionVector.DF or ExceptionVector.MC => StackForAnyTime,
                _ => StackForTraps,
            };
            ulong privilege = vector is ExceptionVector.BP or ExceptionVector.OF ? UserPrivilege : 0;
            ulong entry = stubs + (ulong)vector * 16;
            table->Gates[2 * vector] = entry & 0xffff | (ulong)KernelCode << 16 | stack << 32 | InterruptGate
                | privilege | Present | (entry >> 16 & 0xffff) << 48;
            table->Gates[2 * vector + 1] = entry >> 32;
        }
    }
}
