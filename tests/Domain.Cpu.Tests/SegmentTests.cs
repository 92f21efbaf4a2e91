using System;
using System.Collections.Generic;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>
/// Segments, far transfers and system calls of 32- and 16-bit code (SDM vol. 3, chapters 3 and 5; AMD's APM vol. 2, 4
/// and 6).
/// </summary>
[Collection("host")]
public sealed unsafe class SegmentTests
{
    private const ulong Handler = 0x110000, Data = 0x200000, Entry = 0x130000;

    /// <summary>32-bit user code whose exceptions end in HLT, with the error code and the place on the stack.</summary>
    private static TestMachine Narrow(Action<Assembler> code, ushort segment = TestMachine.UserCode32, int bits = 32)
    {
        var machine = new TestMachine();
        for (int vector = 0; vector < 32; vector++)
            machine.Gate(vector, Handler + 16 * (ulong)vector);
        for (int vector = 0; vector < 32; vector++)
            machine.Place(Handler + 16 * (ulong)vector, a => a.hlt());
        machine.Place(TestMachine.CodeAt, code, bits);
        machine.ToUser(segment);
        return machine;
    }

    private static int Vector(TestMachine machine) => (int)(machine.S->Rip - 1 - Handler) / 16;

    private static ulong Descriptor(uint start, uint limit, uint rights) =>
        limit & 0xffff | (ulong)(start & 0xff_ffff) << 16 | (ulong)rights << 40 | (ulong)(limit >> 16 & 15) << 48
            | (ulong)(start >> 24) << 56;

    // A segment of bytes, for user code: base, limit and rights as in the descriptor's second word from bit 8 on.
    private const uint UserWritable = 0x40f2, UserReadable = 0x40f0, UserExpandDown = 0x40f6;

    public static TheoryData<uint, uint, uint, bool, int> Limits() => new()
    {
        { 0, 0xfff, UserWritable, false, -1 },
        { 0xffc, 0xfff, UserWritable, true, -1 },
        { 0xffd, 0xfff, UserWritable, false, 13 },
        { 0xffff_fffe, 0xfff, UserWritable, true, 13 },
        { 0, 0xfff, UserReadable, false, -1 },
        { 0, 0xfff, UserReadable, true, 13 },
        { 0x1000, 0xfff, UserExpandDown, true, -1 },
        { 0xfff, 0xfff, UserExpandDown, true, 13 },
    };

    [Theory]
    [MemberData(nameof(Limits))]
    public void BasesLimitsAndRights(uint offset, uint limit, uint rights, bool write, int vector)
    {
        // Through GS by an override, and through DS, where all code of the segment pays for the check.
        foreach (bool gs in new[] { true, false })
        {
            var machine = Narrow(a =>
            {
                a.mov(eax, TestMachine.Spare | 3);
                if (gs)
                    a.mov(AssemblerRegisters.gs, eax);
                else
                    a.mov(ds, eax);
                var operand = gs ? __dword_ptr.gs[ebx] : __dword_ptr[ebx];
                if (write)
                    a.mov(operand, ecx);
                else
                    a.mov(ecx, operand);
                a.int3();
            });
            machine.Gate(3, Handler + 16 * 3, level: 3);
            machine.Write(0x1000 + TestMachine.Spare, Descriptor((uint)Data, limit, rights));
            machine.S->Gpr[3] = offset;
            machine.S->Gpr[1] = 0x5555;
            if (vector < 0)
                machine.Write(Data + offset, 0x7777);
            machine.RunToHalt();
            Assert.Equal(vector < 0 ? 3 : vector, Vector(machine));
            if (vector < 0)
                Assert.Equal(write ? 0x5555U : 0x7777, write ? (uint)machine.Read(Data + offset)
                    : (uint)machine.S->Gpr[1]);
        }
    }

