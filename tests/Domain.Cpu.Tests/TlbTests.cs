using System;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>
/// What an instruction has found in the TLB it finds again only as long as that is so: the same instructions run before
/// and behind every change of a page's translation, and at every place in a page.
/// </summary>
public sealed unsafe class TlbTests
{
    private const ulong Functions = 0x200000, FaultHandler = 0x110000, Page = 0x600000,
        Data = 0x680000, OtherData = 0x690000;

    /// <summary>How a page's new translation is made known.</summary>
    public enum Flush
    {
        Invlpg,
        Cr3,
        GlobalBit,
    }

    private static void Announce(Assembler a, Flush flush)
    {
        switch (flush)
        {
            case Flush.Invlpg:
                a.invlpg(__byte_ptr[rsi]);
                break;
            case Flush.Cr3:
                a.mov(rdx, cr3);
                a.mov(cr3, rdx);
                break;
            case Flush.GlobalBit:
                a.mov(rdx, cr4);
                a.xor(rdx, (int)Cr4.PGE);
                a.mov(cr4, rdx);
                break;
        }
    }

    /// <summary>A load, a store and a pair of operands by one register find the frame that is mapped now.</summary>
    [Theory]
    [InlineData(Flush.Invlpg, false)]
    [InlineData(Flush.Cr3, false)]
    [InlineData(Flush.GlobalBit, false)]
    [InlineData(Flush.Invlpg, true)]
    public void APageIsMappedElsewhere(Flush flush, bool evicted)
    {
        const int rounds = 40;
        const ulong entry = TestMachine.PageTable + (Page >> 12) * 8;
        var machine = new TestMachine();
        machine.Write(Data, 1);
        machine.Write(OtherData, 1000);
        machine.Entry(Page) = Data | 7;
        // Another page that belongs at the same place in the TLB.
        const ulong rival = Page + ((ulong)Mmu.TlbEntries << 12);
        machine.Write(0x12000 + (rival >> 21) * 8, (TestMachine.PageTable + 0x4000) | 7);
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, rounds);
            a.mov(esi, (uint)Page);
            a.mov(edi, (uint)rival);
            a.mov(ebx, (uint)entry);
            a.Label(ref loop);
            a.add(rax, __qword_ptr[rsi]);
            a.add(__qword_ptr[rsi + 8], 1);
            a.add(r8, __qword_ptr[rsi + 8]);
            if (evicted)
            {
                a.mov(r9, __qword_ptr[rdi]);
                a.mov(__qword_ptr[rdi + 8], r9);
            }
            a.xor(__qword_ptr[rbx], (int)(Data ^ OtherData));
            Announce(a, flush);
            a.mov(__qword_ptr[rsi + 16], rcx);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(rounds / 2 * 1001UL, machine.S->Gpr[0]);
        Assert.Equal((ulong)rounds / 2, machine.Read(Data + 8));
        Assert.Equal((ulong)rounds / 2, machine.Read(OtherData + 8));
        Assert.Equal(1UL, machine.Read(Data + 16));
        Assert.Equal(2UL, machine.Read(OtherData + 16));
    }

    /// <summary>How the operands of <see cref="TwoPagesOfOneSlotAreFoundByTurns"/> are addressed.</summary>
    public enum Operands
    {
        Single,
        Pairs,
        Constant,
        ConstantPairs,
    }

    /// <summary>
    /// Two pages that belong to one slot of the TLB are walked to once, however often they are used by turns; and
    /// translated code finds both without the interpreter.
    /// </summary>
    [Theory]
    [InlineData(Operands.Single, false)]
    [InlineData(Operands.Single, true)]
    [InlineData(Operands.Pairs, false)]
    [InlineData(Operands.Pairs, true)]
    [InlineData(Operands.Constant, true)]
    [InlineData(Operands.ConstantPairs, true)]
    public void TwoPagesOfOneSlotAreFoundByTurns(Operands operands, bool user)
    {
        const int rounds = 1000;
        const ulong rival = Page + ((ulong)Mmu.TlbEntries << 12), rivalFrame = 0x800000;
        var machine = new TestMachine();
        machine.Write(0x12000 + (rival >> 21) * 8, (TestMachine.PageTable + 0x4000) | 7);
        machine.Write(Page, 3);
        machine.Write(rivalFrame, 5);
        machine.Place(FaultHandler, a => a.hlt());
        machine.Gate(13, FaultHandler);
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, rounds);
            a.mov(esi, (uint)Page);
            a.mov(edi, (uint)rival);
            a.Label(ref loop);
            foreach (var (register, page) in new[] { (rsi, Page), (rdi, rival) })
            {
                MemoryOperand At(int offset) => operands is Operands.Single or Operands.Pairs
                    ? new MemoryOperand(register, offset, 8) : new MemoryOperand(Register.RIP, (long)page + offset, 8);
                // The sum of what was read, and the count of what was written, with a way to both TLBs.
                a.AddInstruction(Instruction.Create(Code.Add_r64_rm64, Register.RAX, At(0)));
                if (operands is Operands.Pairs or Operands.ConstantPairs)
                    a.AddInstruction(Instruction.Create(Code.Add_r64_rm64, Register.RAX, At(16)));
                a.mov(r8, rcx);
                a.AddInstruction(Instruction.Create(Code.Inc_rm64, At(0x80)));
                if (operands is Operands.Pairs or Operands.ConstantPairs)
                    a.AddInstruction(Instruction.Create(Code.Inc_rm64, At(0x88)));
            }
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        if (user)
            machine.ToUser();
        (ulong walks, ulong misses) = (machine.S->Walks, machine.S->Misses);
        machine.RunToHalt();
        Assert.Equal(rounds * 8UL, machine.S->Gpr[0]);
        Assert.Equal((ulong)rounds, machine.Read(Page + 0x80));
        Assert.Equal((ulong)rounds, machine.Read(rivalFrame + 0x80));
        Assert.InRange(machine.S->Walks - walks, 4UL, 40UL);
        if (TestMachine.Translates)
            Assert.InRange(machine.S->Misses - misses, 4UL, 40UL);
    }

    /// <summary>
    /// ADD RAX, immediate and RET, of whose immediate one byte lies in a page and three in the next: at
    /// <see cref="Crossing"/>.
    /// </summary>
    private static byte[] AddAcross(uint immediate) => TestMachine.Assemble(Crossing, a =>
    {
        a.add(rax, (int)immediate);
        a.ret();
    });

    private const ulong Crossing = 0x300ffd, SecondPage = 0x301000;

    /// <summary>An instruction that lies in two pages is not looked for each time that it is come to.</summary>
    [Fact]
    public void AnInstructionOfTwoPagesIsRemembered()
    {
        const int rounds = 2000;
        var machine = new TestMachine();
        machine.Place(Crossing, AddAcross(0x1020304));
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, rounds);
            a.mov(ebx, (uint)Crossing);
            a.Label(ref loop);
            a.call(Crossing);
            a.call(rbx);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        ulong before = machine.S->Searches;
        machine.RunToHalt();
        Assert.Equal(2UL * rounds * 0x1020304, machine.S->Gpr[0]);
        Assert.InRange(machine.S->Searches - before, 1UL, 200UL);
    }

    /// <summary>
    /// It is the one that is there: whether its second page is mapped to another frame, or written to.
    /// </summary>
    [Theory]
    [InlineData(Flush.Invlpg)]
    [InlineData(Flush.Cr3)]
    [InlineData(Flush.GlobalBit)]
    [InlineData(null)]
    public void TheSecondPageOfAnInstructionChanges(Flush? flush)
    {
        const int rounds = 200;
        var machine = new TestMachine();
        machine.Place(OtherData - 3, AddAcross(0x5060704));
        machine.Place(Crossing, AddAcross(0x1020304));
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, rounds);
            a.mov(esi, (uint)SecondPage);
            a.mov(ebx, (uint)Crossing);
            a.Label(ref loop);
            a.call(Crossing);
            a.call(rbx);
            a.call(Crossing);
            if (flush != null)
            {
                a.xor(__qword_ptr[TestMachine.PageTable + (SecondPage >> 12) * 8], (int)(SecondPage ^ OtherData));
                Announce(a, flush.Value);
            }
            else
                a.xor(__dword_ptr[rsi], 0x040404);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(rounds / 2 * 3 * (0x1020304UL + 0x5060704), machine.S->Gpr[0]);
    }

    /// <summary>Of many instructions all see that a page has moved.</summary>
    [Fact]
    public void SoDoManyInstructions()
    {
        const int count = 3000, bytes = 64;
        var machine = new TestMachine();
        machine.Write(Data, 1);
        machine.Write(OtherData, 1000);
        machine.Entry(Page) = Data | 7;
        for (int i = 0; i < count; i++)
        {
            machine.Place(Functions + (ulong)(i * bytes), a =>
            {
                a.add(rax, __qword_ptr[rsi]);
                a.inc(__qword_ptr[rdi]);
                a.ret();
            });
        }
        machine.Place(TestMachine.CodeAt, a =>
        {
            var again = a.CreateLabel();
            var next = a.CreateLabel();
            a.mov(esi, (uint)Page);
            a.lea(rdi, __[rsi + 8]);
            a.mov(ebp, 4);
            a.Label(ref again);
            a.mov(ebx, (uint)Functions);
            a.mov(ecx, count);
            a.Label(ref next);
            a.call(rbx);
            a.add(ebx, bytes);
            a.dec(ecx);
            a.jne(next);
            a.xor(__qword_ptr[TestMachine.PageTable + (Page >> 12) * 8], (int)(Data ^ OtherData));
            a.invlpg(__byte_ptr[rsi]);
            a.dec(ebp);
            a.jne(again);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(2 * count * 1001UL, machine.S->Gpr[0]);
        Assert.Equal(2UL * count, machine.Read(Data + 8));
        Assert.Equal(2UL * count, machine.Read(OtherData + 8));
    }

    /// <summary>A page that is written and executed by turns: what runs is what was written.</summary>
    [Fact]
    public void APageOfDataBecomesCode()
    {
        var machine = new TestMachine();
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 100);
            a.mov(esi, (uint)Page);
            a.Label(ref loop);
            // MOV EAX, ECX and RET.
            a.mov(__byte_ptr[rsi], 0xb8);
            a.mov(__dword_ptr[rsi + 1], ecx);
            a.mov(__byte_ptr[rsi + 5], 0xc3);
            a.call(rsi);
            a.add(rbx, rax);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(5050UL, machine.S->Gpr[3]);
    }

    /// <summary>A page that becomes one for reading faults at the store that could write before.</summary>
    [Fact]
    public void APageBecomesReadOnly()
    {
        const ulong entry = TestMachine.PageTable + (Page >> 12) * 8;
        var machine = new TestMachine();
        machine.Gate(14, FaultHandler);
        machine.Place(FaultHandler, a =>
        {
            a.inc(r15);
            a.mov(r14, cr2);
            a.or(__qword_ptr[entry], 2);
            a.invlpg(__byte_ptr[Page]);
            a.add(rsp, 8);
            a.iretq();
        });
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 50);
            a.mov(esi, (uint)Page);
            a.Label(ref loop);
            a.mov(__qword_ptr[rsi + 0x18], rcx);
            a.add(rax, __qword_ptr[rsi + 0x18]);
            a.and(__qword_ptr[entry], ~2);
            a.invlpg(__byte_ptr[rsi]);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(1275UL, machine.S->Gpr[0]);
        Assert.Equal(49UL, machine.S->Gpr[15]);
        Assert.Equal(Page + 0x18, machine.S->Gpr[14]);
    }

    /// <summary>
    /// Loads and stores of every size, and pairs of them, at each of the last and first bytes of two pages whose frames
    /// are not neighbours.
    /// </summary>
    [Theory]
    [InlineData(1, Code.Mov_r8_rm8, Code.Mov_rm8_r8, Code.Inc_rm8, Register.AL, Register.BL)]
    [InlineData(2, Code.Mov_r16_rm16, Code.Mov_rm16_r16, Code.Inc_rm16, Register.AX, Register.BX)]
    [InlineData(4, Code.Mov_r32_rm32, Code.Mov_rm32_r32, Code.Inc_rm32, Register.EAX, Register.EBX)]
    [InlineData(8, Code.Mov_r64_rm64, Code.Mov_rm64_r64, Code.Inc_rm64, Register.RAX, Register.RBX)]
    [InlineData(16, Code.Movdqu_xmm_xmmm128, Code.Movdqu_xmmm128_xmm, Code.Inc_rm8, Register.XMM0, Register.XMM1)]
    public void OperandsAtTheEndOfAPage(int size, Code load, Code store, Code increment, Register first, Register second)
    {
        const ulong scratch = 0x500000;
        var machine = new TestMachine();
        machine.Entry(Page) = Data | 7;
        machine.Entry(Page + 0x1000) = OtherData | 7;
        var expected = new byte[0x2000];
        new Random(size).NextBytes(expected);
        expected.AsSpan(0, 0x1000).CopyTo(new Span<byte>(machine.Memory.Base + Data, 0x1000));
        expected.AsSpan(0x1000).CopyTo(new Span<byte>(machine.Memory.Base + OtherData, 0x1000));
        // Behind both frames lies what is nobody's.
        new Span<byte>(machine.Memory.Base + Data + 0x1000, 64).Fill(0xee);
        new Span<byte>(machine.Memory.Base + OtherData + 0x1000, 64).Fill(0xee);
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 96);
            a.mov(esi, (uint)Page + 0x1000 - 64);
            a.mov(edi, (uint)scratch);
            a.Label(ref loop);
            a.AddInstruction(Instruction.Create(load, first, new MemoryOperand(Register.RSI)));
            a.AddInstruction(Instruction.Create(load, second, new MemoryOperand(Register.RSI, 20)));
            a.AddInstruction(Instruction.Create(store, new MemoryOperand(Register.RDI), first));
            a.AddInstruction(Instruction.Create(store, new MemoryOperand(Register.RDI, 0x1000), second));
            a.AddInstruction(Instruction.Create(increment, new MemoryOperand(Register.RSI, size == 16 ? 15 : 0)));
            a.add(rsi, 1);
            a.add(rdi, 16);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        for (int i = 0; i < 96; i++)
        {
            int at = 0x1000 - 64 + i;
            var read = new Span<byte>(machine.Memory.Base + scratch + i * 16, size);
            Assert.Equal(expected.AsSpan(at, size).ToArray(), read.ToArray());
            read = new Span<byte>(machine.Memory.Base + scratch + 0x1000 + i * 16, size);
            Assert.Equal(expected.AsSpan(at + 20, size).ToArray(), read.ToArray());
            // The increment, with its carry.
            for (int carry = size == 16 ? 15 : 0; carry < size; carry++)
            {
                expected[at + carry]++;
                if (expected[at + carry] != 0)
                    break;
            }
        }
        Assert.Equal(expected[..0x1000], new Span<byte>(machine.Memory.Base + Data, 0x1000).ToArray());
        Assert.Equal(expected[0x1000..], new Span<byte>(machine.Memory.Base + OtherData, 0x1000).ToArray());
        Assert.Equal(-1, new Span<byte>(machine.Memory.Base + Data + 0x1000, 64).IndexOfAnyExcept((byte)0xee));
        Assert.Equal(-1, new Span<byte>(machine.Memory.Base + OtherData + 0x1000, 64).IndexOfAnyExcept((byte)0xee));
    }

    /// <summary>
    /// Between operands of one structure come those of another, a constant address, registers that the host does not
    /// hold, and flags that the interpreter has left: each operand is found where it lies.
    /// </summary>
    [Fact]
    public void OperandsOfStructuresByTurns()
    {
        const int rounds = 20;
        const ulong other = Page + 0x2000;
        var machine = new TestMachine();
        for (int i = 0; i < 8; i++)
        {
            machine.Write(Page + 8 * (ulong)i, 1UL << 8 * i);
            machine.Write(other + 8 * (ulong)i, 2UL << 8 * i);
        }
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, rounds);
            a.mov(esi, (uint)Page);
            a.mov(edi, (uint)other);
            a.mov(r12, 3);
            a.mov(r13, 5);
            a.Label(ref loop);
            a.add(rax, __qword_ptr[rsi]);
            a.add(rax, __qword_ptr[rsi + 8]);
            a.add(rbx, __qword_ptr[rdi + 8]);
            a.add(rax, __qword_ptr[rsi + 16]);
            a.xchg(r12, r13);
            a.add(rax, __qword_ptr[rsi + 24]);
            a.add(rbx, __qword_ptr[(long)other + 16]);
            a.add(rax, __qword_ptr[rsi + 32]);
            a.lea(r8, __[r12 + r13]);
            a.add(rax, __qword_ptr[rsi + 40]);
            // Bits in memory by a register are the interpreter's.
            a.bt(__qword_ptr[rdi], r13);
            a.mov(r9, __qword_ptr[rsi + 48]);
            a.adc(r10, 0);
            a.mov(r11, __qword_ptr[rsi + 56]);
            a.add(rax, r9);
            a.add(rax, r11);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(rounds * 0x0101010101010101UL, machine.S->Gpr[0]);
        Assert.Equal(rounds * 0x0000000000020200UL, machine.S->Gpr[3]);
        Assert.Equal(8UL, machine.S->Gpr[8]);
        Assert.Equal(0UL, machine.S->Gpr[10]);
    }

    /// <summary>Addresses that no page table can have.</summary>
    [Theory]
    [InlineData(0x8000_0000_0000_0000UL)]
    [InlineData(0x0000_8000_0000_0000UL)]
    [InlineData(0xffff_7fff_ffff_f000UL)]
    public void AnAddressThatIsNotCanonicalFaults(ulong address)
    {
        var machine = new TestMachine();
        machine.Gate(13, FaultHandler);
        machine.Place(FaultHandler, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(rsi, address);
            a.mov(eax, 1);
            a.mov(rax, __qword_ptr[rsi]);
            a.mov(__qword_ptr[rsi + 8], rax);
            a.hlt();
        });
        machine.RunToHalt();
        Assert.Equal(1UL, machine.S->Gpr[0]);
        Assert.Equal(TestMachine.KernelCode, machine.S->Selector[1]);
        Assert.Equal(TestMachine.CodeAt + 15, machine.Read(machine.S->Gpr[4] + 8));
    }

    /// <summary>
    /// An entry that was never filled has the tag of page 0: what begins there, or begins in the last page and ends
    /// there, faults all the same where it is not mapped.
    /// </summary>
    [Theory]
    [InlineData(0UL, true)]
    [InlineData(0xff8UL, false)]
    [InlineData(0xffff_ffff_ffff_fffcUL, false)]
    [InlineData(0xffff_ffff_ffff_fffcUL, true)]
    public void TheFirstPageFaultsWhereItIsNotMapped(ulong address, bool write)
    {
        var machine = new TestMachine();
        machine.Entry(0) = 0;
        machine.Gate(14, FaultHandler);
        machine.Place(FaultHandler, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, 1);
            if (write)
                a.mov(__qword_ptr[rsi], rax);
            else
                a.mov(rax, __qword_ptr[rsi]);
            a.hlt();
        });
        machine.S->Gpr[6] = address;
        machine.RunToHalt();
        Assert.Equal(1UL, machine.S->Gpr[0]);
        Assert.Equal(address, machine.S->Cr2);
        Assert.Equal(TestMachine.CodeAt + 5, machine.Read(machine.S->Gpr[4] + 8));
    }
}
