using Iced.Intel;

namespace Domain;

/// <summary>Instructions in VEX encoding on vectors: AVX, AVX2, F16C, FMA.</summary>
internal sealed unsafe partial class BlockBuilder
{
    /// <summary>
    /// Where functions of single instructions are; null: no instruction in VEX encoding on vectors is known.
    /// </summary>
    public VectorThunks? Thunks { get; set; }

    private const Extensions VexExtensions = Extensions.Avx | Extensions.Avx2 | Extensions.F16c | Extensions.Fma;

    /// <summary>It is an instruction on vectors that some processor of this kind has.</summary>
    public static bool IsVex(in Instruction i) =>
        i.Encoding == EncodingKind.VEX && (ExtensionTable.Of(in i) & VexExtensions) != Extensions.None;

    /// <summary>Its memory operand must be aligned to its size.</summary>
    public static bool IsAlignedVex(Mnemonic mnemonic) => mnemonic is Mnemonic.Vmovaps or Mnemonic.Vmovapd
        or Mnemonic.Vmovdqa or Mnemonic.Vmovntps or Mnemonic.Vmovntpd or Mnemonic.Vmovntdq or Mnemonic.Vmovntdqa;

    /// <summary>It accesses memory element by element, or is not like others for another reason.</summary>
    public static bool IsSpecialVex(Mnemonic mnemonic) => IsGather(mnemonic) || IsMaskedMove(mnemonic)
        || mnemonic is Mnemonic.Vzeroupper or Mnemonic.Vzeroall or Mnemonic.Vldmxcsr or Mnemonic.Vstmxcsr
            or Mnemonic.Vmaskmovdqu or Mnemonic.Vpcmpistri or Mnemonic.Vpcmpistrm or Mnemonic.Vpcmpestri
            or Mnemonic.Vpcmpestrm or Mnemonic.Vpcmpestri64 or Mnemonic.Vpcmpestrm64;

    private static bool IsGather(Mnemonic mnemonic) => mnemonic is Mnemonic.Vgatherdps or Mnemonic.Vgatherdpd
        or Mnemonic.Vgatherqps or Mnemonic.Vgatherqpd or Mnemonic.Vpgatherdd or Mnemonic.Vpgatherdq
        or Mnemonic.Vpgatherqd or Mnemonic.Vpgatherqq;

    private static bool IsMaskedMove(Mnemonic mnemonic) => mnemonic is Mnemonic.Vmaskmovps or Mnemonic.Vmaskmovpd
        or Mnemonic.Vpmaskmovd or Mnemonic.Vpmaskmovq;

    private bool DecodeVex(in Instruction i)
    {
        if (Thunks == null || !IsVex(in i))
            return NotKnown(in i);
        // In 16-bit code the mode does not tell.
        if ((mode & Cpu.ModeCode16) != 0)
            Emit(&ProtectedMode.Require);
        if ((mode & Cpu.ModeNoAvx) != 0)
            return RaiseAlways(ExceptionVector.UD);
        if ((mode & Cpu.ModeNoFpu) != 0)
            Emit(&Vex.RequireNotSwitched);
        if (IsGather(i.Mnemonic))
            return Gather(in i);
        if (IsMaskedMove(i.Mnemonic))
            return MoveMasked(in i);
        switch (i.Mnemonic)
        {
            case Mnemonic.Vzeroupper or Mnemonic.Vzeroall:
                Emit(&Vex.Zero).Imm = i.Mnemonic == Mnemonic.Vzeroall ? 1u : 0;
                return false;
            case Mnemonic.Vldmxcsr:
                return LoadVectorControl(in i);
            case Mnemonic.Vstmxcsr:
                return StoreVectorControl(in i);
            case Mnemonic.Vmaskmovdqu:
                return StoreMaskedBytes(in i);
            case Mnemonic.Vpcmpistri: return CompareStrings(in i, 0);
            case Mnemonic.Vpcmpistrm: return CompareStringsToMask(in i, 1);
            case Mnemonic.Vpcmpestri: return CompareStrings(in i, 2);
            case Mnemonic.Vpcmpestrm: return CompareStringsToMask(in i, 3);
            case Mnemonic.Vpcmpestri64: return CompareStrings(in i, 6);
            case Mnemonic.Vpcmpestrm64: return CompareStringsToMask(in i, 7);
        }
        int memory = -1;
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            if (IsMemory(in i, operand))
                memory = operand;
        }
        ulong size = (uint)i.MemorySize.GetSize() | (IsAlignedVex(i.Mnemonic) ? Vex.Aligned : 0);
        if (memory >= 0)
            EmitAddress<OperandCompute>(in i);
        if (memory > 0)
            Emit(&Vex.Load).Imm = size;
        Emit(&Vex.Run).Imm = Thunks.Of(in i, Bytes + (i.IP - rip));
        if (memory == 0 && MayTrap(in i))
            EmitTrap(in i);
        if (memory == 0)
            Emit(&Vex.Store).Imm = size;
        return false;
    }

    /// <summary>The result goes to XMM0.</summary>
    private bool CompareStringsToMask(in Instruction i, byte kind)
    {
        CompareStrings(in i, kind);
        Emit(&Vex.ZeroRest).Dst = vectorOffset;
        return false;
    }

    private bool MoveMasked(in Instruction i)
    {
        bool isStore = IsMemory(in i, 0);
        EmitAddress<OperandCompute>(in i);
        ref var op = ref Emit(isStore ? &Vex.StoreMasked : &Vex.LoadMasked);
        op.Dst = Reg(i.GetOpRegister(isStore ? 2 : 0));
        op.Src = Reg(i.Op1Register);
        op.Imm = (ulong)i.MemorySize.GetSize();
        op.Scale = i.Mnemonic is Mnemonic.Vmaskmovps or Mnemonic.Vpmaskmovd ? (byte)4 : (byte)8;
        return false;
    }

    private bool Gather(in Instruction i)
    {
        int element = i.Mnemonic is Mnemonic.Vgatherdps or Mnemonic.Vgatherqps or Mnemonic.Vpgatherdd
            or Mnemonic.Vpgatherqd ? 4 : 8;
        int index = i.Mnemonic is Mnemonic.Vgatherdps or Mnemonic.Vgatherdpd or Mnemonic.Vpgatherdd
            or Mnemonic.Vpgatherdq ? 4 : 8;
        bool isLong = i.Op0Register.IsYMM() || i.MemoryIndex.IsYMM();
        ref var op = ref Emit(&Vex.Gather);
        op.Dst = Reg(i.Op0Register);
        op.Src = Reg(i.Op2Register);
        op.Index = Reg(i.MemoryIndex);
        if (i.MemoryBase != Register.None)
            op.Base = Reg(i.MemoryBase);
        op.Disp = (int)i.MemoryDisplacement64;
        op.Scale = (byte)LogOf(i.MemoryIndexScale);
        bool isNarrow = !code64 || i.MemoryBase.GetSize() == 4 || HasNarrowAddresses(in i);
        op.Imm = new Vex.GatherForm(element, index, (isLong ? 32 : 16) / System.Math.Max(element, index),
            i.MemorySegment - Register.ES, isNarrow).Packed;
        return false;
    }

    // Without a base register only the prefix tells.
    private bool HasNarrowAddresses(in Instruction i)
    {
        byte* at = Bytes + (i.IP - rip);
        for (; *at is not (0xc4 or 0xc5); at++)
        {
            if (*at == 0x67)
                return true;
        }
        return false;
    }
}
