using Iced.Intel;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>From the PVH start state to long mode, as a kernel's first instructions go.</summary>
public sealed unsafe class StartTests
{
    [Fact]
    public void ThirtyTwoBitCodeReachesLongMode()
    {
        var machine = new TestMachine();
        machine.Cpu.ResetToPvh((uint)TestMachine.CodeAt, 0x7000);
        machine.Write(0x40000, 0x1000_0000_0037);
        // lgdt's operand: limit and base.
        *(ushort*)(machine.Memory.Base + 0x40000) = 0x37;
        *(uint*)(machine.Memory.Base + 0x40002) = 0x1000;
        var assembler = new Assembler(32);
        assembler.mov(esp, 0x80000);
        assembler.push(ebx);
        assembler.pop(edi);
        assembler.lgdt(__[0x40000]);
        assembler.mov(eax, cr4);
        assembler.or(eax, 0x620);
        assembler.mov(cr4, eax);
        assembler.mov(eax, 0x10000);
        assembler.mov(cr3, eax);
        assembler.mov(ecx, 0xc0000080);
        assembler.rdmsr();
        assembler.or(eax, 0x901);
        assembler.wrmsr();
        assembler.mov(eax, cr0);
        assembler.or(eax, unchecked((int)0x80010000));
        assembler.mov(cr0, eax);
        var stream = new System.IO.MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), TestMachine.CodeAt);
        byte[] jump = [0xea, 0x00, 0x00, 0x12, 0x00, 0x08, 0x00];
        machine.Place(TestMachine.CodeAt, [.. stream.ToArray(), .. jump]);
        machine.Place(0x120000, a =>
        {
            a.mov(ax, 0x10);
            a.mov(ds, ax);
            a.mov(ss, ax);
            a.mov(rax, 0x123456789abcdef0);
            a.movq(xmm0, rax);
            a.ltr(__word_ptr[0x40010]);
            a.hlt();
        });
        machine.Write(0x40010, TestMachine.Task);
        machine.RunToHalt();
        Assert.Equal(0x7000UL, machine.S->Gpr[7]);
        Assert.Equal(0x123456789abcdef0UL, machine.S->Xmm[0]);
        Assert.Equal(Cpu.EferLongActive, machine.S->Efer & Cpu.EferLongActive);
        Assert.Equal(0x3000UL, machine.S->TssBase);
    }

    [Fact]
    public void IdentifiesItself()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, 0x40000000);
            a.cpuid();
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal("EvilManDomn\0", System.Text.Encoding.ASCII.GetString(
        [
            .. System.BitConverter.GetBytes((uint)machine.S->Gpr[3]), .. System.BitConverter.GetBytes((uint)machine.S->Gpr[1]),
            .. System.BitConverter.GetBytes((uint)machine.S->Gpr[2]),
        ]));
    }
}