    [Fact]
    public void NullSegmentsAreRefusedWhenUsed()
    {
        var machine = Narrow(a =>
        {
            a.xor(eax, eax);
            a.mov(ds, eax);
            a.mov(eax, __dword_ptr[Data]);
        });
        machine.RunToHalt();
        Assert.Equal(13, Vector(machine));
        Assert.Equal(TestMachine.CodeAt + 4, machine.Read(machine.S->Gpr[4] + 8));
    }

    /// <summary>
    /// A stack whose base is not 0: PUSH, POP, CALL, RET, ENTER, LEAVE, PUSHA and POPA all go through it.
    /// </summary>
    [Fact]
    public void StackSegmentHasABase()
    {
        var machine = Narrow(a =>
        {
            var routine = a.CreateLabel();
            a.mov(eax, TestMachine.Spare | 3);
            a.mov(ss, eax);
            a.mov(esp, 0x1000);
            a.push(0x1234);
            a.call(routine);
            a.pop(ebx);
            a.int3();
            a.Label(ref routine);
            a.enter(16, 0);
            a.pushad();
            a.popad();
            a.leave();
            a.ret();
        });
        machine.Gate(3, Handler + 16 * 3, level: 3);
        machine.Write(0x1000 + TestMachine.Spare, Descriptor((uint)Data, 0xfff, UserWritable));
        machine.RunToHalt();
        Assert.Equal(3, Vector(machine));
        Assert.Equal(0x1234UL, machine.S->Gpr[3]);
        Assert.Equal(0x1234U, (uint)machine.Read(Data + 0xffc));
        // The frame of the exception holds ESP as it was.
        Assert.Equal(0x1000UL, machine.Read(machine.S->Gpr[4] + 24));
    }

    [Fact]
    public void StackLimitIsAStackFault()
    {
        var machine = Narrow(a =>
        {
            a.mov(eax, TestMachine.Spare | 3);
            a.mov(ss, eax);
            a.mov(esp, 2);
            a.push(eax);
        });
        machine.Write(0x1000 + TestMachine.Spare, Descriptor((uint)Data, 0xfff, UserWritable));
        machine.RunToHalt();
        Assert.Equal(12, Vector(machine));
    }

    /// <summary>PUSH and POP of FS and GS with a 16-bit operand move the stack pointer by 2 and touch one word.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SegmentsPushedAsWords(bool narrow)
    {
        var machine = Narrow(a =>
        {
            a.db(0x66, 0x0f, 0xa0); // PUSH FS
            a.db(0x66, 0x0f, 0xa9); // POP GS
            a.db(0x66, 0x0f, 0xa8); // PUSH GS
            a.db(0x66, 0x0f, 0xa1); // POP FS
            a.db(0x66, 0x0f, 0xa0); // PUSH FS
            a.int3();
        }, narrow ? TestMachine.UserCode32 : TestMachine.UserCode, narrow ? 32 : 64);
        machine.Gate(3, Handler + 16 * 3, level: 3);
        machine.Write(0x1000 + TestMachine.Spare, Descriptor((uint)Data, 0xfff, UserWritable));
        Assert.True(machine.Cpu.LoadSegment(Cpu.SegmentFs, TestMachine.Spare | 3));
        machine.S->Gpr[4] = Data + 0x10;
        machine.Write(Data + 8, 0x1111_1111_1111_1111);
        machine.Write(Data + 0x10, 0x2222_2222_2222_2222);
        machine.RunToHalt();
        Assert.Equal(3, Vector(machine));
        Assert.Equal(Data + 0xe, machine.Read(machine.S->Gpr[4] + 24));
        Assert.Equal((ulong)(TestMachine.Spare | 3) << 48 | 0x1111_1111_1111, machine.Read(Data + 8));
        Assert.Equal(0x2222_2222_2222_2222U, machine.Read(Data + 0x10));
        Assert.Equal(TestMachine.Spare | 3, machine.S->Selector[Cpu.SegmentGs]);
    }

