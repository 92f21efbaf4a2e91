using System;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Domain;
using Iced.Intel;

namespace Testing.Processor;


/// <summary>One instruction on random operands, here and on the host's own processor.</summary>
internal static unsafe class HostComparison
{
    internal static readonly HostCpu Host = new();

    private static readonly ulong[] s_interesting =
    [
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ulong.MaxValue,
        0x3f800000, 0x3ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7fc000007f800000, 0x0000000100000001, 0x41e0000000000000,
    ];

    private static ulong Value(Random random) => random.Next(6) switch
    {
        0 => s_interesting[random.Next(s_interesting.Length)],
        1 => (ulong)random.NextInt64(-200, 200),
        2 => BitConverter.DoubleToUInt64Bits(random.NextDouble() * Math.Pow(10, random.Next(-12, 12)) * (random.Next(2) * 2 - 1)),
        3 => BitConverter.SingleToUInt32Bits(random.NextSingle() * 1000) | (ulong)BitConverter.SingleToUInt32Bits(-random.NextSingle() * 3e9f) << 32,
        _ => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
    };

    private static (ulong Significand, ushort Exponent) Extended(Random random)
    {
        ulong significand = (Value(random) | 1UL << 63) & (random.Next(3) == 0 ? 0xffff_f000_0000_0000 : ulong.MaxValue);
        return random.Next(12) switch
        {
            0 => (0, (ushort)(random.Next(2) << 15)),
            1 => (1UL << 63, (ushort)(0x7fff | random.Next(2) << 15)),
            2 => (significand | 1UL << 62, (ushort)(0x7fff | random.Next(2) << 15)),
            3 => (significand & ~(1UL << 63), (ushort)(random.Next(2) << 15)),
            4 => (significand, (ushort)(random.Next(1, 0x7fff) | random.Next(2) << 15)),
            _ => (significand, (ushort)(0x3fff + random.Next(-70, 70) | random.Next(2) << 15)),
        };
    }

    /// <summary>What <see cref="HostCpu.Data"/> holds before an instruction, and for which seeds.</summary>
    private static readonly ulong[] s_data = new ulong[HostCpu.DataSize / 8];
    private static int s_dataOf = -1;

    private static ReadOnlySpan<byte> Data(int seed)
    {
        // The same for some seeds in a row, since it takes longer than the rest.
        int group = seed >> 6 & int.MaxValue;
        if (group != s_dataOf)
        {
            for (int i = 0; i < s_data.Length; i++)
                s_data[i] = i % 16 < 4 ? 0x3ff8_0000_0000_0000 + (ulong)i : 0x0123456789abcdef * (ulong)(i + group) ^ (ulong)i << 60;
            s_dataOf = group;
        }
        return MemoryMarshal.AsBytes(s_data.AsSpan());
    }

    /// <summary>Brings memory to what it should be; most of it is that mostly, and is only read.</summary>
    private static void Restore(byte* memory, ReadOnlySpan<byte> data)
    {
        var present = new Span<byte>(memory, data.Length);
        if (!present.SequenceEqual(data))
            data.CopyTo(present);
    }

    /// <summary>Runs <paramref name="code"/> on operands drawn from <paramref name="seed"/>.</summary>
    /// <returns>how the results differ, or null</returns>
    public static string? Compare(TestMachine machine, Code code, int seed, int bits = 64) =>
        Compare([machine], code, seed, bits);

