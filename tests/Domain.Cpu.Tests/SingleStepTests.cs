using System;
using System.Collections.Generic;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>Single stepping: after which instructions the trap comes (SDM vol. 3, 17.3.1.4 and 6.8.3).</summary>
public sealed unsafe class SingleStepTests
{
    private const ulong Handler = 0x110000, Log = 0x300000, User = 0x120000, Entry = 0x130000, TrapFlag = 0x100;

    /// <summary>
    /// A machine whose #DB handler writes down where each trap came, and whose SYSCALL entry clears <paramref
    /// name="mask"/>.
    /// </summary>
    private static TestMachine Stepped(ulong mask)
    {
        var machine = new TestMachine();
        machine.Write(Log, Log + 8);
        machine.Gate(1, Handler);
        machine.Gate(13, Handler + 0x100);
        machine.Gate(0x80, Entry, level: 3);
        machine.Place(Handler, a =>
        {
            a.push(rax);
            a.push(rbx);
            a.mov(rax, __[rsp + 16]);
            a.mov(rbx, __qword_ptr[Log]);
            a.mov(__qword_ptr[rbx], rax);
            a.add(__qword_ptr[Log], 8);
            a.pop(rbx);
            a.pop(rax);
            a.iretq();
        });
        machine.Place(Handler + 0x100, a => a.hlt());
        machine.S->Star = 0x00100008UL << 32;
        machine.S->Lstar = Entry;
        machine.S->Fmask = mask;
        return machine;
    }

    private static ulong[] Traps(TestMachine machine)
    {
        var traps = new List<ulong>();
        for (ulong at = Log + 8; at < machine.Read(Log); at += 8)
            traps.Add(machine.Read(at));
        return [.. traps];
    }

    private static void SetTrapFlag(Assembler a)
    {
        a.pushfq();
        a.or(__dword_ptr[rsp], (int)TrapFlag);
        a.popfq();
    }

    [Fact]
    public void SystemCallThatMasksTheFlagDoesNotTrapInTheKernel()
    {
        var machine = Stepped(TrapFlag);
        machine.Place(Entry, a =>
        {
            a.nop();
            a.nop();
            a.sysretq();
        });
        ulong start = User;
        machine.Place(User, a =>
        {
            SetTrapFlag(a);
            a.mov(eax, 39);
            a.syscall();
            a.mov(ebx, 5);
            a.hlt();
        });
        machine.ToUser();
        machine.S->Rip = User;
        machine.RunToHalt();
        ulong flagSet = start + 1 + 7 + 1;
        // SYSRET gives the flag back and is judged by what it gives: the trap comes as if SYSCALL had just completed.
        Assert.Equal([flagSet + 5, flagSet + 7, flagSet + 12], Traps(machine));
    }

    [Fact]
    public void SystemCallThatKeepsTheFlagTrapsAtTheEntry()
    {
        var machine = Stepped(0);
        machine.Place(Entry, a =>
        {
            a.push(2);
            a.popfq();
            a.hlt();
        });
        machine.Place(User, a =>
        {
            SetTrapFlag(a);
            a.syscall();
        });
        machine.ToUser();
        machine.S->Rip = User;
        machine.RunToHalt();
        Assert.Equal([Entry, Entry + 2, Entry + 3], Traps(machine));
    }

