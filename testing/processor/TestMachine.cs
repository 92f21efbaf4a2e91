using System;
using System.Collections.Generic;
using System.IO;
using Domain;
using Iced.Intel;

namespace Testing.Processor;

/// <summary>A processor with a little RAM and nothing else: page tables, descriptor tables and a page of code.</summary>
/// <remarks>
/// Physical layout: 0x1000 GDT, 0x2000 IDT, 0x3000 TSS, 0x10000.. page tables (identity for the first 16 MiB, 4 KiB pages,
/// user-accessible), code at 0x100000, kernel stack below 0x90000, interrupt stack below 0xa0000.
/// </remarks>
internal sealed unsafe class TestMachine : IInterruptController
{
    public const ulong CodeAt = 0x100000, StackTop = 0x90000, InterruptStackTop = 0xa0000, PageTable = 0x14000;
    public const ushort KernelCode = 0x08, KernelData = 0x10, UserData = 0x1b, UserCode = 0x23, Task = 0x28;
    public const ushort UserCode32 = 0x3b, UserCode16 = 0x43, KernelCode32 = 0x48, KernelCode16 = 0x50;

    /// <summary>First of four descriptors that are left to the test.</summary>
    public const ushort Spare = 0x58;

    public const ulong Ram = 16 << 20;

    public GuestMemory Memory { get; }

    public Bus Bus { get; } = new();

    public Cpu Cpu { get; }

    public CpuState* S { get; }

    public Queue<int> Interrupts { get; } = new();

    public bool Pending => Interrupts.Count != 0;

    public uint TaskPriority { get; set; }

    public ulong TscDeadline { get; set; }

    public ulong TscOffset { get; set; }

    public int Acknowledge() => Interrupts.Dequeue();

    /// <summary>
    /// The engine of machines that are not told: a property of the test project, so that the same tests run with both.
    /// </summary>
    public static readonly bool Translates =
        AppContext.TryGetSwitch("Testing.Processor.Translates", out bool translates) && translates;

    /// <summary>Small, so that it is full now and then.</summary>
    private const int CodeBytes = 256 << 10;

    /// <summary>
    /// How often machines that are not told interpret a block before it is translated: INTERPRETED_RUNS in the
    /// environment, otherwise 0, so that a test's code is translated at once.
    /// </summary>
    private static readonly int s_interpretedRuns =
        int.TryParse(Environment.GetEnvironmentVariable("INTERPRETED_RUNS"), out int runs) ? runs : 0;

    public TestMachine() : this(GuestMemory.Allocate(Ram), Translates, s_interpretedRuns)
    {
    }

    public TestMachine(bool translates, int interpretedRuns = 0)
        : this(GuestMemory.Allocate(Ram), translates, interpretedRuns)
    {
    }

    public TestMachine(GuestMemory memory) : this(memory, Translates, s_interpretedRuns)
    {
    }

    private TestMachine(GuestMemory memory, bool translates, int interpretedRuns)
    {
        Memory = memory;
        Cpu = new Cpu(Memory, Bus, this, translates ? CodeMemory.Allocate(CodeBytes) : null, interpretedRuns);
        S = Cpu.State;
        Reset();
    }

