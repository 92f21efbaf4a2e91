using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Iced.Intel;
using Testing.Processor;
using Xunit;
using Xunit.Abstractions;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>
/// Random bytes as code, in every mode and at both privileges: the monitor neither crashes nor hangs nor leaves the
/// guest's RAM.
/// </summary>
public sealed unsafe class RandomCodeTests(ITestOutputHelper output)
{
    private static readonly double s_seconds =
        double.TryParse(Environment.GetEnvironmentVariable("RANDOM_MINUTES"), out double minutes) ? 60 * minutes : 4;

    /// <summary>Address space on both sides of RAM that nobody may touch: more than any 32-bit offset.</summary>
    private const int MinCases = 100;

    private const ulong Guard = 6UL << 30;

    private const ulong CodeFirst = 0x100000, CodeBytes = 0x4000, HandlerAt = 0x20000, HandlerWithErrorAt = 0x20100;

    [DllImport("libc", SetLastError = true)]
    private static extern nint mmap(nint address, nint length, int protection, int flags, int descriptor, nint offset);

    [DllImport("libc", SetLastError = true)]
    private static extern int mprotect(nint address, nint length, int protection);

    private static GuestMemory Guarded()
    {
        // MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, PROT_NONE; then PROT_READ | PROT_WRITE for RAM alone.
        nint at = mmap(0, unchecked((nint)(2 * Guard + TestMachine.Ram)), 0, 0x4022, -1, 0);
        Assert.NotEqual(-1, at);
        Assert.Equal(0, mprotect(at + unchecked((nint)Guard), (nint)TestMachine.Ram, 3));
        return new GuestMemory((byte*)at + Guard, TestMachine.Ram);
    }

    /// <summary>Written by the exception handlers: ends a case after some exceptions.</summary>
    private sealed class Bell(Cpu cpu) : IDevice
    {
        private const int Exceptions = 24;
        private int rung;

        public const int At = 0xf4;

        public ulong Read(ulong offset, int size) => 0;

        public void Write(ulong offset, int size, ulong value)
        {
            if (++rung % Exceptions == 0)
                cpu.RaiseAttention();
        }
    }

    private static ulong Number(Random random) => random.Next(8) switch
    {
        0 => (ulong)random.NextInt64(0, (long)TestMachine.Ram),
        1 => TestMachine.Ram - (ulong)random.Next(32),
        2 => uint.MaxValue - (ulong)random.Next(0x1000),
        3 => (ulong)random.NextInt64(0x1_0000_0000, 0x3_0000_0000),
        4 => 0 - (ulong)random.Next(0x10000),
        5 => 0x7fff_ffff_ffff + (ulong)random.Next(-32, 32),
        6 => (ulong)random.Next(0x10000),
        _ => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
    };

    // Whole instructions with random operands reach deeper than bytes do.
    private static readonly Code[] s_codes = [.. Enum.GetValues<Code>().Where(code => code.ToOpCode().IsInstruction
        && (code.ToOpCode().Encoding == EncodingKind.Legacy
            || ExtensionTable.Of(new Instruction { Code = code }) is Extensions.Bmi1 or Extensions.Bmi2))];