    [Fact]
    public void LoadingTheStackSegmentHoldsTheTrapBack()
    {
        var machine = Stepped(0);
        int length = machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ecx, TestMachine.KernelData);
            SetTrapFlag(a);
            a.mov(ss, ecx);
            a.mov(eax, 1);
            a.nop();
            a.push(2);
            a.popfq();
            a.hlt();
        });
        machine.RunToHalt();
        ulong end = TestMachine.CodeAt + (ulong)length;
        // Not behind MOV SS; behind POPF that clears the flag, since it was set before.
        Assert.Equal([end - 5, end - 4, end - 2, end - 1], Traps(machine));
    }

    [Fact]
    public void SoftwareInterruptsDoNotTrap()
    {
        var machine = Stepped(0);
        machine.Place(Entry, a =>
        {
            a.nop();
            a.iretq();
        });
        machine.Place(User, a =>
        {
            SetTrapFlag(a);
            a.@int(0x80);
            a.nop();
            a.hlt();
        });
        machine.ToUser();
        machine.S->Rip = User;
        machine.RunToHalt();
        // IRET gives the flag back: the instruction behind INT is the next to trap.
        Assert.Equal([User + 9 + 2 + 1], Traps(machine));
    }

    [Fact]
    public void RepeatedStringInstructionsTrapAtEachElement()
    {
        var machine = Stepped(0);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(edi, 0x200000);
            a.mov(ecx, 3);
            SetTrapFlag(a);
            a.rep.stosb();
            a.push(2);
            a.popfq();
            a.hlt();
        });
        machine.RunToHalt();
        ulong rep = TestMachine.CodeAt + 10 + 9;
        Assert.Equal([rep, rep, rep + 2, rep + 4, rep + 5], Traps(machine));
    }

    [Fact]
    public void HaltTraps()
    {
        var machine = Stepped(0);
        machine.Place(TestMachine.CodeAt, a =>
        {
            SetTrapFlag(a);
            a.hlt();
            a.push(2);
            a.popfq();
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal([TestMachine.CodeAt + 10, TestMachine.CodeAt + 12, TestMachine.CodeAt + 13], Traps(machine));
    }

    /// <summary>
    /// An instruction that ran in the shadow of STI, where nothing traps, is decoded alone as a stepped one is.
    /// </summary>
    [Fact]
    public void WhatRanInAShadowStillTraps()
    {
        var machine = Stepped(0);
        machine.Place(TestMachine.CodeAt, a =>
        {
            var again = a.CreateLabel();
            var shadowed = a.CreateLabel();
            a.mov(ecx, 3);
            a.Label(ref again);
            a.cli();
            a.sti();
            a.Label(ref shadowed);
            a.nop();
            a.nop();
            a.dec(ecx);
            a.jne(again);
            a.push(0x102);
            a.popfq();
            a.mov(ecx, 1);
            a.jmp(shadowed);
        });
        machine.Place(Handler, a => a.hlt());
        machine.RunToHalt();
        ulong trapped = machine.Read(machine.S->Gpr[4]);
        Assert.InRange(trapped, TestMachine.CodeAt, TestMachine.CodeAt + 0x40);
        machine.Place(Handler, a =>
        {
            a.mov(rax, __[rsp]);
            a.inc(r15d);
            a.iretq();
        });
        Assert.Equal(1U, (uint)machine.S->Gpr[1]);
    }

    [Theory]
    [InlineData(new byte[] { 0xcd, 0x2d }, 13, 0x2dUL * 8 + 2)]
    [InlineData(new byte[] { 0xcc }, 13, 3UL * 8 + 2)]
    [InlineData(new byte[] { 0xcd, 0x90 }, 11, 0x90UL * 8 + 2)]
    public void RefusedSoftwareInterruptPointsAtItself(byte[] code, int vector, ulong error)
    {
        var machine = new TestMachine();
        machine.Gate(vector, Handler);
        machine.Gate(0x2d, Entry);
        machine.Gate(3, Entry);
        machine.Write(0x2000 + 0x90 * 16, (ulong)TestMachine.KernelCode << 16 | 0x6e00UL << 32);
        machine.Place(Handler, a => a.hlt());
        machine.Place(User, code);
        machine.ToUser();
        machine.S->Rip = User;
        machine.RunToHalt();
        ulong stack = machine.S->Gpr[4];
        Assert.Equal((error, User), (machine.Read(stack), machine.Read(stack + 8)));
    }

    /// <summary>ICEBP asks no gate's privilege, and is no single step.</summary>
    [Fact]
    public void Int1ComesThroughAPrivilegedGate()
    {
        var machine = Stepped(0);
        machine.Place(User, [0xf1, 0xf4]);
        machine.ToUser();
        machine.S->Rip = User;
        machine.RunToHalt();
        Assert.Equal([User + 1], Traps(machine));
        Assert.Equal(0UL, machine.S->Dr[6] & 1 << 14);
    }

    /// <summary>Code that has run before without the flag, and that IRET could go to without a look at it.</summary>
    [Fact]
    public void InterruptReturnThatSetsTheFlagStepsWhereItLeads()
    {
        const ulong function = 0x140000, last = 0x150000;
        var machine = Stepped(0);
        machine.Gate(6, Handler + 0x100);
        machine.Place(last, a => a.ud2());
        machine.Place(function, a =>
        {
            a.inc(rcx);
            a.inc(rcx);
            a.jmp(r11);
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var known = a.CreateLabel();
            var next = a.CreateLabel();
            a.mov(edx, 5);
            a.lea(r11, __[next]);
            a.Label(ref known);
            a.jmp(function);
            a.Label(ref next);
            a.dec(edx);
            a.jne(known);
            a.mov(r11d, (uint)last);
            a.mov(rbx, rsp);
            a.push(TestMachine.KernelData);
            a.push(rbx);
            a.push(2 | (int)TrapFlag);
            a.push(TestMachine.KernelCode);
            a.push((int)function);
            a.iretq();
        });
        machine.RunToHalt();
        Assert.Equal([function + 3, function + 6, last], Traps(machine));
    }
}
