using System;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>What goes wrong in translators first: full memory for code, aliases, operands at the edges of pages.</summary>
public sealed unsafe class TranslatorTests
{
    private const ulong Functions = 0x200000, FaultHandler = 0x110000;

    /// <summary>More code than there is room for, twice.</summary>
    [Fact]
    public void CodeThatDoesNotFitIsTranslatedAgain()
    {
        const int count = 4000, bytes = 0x100;
        var machine = new TestMachine();
        for (int i = 0; i < count; i++)
        {
            machine.Place(Functions + (ulong)(i * bytes), a =>
            {
                a.add(rax, i);
                a.add(__qword_ptr[rsi], rax);
                a.add(__qword_ptr[rsi + 0x80], 1);
                a.ret();
            });
        }
        machine.Place(TestMachine.CodeAt, a =>
        {
            var again = a.CreateLabel();
            var next = a.CreateLabel();
            a.xor(eax, eax);
            a.mov(ebp, 2);
            a.mov(esi, 0x600000);
            a.Label(ref again);
            a.mov(ebx, (uint)Functions);
            a.mov(ecx, count);
            a.Label(ref next);
            a.call(rbx);
            a.add(ebx, bytes);
            a.dec(ecx);
            a.jne(next);
            a.dec(ebp);
            a.jne(again);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal((ulong)count * (count - 1), machine.S->Gpr[0]);
        Assert.Equal(2UL * count, machine.Read(0x600080));
    }

    /// <summary>Wherever the code of the block before has ended, and whoever comes here: no flag is alive.</summary>
    [Fact]
    public void BlocksBeginWhereTheHostFetchesThemBest()
    {
        const int count = 64, bytes = 0x100;
        var machine = new TestMachine(true, 0);
        for (int i = 0; i < count; i++)
        {
            int length = i % 40;
            machine.Place(Functions + (ulong)(i * bytes), a =>
            {
                a.xor(eax, eax);
                for (int more = 0; more < length; more++)
                    a.inc(rax);
                a.ret();
            });
        }
        machine.Place(TestMachine.CodeAt, a =>
        {
            var next = a.CreateLabel();
            a.mov(ebx, (uint)Functions);
            a.mov(ecx, count);
            a.Label(ref next);
            a.call(rbx);
            a.add(ebx, bytes);
            a.dec(ecx);
            a.jne(next);
            a.hlt();
        });
        machine.RunToHalt();
        int found = 0;
        for (int i = 0; i < Jump.Entries; i++)
        {
            var target = machine.S->JumpCache[i];
            if (target.Rip is < Functions or >= Functions + count * bytes)
                continue;
            found++;
            Assert.Equal(0UL, target.Code % Translator.EntryAlignment);
        }
        Assert.True(found > count / 2, $"{found} targets are known");
    }

    /// <summary>Code is changed through another linear address than it runs at.</summary>
    [Fact]
    public void AStoreThroughAnAliasChangesTheCode()
    {
        const ulong alias = 0x300000;
        var machine = new TestMachine();
        machine.Entry(alias) = Functions | 7;
        machine.Place(Functions, a =>
        {
            a.mov(eax, 1);
            a.ret();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 100);
            a.xor(ebx, ebx);
            a.Label(ref loop);
            a.call(Functions);
            a.add(ebx, eax);
            a.inc(__dword_ptr[alias + 1]);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(5050UL, machine.S->Gpr[3]);
    }

    /// <summary>Code runs at two addresses and changes at both, with new page tables in between or the same.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CodeOfAFrameWithTwoAddressesChanges(bool flushes)
    {
        const ulong alias = 0x300000;
        var machine = new TestMachine();
        machine.Entry(alias) = Functions | 7;
        machine.Place(Functions, a =>
        {
            a.mov(eax, 1);
            a.ret();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 100);
            a.xor(ebx, ebx);
            a.Label(ref loop);
            a.call(Functions);
            a.add(ebx, eax);
            a.call(alias);
            a.add(ebx, eax);
            a.inc(__dword_ptr[alias + 1]);
            if (flushes)
            {
                a.mov(rdx, cr3);
                a.mov(cr3, rdx);
            }
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(10100UL, machine.S->Gpr[3]);
    }

    /// <summary>Two address spaces have other code at the same address.</summary>
    [Fact]
    public void CodeBelongsToItsAddressSpace()
    {
        const ulong second = 0x400000, entry = TestMachine.PageTable + (Functions >> 12) * 8;
        var machine = new TestMachine();
        machine.Place(Functions, a =>
        {
            a.inc(eax);
            a.ret();
        });
        machine.Place(second, a =>
        {
            a.add(eax, 1000);
            a.ret();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 100);
            a.xor(eax, eax);
            a.mov(rdx, cr3);
            a.mov(esi, (uint)Functions);
            a.Label(ref loop);
            a.call(Functions);
            a.call(rsi);
            a.xor(__qword_ptr[entry], (int)(Functions ^ second));
            a.mov(cr3, rdx);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(100100UL, machine.S->Gpr[0]);
    }

    /// <summary>Operands with one base, some of them in the next page, which is there or is not.</summary>
    [Theory]
    [InlineData(0x600ff0UL, true)]
    [InlineData(0x600fc0UL, true)]
    [InlineData(0x600ff0UL, false)]
    public void OperandsOfOneBaseInTwoPages(ulong at, bool present)
    {
        var machine = new TestMachine();
        machine.Gate(14, FaultHandler);
        machine.Place(FaultHandler, a => a.hlt());
        if (!present)
            machine.Entry(0x601000) = 0;
        machine.Write(at, 5);
        ulong second = TestMachine.CodeAt + (ulong)machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rsi, at);
            a.mov(rax, __qword_ptr[rsi]);
            a.mov(__qword_ptr[rsi + 8], rax);
            a.add(rax, 1);
        });
        machine.Place(second, a =>
        {
            a.mov(__qword_ptr[rsi + 0x10], rax);
            a.add(rax, 1);
            a.mov(__qword_ptr[rsi + 0x44], rax);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(5UL, machine.Read(at + 8));
        if (!present)
        {
            // Precisely: the second addition has not been.
            Assert.Equal(6UL, machine.S->Gpr[0]);
            Assert.Equal(0x601000UL, machine.S->Cr2);
            Assert.Equal(second, machine.Read(machine.S->Gpr[4] + 8));
            return;
        }
        Assert.Equal(6UL, machine.Read(at + 0x10));
        Assert.Equal(7UL, machine.Read(at + 0x44));
    }

    /// <summary>
    /// An address that a control register gives is not that of the general register with the same number.
    /// </summary>
    [Fact]
    public void AnAddressFromAControlRegister()
    {
        const ulong at = 0x300100, other = 0x200100;
        var machine = new TestMachine();
        machine.S->Cr2 = at;
        machine.Place(TestMachine.CodeAt, a =>
        {
            // The second time the TLB has both pages.
            var again = a.CreateLabel();
            a.mov(edi, 2);
            a.Label(ref again);
            a.mov(edx, (uint)other);
            a.mov(ebx, 5);
            a.mov(__qword_ptr[rdx], rbx);
            a.inc(rbx);
            a.mov(rax, cr2);
            a.mov(__qword_ptr[rax + 8], rbx);
            a.inc(rbx);
            a.mov(__qword_ptr[rdx + 0x10], rbx);
            a.mov(r14, cr3);
            a.mov(rcx, cr0);
            a.mov(rsi, cr4);
            a.dec(edi);
            a.jne(again);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(5UL, machine.Read(other));
        Assert.Equal(0UL, machine.Read(other + 8));
        Assert.Equal(7UL, machine.Read(other + 0x10));
        Assert.Equal(6UL, machine.Read(at + 8));
        Assert.Equal(machine.S->Cr3, machine.S->Gpr[14]);
        Assert.Equal(machine.S->Cr0, machine.S->Gpr[1]);
        Assert.Equal(machine.S->Cr4, machine.S->Gpr[6]);
    }

    /// <summary>
    /// Operands between a comparison and what reads its flags: in one page, across two, and in a page that the first
    /// access finds missing; at a register, at one that changes behind the comparison, and at a constant address.
    /// </summary>
    [Theory]
    [InlineData(0x300100, false)]
    [InlineData(0x300ffc, false)]
    [InlineData(0x300100, true)]
    [InlineData(0x300ffc, true)]
    public void OperandsBetweenAComparisonAndItsBranch(ulong at, bool missing)
    {
        const ulong page = 0x301000, constant = 0x300800, value = 0x1122334455667788;
        const int count = 20;
        var machine = new TestMachine();
        machine.Write(at, value);
        machine.Write(constant, 5);
        if (missing)
        {
            machine.Entry(page - 0x1000) &= ~1UL;
            machine.Entry(page) &= ~1UL;
        }
        machine.Gate(14, FaultHandler);
        machine.Place(FaultHandler, a =>
        {
            a.push(rax);
            a.mov(rax, cr2);
            a.shr(rax, 12);
            a.or(__qword_ptr[rax * 8 + (int)TestMachine.PageTable], 1);
            a.mov(rax, cr2);
            a.invlpg(__byte_ptr[rax]);
            a.pop(rax);
            a.add(rsp, 8);
            a.iretq();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(esi, (uint)at);
            a.mov(ecx, count);
            a.Label(ref loop);
            a.mov(edi, (uint)constant);
            // The carry flag is that of the counter's lowest bit.
            a.mov(eax, ecx);
            a.and(eax, 1);
            a.cmp(eax, 1);
            a.mov(r8, __qword_ptr[rsi]);
            a.setb(bl);
            a.movzx(ebx, bl);
            a.add(r9, rbx);
            a.add(r10, r8);
            a.cmp(eax, 1);
            a.lea(rdi, __[rsi + r12]);
            a.mov(rdx, __qword_ptr[rdi]);
            a.setb(bl);
            a.add(r9, rbx);
            a.add(r10, rdx);
            a.cmp(eax, 1);
            a.AddInstruction(Instruction.Create(Code.Mov_r64_rm64, Register.RDX,
                new MemoryOperand(Register.RIP, (long)constant, 8)));
            a.cmovb(rdx, __qword_ptr[rsi]);
            a.add(r11, rdx);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal((ulong)count, machine.S->Gpr[9]);
        Assert.Equal(unchecked(2 * count * value), machine.S->Gpr[10]);
        Assert.Equal(unchecked((5 + value) * (count / 2)), machine.S->Gpr[11]);
    }

    /// <summary>
    /// An operand at a constant address that does not end in the page where it begins goes on in the frame that follows
    /// by the page tables, not by the host's addresses. Of all sizes, and of all distances from the page's end.
    /// </summary>
    [Fact]
    public void AConstantAddressAcrossTwoPages()
    {
        const ulong first = 0x300000, second = 0x301000, other = 0x340000;
        var machine = new TestMachine();
        // What follows in memory is not what follows in the address space.
        machine.Write(second, 0xbadbadbadbadbadb);
        machine.Write(second + 8, 0xbadbadbadbadbadb);
        machine.Write(other, 0x1716151413121110);
        machine.Write(other + 8, 0x1f1e1d1c1b1a1918);
        machine.Write(first + 0xff0, 0x0706050403020100);
        machine.Write(first + 0xff8, 0x0f0e0d0c0b0a0908);
        machine.Entry(second) = machine.Entry(second) & 0xfff | other;
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 20);
            a.Label(ref loop);
            a.AddInstruction(Instruction.Create(Code.Mov_r64_rm64, Register.RAX, At(0xff0)));
            a.AddInstruction(Instruction.Create(Code.Mov_r64_rm64, Register.RBX, At(0xff9)));
            a.AddInstruction(Instruction.Create(Code.Mov_r32_rm32, Register.EDX, At(0xffd)));
            a.AddInstruction(Instruction.Create(Code.Mov_r64_rm64, Register.RSI, At(0xfff)));
            a.AddInstruction(Instruction.Create(Code.Movups_xmm_xmmm128, Register.XMM1, At(0xff8)));
            a.AddInstruction(Instruction.Create(Code.Mov_rm64_r64, At(0xffc), Register.RCX));
            a.AddInstruction(Instruction.Create(Code.Mov_r64_rm64, Register.RDI, At(0xffc)));
            a.AddInstruction(Instruction.Create(Code.Mov_rm64_r64, At(0xff8), Register.R8));
            a.AddInstruction(Instruction.Create(Code.Mov_rm64_r64, At(0x1000), Register.R9));
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.S->Gpr[8] = 0x0f0e0d0c0b0a0908;
        machine.S->Gpr[9] = 0x1716151413121110;
        machine.RunToHalt();
        Assert.Equal(0x0706050403020100UL, machine.S->Gpr[0]);
        Assert.Equal(0x100f0e0d0c0b0a09UL, machine.S->Gpr[3]);
        Assert.Equal(0x100f0e0dUL, machine.S->Gpr[2]);
        Assert.Equal(0x161514131211100fUL, machine.S->Gpr[6]);
        Assert.Equal(1UL, machine.S->Gpr[7]);
        Assert.Equal(0xbadbadbadbadbadbUL, machine.Read(second));

        static MemoryOperand At(long offset) => new(Register.RIP, (long)first + offset, 8);
    }

    /// <summary>A user's stores go to pages that the user may write, whatever the kernel has just written there.</summary>
    [Fact]
    public void AUserDoesNotFindTheKernelsPages()
    {
        const ulong secret = 0x600000;
        var machine = new TestMachine();
        machine.Entry(secret) = secret | 3;
        machine.Gate(14, FaultHandler);
        machine.Place(FaultHandler, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rsi, secret);
            a.mov(__qword_ptr[rsi], 1);
            a.mov(__qword_ptr[rsi + 8], 2);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(TestMachine.KernelCode, machine.S->Selector[1]);
        machine.S->Rip = TestMachine.CodeAt;
        machine.ToUser();
        machine.RunToHalt();
        Assert.Equal(secret, machine.S->Cr2);
        Assert.Equal(TestMachine.CodeAt + 10, machine.Read(machine.S->Gpr[4] + 8));
        // Present, write, user.
        Assert.Equal(7UL, machine.Read(machine.S->Gpr[4]));
    }

    /// <summary>
    /// What is counted in vector registers is right whichever way a block is left and come back to: for an operand that
    /// misses, or lies in two pages, for an instruction that is interpreted, a call, a branch, a store into the block.
    /// </summary>
    [Theory]
    [InlineData(0x600f00UL)]
    [InlineData(0x600ff8UL)]
    [InlineData(0x600fe0UL)]
    public void VectorRegistersOutliveTheirBlock(ulong at)
    {
        const int rounds = 300;
        var machine = new TestMachine();
        machine.Write(at, 1);
        machine.Place(Functions, a =>
        {
            a.paddq(xmm8, xmm0);
            a.ret();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            var even = a.CreateLabel();
            var patched = a.CreateLabel();
            a.mov(ebp, rounds);
            a.mov(esi, (uint)at);
            a.mov(ebx, (uint)Functions);
            a.mov(eax, 1);
            a.movq(xmm0, rax);
            a.Label(ref loop);
            // All operands miss: with the constant, the pair in one window, the one that must be aligned.
            a.mov(rdx, cr3);
            a.mov(cr3, rdx);
            a.paddq(xmm1, xmm0);
            a.movq(xmm9, __qword_ptr[rsi]);
            a.paddq(xmm2, xmm9);
            a.movq(__qword_ptr[rsi + 16], xmm2);
            a.paddq(xmm3, xmm0);
            a.movq(xmm10, __qword_ptr[rsi + 16]);
            a.movdqa(xmm11, __xmmword_ptr[0x601100]);
            a.paddq(xmm11, xmm0);
            a.movdqa(__xmmword_ptr[0x601100], xmm11);
            a.paddq(xmm4, xmm0);
            a.xor(eax, eax);
            a.cpuid();
            a.paddq(xmm5, xmm0);
            a.mov(ebx, (uint)Functions);
            a.test(ebp, 1);
            a.paddq(xmm6, xmm0);
            a.je(even);
            a.paddq(xmm7, xmm0);
            a.Label(ref even);
            a.paddq(xmm12, xmm0);
            a.call(rbx);
            a.paddq(xmm13, xmm0);
            a.lea(rdi, __[patched]);
            a.mov(__byte_ptr[rdi], 0x90);
            a.Label(ref patched);
            a.nop();
            a.paddq(xmm14, xmm0);
            a.dec(ebp);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        foreach (int register in new[] { 1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14 })
            Assert.Equal(rounds, (int)machine.S->Ymm[4 * register]);
        Assert.Equal(rounds / 2, (int)machine.S->Ymm[28]);
        Assert.Equal((ulong)rounds, machine.Read(0x601100));
        Assert.Equal((ulong)rounds, machine.Read(at + 16));
    }

    /// <summary>A fault finds vector registers as the instructions before it have left them.</summary>
    [Fact]
    public void AFaultFindsVectorRegisters()
    {
        const ulong absent = 0x601000;
        var machine = new TestMachine();
        machine.Gate(14, FaultHandler);
        machine.Place(FaultHandler, a =>
        {
            a.paddq(xmm1, xmm0);
            a.hlt();
        });
        machine.Entry(absent) = 0;
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(esi, (uint)absent);
            a.mov(eax, 1);
            a.movq(xmm0, rax);
            a.movdqa(xmm1, xmm0);
            a.paddq(xmm2, __xmmword_ptr[rsi]);
            a.paddq(xmm1, xmm0);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(2UL, machine.S->Ymm[4]);
        Assert.Equal(absent, machine.S->Cr2);
    }

    /// <summary>Instructions are counted one by one, on whichever way a block is left.</summary>
    [Fact]
    public void EveryInstructionCounts()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            var odd = a.CreateLabel();
            var next = a.CreateLabel();
            a.mov(ecx, 1000);
            a.Label(ref loop);
            a.test(cl, 1);
            a.jne(odd);
            a.add(eax, 1);
            a.add(eax, 1);
            a.jmp(next);
            a.Label(ref odd);
            a.add(ebx, 1);
            a.Label(ref next);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        ulong before = machine.Cpu.InstructionsRetired;
        machine.RunToHalt();
        Assert.Equal((1000UL, 500UL), (machine.S->Gpr[0], machine.S->Gpr[3]));
        Assert.Equal(2UL + 500 * 7 + 500 * 5, machine.Cpu.InstructionsRetired - before);
    }

    /// <summary>An interrupt is taken out of a loop that leaves to nothing.</summary>
    [Fact]
    public void ALoopIsInterrupted()
    {
        var machine = new TestMachine();
        machine.Gate(0x40, FaultHandler);
        machine.Place(FaultHandler, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.sti();
            a.Label(ref loop);
            a.add(rax, 1);
            a.jmp(loop);
        });
        machine.Interrupts.Enqueue(0x40);
        machine.RunToHalt();
        ulong first = machine.S->Gpr[0];
        Assert.InRange(first, 0UL, 2000UL);
        // Where it was interrupted it goes on.
        Assert.InRange(machine.Read(machine.S->Gpr[4]), TestMachine.CodeAt + 1, TestMachine.CodeAt + 7);
    }
}
