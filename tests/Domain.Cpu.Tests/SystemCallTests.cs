using System;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>SYSCALL and SYSRET over and over, so that both know their way: what they leave is the interpreter's.</summary>
public sealed unsafe class SystemCallTests
{
    private const ulong Entry = 0x110000, StepHandler = 0x111000, Log = 0x200000;
    private const int Count = 60, Stepped = 20, Words = 10;

    private static ulong[] Run(bool translates, ulong mask, int seed)
    {
        var machine = new TestMachine(translates);
        var random = new Random(seed);
        machine.S->Star = 8UL << 32 | 0x10UL << 48;
        machine.S->Lstar = Entry;
        machine.S->Fmask = mask;
        machine.Gate(1, StepHandler);
        // R13: where to write, RBX: how many are left.
        machine.Place(Entry, a =>
        {
            a.cmp(r11, rcx);
            a.cli();
            a.swapgs();
            a.setb(__byte_ptr.gs[0]);
            a.swapgs();
            a.inc(__qword_ptr.gs[8]);
            a.mov(__qword_ptr[r13], r11);
            a.mov(__qword_ptr[r13 + 8], rcx);
            a.mov(r14, rsp);
            a.mov(esp, (uint)TestMachine.StackTop);
            a.pushfq();
            a.pop(__qword_ptr[r13 + 16]);
            a.mov(rsp, r14);
            a.mov(eax, cs);
            a.mov(__qword_ptr[r13 + 24], rax);
            a.mov(eax, ss);
            a.mov(__qword_ptr[r13 + 32], rax);
            // Flags to return with: all that there are but TF, and that once.
            a.mov(rax, __qword_ptr[r13 + 72]);
            a.xor(r11, rax);
            a.sysretq();
        });
        machine.Place(StepHandler, a =>
        {
            a.inc(r15);
            a.and(__qword_ptr[rsp + 16], ~(int)Flags.TF);
            a.iretq();
        });
        for (int i = 0; i < Count; i++)
        {
            ulong flags = (ulong)random.Next() & (Flags.Arithmetic | Flags.DF | Flags.AC | Flags.ID);
            machine.Write(Log + (ulong)(i * Words + 9) * 8, i == Stepped ? flags | Flags.TF : flags);
        }
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            var function = a.CreateLabel();
            a.Label(ref loop);
            a.add(rbp, rdi);
            a.call(function);
            a.add(r13, Words * 8);
            a.dec(ebx);
            a.jne(loop);
            a.hlt();
            a.Label(ref function);
            a.rol(rdi, 9);
            a.sub(rdi, rbp);
            a.syscall();
            a.pushfq();
            a.pop(__qword_ptr[r13 + 40]);
            a.mov(eax, cs);
            a.mov(__qword_ptr[r13 + 48], rax);
            a.mov(eax, ss);
            a.mov(__qword_ptr[r13 + 56], rax);
            a.mov(__qword_ptr[r13 + 64], r15);
            a.ret();
        });
        machine.Gate(13, StepHandler + 0x100);
        machine.Place(StepHandler + 0x100, a => a.hlt());
        machine.S->SegmentBase[Cpu.SegmentGs] = Log + 0x2000;
        machine.S->KernelGsBase = Log + 0x3000;
        machine.S->SystemFlags |= Flags.IF;
        machine.S->Gpr[3] = Count;
        machine.S->Gpr[5] = 0x123456789abcdef;
        machine.S->Gpr[7] = 0xfedcba987654321;
        machine.S->Gpr[13] = Log;
        machine.S->Gpr[4] = 0x80000;
        machine.ToUser();
        machine.RunToHalt();
        Assert.Equal((ulong)Count, machine.Read(Log + 0x2008));
        Assert.Equal(Log + 0x3000, machine.S->KernelGsBase);
        var log = new ulong[Count * Words + 5];
        new Span<ulong>(machine.Memory.Base + Log, Count * Words).CopyTo(log);
        log[^5] = machine.Read(Log + 0x3000);
        log[^1] = machine.Cpu.InstructionsRetired;
        log[^2] = machine.S->Gpr[15];
        log[^3] = machine.S->Gpr[3];
        log[^4] = machine.S->Gpr[4];
        return log;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0x47700)]
    [InlineData(0x257fd5)]
    public void TheStateIsTheInterpreters(ulong mask)
    {
        ulong[] interpreted = Run(false, mask, 1), translated = Run(true, mask, 1);
        Assert.Equal(0UL, interpreted[^3]);
        Assert.Equal(1UL, interpreted[^2]);
        Assert.Equal(interpreted, translated);
    }

    private sealed class Line(TestMachine machine) : IDevice
    {
        public ulong Read(ulong offset, int size) => 0;

        public void Write(ulong offset, int size, ulong value) => machine.Interrupts.Enqueue((int)value);
    }

    /// <summary>
    /// A kernel that is entered with interrupts off, and a program that does nothing but call it: where the run loop
    /// looks around depends on how many instructions that takes, and it may always be in the kernel.
    /// </summary>
    [Fact]
    public void AnInterruptThatWaitsComesBehindSysret()
    {
        var machine = new TestMachine();
        machine.S->Star = 8UL << 32 | 0x10UL << 48;
        machine.S->Lstar = Entry;
        machine.S->Fmask = Flags.IF;
        PlaceRaisingCall(machine, a =>
        {
            // R14: steps of a call.
            var step = a.CreateLabel();
            a.mov(rax, r14);
            a.Label(ref step);
            a.dec(rax);
            a.jne(step);
            a.sysretq();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.Label(ref loop);
            a.syscall();
            a.jmp(loop);
        });
        for (ulong steps = 100; steps < 400; steps++)
        {
            machine.ToUser();
            machine.S->SystemFlags |= Flags.IF;
            machine.S->Rip = TestMachine.CodeAt;
            machine.S->Gpr[12] = 2000;
            machine.S->Gpr[13] = 1900;
            machine.S->Gpr[14] = steps;
            machine.S->Gpr[15] = 0;
            machine.RunToHalt();
            Assert.True(machine.S->Gpr[15] > 1900 - 4096 / (2 * steps) - 2,
                $"{steps} steps: {1900 - (long)machine.S->Gpr[15]} calls passed");
        }
    }

    /// <summary>The same with INT and IRET, which goes to the program without the run loop.</summary>
    [Fact]
    public void AnInterruptThatWaitsComesBehindIret()
    {
        const int Call = 0x80;
        var machine = new TestMachine();
        machine.Gate(Call, Entry, level: 3);
        PlaceRaisingCall(machine, a => a.iretq());
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.Label(ref loop);
            a.@int(Call);
            a.jmp(loop);
        });
        machine.ToUser();
        machine.S->SystemFlags |= Flags.IF;
        machine.S->Gpr[12] = 200;
        machine.S->Gpr[13] = 100;
        machine.RunToHalt();
        Assert.Equal(100UL, machine.S->Gpr[15]);
    }

    /// <summary>
    /// At Entry, a system call that ends with <paramref name="leave"/>. R12: calls until the last one, which halts; R13: how many are left when it
    /// raises an interrupt, whose handler notes in R15 how many are left then, and makes the next one the last.
    /// </summary>
    private static void PlaceRaisingCall(TestMachine machine, Action<Assembler> leave)
    {
        const ushort Port = 0x300;
        const int Vector = 0x40;
        machine.Bus.MapPorts(Port, 1, new Line(machine));
        machine.Gate(Vector, StepHandler);
        machine.Place(StepHandler, a =>
        {
            a.mov(r15, r12);
            a.mov(r12d, 1);
            a.iretq();
        });
        machine.Place(Entry, a =>
        {
            var stop = a.CreateLabel();
            var work = a.CreateLabel();
            a.dec(r12);
            a.je(stop);
            a.cmp(r12, r13);
            a.jne(work);
            a.mov(edx, Port);
            a.mov(eax, Vector);
            a.@out(dx, al);
            a.Label(ref work);
            leave(a);
            a.Label(ref stop);
            a.hlt();
        });
    }
}
