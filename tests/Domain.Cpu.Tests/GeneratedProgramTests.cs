using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.Intrinsics.X86;
using System.Text;
using Iced.Intel;
using Testing;
using Testing.Processor;
using Xunit;
using Xunit.Abstractions;
using static Iced.Intel.AssemblerRegisters;

namespace Domain.Tests;

/// <summary>
/// Generated programs with loops, calls and memory traffic end in the same state on both engines and on the host.
/// </summary>
[Collection("host")]
public sealed unsafe class GeneratedProgramTests(ITestOutputHelper output)
{
    private const int Programs = 60;

    private static readonly Register[] s_dataRegisters = [Register.RAX, Register.RCX, Register.RDX, Register.RBX,
        Register.RBP, Register.R8, Register.R9, Register.R10, Register.R11, Register.R12, Register.R14, Register.R15];

    private const ulong Counters = HostCpu.Data + 0x1f000;

    private const RflagsBits Arithmetic = RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF
        | RflagsBits.CF | RflagsBits.PF;

    private static readonly Code[] s_codes = [.. Names().Where(name => Enum.TryParse<Code>(name, out _))
        .Select(Enum.Parse<Code>)];

    private static IEnumerable<string> Names()
    {
        foreach (int size in new[] { 8, 16, 32, 64 })
        {
            int immediate = Math.Min(size, 32);
            foreach (string name in new[] { "Add", "Or", "Adc", "Sbb", "And", "Sub", "Xor", "Cmp", "Mov" })
            {
                yield return $"{name}_rm{size}_r{size}";
                yield return $"{name}_r{size}_rm{size}";
                yield return $"{name}_rm{size}_imm{immediate}";
                yield return $"{name}_rm{size}_imm8";
            }
            yield return $"Test_rm{size}_r{size}";
            yield return $"Test_rm{size}_imm{immediate}";
            yield return $"Xchg_rm{size}_r{size}";
            yield return $"Xadd_rm{size}_r{size}";
            yield return $"Cmpxchg_rm{size}_r{size}";
            foreach (string name in new[] { "Inc", "Dec", "Neg", "Not", "Mul", "Imul" })
                yield return $"{name}_rm{size}";
            foreach (string name in new[] { "Shl", "Shr", "Sar", "Rol", "Ror", "Rcl", "Rcr" })
            {
                yield return $"{name}_rm{size}_1";
                yield return $"{name}_rm{size}_imm8";
                yield return $"{name}_rm{size}_CL";
            }
            yield return $"Imul_r{size}_rm{size}";
            yield return $"Imul_r{size}_rm{size}_imm8";
            yield return $"Imul_r{size}_rm{size}_imm{immediate}";
            yield return $"Popcnt_r{size}_rm{size}";
            foreach (string name in Extended(Extensions.Lzcnt, "Lzcnt").Concat(Extended(Extensions.Bmi1, "Tzcnt")))
                yield return $"{name}_r{size}_rm{size}";
            foreach (string name in Extended(Extensions.Bmi1, "Blsi", "Blsmsk", "Blsr"))
                yield return $"VEX_{name}_r{size}_rm{size}";
            foreach (string name in Extended(Extensions.Bmi1, "Andn").Concat(Extended(Extensions.Bmi2, "Pdep", "Pext",
                "Mulx")))
                yield return $"VEX_{name}_r{size}_r{size}_rm{size}";
            foreach (string name in Extended(Extensions.Bmi1, "Bextr").Concat(Extended(Extensions.Bmi2, "Bzhi", "Shlx",
                "Shrx", "Sarx")))
                yield return $"VEX_{name}_r{size}_rm{size}_r{size}";
            foreach (string name in Extended(Extensions.Bmi2, "Rorx"))
                yield return $"VEX_{name}_r{size}_rm{size}_imm8";
            foreach (string name in Extended(Extensions.Movbe, $"Movbe_r{size}_m{size}", $"Movbe_m{size}_r{size}"))
                yield return name;
            foreach (string name in new[] { "Bt", "Bts", "Btr", "Btc" })
                yield return $"{name}_rm{size}_imm8";
            foreach (string name in new[] { "Shld", "Shrd" })
                yield return $"{name}_rm{size}_r{size}_imm8";
            foreach (string name in new[] { "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge",
                "le", "g" })
            {
                yield return $"Cmov{name}_r{size}_rm{size}";
                yield return $"Set{name}_rm{size}";
            }
            foreach (int from in new[] { 8, 16, 32 })
            {
                yield return $"Movzx_r{size}_rm{from}";
                yield return $"Movsx_r{size}_rm{from}";
                yield return $"Movsxd_r{size}_rm{from}";
            }
            yield return $"Bswap_r{size}";
            yield return $"Lea_r{size}_m";
            yield return $"Push_r{size}";
            yield return $"Push_rm{size}";
        }
        foreach (string name in new[] { "Cbw", "Cwde", "Cdqe", "Cwd", "Cdq", "Cqo", "Clc", "Stc", "Cmc", "Nopd",
            "Pushq_imm8", "Pushq_imm32" })
            yield return name;
        foreach (string name in new[] { "Movaps_xmm_xmmm128", "Movups_xmm_xmmm128", "Movups_xmmm128_xmm",
            "Movdqu_xmm_xmmm128", "Movdqu_xmmm128_xmm", "Movd_xmm_rm32", "Movq_xmm_rm64", "Movd_rm32_xmm",
            "Movq_rm64_xmm", "Pxor_xmm_xmmm128", "Paddd_xmm_xmmm128", "Paddq_xmm_xmmm128", "Pcmpeqb_xmm_xmmm128",
            "Pmovmskb_r32_xmm", "Pshufd_xmm_xmmm128_imm8", "Punpcklbw_xmm_xmmm128", "Addsd_xmm_xmmm64",
            "Mulsd_xmm_xmmm64", "Cvtsi2sd_xmm_rm32", "Cvttsd2si_r32_xmmm64", "Movsd_xmm_xmmm64", "Movsd_xmmm64_xmm",
            "Ucomisd_xmm_xmmm64", "Psrldq_xmm_imm8", "Psllq_xmm_imm8", "Movlpd_xmm_m64", "Movhpd_m64_xmm" })
            yield return name;
        foreach (string name in Extended(Extensions.Aes, "Aesenc_xmm_xmmm128", "Aesdeclast_xmm_xmmm128")
            .Concat(Extended(Extensions.Pclmulqdq, "Pclmulqdq_xmm_xmmm128_imm8"))
            .Concat(Extended(Extensions.Sha, "Sha256rnds2_xmm_xmmm128", "Sha1msg1_xmm_xmmm128"))
            .Concat(Vectors()))
            yield return name;
    }