    /// <summary>Tables and registers as they were at first; the rest of memory stays.</summary>
    public void Reset()
    {
        Cpu.ResetToPvh(0, 0);
        new Span<byte>(Memory.Base + 0x1000, 0x3000).Clear();
        S->LdtSelector = 0;
        S->LdtLimit = 0;
        S->TscOffset = 0;
        Write(0x1000 + KernelCode, 0x00af9b000000ffff);
        Write(0x1000 + KernelData, 0x00cf93000000ffff);
        Write(0x1000 + (UserData & ~3u), 0x00cff3000000ffff);
        Write(0x1000 + (UserCode & ~3u), 0x00affb000000ffff);
        Write(0x1000 + Task, 0x0000890030000067);
        Write(0x1000 + (UserCode32 & ~3u), 0x00cffb000000ffff);
        Write(0x1000 + (UserCode16 & ~3u), 0x008ffb000000ffff);
        Write(0x1000 + KernelCode32, 0x00cf9b000000ffff);
        Write(0x1000 + KernelCode16, 0x008f9b000000ffff);
        Write(0x3000 + 4, InterruptStackTop);

        Write(0x10000, 0x11000 | 7);
        Write(0x11000, 0x12000 | 7);
        for (ulong table = 0; table < 8; table++)
        {
            Write(0x12000 + 8 * table, (PageTable + 0x1000 * table) | 7);
            for (ulong page = 0; page < 512; page++)
                Write(PageTable + 0x1000 * table + 8 * page, ((table * 512 + page) << 12) | 7);
        }
        S->GdtBase = 0x1000;
        S->GdtLimit = 0x77;
        S->IdtBase = 0x2000;
        S->IdtLimit = 0xfff;
        S->TssBase = 0x3000;
        S->TssLimit = 0x67;
        S->Cr3 = 0x10000;
        S->Cr4 = Cr4.PAE | Cr4.OSFXSR;
        if ((S->Announced & Extensions.Xsave) != 0)
        {
            S->Cr4 |= Cr4.OSXSAVE;
            S->Xcr0 = ExtendedState.Known(S);
        }
        S->Efer = Efer.LME | Efer.LMA | Efer.SCE | Efer.NXE;
        S->Cr0 |= Cr0.PG | Cr0.WP;
        S->Code64 = true;
        S->Selector[1] = KernelCode;
        S->Selector[2] = KernelData;
        S->Gpr[4] = StackTop;
        S->Rip = CodeAt;
        Cpu.FlushTlbs();
    }

    public void Write(ulong physical, ulong value) => *(ulong*)(Memory.Base + physical) = value;

    public ulong Read(ulong physical) => *(ulong*)(Memory.Base + physical);

    /// <summary>The page table entry of an address in the first 16 MiB.</summary>
    public ref ulong Entry(ulong linear) => ref *(ulong*)(Memory.Base + PageTable + (linear >> 12) * 8);

    public void Gate(int vector, ulong target, bool trap = false, int stackTable = 0, int level = 0)
    {
        Write(0x2000 + (ulong)vector * 16, (target & 0xffff) | (ulong)KernelCode << 16 | (ulong)stackTable << 32
            | (trap ? 0x8fUL : 0x8eUL) << 40 | (ulong)level << 45 | (target >> 16 & 0xffff) << 48);
        Write(0x2000 + (ulong)vector * 16 + 8, target >> 32);
    }

    public void ToUser()
    {
        S->Selector[1] = UserCode;
        S->Selector[2] = UserData;
        S->Cpl = 3;
        Cpu.SetPrivilege(3);
    }

    /// <summary>To a code segment of privilege 3, with flat data segments.</summary>
    public void ToUser(ushort code)
    {
        Assert(Cpu.LoadCode(code, 3));
        foreach (int segment in new[] { Cpu.SegmentSs, Cpu.SegmentDs, Cpu.SegmentEs, Cpu.SegmentFs, Cpu.SegmentGs })
            Assert(Cpu.LoadSegment(segment, UserData));
    }

    /// <summary>Legacy protected mode without paging, as PVH starts a kernel, at <see cref="CodeAt"/>.</summary>
    public void ToUnpaged()
    {
        Cpu.ResetToPvh((uint)CodeAt, 0);
        S->Gpr[4] = StackTop;
        S->Cr4 = Cr4.OSFXSR;
    }

    private static void Assert(bool done)
    {
        if (!done)
            throw new InvalidOperationException("the processor refused a segment");
    }

    public static byte[] Assemble(ulong at, Action<Assembler> write, int bits = 64)
    {
        var assembler = new Assembler(bits);
        write(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), at);
        return stream.ToArray();
    }

    public int Place(ulong at, Action<Assembler> write, int bits = 64) => Place(at, Assemble(at, write, bits));

    public int Place(ulong at, byte[] code)
    {
        code.CopyTo(new Span<byte>(Memory.Base + at, code.Length));
        Cpu.InvalidateCode(at, (ulong)code.Length);
        return code.Length;
    }

    /// <summary>Runs until HLT; anything else is a failure of the test.</summary>
    public void RunToHalt()
    {
        var exit = Cpu.Run();
        if (exit != CpuExit.Halted)
            throw new InvalidOperationException($"the processor stopped with {exit} at {S->Rip:x}");
        S->Halted = false;
    }
}