    /// <summary>IRETD in 32-bit code: to the same privilege without, to user code with a stack (SDM vol. 2, IRET).</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void InterruptReturnOfNarrowCode(bool fromKernel)
    {
        const uint arrival = (uint)TestMachine.CodeAt + 0x80;
        var machine = Narrow(a =>
        {
            if (fromKernel)
            {
                a.push(TestMachine.UserData);
                a.push((int)Data + 0x800);
            }
            a.push(0x0cd7); // OF, DF, SF, ZF, AF, PF, CF
            a.push(TestMachine.UserCode32);
            a.push((int)arrival);
            a.iretd();
        });
        machine.Place(arrival, a => a.int3(), 32);
        machine.Gate(3, Handler + 16 * 3, level: 3);
        if (fromKernel)
        {
            Assert.True(machine.Cpu.LoadCode(TestMachine.KernelCode32, 0));
            Assert.True(machine.Cpu.LoadSegment(Cpu.SegmentSs, TestMachine.KernelData));
        }
        machine.S->Gpr[4] = Data + 0x100;
        machine.RunToHalt();
        Assert.Equal(3, Vector(machine));
        ulong frame = machine.S->Gpr[4];
        Assert.Equal((ulong)arrival + 1, machine.Read(frame));
        Assert.Equal(TestMachine.UserCode32, machine.Read(frame + 8));
        Assert.Equal(0x0cd7UL, machine.Read(frame + 16) & 0x0cd7);
        Assert.Equal(fromKernel ? Data + 0x800 : Data + 0x100, machine.Read(frame + 24));
        Assert.Equal(TestMachine.UserData, machine.Read(frame + 32));
    }

    /// <summary>Code whose segment begins elsewhere, with 16-bit operands and addresses.</summary>
    [Fact]
    public void SixteenBitCodeWithABase()
    {
        var machine = Narrow(a =>
        {
            var loop = a.CreateLabel();
            a.mov(bx, 0x10);
            a.mov(si, 0xffff);
            a.mov(cx, 3);
            a.Label(ref loop);
            // BX + SI + 1 wraps at 64 KiB.
            a.add(__word_ptr[bx + si + 1], cx);
            a.loop(loop);
            a.mov(ax, __word_ptr[0x10]);
            a.int3();
        }, TestMachine.UserCode16, 16);
        machine.Gate(3, Handler + 16 * 3, level: 3);
        machine.Write(0x1000 + (TestMachine.UserCode16 & ~3u), Descriptor((uint)TestMachine.CodeAt, 0xffff, 0x00fa));
        machine.Write(0x1000 + TestMachine.Spare, Descriptor((uint)Data, 0xffff, UserWritable));
        Assert.True(machine.Cpu.LoadCode(TestMachine.UserCode16, 3));
        Assert.True(machine.Cpu.LoadSegment(Cpu.SegmentDs, TestMachine.Spare | 3));
        machine.S->Rip = 0;
        machine.RunToHalt();
        Assert.Equal(3, Vector(machine));
        Assert.Equal(6UL, (ushort)machine.S->Gpr[0]);
        Assert.Equal(6U, (ushort)machine.Read(Data + 0x10));
    }

    [Fact]
    public void CodeBehindTheLimitIsRefused()
    {
        var machine = Narrow(a =>
        {
            a.nop();
            a.nop();
            a.mov(eax, 1);
        });
        machine.Write(0x1000 + (TestMachine.UserCode32 & ~3u), Descriptor(0, (uint)TestMachine.CodeAt + 3, 0x40fa));
        // The limit counts bytes up to 1 MiB: the code is put in reach by its base.
        machine.Write(0x1000 + (TestMachine.UserCode32 & ~3u), Descriptor((uint)TestMachine.CodeAt, 3, 0x40fa));
        Assert.True(machine.Cpu.LoadCode(TestMachine.UserCode32, 3));
        machine.S->Rip = 0;
        machine.RunToHalt();
        Assert.Equal(13, Vector(machine));
        Assert.Equal(2UL, machine.Read(machine.S->Gpr[4] + 8));
    }