    /// <summary>The same on several machines.</summary>
    public static string? Compare(ReadOnlySpan<TestMachine> machines, Code code, int seed, int bits)
    {
        var random = new Random(seed);
        var registers = new ulong[16];
        for (int i = 0; i < 16; i++)
            registers[i] = Value(random);
        registers[4] = HostCpu.Data + 0x18000 + (ulong)random.Next(64) * 8;
        var instruction = RandomInstruction.Create(code, random, registers, bits);
        if (bits == 32)
        {
            for (int i = 0; i < 16; i++)
                registers[i] = i < 8 ? (uint)registers[i] : 0;
        }
        // Counts beyond 16 leave the result of 16-bit double shifts undefined.
        if (code is Code.Shld_rm16_r16_imm8 or Code.Shrd_rm16_r16_imm8 && (instruction.Immediate8 & 31) > 16)
            return null;
        if (code is Code.Shld_rm16_r16_CL or Code.Shrd_rm16_r16_CL && (registers[1] & 31) > 16)
            return null;
        byte[] bytes;
        try
        {
            bytes = RandomInstruction.Encode(in instruction, Host.At(bits), bits);
        }
        catch (EncoderException)
        {
            // AH–BH together with REX: no such encoding.
            return null;
        }
        ulong flags = (ulong)random.Next() & (Flags.Arithmetic | Flags.DF) | 0x202;
        if (!instruction.IsStringInstruction)
            flags &= ~Flags.DF;
        var context = HostCpu.Context;
        Host.Prepare(bytes, bits);
        for (int i = 0; i < 16; i++)
            context->Gpr[i] = registers[i];
        context->Flags = flags;
        new Span<byte>(context->Fx, 512).Clear();
        *(ushort*)context->Fx = (ushort)(0x7f | (random.Next(3) switch { 0 => 0, 1 => 2, _ => 3 }) << 8 | random.Next(4) << 10);
        if (random.Next(3) == 0)
            *(ushort*)context->Fx &= (ushort)~random.Next(64);
        *(ushort*)(context->Fx + 2) = (ushort)(random.Next(8) << 11);
        context->Fx[4] = 0xff;
        if (IsPush(code.Mnemonic()))
            context->Fx[4] = (byte)~(1 << ((*(ushort*)(context->Fx + 2) >> 11) - 1 & 7));
        // Any registers may be empty: then the stack faults.
        if (random.Next(4) == 0)
            context->Fx[4] = (byte)random.Next(256);
        // Rounding, FTZ and DAZ; mostly all exceptions are masked.
        *(uint*)(context->Fx + 24) = 0x1f80 | (uint)random.Next(4) << 13 | (random.Next(4) == 0 ? 0x8000u
            : 0) | (random.Next(4) == 0 ? 0x40u : 0);
        if (random.Next(3) == 0)
            *(uint*)(context->Fx + 24) &= ~((uint)random.Next(64) << 7);
        uint control = *(uint*)(context->Fx + 24);
        for (int i = 0; i < 8; i++)
        {
            var (significand, exponent) = Extended(random);
            *(ulong*)(context->Fx + 32 + 16 * i) = significand;
            *(ushort*)(context->Fx + 40 + 16 * i) = exponent;
        }
        for (int i = 0; i < 32; i++)
            *(ulong*)(context->Fx + 160 + 8 * i) = Value(random);
        for (int i = 0; i < 32; i++)
            context->Upper[i] = Value(random);
        var data = Data(seed);
        Restore((byte*)HostCpu.Data, data);
        string Text() => $"{code} [{instruction}] seed {seed} mxcsr {control:x}";
        var vectors = new int[machines.Length];
        for (int i = 0; i < machines.Length; i++)
        {
            var machine = machines[i];
            Restore(machine.Memory.Base + HostCpu.Data, data);
            Load(machine, context);
            Enter(machine, bits);
            machine.Place(Host.At(bits), [.. bytes, 0xf4]);
            machine.S->Rip = Host.At(bits);
            if (machine.Cpu.Run() == CpuExit.TripleFault)
                return $"{Text()}: triple fault";
            machine.S->Halted = false;
            vectors[i] = TakeFault(machine);
            if (vectors[i] >= 0 && machine.S->Rip != Host.At(bits))
                return $"{Text()}: exception {vectors[i]} at {machine.S->Rip:x} instead of {Host.At(bits):x}";
        }
        Host.Run();
        for (int i = 0; i < machines.Length; i++)
        {
            var machine = machines[i];
            if (vectors[i] != context->FaultVector)
                return $"{Text()}: exception {vectors[i]}, host {context->FaultVector}, {machine.Cpu.LastUnknown}";
            string? difference = Difference(machine, context, in instruction, Text, flags, registers);
            if (difference != null)
                return machines.Length == 1 ? difference : $"{(machine.Cpu.Translates ? "translated" : "interpreted")} {difference}";
        }
        return null;
    }

    private const ulong Handlers = 0x700000, FaultStack = 0xb0000;

