using System;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>Encodings at the edge: no-operations, lengths, targets and values that are refused.</summary>
public sealed unsafe class EncodingTests
{
    private const ulong Handler = 0x110000, Data = 0x200000;

    private static TestMachine Ending(params int[] vectors)
    {
        var machine = new TestMachine();
        foreach (int vector in vectors)
        {
            machine.Gate(vector, Handler + 16 * (ulong)vector);
            machine.Place(Handler + 16 * (ulong)vector, a => a.hlt());
        }
        return machine;
    }

    /// <summary>
    /// 0F 18 to 0F 1F with any operand and prefix, RDSSP and ENDBR among them; FNENI, FNDISI, FNSETPM.
    /// </summary>
    [Fact]
    public void NoOperationsChangeNothing()
    {
        var machine = Ending(6, 13, 14);
        foreach (byte[] prefix in new byte[][] { [], [0x66], [0xf2], [0xf3], [0x48], [0xf3, 0x48] })
        {
            for (int opcode = 0x18; opcode <= 0x1f; opcode++)
            {
                for (int operand = 0; operand < 256; operand++)
                {
                    // Displacements and a SIB byte of zeros behind the operand byte.
                    Check(machine, [.. prefix, 0x0f, (byte)opcode, (byte)operand,
                        .. new byte[(operand >> 6) switch { 1 => 1, 2 => 4, 0 when (operand & 7) == 5 => 4, _ => 0 }
                        + (operand < 0xc0 && (operand & 7) == 4 ? 1 : 0)]]);
                }
            }
        }
        foreach (byte last in new byte[] { 0xe0, 0xe1, 0xe4 })
            Check(machine, [0xdb, last]);
    }

    private static void Check(TestMachine machine, byte[] code)
    {
        var s = machine.S;
        for (int i = 0; i < 16; i++)
            s->Gpr[i] = Data + 0x1000 * (ulong)i;
        machine.Place(TestMachine.CodeAt, [.. code, 0xf4]);
        s->Rip = TestMachine.CodeAt;
        machine.RunToHalt();
        string text = Convert.ToHexString(code);
        Assert.Equal((text, TestMachine.CodeAt + (ulong)code.Length + 1), (text, s->Rip));
        for (int i = 0; i < 16; i++)
            Assert.Equal(Data + 0x1000 * (ulong)i, s->Gpr[i]);
    }

    [Theory]
    [InlineData(14, false)]
    [InlineData(15, true)]
    [InlineData(20, true)]
    public void MoreThanFifteenBytesAreRefused(int prefixes, bool refused)
    {
        var machine = Ending(6, 13);
        var code = new byte[prefixes + 2];
        Array.Fill(code, (byte)0x2e);
        code[^2] = 0x90;
        code[^1] = 0xf4;
        machine.Place(TestMachine.CodeAt, code);
        machine.RunToHalt();
        Assert.Equal(refused ? Handler + 16 * 13 + 1 : TestMachine.CodeAt + (ulong)code.Length, machine.S->Rip);
    }

    [Theory]
    [InlineData("jump")]
    [InlineData("call")]
    [InlineData("return")]
    public void NonCanonicalTargetsAreRefusedAtTheBranch(string kind)
    {
        var machine = Ending(13, 14);
        machine.Place(TestMachine.CodeAt, a =>
        {
            switch (kind)
            {
                case "jump": a.jmp(rax); break;
                case "call": a.call(rax); break;
                default: a.ret(); break;
            }
        });
        machine.S->Gpr[0] = 0x8000_0000_0000;
        machine.Write(TestMachine.StackTop, 0x8000_0000_0000);
        machine.RunToHalt();
        Assert.Equal(Handler + 16 * 13 + 1, machine.S->Rip);
        ulong frame = machine.S->Gpr[4];
        Assert.Equal((TestMachine.CodeAt, TestMachine.StackTop), (machine.Read(frame + 8), machine.Read(frame + 32)));
    }

    [Theory]
    [InlineData(0xc0000082)]
    [InlineData(0xc0000083)]
    [InlineData(0xc0000100)]
    [InlineData(0xc0000101)]
    [InlineData(0xc0000102)]
    [InlineData(0x175)]
    [InlineData(0x176)]
    [InlineData(0x277)]
    public void RefusedRegistersKeepTheirValue(uint number)
    {
        var machine = Ending(13);
        Assert.True(machine.Cpu.ReadModelSpecific(number, out ulong before));
        machine.Place(TestMachine.CodeAt, a => a.wrmsr());
        machine.S->Gpr[1] = number;
        machine.S->Gpr[2] = 0x8000;
        machine.S->Gpr[0] = 2;
        machine.RunToHalt();
        Assert.Equal(Handler + 16 * 13 + 1, machine.S->Rip);
        Assert.True(machine.Cpu.ReadModelSpecific(number, out ulong after));
        Assert.Equal(before, after);
    }

    /// <summary>A store that faults leaves the x87 state as it was.</summary>
    [Fact]
    public void MmxStoreThatFaultsTouchesNoTags()
    {
        foreach (byte[] code in new byte[][] { [0x0f, 0x7f, 0x00], [0x0f, 0x7e, 0x00], [0x0f, 0xe7, 0x00] })
        {
            var machine = Ending(14);
            machine.Place(TestMachine.CodeAt, code);
            machine.S->Gpr[0] = 0x7000_0000;
            machine.S->FpuTop = 3;
            machine.S->FpuValid = 0x18;
            machine.RunToHalt();
            Assert.Equal(Handler + 16 * 14 + 1, machine.S->Rip);
            Assert.Equal((3, 0x18U), (machine.S->FpuTop, machine.S->FpuValid));
        }
    }

    /// <summary>The short image of 16-bit operand size: seven words of two bytes, then the registers.</summary>
    [Fact]
    public void ShortFpuImages()
    {
        var machine = Ending(6);
        machine.Place(TestMachine.CodeAt, a =>
        {
            a.fld1();
            a.fldpi();
            // FNSTENV m14byte, FNSAVE m94byte, FRSTOR m94byte
            a.db(0x66, 0xd9, 0x30, 0x66, 0xdd, 0x33, 0x66, 0xdd, 0x23);
            a.hlt();
        });
        new Span<byte>(machine.Memory.Base + Data, 0x200).Fill(0xaa);
        machine.S->Gpr[0] = Data;
        machine.S->Gpr[3] = Data + 0x100;
        machine.RunToHalt();
        Assert.Equal(0x3000_037fUL, machine.Read(Data) & 0xffff_ffff);
        Assert.Equal(0x0fffUL, machine.Read(Data + 4) & 0xffff);
        Assert.Equal(0xaaaaUL, machine.Read(Data + 14) & 0xffff);
        Assert.Equal(0xc90fdaa22168c235, machine.Read(Data + 0x10e));
        Assert.Equal(0xaaaaUL, machine.Read(Data + 0x15e) & 0xffff);
        Assert.Equal((6, 0xc0U), (machine.S->FpuTop, machine.S->FpuValid));
    }
}