    /// <summary>
    /// SYSCALL from 32-bit code enters the kernel through CSTAR, as the vendor that CPUID names has it; SYSRET goes
    /// back.
    /// </summary>
    [Fact]
    public void SystemCallFromThirtyTwoBitCode()
    {
        var machine = Narrow(a =>
        {
            a.mov(edi, 5);
            a.stc();
            a.syscall();
            a.int3();
        });
        machine.Gate(3, Handler + 16 * 3, level: 3);
        machine.S->Star = 0x0038_0008UL << 32 | 0xdead;
        machine.S->Lstar = 0x666000;
        machine.S->Cstar = Entry;
        machine.S->Fmask = 0x201;
        machine.Place(Entry, a =>
        {
            a.mov(rax, unchecked((long)0x123456789abcdef0));
            a.mov(r9, rcx);
            a.mov(r10, r11);
            a.pushfq();
            a.pop(r8);
            a.add(edi, 37);
            a.AddInstruction(Instruction.Create(Code.Sysretd));
        });
        machine.RunToHalt();
        Assert.Equal(3, Vector(machine));
        Assert.Equal(42UL, machine.S->Gpr[7]);
        Assert.Equal(TestMachine.CodeAt + 8, machine.S->Gpr[9]);
        Assert.Equal(1UL, machine.S->Gpr[10] & 1);
        Assert.Equal(0UL, machine.S->Gpr[8] & 0x201);
        Assert.Equal(0x3bUL, machine.Read(machine.S->Gpr[4] + 8));
        Assert.Equal(0x43UL, machine.Read(machine.S->Gpr[4] + 32));
    }