    private static IEnumerable<string> Vectors() =>
        Extended(Extensions.Avx, "Vmovups_ymm_ymmm256", "Vmovups_ymmm256_ymm", "Vmovups_xmmm128_xmm",
            "Vmovdqu_xmm_xmmm128", "Vmovdqu_ymmm256_ymm", "Vaddps_ymm_ymm_ymmm256", "Vmulpd_ymm_ymm_ymmm256",
            "Vxorps_xmm_xmm_xmmm128", "Vpaddq_xmm_xmm_xmmm128", "Vmovd_xmm_rm32", "Vmovq_rm64_xmm",
            "Vcvtsi2sd_xmm_xmm_rm64", "Vucomisd_xmm_xmmm64", "Vptest_ymm_ymmm256", "Vpinsrb_xmm_xmm_r32m8_imm8",
            "Vpextrb_r32m8_xmm_imm8", "Vpmovmskb_r32_xmm", "Vbroadcastss_ymm_m32", "Vzeroupper", "Vzeroall",
            "Vextractf128_xmmm128_ymm_imm8", "Vblendvps_ymm_ymm_ymmm256_ymm")
        .Concat(Extended(Extensions.Avx2, "Vpaddd_ymm_ymm_ymmm256", "Vpshufb_ymm_ymm_ymmm256",
            "Vperm2i128_ymm_ymm_ymmm256_imm8", "Vinserti128_ymm_ymm_xmmm128_imm8", "Vpmovmskb_r32_ymm",
            "Vpslld_ymm_ymm_imm8", "Vpsrad_ymm_ymm_xmmm128", "Vpermq_ymm_ymmm256_imm8"))
        .Concat(Extended(Extensions.Fma, "Vfmadd213ps_ymm_ymm_ymmm256", "Vfmadd231sd_xmm_xmm_xmmm64"))
        .Concat(Extended(Extensions.F16c, "Vcvtph2ps_ymm_xmmm128")).Select(name => "VEX_" + name);

    /// <summary>Names, where this host has them.</summary>
    private static string[] Extended(Extensions extension, params string[] names) =>
        (ExtensionTable.Host & extension) != 0 ? names : [];

