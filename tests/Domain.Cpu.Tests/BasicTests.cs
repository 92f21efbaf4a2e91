using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

public sealed unsafe class BasicTests
{
    [Fact]
    public void LoopSums()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 1000000);
            a.xor(eax, eax);
            a.Label(ref loop);
            a.add(rax, rcx);
            a.dec(ecx);
            a.jne(loop);
            a.mov(__qword_ptr[0x200000], rax);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(500000500000UL, machine.S->Gpr[0]);
        Assert.Equal(500000500000UL, machine.Read(0x200000));
        Assert.Equal(3000004UL, machine.Cpu.InstructionsRetired);
    }

    [Fact]
    public void CallsAndReturns()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            var fib = a.CreateLabel();
            var small = a.CreateLabel();
            a.mov(edi, 20);
            a.call(fib);
            a.hlt();
            a.Label(ref fib);
            a.cmp(edi, 2);
            a.jb(small);
            a.push(rbx);
            a.push(rdi);
            a.dec(edi);
            a.call(fib);
            a.mov(rbx, rax);
            a.pop(rdi);
            a.sub(edi, 2);
            a.call(fib);
            a.add(rax, rbx);
            a.pop(rbx);
            a.ret();
            a.Label(ref small);
            a.mov(eax, edi);
            a.ret();
        });
        machine.RunToHalt();
        Assert.Equal(6765UL, machine.S->Gpr[0]);
        Assert.Equal(TestMachine.StackTop, machine.S->Gpr[4]);
    }

    /// <summary>LOOPE and LOOPNE count, whatever compares before it.</summary>
    [Fact]
    public void AComparisonBeforeALoop()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 7);
            a.xor(eax, eax);
            a.Label(ref loop);
            a.inc(eax);
            a.cmp(eax, 100);
            a.loopne(loop);
            a.mov(ebx, ecx);
            a.mov(ecx, 7);
            a.cmp(eax, 1);
            a.loope(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(7UL, machine.S->Gpr[0]);
        Assert.Equal(0UL, machine.S->Gpr[3]);
        Assert.Equal(6UL, machine.S->Gpr[1]);
    }
}
