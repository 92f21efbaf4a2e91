using System;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>
/// What HostComparisonTests cannot see: where exceptions of SSE and x87 that are not masked arrive (SDM vol. 1, 8.5 to 8.7
/// and 11.5), and what a fault in the midst of an instruction leaves.
/// </summary>
public sealed unsafe class UnmaskedTests
{
    private const ulong Data = 0x300000, Handlers = 0x110000, FaultStack = 0xb0000;
    private const int UndefinedVector = 6, StackVector = 12, ProtectionVector = 13, PageVector = 14, FloatVector = 16,
        VectorVector = 19;

    /// <summary>A machine that halts at the first exception, on a stack of its own.</summary>
    private static TestMachine Machine(Action<Assembler> code)
    {
        var machine = new TestMachine();
        machine.Write(0x3000 + 0x24, FaultStack);
        for (int vector = 0; vector < 0x20; vector++)
        {
            machine.Gate(vector, Handlers + 16 * (ulong)vector, stackTable: 1);
            machine.Place(Handlers + 16 * (ulong)vector, [0xf4]);
        }
        machine.S->Cr0 |= Cr0.NE;
        machine.S->Cr4 |= Cr4.OSXMMEXCPT;
        machine.Place(TestMachine.CodeAt, code);
        return machine;
    }

    /// <summary>The exception, and how far behind <see cref="TestMachine.CodeAt"/> it was.</summary>
    private static (int Vector, int At) Run(TestMachine machine)
    {
        machine.RunToHalt();
        ulong at = machine.S->Rip - 1 - Handlers;
        Assert.InRange(at, 0UL, 0x1ffUL);
        return ((int)at / 16, (int)(Frame(machine, 0) - TestMachine.CodeAt));
    }

    /// <summary>A word of the frame: 0 RIP, 2 RFLAGS.</summary>
    private static ulong Frame(TestMachine machine, int word)
    {
        ulong vector = (machine.S->Rip - 1 - Handlers) / 16;
        return machine.Read(machine.S->Gpr[4] + 8 * (ulong)(word + (vector is 8 or >= 10 and <= 14 ? 1 : 0)));
    }

    /// <summary>Which the just-in-time compiler raises, too, on this thread.</summary>
    private const uint Inexact = 0x20;

    private static void Divide(Assembler a)
    {
        a.ldmxcsr(__dword_ptr[Data]);
        a.divsd(xmm0, xmm1);
        a.hlt();
    }

    /// <summary>LDMXCSR and what it switches on are neighbours in a block that has run before.</summary>
    [Theory]
    [InlineData(0x1d80u, true, VectorVector)]
    [InlineData(0x1d80u, false, UndefinedVector)]
    public void ADivisionByZeroThatIsNotMaskedChangesNothing(uint control, bool announced, int vector)
    {
        var machine = Machine(Divide);
        if (!announced)
            machine.S->Cr4 &= ~Cr4.OSXMMEXCPT;
        machine.Write(Data, 0x1f80);
        machine.S->Ymm[0] = BitConverter.DoubleToUInt64Bits(1);
        machine.RunToHalt();
        Assert.Equal((BitConverter.DoubleToUInt64Bits(double.PositiveInfinity), 0x1f84u), (machine.S->Ymm[0], machine.S->Mxcsr & ~Inexact));

        machine.Write(Data, control);
        machine.S->Ymm[0] = BitConverter.DoubleToUInt64Bits(1);
        machine.S->Rip = TestMachine.CodeAt;
        Assert.Equal((vector, 8), Run(machine));
        Assert.Equal((BitConverter.DoubleToUInt64Bits(1), control | 4), (machine.S->Ymm[0], machine.S->Mxcsr & ~Inexact));
    }

    /// <summary>x87 tells at the next instruction that waits; FNSTENV says which one it was.</summary>
    [Fact]
    public void X87TellsAtTheNextInstructionThatWaits()
    {
        var machine = Machine(a =>
        {
            a.fninit();
            a.mov(__word_ptr[Data], 0x37b);
            a.fldcw(__word_ptr[Data]);
            a.fldz();
            a.fld1();
            a.fdiv(st0, st1);
            a.nop();
            a.fnstenv(__[Data]);
            a.fldcw(__word_ptr[Data + 0x40]);
            a.fnstsw(ax);
            a.fld1();
        });
        machine.Write(Data + 0x40, 0x37b);
        var (vector, at) = Run(machine);
        // FNSTENV masks all; FLDCW, which waits, does not mind, and unmasks: then FLD1 is told.
        int length = machine.Place(0x200000, a => a.fld1());
        Assert.Equal((FloatVector, 2), (vector, length));
        Assert.Equal(0xb084UL, machine.S->Gpr[0] & 0xffff & ~0x4700UL | 0x8000);
        ulong pointer = (uint)machine.Read(Data + 12);
        Assert.Equal([0xd8, 0xf1], new Span<byte>(machine.Memory.Base + pointer, 2).ToArray());
        Assert.Equal(0xf1UL, machine.Read(Data + 16) >> 16 & 0x7ff);
        Assert.InRange(at, (int)(pointer - TestMachine.CodeAt) + 1, 100);
    }