    /// <summary>The exception that has ended the instruction, or -1. Registers are then what its frame says.</summary>
    private static int TakeFault(TestMachine machine)
    {
        ulong at = machine.S->Rip - 1 - Handlers;
        if (at >= 32 * 16)
            return -1;
        int vector = (int)at / 16;
        ulong frame = machine.S->Gpr[4] + (vector is 8 or >= 10 and <= 14 or 17 ? 8UL : 0);
        machine.S->Rip = machine.Read(frame);
        ulong flags = machine.Read(frame + 16);
        Flags.Set(machine.S, (uint)flags & Flags.Arithmetic);
        machine.S->SystemFlags = flags & ~(ulong)Flags.Arithmetic & ~2UL;
        machine.S->Gpr[4] = machine.Read(frame + 24);
        return vector;
    }

    private static void Enter(TestMachine machine, int bits)
    {
        if (machine.Read(Handlers) != 0xf4)
        {
            machine.Write(0x3000 + 0x24, FaultStack);
            for (int vector = 0; vector < 32; vector++)
            {
                machine.Gate(vector, Handlers + 16 * (ulong)vector, stackTable: 1);
                machine.Write(Handlers + 16 * (ulong)vector, 0xf4);
            }
            machine.S->Cr4 |= Cr4.OSXMMEXCPT;
            machine.S->Cr0 |= Cr0.NE;
        }
        bool entered = machine.Cpu.LoadCode(bits == 64 ? TestMachine.KernelCode : TestMachine.KernelCode32, 0);
        foreach (int segment in new[] { Cpu.SegmentSs, Cpu.SegmentDs, Cpu.SegmentEs })
            entered &= machine.Cpu.LoadSegment(segment, TestMachine.KernelData);
        if (!entered)
            throw new InvalidOperationException("the processor refused a segment");
    }

    private static bool IsPush(Mnemonic mnemonic) => mnemonic is Mnemonic.Fld or Mnemonic.Fild or Mnemonic.Fxtract or Mnemonic.Fld1 or Mnemonic.Fldl2t
        or Mnemonic.Fldl2e or Mnemonic.Fldpi or Mnemonic.Fldlg2 or Mnemonic.Fldln2 or Mnemonic.Fldz;

    internal static void Load(TestMachine machine, HostContext* context)
    {
        var s = machine.S;
        for (int i = 0; i < 16; i++)
            s->Gpr[i] = context->Gpr[i];
        Flags.Set(s, (uint)context->Flags & Flags.Arithmetic);
        s->SystemFlags = context->Flags & Flags.DF | Flags.IF;
        s->FpuControl = *(ushort*)context->Fx;
        s->FpuStatus = 0;
        s->FpuTop = *(ushort*)(context->Fx + 2) >> 11 & 7;
        for (int i = 0; i < 8; i++)
        {
            int physical = (s->FpuTop + i) & 7;
            s->Fpu[physical * 2] = *(ulong*)(context->Fx + 32 + 16 * i);
            s->Fpu[physical * 2 + 1] = *(ushort*)(context->Fx + 40 + 16 * i);
        }
        s->FpuValid = context->Fx[4];
        for (int i = 0; i < 32; i++)
            s->Ymm[i / 2 * 4 + i % 2] = *(ulong*)(context->Fx + 160 + 8 * i);
        for (int i = 0; i < 32; i++)
            s->Ymm[i / 2 * 4 + 2 + i % 2] = context->Upper[i];
        s->Mxcsr = *(uint*)(context->Fx + 24);
        s->Exit = ExitReason.None;
        s->Vector = -1;
    }