    /// <summary>Writes one program.</summary>
    private sealed class Generator(Random random)
    {
        /// <summary>What a function has above its stack pointer: more than operands there reach.</summary>
        private const int Frame = 0x140;

        private readonly Assembler a = new(64);
        private readonly Queue<(Label Label, int Level)> functions = new();
        private RflagsBits known;
        private int counters, budget = 400;

        public RflagsBits Known => known;

        public byte[] Write(ulong at)
        {
            var end = a.CreateLabel();
            Some(random.Next(4, 16), 0);
            a.jmp(end);
            var last = known;
            while (functions.Count != 0)
                Function();
            a.Label(ref end);
            a.nop();
            known = last;
            var stream = new MemoryStream();
            a.Assemble(new StreamCodeWriter(stream), at);
            return stream.ToArray();
        }

        private void Function()
        {
            var (label, level) = functions.Dequeue();
            a.Label(ref label);
            a.nop();
            known = 0;
            bool frame = random.Next(2) == 0;
            if (frame)
            {
                a.push(rbp);
                a.mov(rbp, rsp);
                a.sub(rsp, Frame);
                known = 0;
            }
            else
            {
                a.push(r15);
                a.lea(rsp, __[rsp - Frame]);
            }
            Some(random.Next(1, 6), level + 1);
            if (frame)
            {
                // RBP is data to the statements between.
                a.lea(rbp, __[rsp + Frame]);
                a.leave();
            }
            else
            {
                a.lea(rsp, __[rsp + Frame]);
                a.pop(r14);
            }
            a.ret();
        }

        private void Some(int statements, int level)
        {
            for (int i = 0; i < statements; i++)
                Statement(level);
        }

        private void Statement(int level)
        {
            switch (random.Next(level > 3 || budget < 0 ? 6 : 12))
            {
                case < 6:
                    for (int i = random.Next(1, 10); i > 0; i--)
                        One();
                    break;
                case < 8:
                    Loop(level);
                    break;
                case < 10:
                    Skip(level);
                    break;
                case 10:
                    Call(level);
                    break;
                default:
                    Copy();
                    break;
            }
        }

        private void Loop(int level)
        {
            var counter = __dword_ptr[Counters + 8 * (ulong)(counters++ & 255)];
            var again = a.CreateLabel();
            a.mov(counter, random.Next(1, level == 0 ? 40 : 4));
            a.Label(ref again);
            a.nop();
            known = 0;
            Some(random.Next(1, 4), level + 1);
            a.dec(counter);
            a.jne(again);
            known = 0;
        }

        private void Skip(int level)
        {
            var over = a.CreateLabel();
            if (random.Next(2) == 0)
            {
                a.cmp(eax, random.Next(-4, 4));
                known = Arithmetic;
            }
            if (known == Arithmetic)
            {
                switch (random.Next(8))
                {
                    case 0: a.je(over); break;
                    case 1: a.jb(over); break;
                    case 2: a.jg(over); break;
                    case 3: a.jo(over); break;
                    case 4: a.jns(over); break;
                    case 5: a.jp(over); break;
                    case 6: a.jbe(over); a.jl(over); break;
                    default: a.jge(over); break;
                }
            }
            else if (random.Next(2) == 0)
                a.jmp(over);
            var before = known;
            Some(random.Next(1, 4), level + 1);
            a.Label(ref over);
            a.nop();
            known &= before;
        }

        private void Call(int level)
        {
            var function = a.CreateLabel();
            functions.Enqueue((function, level));
            switch (random.Next(3))
            {
                case 0:
                    a.lea(rdx, __[function]);
                    a.call(rdx);
                    break;
                case 1:
                    a.lea(rdi, __[function]);
                    a.mov(__qword_ptr[rsi + 8], rdi);
                    a.call(__qword_ptr[rsi + 8]);
                    // The address is no part of the result.
                    a.mov(__qword_ptr[rsi + 8], 0);
                    break;
                default:
                    a.call(function);
                    break;
            }
            known = 0;
        }

        private void Copy()
        {
            a.push(rsi);
            a.lea(rdi, __[rsi + random.Next(0x200)]);
            a.mov(ecx, random.Next(40));
            a.rep.movsb();
            a.pop(rsi);
            a.mov(edi, random.Next(256));
        }

