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
    public const ushort KernelCode = 0x10, KernelData = 0x18, UserCode = 0x33, UserData = 0x2b;
    private const ushort UserCode32 = 0x23, TaskState = 0x40;

    /// <summary>
    /// Interrupt stacks: page faults may come while another trap is being built, double faults and NMIs at any time.
    /// </summary>
    private const int StackForTraps = 1, StackForPageFaults = 2, StackForDisasters = 3;
    private const int StackPages = 4;

    private const uint Efer = 0xc0000080, Star = 0xc0000081, LStar = 0xc0000082, CStar = 0xc0000083, FMask = 0xc0000084;

    [StructLayout(LayoutKind.Sequential)]
    private struct Table
    {
        public fixed ulong Segments[10];
        public fixed uint Task[26];
        public fixed ulong Gates[512];
        public ushort Padding0, Padding1, Padding2;
        public ushort Limit;
        public ulong Base;
    }

    private static Table s_table;

    /// <summary>The three interrupt stacks, lowest first; physical, contiguous, excluded from checkpoints.</summary>
    public static ulong InterruptStacks;

    /// <summary>Pages of the three interrupt stacks.</summary>
    public const int InterruptStackPages = 3 * StackPages;

    /// <summary>Builds everything once, at boot.</summary>
    /// <param name="stacks">Physical address of <see cref="InterruptStackPages"/> pages, no part of
    /// checkpoints.</param>
    public static void Build(ulong stacks)
    {
        InterruptStacks = stacks;
        Load();
    }

    /// <summary>
    /// Fills the tables and loads every register that points to them: at boot, and again on arrival on another machine.
    /// </summary>
    public static void Load()
    {
        // SAFETY: statics of the image do not move.
        Table* table = (Table*)Unsafe.AsPointer(ref s_table);
        *table = default;
        ulong task = (ulong)table->Task;
        table->Segments[2] = 0x00af9b000000ffff;    // 0x10: kernel code, 64 bits
        table->Segments[3] = 0x00cf93000000ffff;    // 0x18: kernel data
        table->Segments[4] = 0x00cffb000000ffff;    // 0x20: user code, 32 bits (SYSRET needs its place)
        table->Segments[5] = 0x00cff3000000ffff;    // 0x28: user data
        table->Segments[6] = 0x00affb000000ffff;    // 0x30: user code, 64 bits
        table->Segments[8] = 0x0000890000000000 | 103 | (task & 0xffffff) << 16 | (task >> 24 & 0xff) << 56;
        table->Segments[9] = task >> 32;
        for (int stack = 1; stack <= 3; stack++)
            *(ulong*)(table->Task + 7 + 2 * stack) = (ulong)DirectMap.At(InterruptStacks) + (ulong)(stack * StackPages * DirectMap.PageSize);
        table->Task[25] = 104 << 16;                // no I/O permission map
        for (int vector = 0; vector < 256; vector++)
        {
            int stack = vector == 14 ? StackForPageFaults : vector is 2 or 8 or 18 ? StackForDisasters : StackForTraps;
            ulong privilege = vector is 3 or 4 ? 3ul : 0;
            ulong entry = Symbols.TrapStubs() + (ulong)vector * 16;
            table->Gates[2 * vector] = entry & 0xffff | (ulong)KernelCode << 16 | (ulong)stack << 32 | 0x8eul << 40 | privilege << 45 | (entry >> 16 & 0xffff) << 48;
            table->Gates[2 * vector + 1] = entry >> 32;
        }
        table->Limit = 10 * 8 - 1;
        table->Base = (ulong)table->Segments;
        Symbols.LoadSegments(&table->Limit);
        table->Limit = 4095;
        table->Base = (ulong)table->Gates;
        Processor.LoadIdt(&table->Limit);
        Processor.LoadTaskRegister(TaskState);
        Processor.WriteMsr(Efer, Processor.ReadMsr(Efer) | 0x801);      // SCE, NXE
        Processor.WriteMsr(Star, (ulong)UserCode32 << 48 | (ulong)KernelCode << 32);
        Processor.WriteMsr(LStar, Symbols.SyscallEntry());
        Processor.WriteMsr(CStar, Symbols.SyscallEntry32());
        Processor.WriteMsr(FMask, FlagsRegister.Interrupt | FlagsRegister.Trap | FlagsRegister.Direction | FlagsRegister.NestedTask | FlagsRegister.AlignmentCheck);
    }
}
