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

    /// <summary>Instructions whose bytes are an entry of a page table: the walk marks it accessed, then dirty.</summary>
    [Fact]
    public void MarksOfAPageWalkChangeTheCode()
    {
        const ulong page = 0x300000, entry = TestMachine.PageTable + (page >> 12) * 8, accessed = 0x20, dirty = 0x40;
        var machine = new TestMachine();
        // mov rax, the entry; ret
        machine.Place(entry - 2, [0x48, 0xb8]);
        machine.Place(entry + 8, [0xc3]);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ebp, (uint)entry - 2);
            a.call(rbp);
            a.mov(rbx, rax);
            a.mov(cl, __byte_ptr[page]);
            a.call(rbp);
            a.mov(rdx, rax);
            a.mov(__byte_ptr[page], cl);
            a.call(rbp);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(page | 7, machine.S->Gpr[3]);
        Assert.Equal(page | 7 | accessed, machine.S->Gpr[2]);
        Assert.Equal(page | 7 | accessed | dirty, machine.S->Gpr[0]);
    }

    /// <summary>Who writes meanwhile changes nothing that has been looked at.</summary>
    [Fact]
    public void BytesOfABlockAreReadOnce()
    {
        byte[] code = [0x48, 0x01, 0xd8, 0xc3];
        var builder = new BlockBuilder(new TestMachine().S);
        fixed (byte* at = code)
        {
            Assert.Equal(4, builder.Decode(at, code.Length, 0x1000, Cpu.ModeCode64));
            code[1] = 0x0f;
            Assert.Equal([0x48, 0x01, 0xd8, 0xc3], new System.ReadOnlySpan<byte>(builder.Bytes, 4).ToArray());
        }
    }

    /// <summary>
    /// SYSCALL of 32-bit code leads to 64-bit code, also where that address has been executed as 32-bit code.
    /// </summary>
    [Fact]
    public void TheTargetOfSyscallIsDecodedAnew()
    {
        var machine = new TestMachine();
        // inc rax, or dec eax; inc eax. Then: cmp ecx, 1; jne +1; ret; hlt.
        machine.Place(0x200000, [0x48, 0xff, 0xc0, 0x83, 0xf9, 0x01, 0x75, 0x01, 0xc3, 0xf4]);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ecx, 1);
            a.mov(edi, 0x200000);
            a.call(edi);
            a.call(edi);
            a.syscall();
            a.hlt();
        }, 32);
        Assert.True(machine.Cpu.LoadCode(TestMachine.KernelCode32, 0));
        machine.S->Star = 0x00100008UL << 32;
        machine.S->Cstar = 0x200000;
        machine.S->Gpr[0] = 5;
        machine.RunToHalt();
        Assert.Equal(0x20000aUL, machine.S->Rip);
        Assert.Equal(6UL, machine.S->Gpr[0]);
    }
}