        // R13 and RSI point into the data, RSP has room on both sides; RDI is an index.
        private MemoryOperand Memory()
        {
            int displacement = random.Next(8) == 0 ? random.Next(0xfc0, 0x1040) : random.Next(0x40, 0x200);
            switch (random.Next(5))
            {
                case 0:
                    return new MemoryOperand(Register.RSP, Register.None, 1, random.Next(0x40, 0x100), 1);
                case 1:
                    a.mov(edi, random.Next(0x80));
                    return new MemoryOperand(Register.R13, Register.RDI, 1 << random.Next(4), displacement, 4);
                case 2:
                    a.mov(r15d, random.Next(0x80));
                    return new MemoryOperand(random.Next(2) == 0 ? Register.RSI : Register.R13, Register.R15,
                        1 << random.Next(4), displacement, 4);
                case 3:
                    return new MemoryOperand(Register.None, Register.None, 1, (long)HostCpu.Data + 0x4000 + displacement,
                        4);
                default:
                    return new MemoryOperand(random.Next(2) == 0 ? Register.RSI : Register.R13, Register.None, 1,
                        displacement, 4);
            }
        }

        private Register Sized(int size)
        {
            var register = s_dataRegisters[random.Next(s_dataRegisters.Length)];
            int number = register.GetNumber();
            return size switch
            {
                1 => random.Next(4) == 0 ? Register.AH + random.Next(4)
                    : number < 4 ? Register.AL + number : Register.SPL + (number - 4),
                2 => Register.AX + number,
                4 => Register.EAX + number,
                _ => register,
            };
        }