    /// <summary>A conversion whose store faults has told nothing yet (the flag would stay).</summary>
    [Fact]
    public void AStoreThatFaultsLeavesTheStatusOfX87()
    {
        var machine = Machine(a =>
        {
            a.fninit();
            a.fldpi();
            a.fstp(__dword_ptr[Data]);
        });
        machine.Entry(Data) = 0;
        Assert.Equal(PageVector, Run(machine).Vector);
        Assert.Equal((0x3800, 0x80u), (X87.StatusWord(machine.S), machine.S->FpuValid));
    }

    /// <summary>
    /// The flags of a repeated comparison that a fault breaks off are those from before it (SDM vol. 1, 7.3.9.2).
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AComparisonThatIsBrokenOffLeavesTheFlags(bool scans)
    {
        var machine = Machine(a =>
        {
            a.mov(esi, 0x400000);
            a.mov(edi, (uint)Data + 0x1000 - 6);
            a.mov(ecx, 100);
            a.xor(eax, eax);
            a.sub(eax, 1);
            a.mov(eax, 0);
            if (scans)
                a.repe.scasb();
            else
                a.repe.cmpsb();
            a.hlt();
        });
        machine.Entry(Data + 0x1000) = 0;
        Assert.Equal(PageVector, Run(machine).Vector);
        Assert.Equal(94UL, machine.S->Gpr[1]);
        Assert.Equal(Flags.CF | Flags.PF | Flags.AF | Flags.SF, (uint)Frame(machine, 2) & Flags.Arithmetic);
    }

    /// <summary>No canonical address, through the stack segment: that of PUSH and RET, and RBP's, whatever prefix says DS.</summary>
    [Theory]
    [InlineData(new byte[] { 0x50 }, StackVector)]
    [InlineData(new byte[] { 0xc3 }, StackVector)]
    [InlineData(new byte[] { 0x48, 0x8b, 0x45, 0x00 }, StackVector)]
    [InlineData(new byte[] { 0x3e, 0x48, 0x8b, 0x45, 0x00 }, StackVector)]
    [InlineData(new byte[] { 0x48, 0x8b, 0x04, 0x24 }, StackVector)]
    [InlineData(new byte[] { 0x48, 0x8b, 0x03 }, ProtectionVector)]
    [InlineData(new byte[] { 0x36, 0x48, 0x8b, 0x03 }, ProtectionVector)]
    [InlineData(new byte[] { 0x64, 0x48, 0x8b, 0x45, 0x00 }, ProtectionVector)]
    public void AStackThatIsNoAddressIsAStackFault(byte[] code, int vector)
    {
        var machine = Machine(a => a.nop());
        machine.Place(TestMachine.CodeAt, code);
        foreach (int register in new[] { 3, 4, 5 })
            machine.S->Gpr[register] = 0x8000_0000_0000_0000;
        Assert.Equal((vector, 0), Run(machine));
        Assert.Equal(0UL, machine.Read(machine.S->Gpr[4]));
    }

    /// <summary>RF ends with the instruction behind IRET, also where that has been led to often; a later interrupt's frame does not have it.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    public void TheResumeFlagIsForOneInstruction(int times)
    {
        var machine = Machine(a =>
        {
            var there = a.CreateLabel();
            var again = a.CreateLabel();
            a.mov(ecx, times);
            a.Label(ref again);
            a.push(TestMachine.KernelData);
            a.push((int)TestMachine.StackTop);
            a.push(0x10002);
            a.push(TestMachine.KernelCode);
            a.lea(rax, __[there]);
            a.push(rax);
            a.iretq();
            a.Label(ref there);
            a.dec(ecx);
            a.jnz(again);
            a.int3();
        });
        Assert.Equal(3, Run(machine).Vector);
        Assert.Equal(2UL, Frame(machine, 2) & 0x10002);
    }

    /// <summary>Of a quiet and a signaling NaN the quiet one, also where the other comes from memory.</summary>
    [Fact]
    public void ASignalingOperandInMemoryYieldsToAQuietOne()
    {
        var machine = Machine(a =>
        {
            a.fninit();
            a.fld(__tbyte_ptr[Data]);
            a.fdiv(__dword_ptr[Data + 16]);
            a.hlt();
        });
        machine.Write(Data, 0xca4b_dc49_6403_7922);
        machine.Write(Data + 8, 0x7fff);
        machine.Write(Data + 16, 0xffb7_2ea6);
        machine.RunToHalt();
        Assert.Equal((0xca4b_dc49_6403_7922UL, (ushort)0x7fff), (machine.S->Fpu[14], (ushort)machine.S->Fpu[15]));
        Assert.Equal(1, machine.S->FpuStatus & 0x3f);
    }
}
