using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>Code that changes under the cache of decoded blocks.</summary>
public sealed unsafe class CodeChangeTests
{
    [Fact]
    public void StoreIntoTheNextInstruction()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ecx, 3);
            var loop = a.CreateLabel();
            a.Label(ref loop);
            // mov eax, 1 becomes mov eax, 2, ahead of itself in the same block.
            a.inc(__dword_ptr[TestMachine.CodeAt + 13]);
            a.mov(eax, 1);
            a.add(ebx, eax);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(2UL + 3 + 4, machine.S->Gpr[3]);
    }

    [Fact]
    public void DeviceWritesNeedInvalidation()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, 1);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(1UL, machine.S->Gpr[0]);
        machine.Memory.Base[TestMachine.CodeAt + 1] = 9;
        machine.Cpu.InvalidateCode(TestMachine.CodeAt + 1, 1);
        machine.S->Rip = TestMachine.CodeAt;
        machine.RunToHalt();
        Assert.Equal(9UL, machine.S->Gpr[0]);
    }

    [Fact]
    public void InstructionAcrossPagesSeesChangesInBoth()
    {
        var machine = new TestMachine();
        const ulong at = 0x100ffd;
        machine.Place(at, a =>
        {
            a.mov(eax, 0x11111111);
            a.hlt();
        });
        machine.S->Rip = at;
        machine.RunToHalt();
        Assert.Equal(0x11111111UL, machine.S->Gpr[0]);
        machine.Memory.Base[0x101000] = 0x22;
        machine.Cpu.InvalidateCode(0x101000, 1);
        machine.S->Rip = at;
        machine.RunToHalt();
        Assert.Equal(0x11221111UL, machine.S->Gpr[0]);

        // The second page mapped elsewhere: no byte changed, the instruction did.
        machine.Write(0x201000, 0xf43333);
        machine.Entry(0x101000) = 0x201000 | 7;
        machine.Cpu.FlushPage(0x101000);
        machine.S->Rip = at;
        machine.RunToHalt();
        Assert.Equal(0x33331111UL, machine.S->Gpr[0]);
    }

    [Fact]
    public void RemappedCodeIsFoundAgain()
    {
        var machine = new TestMachine();
        machine.Place(0x200000, a =>
        {
            a.mov(eax, 1);
            a.ret();
        });
        machine.Place(0x201000, a =>
        {
            a.mov(eax, 2);
            a.ret();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.call(0x200000);
            a.mov(ebx, eax);
            a.mov(__qword_ptr[TestMachine.PageTable + (0x200000 >> 12) * 8], 0x201007);
            a.invlpg(__byte_ptr[0x200000]);
            a.call(0x200000);
            a.add(ebx, eax);
            a.mov(__qword_ptr[TestMachine.PageTable + (0x200000 >> 12) * 8], 0x200007);
            a.mov(rcx, cr3);
            a.mov(cr3, rcx);
            a.call(0x200000);
            a.lea(ebx, __[rbx + rax * 4]);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(1UL + 2 + 4, machine.S->Gpr[3]);
    }

    [Fact]
    public void DataBesideCodeStaysWritable()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 1000);
            a.Label(ref loop);
            a.add(__qword_ptr[TestMachine.CodeAt + 0x800], rcx);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(500500UL, machine.Read(TestMachine.CodeAt + 0x800));
    }

    /// <summary>The same bytes at the same address are one instruction in 64-bit code and two in 32-bit code.</summary>
    [Fact]
    public void BytesAreDecodedByTheCodeSegment()
    {
        var machine = new TestMachine();
        // inc rax; ret, or dec eax; inc eax; ret
        machine.Place(0x200000, [0x48, 0xff, 0xc0, 0xc3]);
        machine.Write(0x300000, 0x120000UL | (ulong)TestMachine.KernelCode32 << 32);
        machine.Write(0x300010, 0x130000UL | (ulong)TestMachine.KernelCode << 32);
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ebp, 100);
            a.mov(edi, 0x200000);
            a.xor(eax, eax);
            a.Label(ref loop);
            a.call(rdi);
            a.call(rdi);
            a.jmp(__fword_ptr[0x300000]);
        });
        machine.Place(0x120000, a =>
        {
            a.call(edi);
            a.call(edi);
            a.jmp(__fword_ptr[0x300010]);
        }, 32);
        machine.Place(0x130000, a =>
        {
            a.call(rdi);
            a.dec(ebp);
            a.jne(TestMachine.CodeAt + 12);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(300UL, machine.S->Gpr[0]);
    }
}