        private void One()
        {
            var code = s_codes[random.Next(s_codes.Length)];
            var info = code.ToOpCode();
            var instruction = new Instruction { Code = code };
            for (int operand = 0; operand < info.OpCount; operand++)
            {
                switch (info.GetOpKind(operand))
                {
                    case OpCodeOperandKind.r8_or_mem: RegisterOrMemory(1); break;
                    case OpCodeOperandKind.r16_or_mem: RegisterOrMemory(2); break;
                    case OpCodeOperandKind.r32_or_mem: RegisterOrMemory(4); break;
                    case OpCodeOperandKind.r64_or_mem: RegisterOrMemory(8); break;
                    case OpCodeOperandKind.xmm_or_mem:
                        // Most operands of 16 bytes must be aligned.
                        if (random.Next(2) == 0
                            || (info.Encoding == EncodingKind.Legacy && info.ToString()!.Contains("m128") && code.Mnemonic() is not (Mnemonic.Movups or Mnemonic.Movdqu)))
                            instruction.SetOpRegister(operand, Register.XMM0 + random.Next(16));
                        else
                            SetMemory();
                        break;
                    case OpCodeOperandKind.ymm_or_mem when random.Next(2) == 0: SetMemory(); break;
                    case OpCodeOperandKind.ymm_or_mem or OpCodeOperandKind.ymm_reg or OpCodeOperandKind.ymm_rm
                        or OpCodeOperandKind.ymm_vvvv or OpCodeOperandKind.ymm_is4:
                        instruction.SetOpRegister(operand, Register.YMM0 + random.Next(16));
                        break;
                    case OpCodeOperandKind.xmm_reg or OpCodeOperandKind.xmm_rm or OpCodeOperandKind.xmm_vvvv:
                        instruction.SetOpRegister(operand, Register.XMM0 + random.Next(16));
                        break;
                    case OpCodeOperandKind.mem: SetMemory(); break;
                    case OpCodeOperandKind.r8_reg: instruction.SetOpRegister(operand, Sized(1)); break;
                    case OpCodeOperandKind.r16_reg or OpCodeOperandKind.r16_opcode:
                        instruction.SetOpRegister(operand, Sized(2));
                        break;
                    case OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_opcode or OpCodeOperandKind.r32_vvvv:
                        instruction.SetOpRegister(operand, Sized(4));
                        break;
                    case OpCodeOperandKind.r64_reg or OpCodeOperandKind.r64_opcode or OpCodeOperandKind.r64_vvvv:
                        instruction.SetOpRegister(operand, Sized(8));
                        break;
                    case OpCodeOperandKind.cl: instruction.SetOpRegister(operand, Register.CL); break;
                    case OpCodeOperandKind.imm8_const_1: SetImmediate(OpKind.Immediate8, 1); break;
                    case OpCodeOperandKind.imm8:
                        SetImmediate(OpKind.Immediate8,
                            random.Next(code.Mnemonic() is Mnemonic.Shld or Mnemonic.Shrd ? 16 : 256));
                        break;
                    case OpCodeOperandKind.imm8sex16: SetImmediate(OpKind.Immediate8to16, random.Next(-128, 128)); break;
                    case OpCodeOperandKind.imm8sex32: SetImmediate(OpKind.Immediate8to32, random.Next(-128, 128)); break;
                    case OpCodeOperandKind.imm8sex64: SetImmediate(OpKind.Immediate8to64, random.Next(-128, 128)); break;
                    case OpCodeOperandKind.imm16: SetImmediate(OpKind.Immediate16, random.Next(65536)); break;
                    case OpCodeOperandKind.imm32: SetImmediate(OpKind.Immediate32, random.Next()); break;
                    case OpCodeOperandKind.imm32sex64: SetImmediate(OpKind.Immediate32to64, random.Next()); break;
                    default: return;
                }
                void SetImmediate(OpKind kind, int value)
                {
                    instruction.SetOpKind(operand, kind);
                    instruction.SetImmediate(operand, value);
                }
                void RegisterOrMemory(int size)
                {
                    if (random.Next(2) == 0)
                        instruction.SetOpRegister(operand, Sized(size));
                    else
                        SetMemory();
                }
                void SetMemory()
                {
                    var memory = Memory();
                    instruction.SetOpKind(operand, OpKind.Memory);
                    instruction.MemoryBase = memory.Base;
                    instruction.MemoryIndex = memory.Index;
                    instruction.MemoryIndexScale = memory.Scale;
                    instruction.MemoryDisplacement64 = (ulong)memory.Displacement;
                    instruction.MemoryDisplSize = memory.Base == Register.None ? 8 : memory.DisplSize;
                }
            }
            var reads = instruction.RflagsRead & Arithmetic;
            if ((reads & ~known) != 0)
            {
                a.cmp(ecx, random.Next(-2, 2));
                known = Arithmetic;
            }
            try
            {
                Iced.Intel.Encoder.Create(64, new StreamCodeWriter(new MemoryStream())).Encode(in instruction, 0x500000);
            }
            catch (EncoderException)
            {
                return;
            }
            a.AddInstruction(ref instruction);
            budget--;
            if (instruction.Mnemonic is Mnemonic.Push)
            {
                bool narrow = instruction.StackPointerIncrement == -2;
                if (narrow)
                    a.pop(r12w);
                else
                    a.pop(random.Next(2) == 0 ? r15 : rbx);
            }
            var written = instruction.RflagsModified & Arithmetic;
            bool perhaps = instruction.OpCount > 0 && instruction.GetOpKind(instruction.OpCount - 1) == OpKind.Register
                && instruction.GetOpRegister(instruction.OpCount - 1) == Register.CL;
            known &= ~written;
            if (!perhaps && instruction.Mnemonic is not (Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr
                or Mnemonic.Shl or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Shld or Mnemonic.Shrd))
                known |= written & ~instruction.RflagsUndefined;
            else if (!perhaps && instruction.RflagsModified != 0)
                known |= written & ~instruction.RflagsUndefined & RflagsBits.CF;
        }
    }

    private static void Prepare(TestMachine machine, byte[] program, ulong at, ReadOnlySpan<ulong> data)
    {
        machine.Reset();
        HostComparison.Load(machine, HostCpu.Context);
        machine.S->Code64 = true;
        data.CopyTo(new Span<ulong>(machine.Memory.Base + HostCpu.Data, data.Length));
        machine.Cpu.InvalidateCode(HostCpu.Data, HostCpu.DataSize);
        machine.Place(at, [.. program, 0xf4]);
        machine.S->Rip = at;
        machine.Cpu.FlushTlbs();
    }

