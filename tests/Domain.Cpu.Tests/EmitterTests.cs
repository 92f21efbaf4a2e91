using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Iced.Intel;
using Xunit;

namespace Domain.Tests;

/// <summary>The translator's own encodings, as another decoder reads them.</summary>
public sealed unsafe class EmitterTests
{
    private const uint At = 0x10_0000;

    private static readonly string[] Names = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10",
        "r11", "r12", "r13", "r14", "r15"];

    private static readonly string[] Names32 = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d",
        "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"];

    private static List<string> Decoded(Action<Emitter> write)
    {
        const int size = 1 << 12;
        byte* memory = (byte*)NativeMemory.AllocZeroed(size);
        var emitter = new Emitter((byte*)At, memory, size);
        write(emitter);
        Assert.False(emitter.Overflowed);
        byte[] bytes = new ReadOnlySpan<byte>(memory, (int)(emitter.Here - At)).ToArray();
        NativeMemory.Free(memory);
        var decoder = Iced.Intel.Decoder.Create(64, new ByteArrayCodeReader(bytes));
        decoder.IP = At;
        var formatter = new IntelFormatter();
        formatter.Options.SpaceAfterOperandSeparator = false;
        formatter.Options.MemorySizeOptions = MemorySizeOptions.Never;
        formatter.Options.RipRelativeAddresses = true;
        var result = new List<string>();
        while (decoder.IP < emitter.Here)
        {
            decoder.Decode(out var instruction);
            var text = new Iced.Intel.StringOutput();
            formatter.Format(in instruction, text);
            result.Add(text.ToStringAndReset());
        }
        return result;
    }

    private static IEnumerable<(HostOperand Operand, string Text)> Operands()
    {
        for (int register = 0; register < 16; register++)
        {
            yield return (HostOperand.At(register), $"[{Names[register]}]");
            yield return (HostOperand.At(register, -8), $"[{Names[register]}-8]");
            yield return (HostOperand.At(register, 0x1234), $"[{Names[register]}+1234h]");
            for (int index = 0; index < 16; index++)
            {
                if (index != 4)
                    yield return (HostOperand.At(register, index, 3, 0x40), $"[{Names[register]}+{Names[index]}*8+40h]");
            }
        }
        yield return (HostOperand.At(HostOperand.None, 9, 2, 0x10), "[r9*4+10h]");
        yield return (HostOperand.Absolute(0x1234_5678), "[12345678h]");
    }

    [Fact]
    public void OperandsAreWhatTheySay()
    {
        foreach (var (operand, text) in Operands())
        {
            for (int register = 0; register < 16; register++)
            {
                Assert.Equal([$"mov {Names[register]},{text}", $"mov {text},{Names[register]}",
                    $"lea {Names[register]},{text}", $"mov {Names32[register]},{text}", $"add {Names[register]},{text}",
                    $"sub {Names[register]},{text}", $"cmp {Names[register]},{text}"],
                    Decoded(e =>
                    {
                        e.Load(register, operand);
                        e.Store(operand, register);
                        e.Lea(register, operand);
                        e.Load32(register, operand);
                        e.Add(register, operand);
                        e.Sub(register, operand);
                        e.Cmp(register, operand);
                    }));
            }
        }
    }

    [Fact]
    public void RegistersAreWhatTheySay()
    {
        for (int a = 0; a < 16; a++)
        {
            for (int b = 0; b < 16; b++)
                Assert.Equal([$"mov {Names[a]},{Names[b]}", $"rorx {Names[a]},{Names[b]},7", $"xor {Names[a]},{Names[b]}"],
                    Decoded(e =>
                    {
                        e.Move(a, b);
                        e.Rorx(a, b, 7);
                        e.Xor(a, HostOperand.Of(b));
                    }));
            Assert.Equal([$"mov {Names32[a]},80000000h", $"mov {Names[a]},0FFFFFFFFFFFFFFFEh",
                $"mov {Names[a]},123456789ABCh", $"shr {Names[a]},0Bh", $"shl {Names32[a]},5", $"and {Names32[a]},3FE0h",
                $"sub {Names[a]},11h", $"cmp {Names[a]},0FF8h", $"jmp {Names[a]}"],
                Decoded(e =>
                {
                    e.MoveImmediate(a, 0x8000_0000);
                    e.MoveImmediate(a, ulong.MaxValue - 1);
                    e.MoveImmediate(a, 0x1234_5678_9abc);
                    e.ShiftRight(a, 11);
                    e.ShiftLeft32(a, 5);
                    e.AndImmediate32(a, 0x3fe0);
                    e.SubImmediate(HostOperand.Of(a), 0x11);
                    e.CmpImmediate(HostOperand.Of(a), 0xff8);
                    e.JumpTo(HostOperand.Of(a));
                }));
        }
    }

    [Fact]
    public void JumpsLeadWhereTheyArePatched()
    {
        Assert.Equal(["jmp 0000000000100010h", "ja 0000000000100020h", "ret"], Decoded(e =>
        {
            e.PatchJump(e.Jump(0), At + 0x10);
            e.PatchJump(e.JumpIf(HostCondition.Above, 0), At + 0x20);
            e.Return();
        }));
    }

    [Fact]
    public void WhatDoesNotFitIsNotWritten()
    {
        byte* memory = stackalloc byte[16];
        memory[8] = 0x55;
        var emitter = new Emitter((byte*)At, memory, 8);
        emitter.MoveImmediate(0, 0x1234_5678_9abc);
        Assert.True(emitter.Overflowed);
        Assert.Equal(0x55, memory[8]);
    }
}