    private static readonly byte[] s_prefixes = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x48,
        0x41, 0x4f];

    private static void FillWithCode(Random random, Span<byte> code)
    {
        random.NextBytes(code);
        for (int at = 0; at < code.Length - 16; at += random.Next(2, 24))
        {
            for (int prefixes = random.Next(3); prefixes > 0; prefixes--)
                code[at++] = s_prefixes[random.Next(s_prefixes.Length)];
            var opcode = s_codes[random.Next(s_codes.Length)].ToOpCode();
            if (opcode.Encoding == EncodingKind.VEX)
            {
                // VEX in three bytes, without registers from 8 on half of the time.
                code[at++] = 0xc4;
                code[at] = (byte)(random.Next(2) == 0 ? 0xe0 : code[at] & 0xe0);
                code[at++] |= (byte)(opcode.Table == OpCodeTableKind.T0F38 ? 2 : 3);
                code[at] &= 0xf8;
                code[at++] |= (byte)(opcode.MandatoryPrefix switch
                {
                    MandatoryPrefix.P66 => VexPrefix.P66,
                    MandatoryPrefix.PF3 => VexPrefix.F3,
                    MandatoryPrefix.PF2 => VexPrefix.F2,
                    _ => VexPrefix.None,
                });
                code[at++] = (byte)opcode.OpCode;
                if (opcode.IsGroup)
                    code[at] = (byte)(code[at] & 0xc7 | opcode.GroupIndex << 3);
                continue;
            }
            if (opcode.MandatoryPrefix is MandatoryPrefix.P66 or MandatoryPrefix.PF3 or MandatoryPrefix.PF2)
                code[at++] = opcode.MandatoryPrefix == MandatoryPrefix.P66 ? (byte)0x66
                    : opcode.MandatoryPrefix == MandatoryPrefix.PF3 ? (byte)0xf3 : (byte)0xf2;
            if (opcode.Table != OpCodeTableKind.Normal)
                code[at++] = 0x0f;
            if (opcode.Table is OpCodeTableKind.T0F38 or OpCodeTableKind.T0F3A)
                code[at++] = opcode.Table == OpCodeTableKind.T0F38 ? (byte)0x38 : (byte)0x3a;
            code[at++] = (byte)opcode.OpCode;
            if (opcode.IsGroup)
                code[at] = (byte)(code[at] & 0xc7 | opcode.GroupIndex << 3);
        }
    }

    private static void Prepare(TestMachine machine, Random random)
    {
        machine.Reset();
        var s = machine.S;
        for (int vector = 0; vector < 256; vector++)
            machine.Gate(vector, vector is 8 or >= 10 and <= 14 or 17 ? HandlerWithErrorAt
                : HandlerAt, level: random.Next(2) * 3);
        int bits = 16 << random.Next(3);
        bool paged = bits == 64 || random.Next(3) != 0, user = paged && random.Next(2) == 0;
        if (!paged)
            machine.ToUnpaged();
        machine.Cpu.LoadCode(bits switch
        {
            64 => user ? TestMachine.UserCode : TestMachine.KernelCode,
            32 => user ? TestMachine.UserCode32 : TestMachine.KernelCode32,
            _ => user ? TestMachine.UserCode16 : TestMachine.KernelCode16,
        }, user ? 3 : 0);
        for (int segment = 0; segment < 6; segment++)
        {
            if (segment != Cpu.SegmentCs)
                machine.Cpu.LoadSegment(segment, user ? TestMachine.UserData : TestMachine.KernelData);
            if (random.Next(3) != 0)
                continue;
            ulong start = bits == 64 ? (ulong)((long)Number(random) << 16 >> 16) : (uint)Number(random);
            if (segment == Cpu.SegmentCs)
                start = bits == 64 ? 0 : (uint)random.Next(0x1000);
            if (bits != 64 || segment >= Cpu.SegmentFs)
                Segment.Set(s, segment, s->Selector[segment], start, random.Next(2) == 0 ? uint.MaxValue
                    : (uint)random.Next(),
                    segment == Cpu.SegmentCs ? s->SegmentRights[segment]
                        : s->SegmentRights[segment] ^ (uint)(random.Next(4) == 0 ? 1 << random.Next(16) : 0));
        }
        for (int i = 0; i < 16; i++)
            s->Gpr[i] = Number(random);
        s->Gpr[4] = random.Next(4) != 0 ? TestMachine.StackTop - (ulong)random.Next(64) : s->Gpr[4];
        Flags.LoadImage(s, (ulong)random.NextInt64(), random.Next(8) == 0 ? ulong.MaxValue
            : Flags.Arithmetic | Flags.DF | Flags.IOPL);
        s->Rip = CodeFirst + (ulong)random.Next((int)CodeBytes) - (bits == 64 ? 0 : s->SegmentBase[Cpu.SegmentCs]);
        if (bits == 16)
            s->Rip = (ushort)s->Rip;
        s->Halted = false;
        // 16-bit code cannot reach beyond 64 KiB: it begins where CS does.
        if (bits == 16)
            Segment.Set(s, Cpu.SegmentCs, s->Selector[Cpu.SegmentCs], CodeFirst - (s->Rip & 0xc000), ushort.MaxValue,
                s->SegmentRights[Cpu.SegmentCs]);
        machine.Cpu.FlushTlbs();
    }

    [Fact]
    public void TheMonitorSurvives()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("RANDOM_SEED"), out int told) ? told
            : Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var machine = new TestMachine(Guarded());
        machine.Bus.MapPorts((ushort)Bell.At, 1, new Bell(machine.Cpu));
        var pristine = new byte[0x10000];
        new ReadOnlySpan<byte>(machine.Memory.Base + 0x10000, pristine.Length).CopyTo(pristine);
        var clock = Stopwatch.StartNew();
        bool done = false;
        long returned = 0;
        // Asks for attention again and again; a run that does not answer within seconds hangs.
        var watcher = new Thread(() =>
        {
            long seen = -1;
            var since = Stopwatch.StartNew();
            while (!Volatile.Read(ref done))
            {
                machine.Cpu.RaiseAttention();
                Thread.Sleep(1);
                long now = Volatile.Read(ref returned);
                if (now != seen)
                    since.Restart();
                seen = now;
                if (since.ElapsedMilliseconds > 20_000)
                    Environment.FailFast($"random code, seed {seed}, case {now}: the processor does not come back");
            }
        });
        watcher.Start();
        int cases = 0;
        var ends = new int[3];
        // However busy the host is, some are run.
        while (clock.ElapsedMilliseconds < s_seconds * 1000 || cases < MinCases)
        {
            new ReadOnlySpan<byte>(pristine).CopyTo(new Span<byte>(machine.Memory.Base + 0x10000, pristine.Length));
            machine.Place(HandlerAt, a =>
            {
                a.@out((byte)Bell.At, al);
                a.inc(__qword_ptr[rsp]);
                a.iretq();
            });
            machine.Place(HandlerWithErrorAt, a =>
            {
                a.add(rsp, 8);
                a.@out((byte)Bell.At, al);
                a.inc(__qword_ptr[rsp]);
                a.iretq();
            });
            FillWithCode(random, new Span<byte>(machine.Memory.Base + CodeFirst, (int)CodeBytes));
            machine.Cpu.InvalidateCode(0, TestMachine.Ram);
            for (int round = 0; round < 16; round++)
            {
                Prepare(machine, random);
                ends[(int)machine.Cpu.Run()]++;
                Volatile.Write(ref returned, ++cases);
            }
        }
        Volatile.Write(ref done, true);
        watcher.Join();
        output.WriteLine($"{cases} cases, {machine.Cpu.InstructionsRetired} instructions; halted, attention, shutdown: {string.Join(", ", ends)}");
    }
}
