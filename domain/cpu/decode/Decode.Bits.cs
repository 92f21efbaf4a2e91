using Iced.Intel;

namespace Domain;

/// <summary>BMI1, BMI2, LZCNT and MOVBE.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private bool ManipulateBits(in Instruction i)
    {
        // In 16-bit code the mode does not tell.
        if ((mode & Cpu.ModeCode16) != 0)
            Emit(&ProtectedMode.Require);
        switch (i.Mnemonic)
        {
            case Mnemonic.Andn: return ThreeOperands<BitsAndNot>(in i);
            case Mnemonic.Bextr: return ThreeOperands<BitsExtract>(in i);
            case Mnemonic.Bzhi: return ThreeOperands<BitsZeroHigh>(in i);
            case Mnemonic.Pdep: return ThreeOperands<BitsDeposit>(in i);
            case Mnemonic.Pext: return ThreeOperands<BitsGather>(in i);
            case Mnemonic.Sarx: return ThreeOperands<BitsShiftArithmetic>(in i);
            case Mnemonic.Shlx: return ThreeOperands<BitsShiftLeft>(in i);
            case Mnemonic.Shrx: return ThreeOperands<BitsShiftRight>(in i);
            case Mnemonic.Blsi: return RegisterFrom<BitsIsolateLowest>(in i);
            case Mnemonic.Blsmsk: return RegisterFrom<BitsMaskToLowest>(in i);
            case Mnemonic.Blsr: return RegisterFrom<BitsResetLowest>(in i);
            case Mnemonic.Rorx:
                RegisterFrom<BitsRotate>(in i);
                Slots[SlotCount - 1].Imm = i.Immediate8;
                return false;
            default:
            {
                ushort source = Source(in i, 2);
                ref var op = ref Emit(Pick.Size<BitsMultiply>(Log(in i, 0)));
                op.Dst = Reg(i.Op0Register);
                op.Index = Reg(i.Op1Register);
                op.Src = source;
                return false;
            }
        }
    }

    /// <summary>A register from two sources, one of which may be memory.</summary>
    private bool ThreeOperands<TPick>(in Instruction i) where TPick : struct, ISizePick
    {
        ushort first = Source(in i, 1), second = Source(in i, 2);
        ref var op = ref Emit(Pick.Size<TPick>(Log(in i, 0)));
        op.Dst = Reg(i.Op0Register);
        op.Src = first;
        op.Index = second;
        return false;
    }

    /// <summary>MOVBE, either way.</summary>
    private bool SwapWithMemory(in Instruction i)
    {
        ushort source = Source(in i, 1);
        ref var op = ref Emit(Pick.Size<BitsSwap>(Log(in i, 0)));
        op.Dst = Output(in i, 0);
        op.Src = source;
        FinishOutput(in i, 0);
        return false;
    }

    private struct CountTrailing : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.CountTrailing;
    }

    private struct CountLeading : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.CountLeading;
    }

    private struct BitsAndNot : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.AndNot;
    }

    private struct BitsExtract : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.Extract;
    }

    private struct BitsZeroHigh : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.ZeroHigh;
    }

    private struct BitsDeposit : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.Deposit;
    }

    private struct BitsGather : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.Gather;
    }

    private struct BitsShiftArithmetic : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.ShiftArithmetic;
    }

    private struct BitsShiftLeft : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.ShiftLeft;
    }

    private struct BitsShiftRight : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.ShiftRight;
    }

    private struct BitsIsolateLowest : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.IsolateLowest;
    }

    private struct BitsMaskToLowest : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.MaskToLowest;
    }

    private struct BitsResetLowest : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.ResetLowest;
    }

    private struct BitsRotate : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.Rotate;
    }

    private struct BitsMultiply : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.Multiply;
    }

    private struct BitsSwap : ISizePick
    {
        public static Handler Get<TSize>() where TSize : struct, ISize => &BitManipulation<TSize>.Swap;
    }
}