    [Fact]
    public void BothEnginesEndAsTheHostDoes()
    {
        var run = new RandomRun(Programs);
        output.WriteLine($"seed {run.Seed}");
        // With code memory, since vectors in VEX encoding need it.
        var interpreter = new TestMachine(true, interpretedRuns: int.MaxValue);
        var translator = new TestMachine(true);
        var warming = new TestMachine(true, interpretedRuns: 3); // a loop is translated in the middle
        HostComparison.Host.Prepare([0x90]);
        ulong at = HostComparison.Host.InstructionAt;
        ulong instructions = 0;
        while (run.Next())
        {
            // A program can be had again by its seed alone.
            int seed = run.Seed + run.Begun - 1;
            var random = new Random(seed);
            var generator = new Generator(random);
            byte[] program = generator.Write(at);
            if (program.Length > 0x6000)
                continue;
            var context = HostCpu.Context;
            HostComparison.Host.Prepare(program);
            for (int i = 0; i < 16; i++)
                context->Gpr[i] = (ulong)random.NextInt64();
            context->Gpr[4] = HostCpu.Data + 0x18000;
            context->Gpr[6] = HostCpu.Data + 0x1000 + (ulong)random.Next(64);
            context->Gpr[13] = HostCpu.Data + 0x8000 + (ulong)random.Next(64);
            context->Flags = 0x202;
            new Span<byte>(context->Fx, 512).Clear();
            *(ushort*)context->Fx = 0x37f;
            *(uint*)(context->Fx + 24) = 0x1f80;
            for (int i = 0; i < 32; i++)
                context->Upper[i] = (ulong)random.NextInt64();
            var data = new ulong[HostCpu.DataSize / 8];
            for (int i = 0; i < data.Length; i++)
                data[i] = (ulong)random.NextInt64() >> random.Next(64);
            data.CopyTo(new Span<ulong>((void*)HostCpu.Data, data.Length));
            Prepare(interpreter, program, at, data);
            Prepare(translator, program, at, data);
            Prepare(warming, program, at, data);
            ulong before = translator.Cpu.InstructionsRetired;
            interpreter.RunToHalt();
            translator.RunToHalt();
            warming.RunToHalt();
            instructions += translator.Cpu.InstructionsRetired - before;
            HostComparison.Host.Run();
            var difference = new StringBuilder();
            Differences(difference, "interpreter", interpreter, generator.Known);
            Differences(difference, "translator", translator, generator.Known);
            Differences(difference, "translator of what has run", warming, generator.Known);
            if (difference.Length == 0)
                continue;
            File.WriteAllBytes(Path.Combine(Path.GetTempPath(), "generated-program.bin"), program);
            Assert.Fail($"RANDOM_SEED={seed}, {program.Length} bytes at {at:x}:\n{difference}");
        }
        output.WriteLine($"{run}, {instructions} instructions");
    }

    private static void Differences(StringBuilder to, string engine, TestMachine machine, RflagsBits known)
    {
        var host = HostCpu.Context;
        for (int i = 0; i < 16; i++)
        {
            if (machine.S->Gpr[i] != host->Gpr[i])
                to.AppendLine($"{engine}: register {i} is {machine.S->Gpr[i]:x}, host {host->Gpr[i]:x}");
        }
        for (int i = 0; i < 32; i++)
        {
            if (machine.S->Ymm[i / 2 * 4 + i % 2] != ((ulong*)(host->Fx + 160))[i])
                to.AppendLine($"{engine}: xmm{i / 2} word {i % 2} is {machine.S->Ymm[i / 2 * 4 + i % 2]:x}, host {((ulong*)(host->Fx + 160))[i]:x}");
        }
        for (int i = 0; i < 32 && Avx.IsSupported; i++)
        {
            ulong here = machine.S->Ymm[i / 2 * 4 + 2 + i % 2];
            if (here != host->Upper[i])
                to.AppendLine($"{engine}: ymm{i / 2} word {2 + i % 2} is {here:x}, host {host->Upper[i]:x}");
        }
        uint mask = 0;
        foreach (var (bit, flag) in new[] { (RflagsBits.CF, Flags.CF), (RflagsBits.PF, Flags.PF), (RflagsBits.AF, Flags.AF),
            (RflagsBits.ZF, Flags.ZF), (RflagsBits.SF, Flags.SF), (RflagsBits.OF, Flags.OF) })
            mask |= (known & bit) != 0 ? flag : 0;
        if (((Flags.Get(machine.S) ^ (uint)host->Flags) & mask) != 0)
            to.AppendLine($"{engine}: flags {Flags.Get(machine.S) & mask:x}, host {(uint)host->Flags & mask:x}");
        // Below the stack pointer, signals have left what they like.
        for (ulong offset = 0; offset < HostCpu.DataSize; offset += 8)
        {
            if (offset is >= 0x10000 and < 0x18000)
                continue;
            ulong here = machine.Read(HostCpu.Data + offset), there = *(ulong*)(HostCpu.Data + offset);
            if (here == there)
                continue;
            to.AppendLine($"{engine}: data {offset:x} is {here:x}, host {there:x}");
            break;
        }
    }
}
