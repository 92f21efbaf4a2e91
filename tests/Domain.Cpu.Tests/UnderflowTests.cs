using System;
using System.Text;
using Testing.Processor;
using Xunit;

namespace Domain.Tests;

/// <summary>
/// x87 results around the least normal number, in every rounding mode and precision, against the host's: a result is
/// tiny when it is so after rounding (SDM vol. 1, 4.9.1.5).
/// </summary>
[Collection("host")]
public sealed unsafe class UnderflowTests
{
    private static readonly HostCpu s_host = HostComparison.Host;

    // Of ST(0) and ST(1); the stores go to where RDI points.
    private static readonly (string Name, byte[] Bytes, int Least)[] s_operations =
    [
        ("fadd", [0xd8, 0xc1], 1), ("fsub", [0xd8, 0xe1], 1), ("fmul", [0xd8, 0xc9], 1), ("fdiv", [0xd8, 0xf1], 1),
        ("fst m32", [0xd9, 0x17], 0x3fff - 126), ("fst m64", [0xdd, 0x17], 0x3fff - 1022),
    ];

    /// <summary>All ones but for a few of the lowest, or little more than a power of two.</summary>
    private static ulong Significand(Random random)
    {
        ulong few = (ulong)random.NextInt64() & ((1UL << random.Next(1, 45)) - 1);
        return random.Next(2) == 0 ? ulong.MaxValue - few : 1UL << 63 | few;
    }

    private static (ulong, ushort) Operand(Random random, string name, int least, int position)
    {
        ushort sign = (ushort)(random.Next(2) << 15);
        int exponent = name switch
        {
            "fmul" => position == 0 ? random.Next(0, 4) : 0x3fff - random.Next(0, 3),
            "fdiv" => position == 0 ? random.Next(0, 4) : 0x3fff + random.Next(0, 3),
            _ => least - random.Next(-1, 3),
        };
        ulong significand = Significand(random);
        if (exponent <= 0)
            return (significand >> random.Next(1, 62), sign);
        return (significand, (ushort)(sign | exponent));
    }

    [Fact]
    public void ResultsAndFlagsAreTheHosts()
    {
        var random = new Random(7);
        var machine = new TestMachine();
        var failures = new StringBuilder();
        int failed = 0, precise = 0;
        for (int round = 0; round < 24_000; round++)
        {
            var (name, bytes, least) = s_operations[round % s_operations.Length];
            var context = HostCpu.Context;
            s_host.Prepare(bytes);
            new Span<byte>(context->Fx, 512).Clear();
            int precision = random.Next(3) switch { 0 => 0, 1 => 2, _ => 3 }, rounding = random.Next(4);
            *(ushort*)context->Fx = (ushort)(0x7f | precision << 8 | rounding << 10);
            context->Fx[4] = 3;
            *(uint*)(context->Fx + 24) = 0x1f80;
            context->Flags = 2;
            var text = new StringBuilder($"{name}, precision {precision}, rounding {rounding}, of");
            for (int i = 0; i < 2; i++)
            {
                var (significand, exponent) = Operand(random, name, least, i);
                *(ulong*)(context->Fx + 32 + 16 * i) = significand;
                *(ushort*)(context->Fx + 40 + 16 * i) = exponent;
                text.Append($" {exponent:x}:{significand:x}");
            }
            for (int i = 0; i < 16; i++)
                context->Gpr[i] = i == 4 ? HostCpu.Data + 0x8000 : HostCpu.Data;
            HostComparison.Load(machine, context);
            *(ulong*)HostCpu.Data = 0;
            machine.Write(HostCpu.Data, 0);
            machine.Place(HostCpu.Code, [.. bytes, 0xf4]);
            machine.S->Rip = HostCpu.Code;
            machine.RunToHalt();
            s_host.Run();
            var s = machine.S;
            ushort status = X87.StatusWord(s), there = *(ushort*)(context->Fx + 2);
            int top = s->FpuTop & 7;
            (ulong, ulong, ulong) here = (s->Fpu[top * 2], (ushort)s->Fpu[top * 2 + 1], machine.Read(HostCpu.Data));
            var host = (*(ulong*)(context->Fx + 32), (ulong)*(ushort*)(context->Fx + 40), *(ulong*)HostCpu.Data);
            precise += (there & 0x30) == 0x20 ? 1 : 0;
            if ((((status ^ there) & 0x3a7f) != 0 || here != host) && failed++ < 20)
                failures.AppendLine($"{text}: status {status:x}, host {there:x}; {here}, host {host}");
        }
        Assert.True(failed == 0, $"{failed} differ:\n{failures}");
        Assert.True(precise > 1000, $"{precise} inexact results that are not tiny");
    }
}
