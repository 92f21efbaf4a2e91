using System;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>
/// 32-bit code: linear addresses have 32 bits, whatever base, index and segment add up to (SDM vol. 1, 3.3.7).
/// </summary>
public sealed unsafe class NarrowAddressTests
{
    private const ulong Target = 0x2000fe;

    // The upper half of a base is for 64-bit code (SDM vol. 3, 3.4.4).
    private const ulong Below4GiB = 0xffff_ff00, Above4GiB = 0x5_ffff_ff00;

    public static TheoryData<string, bool, ulong> Accesses()
    {
        var data = new TheoryData<string, bool, ulong>();
        foreach (string name in new[] { "load", "store", "modify", "exchange", "push", "call", "jump", "vector",
            "vector store", "string", "bit", "float", "table" })
        {
            foreach (ulong segmentBase in new[] { Below4GiB, Above4GiB })
            {
                data.Add(name, true, segmentBase);
                data.Add(name, false, segmentBase);
            }
        }
        return data;
    }

    /// <summary>FS base just below a multiple of 4 GiB, with and without paging.</summary>
    [Theory]
    [MemberData(nameof(Accesses))]
    public void SegmentBaseAndOffsetWrap(string access, bool paging, ulong segmentBase)
    {
        var machine = new TestMachine();
        if (paging)
            machine.ToUser(TestMachine.UserCode32);
        else
            machine.ToUnpaged();
        machine.S->SegmentBase[Cpu.SegmentFs] = segmentBase;
        const int offset = (int)(Target + 0x100);
        var operand = __dword_ptr.fs[offset];
        machine.Write(Target, 0x11223344_00200200);
        machine.Gate(13, 0x110000);
        machine.Place(0x110000, a => a.hlt());
        machine.Place(0x200200, a => a.hlt(), 32);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ecx, 0x77);
            switch (access)
            {
                case "load": a.mov(eax, operand); break;
                case "store": a.mov(operand, ecx); break;
                case "modify": a.add(operand, ecx); break;
                case "exchange": a.xchg(operand, ecx); break;
                case "push": a.push(operand); a.pop(eax); break;
                case "call": a.call(operand); break;
                case "jump": a.jmp(operand); break;
                case "vector": a.movups(xmm0, __xmmword_ptr.fs[offset]); a.movd(eax, xmm0); break;
                case "vector store": a.movd(xmm0, ecx); a.movups(__xmmword_ptr.fs[offset], xmm0); break;
                case "string": a.mov(esi, offset); a.AddInstruction(Instruction.CreateLodsd(32, Register.FS)); break;
                case "bit": a.mov(edx, 31 * 8); a.bts(__dword_ptr.fs[offset - 31], edx); break;
                case "float": a.fild(operand); a.fistp(operand); a.mov(eax, operand); break;
                case "table": a.sgdt(__fword_ptr.fs[offset]); break;
            }
            a.hlt();
        }, 32);
        // User code cannot halt: there the handler of its #GP does.
        machine.RunToHalt();
        ulong after = machine.Read(Target);
        switch (access)
        {
            case "load" or "push" or "vector" or "string" or "float": Assert.Equal(0x200200UL,
                machine.S->Gpr[0]); break;
            case "store" or "vector store": Assert.Equal(0x77U, (uint)after); break;
            case "modify": Assert.Equal(0x200277U, (uint)after); break;
            case "exchange": Assert.Equal((0x77U, 0x200200UL), ((uint)after, machine.S->Gpr[1])); break;
            case "bit": Assert.Equal(0x200201U, (uint)after); break;
            case "table": Assert.Equal((uint)(machine.S->GdtBase << 16 | machine.S->GdtLimit), (uint)after); break;
            default: Assert.Equal(paging ? 0x200200UL : 0x200201UL, paging ? machine.Read(machine.S->Gpr[4] + 8)
                : machine.S->Rip); break;
        }
    }

    /// <summary>
    /// What lies below a thread's pointer: GS with a base, and an index that is negative, of 32 bits.
    /// </summary>
    [Theory]
    [InlineData(true, -16)]
    [InlineData(true, int.MinValue)]
    [InlineData(false, -16)]
    [InlineData(false, int.MinValue)]
    public void NegativeIndexesReachBelowTheBase(bool paging, int index)
    {
        var machine = new TestMachine();
        if (paging)
            machine.ToUser(TestMachine.UserCode32);
        else
            machine.ToUnpaged();
        machine.S->SegmentBase[Cpu.SegmentGs] = (uint)(Target - (ulong)index);
        machine.S->Gpr[2] = (uint)index;
        machine.Write(Target, 0x11223344_00200200);
        machine.Gate(13, 0x110000);
        machine.Place(0x110000, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(eax, __dword_ptr.gs[edx]);
            a.mov(ecx, 0x77);
            a.mov(__dword_ptr.gs[edx + 4], ecx);
            a.hlt();
        }, 32);
        machine.RunToHalt();
        Assert.Equal((0x200200UL, 0x00000077_00200200UL), (machine.S->Gpr[0], machine.Read(Target)));
    }

    /// <summary>
    /// An address is cut before the TLB is asked: a page that has been reached is found at once the next time.
    /// </summary>
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void AnAddressThatWrapsIsFoundInTheTlb(bool paging, bool segment)
    {
        const int rounds = 1000, offset = (int)(Target + 0x100);
        var machine = new TestMachine();
        if (paging)
            machine.ToUser(TestMachine.UserCode32);
        else
            machine.ToUnpaged();
        machine.S->SegmentBase[Cpu.SegmentFs] = machine.S->Gpr[3] = Below4GiB;
        machine.Gate(13, 0x110000);
        machine.Place(0x110000, a => a.hlt());
        machine.Place(TestMachine.CodeAt, a =>
        {
            var loop = a.CreateLabel();
            var operand = segment ? __dword_ptr.fs[offset] : __dword_ptr[ebx + offset];
            a.mov(ecx, rounds);
            a.Label(ref loop);
            a.mov(eax, operand);
            a.mov(operand, ecx);
            a.inc(operand);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        }, 32);
        ulong before = machine.S->Misses;
        machine.RunToHalt();
        Assert.Equal((2UL, 3U), ((uint)machine.Read(Target), (uint)machine.S->Gpr[0]));
        Assert.InRange(machine.S->Misses - before, 1UL, 40UL);
    }

    /// <summary>
    /// Where an address was not cut, the page that the TLB then has is another's: the operand is reached by a copy,
    /// and is not looked for again and again.
    /// </summary>
    [Fact]
    public void AnAddressThatWasNotCutIsReachedByACopy()
    {
        const ulong above = Target + (1UL << 32);
        var machine = new TestMachine();
        machine.ToUnpaged();
        Op op = default;
        foreach (bool modify in new[] { false, true })
        {
            Assert.Equal(Prepared.Copied, machine.Cpu.PrepareRead(&op, above, 4));
            Assert.Equal(Prepared.Copied, machine.Cpu.PrepareWrite(&op, above, 4, modify));
            Assert.Equal(Prepared.Mapped, machine.Cpu.PrepareRead(&op, Target, 4));
            Assert.Equal(Prepared.Mapped, machine.Cpu.PrepareWrite(&op, Target, 4, modify));
        }
    }

    /// <summary>
    /// An operand that runs over the end of the address space wraps, or faults; it neither hangs nor leaves RAM.
    /// </summary>
    [Theory]
    [InlineData(0xffff_fffeU)]
    [InlineData(0xffff_ffffU)]
    [InlineData(0xffff_fffdU)]
    public void OperandsAcrossTheEndOfTheAddressSpace(uint address)
    {
        var machine = new TestMachine();
        machine.ToUnpaged();
        machine.Write(0, 0x8877665544332211);
        machine.S->Gpr[3] = address;
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.mov(ecx, __dword_ptr[ebx]);
            a.mov(__dword_ptr[ebx], 0x01020304);
            a.add(__dword_ptr[ebx], 0);
            a.movups(xmm0, __xmmword_ptr[ebx]);
            a.movups(__xmmword_ptr[ebx], xmm0);
            a.mov(esp, ebx);
            a.push(eax);
            a.pop(eax);
            a.hlt();
        }, 32);
        machine.RunToHalt();
        int inside = (int)(0x1_0000_0000 - address);
        // Nothing answers at the end of the address space: ones; the rest of the operand lies at 0.
        Assert.Equal(0x44332211u << (8 * inside) | uint.MaxValue >> (32 - 8 * inside), (uint)machine.S->Gpr[1]);
        Assert.Equal(0x01020304u >> (8 * inside), (uint)machine.Read(0) & uint.MaxValue >> (8 * inside));
    }
}
