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

    private static readonly string[] s_names = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10",
        "r11", "r12", "r13", "r14", "r15"];

    private static readonly string[] s_names32 = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d",
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
            yield return (HostOperand.At(register), $"[{s_names[register]}]");
            yield return (HostOperand.At(register, -8), $"[{s_names[register]}-8]");
            yield return (HostOperand.At(register, 0x1234), $"[{s_names[register]}+1234h]");
            for (int index = 0; index < 16; index++)
            {
                if (index != 4)
                    yield return (HostOperand.At(register, index, 3, 0x40), $"[{s_names[register]}+{s_names[index]}*8+40h]");
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
                Assert.Equal([$"mov {s_names[register]},{text}", $"mov {text},{s_names[register]}",
                    $"lea {s_names[register]},{text}", $"mov {s_names32[register]},{text}", $"add {s_names[register]},{text}",
                    $"sub {s_names[register]},{text}", $"cmp {s_names[register]},{text}"],
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
                Assert.Equal([$"mov {s_names[a]},{s_names[b]}", $"rorx {s_names[a]},{s_names[b]},7", $"xor {s_names[a]},{s_names[b]}"],
                    Decoded(e =>
                    {
                        e.Move(a, b);
                        e.Rorx(a, b, 7);
                        e.Xor(a, HostOperand.Of(b));
                    }));
            Assert.Equal([$"mov {s_names32[a]},80000000h", $"mov {s_names[a]},0FFFFFFFFFFFFFFFEh",
                $"mov {s_names[a]},123456789ABCh", $"shr {s_names[a]},0Bh", $"shl {s_names32[a]},5", $"and {s_names32[a]},3FE0h",
                $"sub {s_names[a]},11h", $"cmp {s_names[a]},0FF8h", $"jmp {s_names[a]}"],
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
