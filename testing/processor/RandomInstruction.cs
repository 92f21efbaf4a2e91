using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Domain;
using Iced.Intel;

namespace Testing.Processor;

/// <summary>Random operands for any user-mode instruction of the announced feature set.</summary>
internal static class RandomInstruction
{
    private static readonly HashSet<CpuidFeature> s_announced =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL8086_ONLY, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486,
        CpuidFeature.X64, CpuidFeature.CMOV, CpuidFeature.CX8, CpuidFeature.CMPXCHG16B, CpuidFeature.POPCNT, CpuidFeature.SSE, CpuidFeature.SSE2,
        CpuidFeature.SSE3, CpuidFeature.SSSE3, CpuidFeature.SSE4_1, CpuidFeature.SSE4_2, CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU387,
        CpuidFeature.MULTIBYTENOP, CpuidFeature.CET_IBT, CpuidFeature.PREFETCHW, CpuidFeature.FXSR, CpuidFeature.CLFSH, CpuidFeature.MMX,
        .. Extended(),
    ];

    // What is announced because this host has it.
    private static IEnumerable<CpuidFeature> Extended() => new (Extensions Extension, CpuidFeature Feature)[]
    {
        (Extensions.Lzcnt, CpuidFeature.LZCNT), (Extensions.Bmi1, CpuidFeature.BMI1), (Extensions.Bmi2, CpuidFeature.BMI2),
        (Extensions.Movbe, CpuidFeature.MOVBE), (Extensions.Aes, CpuidFeature.AES), (Extensions.Pclmulqdq, CpuidFeature.PCLMULQDQ),
        (Extensions.Sha, CpuidFeature.SHA), (Extensions.Avx, CpuidFeature.AVX), (Extensions.Avx2, CpuidFeature.AVX2),
        (Extensions.F16c, CpuidFeature.F16C), (Extensions.Fma, CpuidFeature.FMA),
    }.Where(row => (ExtensionTable.Host & row.Extension) != 0).Select(row => row.Feature);

    // Not comparable: control flow and system instructions have tests of their own; the approximations of x87 and RCP
    // differ between processors, as do bits that the manual leaves undefined.
    private static readonly HashSet<Mnemonic> s_excluded =
    [
        Mnemonic.Ud2, Mnemonic.Cpuid, Mnemonic.Rdtsc, Mnemonic.Lar, Mnemonic.Lsl, Mnemonic.Verr, Mnemonic.Verw,
        Mnemonic.F2xm1, Mnemonic.Fyl2x, Mnemonic.Fyl2xp1, Mnemonic.Fptan, Mnemonic.Fpatan, Mnemonic.Fsin, Mnemonic.Fcos, Mnemonic.Fsincos,
        Mnemonic.Sgdt, Mnemonic.Sidt, Mnemonic.Sldt, Mnemonic.Str, Mnemonic.Smsw, Mnemonic.Monitor, Mnemonic.Mwait,
        Mnemonic.Fnstenv, Mnemonic.Fldenv, Mnemonic.Fnsave, Mnemonic.Frstor, Mnemonic.Fstenv, Mnemonic.Fsave, Mnemonic.Fxsave, Mnemonic.Fxsave64,
        Mnemonic.Fxrstor, Mnemonic.Fxrstor64, Mnemonic.Popfq, Mnemonic.Popf, Mnemonic.Popfd,
        Mnemonic.Fbld, Mnemonic.Ldmxcsr, Mnemonic.Vldmxcsr, Mnemonic.Lss, Mnemonic.Lfs, Mnemonic.Lgs, Mnemonic.Les, Mnemonic.Lds,
        // What no processor of today decodes.
        Mnemonic.Fstdw, Mnemonic.Fstsg, Mnemonic.Frstpm, Mnemonic.Fsetpm, Mnemonic.Fdisi, Mnemonic.Feni,
            Mnemonic.Loadall, Mnemonic.Ibts,
        Mnemonic.Xbts, Mnemonic.Umov, Mnemonic.Storeall,
        Mnemonic.Int1, Mnemonic.Int3, Mnemonic.Int, Mnemonic.Into, Mnemonic.Cli, Mnemonic.Sti,
    ];

    public static IEnumerable<Code> Codes(int bits = 64) =>
        Enum.GetValues<Code>().Where(code =>
            IsCandidate(code) && (bits == 64 ? code.ToOpCode().Mode64 : IsInteger32(code)));

    private static bool IsInteger32(Code code) => code.ToOpCode().Mode32
        && new Instruction { Code = code }.CpuidFeatures[^1] is CpuidFeature.INTEL8086 or CpuidFeature.INTEL8086_ONLY or CpuidFeature.INTEL186
            or CpuidFeature.INTEL286 or CpuidFeature.INTEL386 or CpuidFeature.INTEL486 or CpuidFeature.CMOV or CpuidFeature.CX8
            or CpuidFeature.POPCNT or CpuidFeature.MULTIBYTENOP or CpuidFeature.LZCNT or CpuidFeature.BMI1 or CpuidFeature.BMI2
            or CpuidFeature.MOVBE;

    private static bool IsCandidate(Code code)
    {
        var info = code.ToOpCode();
        if (!info.IsInstruction || info.IsPrivileged || info.Encoding is not (EncodingKind.Legacy or EncodingKind.VEX) || info.Fwait
            || s_excluded.Contains(code.Mnemonic()))
            return false;
        var sample = new Instruction { Code = code };
        if (sample.CpuidFeatures.Any(feature => !s_announced.Contains(feature)) || sample.FlowControl != FlowControl.Next)
            return false;
        for (int i = 0; i < info.OpCount; i++)
        {
            var kind = info.GetOpKind(i);
            if (kind is OpCodeOperandKind.mem_vsib32x or OpCodeOperandKind.mem_vsib64x or OpCodeOperandKind.mem_vsib32y
                or OpCodeOperandKind.mem_vsib64y or OpCodeOperandKind.seg_reg
                or OpCodeOperandKind.cr_reg or OpCodeOperandKind.dr_reg or OpCodeOperandKind.es or OpCodeOperandKind.cs or OpCodeOperandKind.ss
                or OpCodeOperandKind.ds or OpCodeOperandKind.fs or OpCodeOperandKind.gs or OpCodeOperandKind.mem_offs)
                return false;
        }
        return code.Mnemonic() is not (Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd
            or Mnemonic.In or Mnemonic.Out) && !info.IsReservedNop && code != Code.Wbinvd && code != Code.DeclareByte;
    }

    // Size of addresses.
    [ThreadStatic]
    private static int s_width;

    /// <summary>Operands for <paramref name="code"/>; sets up the registers that address memory.</summary>
    public static Instruction Create(Code code, Random random, Span<ulong> registers, int bits = 64)
    {
        s_width = bits / 8;
        var info = code.ToOpCode();
        var instruction = new Instruction { Code = code };
        ulong stack = registers[4];
        for (int i = 0; i < info.OpCount; i++)
            SetOperand(ref instruction, i, info.GetOpKind(i), random, registers);
        if (info.CanUseRepPrefix && random.Next(2) == 0)
            instruction.HasRepPrefix = true;
        if ((info.CanUseRepnePrefix && code.Mnemonic() is Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd or Mnemonic.Scasq
            or Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Cmpsq) && random.Next(2) == 0)
        {
            instruction.HasRepPrefix = false;
            instruction.HasRepnePrefix = true;
        }
        if (instruction.HasRepPrefix || instruction.HasRepnePrefix)
            registers[1] = (ulong)random.Next(300);
        bool strings = false;
        for (int i = 0; i < instruction.OpCount; i++)
            strings |= instruction.GetOpKind(i) is >= OpKind.MemorySegSI and <= OpKind.MemoryESRDI;
        if (strings)
        {
            registers[6] = HostCpu.Data + 0x8000 + (ulong)random.Next(0x1000);
            registers[7] = HostCpu.Data + 0x8000 + (ulong)random.Next(0x1000);
        }
        if (code.Mnemonic() is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc && instruction.Op0Kind == OpKind.Memory
            && instruction.Op1Kind == OpKind.Register)
        {
            // A bit offset of any size is an address of any distance.
            int number = instruction.Op1Register.GetNumber();
            if (instruction.MemoryBase.GetNumber() != number && (instruction.MemoryIndex == Register.None || instruction.MemoryIndex.GetNumber() != number))
                registers[number] = (ulong)random.NextInt64(-0x10000, 0x10000) & (instruction.Op1Register.GetSize() == 4 ? 0xffff_ffffUL : ulong.MaxValue);
            else
            {
                int free;
                for (free = 0; free == 4 || instruction.MemoryBase.GetNumber() == free
                    || (instruction.MemoryIndex != Register.None && instruction.MemoryIndex.GetNumber() == free); free++)
                {
                }
                instruction.Op1Register = (instruction.Op1Register.GetSize() switch { 2 => Register.AX, 4 =>
                    Register.EAX, _ => Register.RAX }) + free;
                registers[free] = (ulong)random.Next(0x10000);
            }
        }
        switch (code.Mnemonic())
        {
            case Mnemonic.Enter:
                instruction.Immediate16 = (ushort)random.Next(0x4000);
                instruction.SetOpKind(1, OpKind.Immediate8_2nd);
                instruction.Immediate8_2nd = (byte)(random.Next(2) == 0 ? 0 : random.Next(256));
                registers[5] = HostCpu.Data + 0x10000 + (ulong)random.Next(0x1000);
                break;
            case Mnemonic.Leave:
                registers[5] = HostCpu.Data + 0x10000 + (ulong)random.Next(0x1000);
                break;
            case Mnemonic.Xlatb:
                registers[3] = HostCpu.Data + 0x10000 + (ulong)random.Next(0x1000);
                break;
            case Mnemonic.Maskmovdqu or Mnemonic.Maskmovq or Mnemonic.Vmaskmovdqu:
                registers[7] = HostCpu.Data + 0x10000 + (ulong)random.Next(0x1000);
                break;
        }
        registers[4] = stack;
        return instruction;
    }

    private static Register General(Random random, int size)
    {
        // RSP stays what it is.
        int number = random.Next(s_width == 8 ? 15 : 7);
        if (number >= 4)
            number++;
        if (s_width == 4 && size == 1)
            return Register.AL + random.Next(8);
        return size switch
        {
            1 => random.Next(4) == 0 ? Register.AL + random.Next(4) : number < 4 ? Register.AL + number : Register.SPL + (number - 4),
            2 => Register.AX + number,
            4 => Register.EAX + number,
            _ => Register.RAX + number,
        };
    }

    private static int Vector(Random random) => random.Next(s_width == 8 ? 16 : 8);

    private static void SetMemory(ref Instruction instruction, int operand, Random random, Span<ulong> registers)
    {
        instruction.SetOpKind(operand, OpKind.Memory);
        int size = Math.Max(instruction.MemorySize.GetSize(), 1);
        ulong target = HostCpu.Data + 0x8000 + (ulong)random.Next(0x2000);
        if (size >= 16 || random.Next(2) == 0)
            target &= ~31UL;
        if (BlockBuilder.IsVex(in instruction) && !BlockBuilder.IsAlignedVex(instruction.Mnemonic) && random.Next(2) == 0)
            target += (ulong)random.Next(32);
        // A bit string's operand lies at a distance that Create chooses.
        bool isBitString = instruction.Mnemonic is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc;
        int form = s_width == 8 && !isBitString ? random.Next(10) : int.MaxValue;
        if (form < 2)
        {
            // Relative to RIP, and without registers.
            instruction.MemoryBase = form == 0 ? Register.RIP : Register.None;
            instruction.MemoryDisplacement64 = target;
            instruction.MemoryDisplSize = form == 0 ? 8 : 4;
            return;
        }
        // With an address size prefix addresses have 32 bits.
        int width = form == 2 ? 4 : s_width;
        var baseRegister = General(random, width);
        int displacement = random.Next(3) switch { 0 => 0, 1 => random.Next(-128, 128), _ => random.Next(-0x100000, 0x100000) };
        instruction.MemoryBase = baseRegister;
        instruction.MemoryDisplacement64 = width == 8 ? (ulong)displacement : (uint)displacement;
        instruction.MemoryDisplSize = displacement == 0 ? 0 : displacement is >= -128 and < 128 ? 1 : width;
        ulong offset = 0;
        if (random.Next(2) == 0)
        {
            Register index;
            do
                index = General(random, width);
            while (index == baseRegister);
            instruction.MemoryIndex = index;
            instruction.MemoryIndexScale = 1 << random.Next(4);
            ulong value = (ulong)random.NextInt64(-0x1000, 0x1000);
            registers[index.GetNumber()] = value;
            offset = value * (ulong)instruction.MemoryIndexScale;
        }
        ulong at = target - offset - (ulong)displacement;
        registers[baseRegister.GetNumber()] = width == s_width ? at : (uint)at | (ulong)random.Next() << 32;
    }

    private static void SetRegister(ref Instruction instruction, int operand, Register register)
    {
        instruction.SetOpKind(operand, OpKind.Register);
        instruction.SetOpRegister(operand, register);
    }

    private static void SetOperand(ref Instruction i, int n, OpCodeOperandKind kind, Random random, Span<ulong> registers)
    {
        bool memory = random.Next(2) == 0;
        switch (kind)
        {
            case OpCodeOperandKind.r8_or_mem when !memory: SetRegister(ref i, n, General(random, 1)); break;
            case OpCodeOperandKind.r16_or_mem when !memory: SetRegister(ref i, n, General(random, 2)); break;
            case OpCodeOperandKind.r32_or_mem when !memory: SetRegister(ref i, n, General(random, 4)); break;
            case OpCodeOperandKind.r64_or_mem when !memory: SetRegister(ref i, n, General(random, 8)); break;
            case OpCodeOperandKind.xmm_or_mem when !memory: SetRegister(ref i, n, Register.XMM0 + Vector(random)); break;
            case OpCodeOperandKind.mm_or_mem when !memory: SetRegister(ref i, n, Register.MM0 + random.Next(8)); break;
            case OpCodeOperandKind.mm_reg or OpCodeOperandKind.mm_rm: SetRegister(ref i, n, Register.MM0 + random.Next(8)); break;
            case OpCodeOperandKind.mm_or_mem or OpCodeOperandKind.mem or OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem
                or OpCodeOperandKind.r64_or_mem or OpCodeOperandKind.xmm_or_mem:
                SetMemory(ref i, n, random, registers);
                break;
            case OpCodeOperandKind.r8_reg or OpCodeOperandKind.r8_opcode: SetRegister(ref i, n, General(random, 1)); break;
            case OpCodeOperandKind.r16_reg or OpCodeOperandKind.r16_opcode or OpCodeOperandKind.r16_rm or OpCodeOperandKind.r16_reg_mem: SetRegister(ref i, n, General(random, 2)); break;
            case OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_opcode or OpCodeOperandKind.r32_rm or OpCodeOperandKind.r32_reg_mem or OpCodeOperandKind.r32_vvvv: SetRegister(ref i, n, General(random, 4)); break;
            case OpCodeOperandKind.r64_reg or OpCodeOperandKind.r64_opcode or OpCodeOperandKind.r64_rm or OpCodeOperandKind.r64_reg_mem or OpCodeOperandKind.r64_vvvv: SetRegister(ref i, n, General(random, 8)); break;
            case OpCodeOperandKind.ymm_or_mem when !memory: SetRegister(ref i, n, Register.YMM0 + Vector(random)); break;
            case OpCodeOperandKind.ymm_or_mem: SetMemory(ref i, n, random, registers); break;
            case OpCodeOperandKind.ymm_reg or OpCodeOperandKind.ymm_rm or OpCodeOperandKind.ymm_vvvv or OpCodeOperandKind.ymm_is4:
                SetRegister(ref i, n, Register.YMM0 + Vector(random));
                break;
            case OpCodeOperandKind.xmm_vvvv or OpCodeOperandKind.xmm_is4: SetRegister(ref i, n, Register.XMM0 + Vector(random)); break;
            case OpCodeOperandKind.xmm_reg or OpCodeOperandKind.xmm_rm: SetRegister(ref i, n, Register.XMM0 + Vector(random)); break;
            case OpCodeOperandKind.al: SetRegister(ref i, n, Register.AL); break;
            case OpCodeOperandKind.cl: SetRegister(ref i, n, Register.CL); break;
            case OpCodeOperandKind.ax: SetRegister(ref i, n, Register.AX); break;
            case OpCodeOperandKind.dx: SetRegister(ref i, n, Register.DX); break;
            case OpCodeOperandKind.eax: SetRegister(ref i, n, Register.EAX); break;
            case OpCodeOperandKind.rax: SetRegister(ref i, n, Register.RAX); break;
            case OpCodeOperandKind.st0: SetRegister(ref i, n, Register.ST0); break;
            case OpCodeOperandKind.sti_opcode: SetRegister(ref i, n, Register.ST0 + random.Next(8)); break;
            case OpCodeOperandKind.imm8: i.SetOpKind(n, OpKind.Immediate8); i.Immediate8 = (byte)random.Next(256); break;
            case OpCodeOperandKind.imm8_const_1: i.SetOpKind(n, OpKind.Immediate8); i.Immediate8 = 1; break;
            case OpCodeOperandKind.imm8sex16: i.SetOpKind(n, OpKind.Immediate8to16); i.Immediate8to16 = (sbyte)random.Next(-128, 128); break;
            case OpCodeOperandKind.imm8sex32: i.SetOpKind(n, OpKind.Immediate8to32); i.Immediate8to32 = (sbyte)random.Next(-128, 128); break;
            case OpCodeOperandKind.imm8sex64: i.SetOpKind(n, OpKind.Immediate8to64); i.Immediate8to64 = (sbyte)random.Next(-128, 128); break;
            case OpCodeOperandKind.imm16: i.SetOpKind(n, OpKind.Immediate16); i.Immediate16 = (ushort)random.Next(65536); break;
            case OpCodeOperandKind.imm32: i.SetOpKind(n, OpKind.Immediate32); i.Immediate32 = (uint)random.NextInt64(1L << 32); break;
            case OpCodeOperandKind.imm32sex64: i.SetOpKind(n, OpKind.Immediate32to64); i.Immediate32to64 = (int)random.NextInt64(1L << 32); break;
            case OpCodeOperandKind.imm64: i.SetOpKind(n, OpKind.Immediate64); i.Immediate64 = (ulong)random.NextInt64(); break;
            case OpCodeOperandKind.seg_rDI: i.SetOpKind(n, s_width == 8 ? OpKind.MemorySegRDI
                : OpKind.MemorySegEDI); break;
            case OpCodeOperandKind.seg_rBX_al:
                i.SetOpKind(n, OpKind.Memory);
                i.MemoryBase = s_width == 8 ? Register.RBX : Register.EBX;
                i.MemoryIndex = Register.AL;
                break;
            case OpCodeOperandKind.seg_rSI: i.SetOpKind(n, s_width == 8 ? OpKind.MemorySegRSI
                : OpKind.MemorySegESI); break;
            case OpCodeOperandKind.es_rDI: i.SetOpKind(n, s_width == 8 ? OpKind.MemoryESRDI : OpKind.MemoryESEDI); break;
            default: throw new NotSupportedException($"{i.Code}: operand kind {kind}");
        }
    }

    public static byte[] Encode(in Instruction instruction, ulong at, int bits = 64)
    {
        var stream = new MemoryStream();
        var encoder = Encoder.Create(bits, new StreamCodeWriter(stream));
        encoder.Encode(in instruction, at);
        return stream.ToArray();
    }
}