    /// <summary>Far calls and returns in every width, also between widths.</summary>
    [Fact]
    public void FarCallsAndReturns()
    {
        var machine = new TestMachine();
        const ulong narrow = 0x120000, wide = 0x128000;
        machine.Write(Data, narrow | (ulong)TestMachine.KernelCode32 << 32);
        machine.Write(Data + 0x10, wide);
        machine.Write(Data + 0x18, TestMachine.KernelCode);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.call(__fword_ptr[Data]);
            // REX.W CALL m16:64
            a.AddInstruction(Instruction.Create(Code.Call_m1664, new MemoryOperand(Register.None, (long)Data + 0x10,
                8)));
            a.hlt();
        });
        machine.Place(narrow, a =>
        {
            a.inc(ebx);
            a.db(0x9a);
            a.dd(0x124000);
            a.dw(TestMachine.KernelCode32);
            a.AddInstruction(Instruction.Create(Code.Retfd));
        }, 32);
        machine.Place(0x124000, a =>
        {
            a.inc(ebx);
            a.AddInstruction(Instruction.Create(Code.Retfd));
        }, 32);
        machine.Place(wide, a =>
        {
            a.inc(ebx);
            a.AddInstruction(Instruction.Create(Code.Retfq));
        });
        machine.RunToHalt();
        Assert.Equal(3UL, machine.S->Gpr[3]);
        Assert.Equal(TestMachine.StackTop, machine.S->Gpr[4]);
        Assert.True(machine.S->Code64);
    }

    [Fact]
    public void FarPointersLoadSegmentAndRegister()
    {
        var machine = new TestMachine();
        machine.Write(0x1000 + TestMachine.Spare, Descriptor(0x1234000, 0xfff, UserWritable));
        machine.Write(Data, 0x11223344UL | (ulong)(TestMachine.Spare | 3) << 32);
        machine.Write(Data + 8, TestMachine.StackTop - 64 | (ulong)TestMachine.KernelData << 32);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.lfs(eax, __fword_ptr[Data]);
            a.lgs(ecx, __fword_ptr[Data]);
            a.lss(esp, __fword_ptr[Data + 8]);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal((0x11223344UL, 0x11223344UL), (machine.S->Gpr[0], machine.S->Gpr[1]));
        Assert.Equal((0x1234000UL, 0x1234000UL), (machine.S->SegmentBase[Cpu.SegmentFs],
            machine.S->SegmentBase[Cpu.SegmentGs]));
        Assert.Equal(TestMachine.StackTop - 64, machine.S->Gpr[4]);
    }

    /// <summary>
    /// LAR, LSL, VERR, VERW at user privilege: the host's own answers on its selectors, which the machine's table
    /// repeats.
    /// </summary>
    [Fact]
    public void DescriptorsAreInspectedAsOnTheHost()
    {
        // Linux's table: 0x10, 0x18 of the kernel; 0x20, 0x28, 0x30 of users; 0x33 … with their privilege
        // (arch/x86/kernel/cpu/common.c).
        var descriptors = new Dictionary<ushort, ulong>
        {
            [0x10] = 0x00af9b000000ffff, [0x18] = 0x00cf93000000ffff, [0x20] = 0x00cffb000000ffff,
                [0x28] = 0x00cff3000000ffff,
            [0x30] = 0x00affb000000ffff,
        };
        var code = new (string Name, Action<Assembler> Write)[]
        {
            ("lar", a => a.lar(ebx, eax)), ("lar16", a => a.lar(bx, ax)), ("lsl", a => a.lsl(ebx, eax)), ("lsl16", a =>
                a.lsl(bx, ax)),
            ("lsl64", a => a.lsl(rbx, rax)), ("verr", a => a.verr(ax)), ("verw", a => a.verw(ax)),
        };
        var machine = new TestMachine();
        machine.ToUser();
        foreach (var (selector, descriptor) in descriptors)
            machine.Write(0x8000 + (ulong)selector, descriptor);
        machine.S->GdtBase = 0x8000;
        machine.S->GdtLimit = 0x37;
        machine.Gate(3, Handler, level: 3);
        foreach (var (name, write) in code)
        {
            foreach (ushort table in new ushort[] { 0, 0x10, 0x18, 0x20, 0x28, 0x30, 0xfff8 })
            {
                for (ushort privilege = 0; privilege < 4; privilege++)
                {
                    byte[] bytes = TestMachine.Assemble(HostCpu.Code, write);
                    var context = HostCpu.Context;
                    HostComparison.Host.Prepare(bytes);
                    new Span<byte>(context->Fx, 512).Clear();
                    *(uint*)(context->Fx + 24) = 0x1f80;
                    *(ushort*)context->Fx = 0x37f;
                    for (int i = 0; i < 16; i++)
                        context->Gpr[i] = i == 4 ? HostCpu.Data + 0x8000 : i == 0 ? (ulong)table | privilege
                            : 0x1111_1111_1111_1111;
                    context->Flags = 0x202;
                    HostComparison.Load(machine, context);
                    // What ends it needs no table that works.
                    machine.Place(HostCpu.Code, bytes);
                    machine.S->Rip = HostCpu.Code;
                    machine.S->SystemFlags |= Flags.TF;
                    machine.S->IdtLimit = 0;
                    machine.Cpu.SetPrivilege(3);
                    Assert.Equal(CpuExit.TripleFault, machine.Cpu.Run());
                    HostComparison.Host.Run();
                    string text = $"{name} of {table | privilege:x}";
                    Assert.Equal((text, context->Flags & Flags.ZF, context->Gpr[3]), (text,
                        Flags.Image(machine.S) & Flags.ZF, machine.S->Gpr[3]));
                }
            }
        }
    }

    [Fact]
    public void BoundAndOverflowTrap()
    {
        var machine = Narrow(a =>
        {
            a.mov(eax, 5);
            a.bound(eax, __qword_ptr[Data]);
            a.into();
            a.mov(eax, 6);
            a.bound(eax, __qword_ptr[Data]);
        });
        machine.Write(Data, 5UL << 32 | unchecked((uint)-3));
        machine.RunToHalt();
        Assert.Equal(5, Vector(machine));
        machine = Narrow(a =>
        {
            a.mov(eax, int.MaxValue);
            a.inc(eax);
            a.into();
        });
        machine.Gate(4, Handler + 16 * 4, level: 3);
        machine.RunToHalt();
        Assert.Equal(4, Vector(machine));
        Assert.Equal(TestMachine.CodeAt + 7, machine.Read(machine.S->Gpr[4]));
    }
}