    private static string? Difference(TestMachine machine, HostContext* host, in Instruction instruction, Func<string> text, ulong flags, ulong[] before)
    {
        var s = machine.S;
        for (int i = 0; i < 16; i++)
        {
            if (s->Gpr[i] != host->Gpr[i])
                return $"{text()}: register {i} is {s->Gpr[i]:x}, host {host->Gpr[i]:x}, before {before[i]:x}, rax {before[0]:x} rcx {before[1]:x} rdx {before[2]:x}";
        }
        ulong compared = (Flags.Arithmetic | Flags.DF) & ~UndefinedFlags.Of(in instruction, before[1]);
        ulong image = Flags.Image(s);
        if (((image ^ host->Flags) & compared) != 0)
            return $"{text()}: flags {image & compared:x}, host {host->Flags & compared:x}, before {flags:x}, rax {before[0]:x} rcx {before[1]:x}";
        uint mxcsr = *(uint*)(host->Fx + 24);
        // With an overflow or an underflow that is not masked the engines say inexact where the result is exact, too; and of
        // sums of products, which are computed in steps, the exception may be that of a later step.
        uint late = ~(mxcsr >> 7) & mxcsr & 0x18;
        uint left = host->FaultVector == 19 ? late != 0 ? 0x20u : 0 : 0;
        if (host->FaultVector == 19 && instruction.Mnemonic is Mnemonic.Dpps or Mnemonic.Dppd or Mnemonic.Vdpps or Mnemonic.Vdppd)
            left = 0x3f;
        if (((s->Mxcsr ^ mxcsr) & ~left) != 0)
            return $"{text()}: MXCSR {s->Mxcsr:x}, host {mxcsr:x}";
        for (int i = 0; i < 32; i++)
        {
            ulong there = *(ulong*)(host->Fx + 160 + 8 * i);
            if (s->Ymm[i / 2 * 4 + i % 2] != there)
                return $"{text()}: xmm{i / 2} word {i % 2} is {s->Ymm[i / 2 * 4 + i % 2]:x}, host {there:x}";
        }
        for (int i = 0; i < 32 && Avx.IsSupported; i++)
        {
            ulong here = s->Ymm[i / 2 * 4 + 2 + i % 2];
            if (here != host->Upper[i])
                return $"{text()}: ymm{i / 2} word {2 + i % 2} is {here:x}, host {host->Upper[i]:x}";
        }
        if (instruction.CpuidFeatures[^1] is CpuidFeature.MMX or CpuidFeature.FPU or CpuidFeature.FPU287 or CpuidFeature.FPU387 or CpuidFeature.CMOV or CpuidFeature.SSE3
            || IsMmx(in instruction))
        {
            int top = *(ushort*)(host->Fx + 2) >> 11 & 7;
            if (s->FpuTop != top)
                return $"{text()}: top {s->FpuTop}, host {top}";
            if (s->FpuValid != host->Fx[4])
                return $"{text()}: tags {s->FpuValid:x}, host {host->Fx[4]:x}";
            for (int i = 0; i < 8; i++)
            {
                int physical = (top + i) & 7;
                ulong significand = *(ulong*)(host->Fx + 32 + 16 * i);
                ushort exponent = *(ushort*)(host->Fx + 40 + 16 * i);
                if (s->Fpu[physical * 2] != significand || (ushort)s->Fpu[physical * 2 + 1] != exponent)
                    return $"{text()}: st{i} is {s->Fpu[physical * 2 + 1]:x}:{s->Fpu[physical * 2]:x}, host {exponent:x}:{significand:x}, control {s->FpuControl:x}";
            }
            // The bits that an instruction leaves undefined say nothing.
            int status = (X87.StatusWord(s) ^ *(ushort*)(host->Fx + 2)) & StatusMask(instruction.Mnemonic);
            if (status != 0)
                return $"{text()}: status {X87.StatusWord(s):x}, host {*(ushort*)(host->Fx + 2):x}, control {s->FpuControl:x}";
        }
        var memory = new ReadOnlySpan<byte>(machine.Memory.Base + HostCpu.Data, (int)HostCpu.DataSize);
        int at = memory.CommonPrefixLength(new ReadOnlySpan<byte>((void*)HostCpu.Data, (int)HostCpu.DataSize));
        if (at != memory.Length)
            return $"{text()}: memory at +{at:x} is {memory[at]:x}, host {*(byte*)(HostCpu.Data + (ulong)at):x}";
        return null;
    }

    private static bool IsMmx(in Instruction instruction)
    {
        for (int i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) == OpKind.Register && instruction.GetOpRegister(i).IsMM())
                return true;
        }
        return false;
    }

    private static int StatusMask(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Fcom or Mnemonic.Fcomp or Mnemonic.Fcompp or Mnemonic.Fucom or Mnemonic.Fucomp or Mnemonic.Fucompp or Mnemonic.Ficom or Mnemonic.Ficomp
            or Mnemonic.Ftst or Mnemonic.Fxam => 0x4700 | 0x7f,
        Mnemonic.Fprem or Mnemonic.Fprem1 => 0x4700 | 0x6f,
        Mnemonic.Fnop or Mnemonic.Fninit or Mnemonic.Fnclex or Mnemonic.Ffree or Mnemonic.Ffreep or Mnemonic.Emms =>
            0x7f,
        _ => 0x27f,
    };
}
