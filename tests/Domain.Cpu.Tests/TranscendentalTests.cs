using System;
using System.Text;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using Xunit.Abstractions;

namespace Domain.Tests;

/// <summary>
/// x87's transcendental functions against the host's: exactly on special operands, to double precision on others.
/// </summary>
[Collection("host")]
public sealed unsafe class TranscendentalTests(ITestOutputHelper output)
{
    private static readonly HostCpu s_host = HostComparison.Host;

    private static readonly (string Name, byte[] Bytes)[] s_functions =
    [
        ("f2xm1", [0xd9, 0xf0]), ("fyl2x", [0xd9, 0xf1]), ("fptan", [0xd9, 0xf2]), ("fpatan", [0xd9, 0xf3]),
            ("fyl2xp1", [0xd9, 0xf9]),
        ("fsincos", [0xd9, 0xfb]), ("fsin", [0xd9, 0xfe]), ("fcos", [0xd9, 0xff]),
    ];

    private static (ulong, ushort) Operand(Random random, string name, int position)
    {
        ushort sign = (ushort)(random.Next(2) << 15);
        ulong significand = (ulong)random.NextInt64() | 1UL << 63;
        // F2XM1 is defined for -1 to 1, FYL2XP1 for a little around 0.
        bool bounded = position == 0 && name is "f2xm1" or "fyl2xp1";
        return random.Next(bounded ? 5 : 10) switch
        {
            0 => (0, sign),
            1 => (significand, (ushort)(sign | 0x3fff - random.Next(2, 60))),
            2 => (significand, (ushort)(sign | random.Next(1, 0x3f00))),
            3 => (significand & ~(1UL << 63), sign),
            4 => (significand, (ushort)(sign | 0x3ffc)),
            5 => (1UL << 63, (ushort)(0x7fff | sign)),
            6 => (significand | 3UL << 62, (ushort)(0x7fff | sign)),
            7 => (significand, (ushort)(sign | random.Next(0x3fff + 60, 0x7fff))),
            _ => (significand, (ushort)(sign | 0x3fff + random.Next(-20, 62))),
        };
    }

    private static (double Value, int Exponent) Split(ulong significand, ushort exponent) =>
        (Math.ScaleB((double)significand, -63) * ((exponent & 0x8000) != 0 ? -1 : 1), exponent & 0x7fff);

    private static bool Near(ulong s1, ushort e1, ulong s2, ushort e2)
    {
        if (s1 == s2 && e1 == e2)
            return true;
        bool special = (e1 & 0x7fff) is 0 or 0x7fff || (e2 & 0x7fff) is 0 or 0x7fff;
        var (a, x) = Split(s1, e1);
        var (b, y) = Split(s2, e2);
        // Zero and what is denormal may differ in the last bits of the smallest exponent.
        if (special)
            return (e1 & 0x7fff) <= 1 && (e2 & 0x7fff) <= 1 && (e1 >> 15) == (e2 >> 15);
        if (Math.Abs(x - y) > 1)
            return false;
        return Math.Abs(Math.ScaleB(a, x - y) - b) <= Math.ScaleB(Math.Abs(b), -48);
    }

    [Fact]
    public void AgreesWithHost()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var machine = new TestMachine();
        var failures = new StringBuilder();
        int failed = 0;
        foreach (var (name, bytes) in s_functions)
        {
            for (int round = 0; round < 1000; round++)
            {
                var context = HostCpu.Context;
                s_host.Prepare(bytes);
                new Span<byte>(context->Fx, 512).Clear();
                *(ushort*)context->Fx = 0x37f;
                context->Fx[4] = (byte)(random.Next(10) == 0 ? random.Next(256) : 3);
                *(uint*)(context->Fx + 24) = 0x1f80;
                context->Flags = 2;
                var text = new StringBuilder($"{name} of");
                for (int i = 0; i < 2; i++)
                {
                    var (significand, exponent) = Operand(random, name, i);
                    *(ulong*)(context->Fx + 32 + 16 * i) = significand;
                    *(ushort*)(context->Fx + 40 + 16 * i) = exponent;
                    text.Append($" {exponent:x}:{significand:x}");
                }
                text.Append($" tags {context->Fx[4]:x}");
                for (int i = 0; i < 16; i++)
                    context->Gpr[i] = i == 4 ? HostCpu.Data + 0x8000 : 0;
                HostComparison.Load(machine, context);
                machine.Place(HostCpu.Code, [.. bytes, 0xf4]);
                machine.S->Rip = HostCpu.Code;
                machine.RunToHalt();
                s_host.Run();
                var s = machine.S;
                ushort status = X87.StatusWord(s), there = *(ushort*)(context->Fx + 2);
                bool stackFault = (there & 0x40) != 0;
                // Rounding is of the approximation: inexact is always told, its direction only by chance.
                bool differs = ((status ^ there) & (stackFault ? 0x3e41 : 0x3c45)) != 0
                    || s->FpuValid != context->Fx[4];
                for (int i = 0; i < 2 && !differs; i++)
                {
                    int physical = (s->FpuTop + i) & 7;
                    if ((s->FpuValid >> physical & 1) == 0)
                        continue;
                    differs = !Near(s->Fpu[physical * 2], (ushort)s->Fpu[physical * 2 + 1],
                        *(ulong*)(context->Fx + 32 + 16 * i),
                        *(ushort*)(context->Fx + 40 + 16 * i));
                    if (differs)
                        text.Append($": st{i} is {s->Fpu[physical * 2 + 1]:x}:{s->Fpu[physical * 2]:x}, host "
                            + $"{*(ushort*)(context->Fx + 40 + 16 * i):x}:{*(ulong*)(context->Fx + 32 + 16 * i):x}");
                }
                if (differs && failed++ < 30)
                    failures.AppendLine($"{text}: status {status:x}, host {there:x}, tags {s->FpuValid:x}, host {context->Fx[4]:x}");
            }
        }
        Assert.True(failed == 0, $"{failed} differ:\n{failures}");
    }
}
