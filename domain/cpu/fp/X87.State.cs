using System;
using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>x87 control and status words, and the memory images of the whole state.</summary>
internal static unsafe partial class X87
{
    internal static void Reset(CpuState* s)
    {
        s->FpuControl = 0x37f;
        s->FpuStatus = 0;
        s->FpuTop = 0;
        s->FpuValid = 0;
        s->FpuOpcode = 0;
        s->FpuIp = 0;
        s->FpuDp = 0;
    }

    public static void Initialize(CpuState* s, Op* op)
    {
        Reset(s);
        op[1].Handler(s, op + 1);
    }

    public static void ClearExceptions(CpuState* s, Op* op)
    {
        s->FpuStatus &= 0x7f00;
        op[1].Handler(s, op + 1);
    }

    public static void LoadControl(CpuState* s, Op* op)
    {
        s->FpuControl = (ushort)(*(ushort*)((byte*)s + op->Src) | 0x40);
        op[1].Handler(s, op + 1);
    }

    public static void StoreControl(CpuState* s, Op* op)
    {
        s->Temp = s->FpuControl;
        op[1].Handler(s, op + 1);
    }

    public static ushort StatusWord(CpuState* s)
    {
        int status = s->FpuStatus & ~0x3800 | s->FpuTop << 11;
        if ((s->FpuStatus & ~s->FpuControl & 0x3f) != 0)
            status |= 0x8080;
        return (ushort)status;
    }

    public static void StoreStatus(CpuState* s, Op* op)
    {
        *(ushort*)((byte*)s + op->Dst) = StatusWord(s);
        op[1].Handler(s, op + 1);
    }

    /// <summary>FFREE, and a pop for FFREEP.</summary>
    public static void Free(CpuState* s, Op* op)
    {
        s->FpuValid &= ~(1u << Physical(s, op->Dst));
        Pop(s, op->Disp);
        op[1].Handler(s, op + 1);
    }

    /// <summary>FINCSTP (Imm 1), FDECSTP (Imm 7).</summary>
    public static void Rotate(CpuState* s, Op* op)
    {
        s->FpuTop = (s->FpuTop + (int)op->Imm) & 7;
        s->FpuStatus &= unchecked((ushort)~ConditionC1);
        op[1].Handler(s, op + 1);
    }

    /// <summary>EMMS.</summary>
    public static void EmptyAll(CpuState* s, Op* op)
    {
        s->FpuTop = 0;
        s->FpuValid = 0;
        op[1].Handler(s, op + 1);
    }

    /// <summary>Tag word of FSTENV: two bits a register.</summary>
    private static ushort Tags(CpuState* s)
    {
        int tags = 0;
        for (int i = 0; i < 8; i++)
        {
            var value = Raw(s, i);
            int tag = (s->FpuValid >> i & 1) == 0 ? 3
                : value.IsZero ? 1
                : value.Exponent == Float80.MaxExponent || value.Exponent == 0 || value.IsUnsupported ? 2 : 0;
            tags |= tag << (2 * i);
        }
        return (ushort)tags;
    }

    // The environment is seven words of 4 or of 2 bytes; FNSAVE's 80 bytes of registers follow. Imm is the image's
    // size.
    private static bool IsHalf(Op* op) => op->Imm is 14 or 94;

    private static bool HasRegisters(Op* op) => op->Imm > 28;

    /// <summary>FNSTENV, FNSAVE.</summary>
    public static void StoreEnvironment(CpuState* s, Op* op)
    {
        if (!StoreEnvironmentBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    private static bool StoreEnvironmentBody(CpuState* s, Op* op)
    {
        byte* image = stackalloc byte[108];
        new Span<byte>(image, 28).Clear();
        int step = IsHalf(op) ? 1 : 2;
        ushort* words = (ushort*)image;
        words[0] = s->FpuControl;
        words[step] = StatusWord(s);
        words[2 * step] = Tags(s);
        words[3 * step] = (ushort)s->FpuIp;
        words[5 * step] = (ushort)s->FpuDp;
        if (step == 2)
        {
            words[1] = words[3] = words[5] = words[13] = 0xffff;
            words[7] = (ushort)(s->FpuIp >> 16);
            words[9] = (ushort)(s->FpuOpcode & 0x7ff);
            words[11] = (ushort)(s->FpuDp >> 16);
        }
        byte* registers = image + 14 * step;
        for (int i = 0; i < 8; i++)
        {
            var value = Raw(s, Physical(s, i));
            *(ulong*)(registers + 10 * i) = value.Significand;
            *(ushort*)(registers + 10 * i + 8) = value.SignExponent;
        }
        if (!Copy(s, op, image, (int)op->Imm, false))
            return false;
        if (!HasRegisters(op))
            s->FpuControl |= 0x3f;
        else
            Reset(s);
        return true;
    }

    /// <summary>FLDENV, FRSTOR.</summary>
    public static void LoadEnvironment(CpuState* s, Op* op)
    {
        if (!LoadEnvironmentBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    private static bool LoadEnvironmentBody(CpuState* s, Op* op)
    {
        byte* image = stackalloc byte[108];
        if (!Copy(s, op, image, (int)op->Imm, true))
            return false;
        int step = IsHalf(op) ? 1 : 2;
        ushort* words = (ushort*)image;
        s->FpuControl = (ushort)(words[0] | 0x40);
        s->FpuStatus = (ushort)(words[step] & 0x477f);
        s->FpuTop = words[step] >> 11 & 7;
        s->FpuIp = words[3 * step] | (step == 2 ? (ulong)words[7] << 16 : 0);
        s->FpuDp = words[5 * step] | (step == 2 ? (ulong)words[11] << 16 : 0);
        s->FpuOpcode = step == 2 ? (ushort)(words[9] & 0x7ff) : (ushort)0;
        ushort tags = words[2 * step];
        byte* registers = image + 14 * step;
        for (int i = 0; HasRegisters(op) && i < 8; i++)
            SetRaw(s, Physical(s, i), new Float80(*(ulong*)(registers + 10 * i), *(ushort*)(registers + 10 * i + 8)));
        s->FpuValid = 0;
        for (int i = 0; i < 8; i++)
        {
            if ((tags >> (2 * i) & 3) != 3)
                s->FpuValid |= 1u << i;
        }
        return true;
    }

    /// <summary>FXSAVE; Imm 1: the 64-bit form. 512 bytes at TempAddress, aligned to 16 (SDM vol. 1, 10.5.1).</summary>
    public static void SaveExtended(CpuState* s, Op* op)
    {
        if ((s->TempAddress & 15) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        // The last 96 bytes belong to software.
        byte* image = stackalloc byte[VectorsAt + VectorBytes];
        new Span<byte>(image, VectorsAt + VectorBytes).Clear();
        PutX87(s, image);
        PutControl(s, image);
        CopyVectors(s, image, false);
        if (!Copy(s, op, image, VectorsAt + VectorBytes, false))
            return;
        op[1].Handler(s, op + 1);
    }

    public static void RestoreExtended(CpuState* s, Op* op)
    {
        if ((s->TempAddress & 15) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        byte* image = stackalloc byte[VectorsAt + VectorBytes];
        if (!Copy(s, op, image, VectorsAt + VectorBytes, true))
            return;
        uint mxcsr = *(uint*)(image + ControlAt);
        if ((mxcsr & ReservedControl) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        TakeX87(s, image);
        CopyVectors(s, image, true);
        if (HostFloat.Set(s, mxcsr))
        {
            s->Rip = op->Rip + op->Length;
            s->Budget -= op->Count;
            return;
        }
        op[1].Handler(s, op + 1);
    }

    // ---- the parts of an FXSAVE image (SDM vol. 1, table 10-2), which XSAVE has one by one

    /// <summary>Where MXCSR, the x87 registers and XMM0 to XMM15 lie, and how long the last are.</summary>
    internal const int ControlAt = 24, RegistersAt = 32, VectorsAt = 160, VectorBytes = 256;

    /// <summary>Bits of MXCSR that must be zero.</summary>
    internal const uint ReservedControl = 0xffff_0000;

    internal static void PutX87(CpuState* s, byte* image)
    {
        *(ushort*)image = s->FpuControl;
        *(ushort*)(image + 2) = StatusWord(s);
        *(ushort*)(image + 4) = (byte)s->FpuValid;
        *(ushort*)(image + 6) = s->FpuOpcode;
        *(ulong*)(image + 8) = s->FpuIp;
        *(ulong*)(image + 16) = s->FpuDp;
        for (int i = 0; i < 8; i++)
        {
            var value = Raw(s, Physical(s, i));
            *(ulong*)(image + RegistersAt + 16 * i) = value.Significand;
            *(ulong*)(image + RegistersAt + 8 + 16 * i) = value.SignExponent;
        }
    }

    internal static void TakeX87(CpuState* s, byte* image)
    {
        s->FpuControl = (ushort)(*(ushort*)image | 0x40);
        s->FpuStatus = (ushort)(*(ushort*)(image + 2) & 0x477f);
        s->FpuTop = *(ushort*)(image + 2) >> 11 & 7;
        s->FpuOpcode = *(ushort*)(image + 6);
        s->FpuIp = *(ulong*)(image + 8);
        s->FpuDp = *(ulong*)(image + 16);
        for (int i = 0; i < 8; i++)
        {
            byte* at = image + RegistersAt + 16 * i;
            SetRaw(s, Physical(s, i), new Float80(*(ulong*)at, *(ushort*)(at + 8)));
        }
        s->FpuValid = image[4];
    }

    /// <summary>MXCSR and which of its bits there are.</summary>
    internal static void PutControl(CpuState* s, byte* image)
    {
        HostFloat.Collect(s);
        *(uint*)(image + ControlAt) = s->Mxcsr;
        *(uint*)(image + ControlAt + 4) = ~ReservedControl;
    }

    internal static void CopyVectors(CpuState* s, byte* image, bool load)
    {
        for (int i = 0; i < CpuState.VectorRegisters; i++)
        {
            ulong* at = (ulong*)(image + VectorsAt + 16 * i);
            ulong* register = s->Ymm + 4 * i;
            if (load)
                (register[0], register[1]) = (at[0], at[1]);
            else
                (at[0], at[1]) = (register[0], register[1]);
        }
    }

    /// <summary>Between the host's memory and the guest's at TempAddress, all or nothing.</summary>
    internal static bool Copy(CpuState* s, Op* op, byte* image, int size, bool load)
    {
        ulong address = s->TempAddress;
        byte* at = load ? Mmu.ReadHit(s, address, size) : Mmu.WriteHit(s, address, size);
        if (at != null)
        {
            if (load)
                Unsafe.CopyBlockUnaligned(image, at, (uint)size);
            else
                Unsafe.CopyBlockUnaligned(at, image, (uint)size);
            return true;
        }
        var owner = Mmu.Owner(s);
        if (!load && !owner.ProbeWrite(op, address, size))
            return false;
        for (int i = 0; i < size; i += 2)
        {
            if (load)
            {
                at = Mmu.Read(s, op, address + (ulong)i, 2);
                if (at == null)
                    return false;
                *(ushort*)(image + i) = *(ushort*)at;
            }
            else if (!Mmu.Write<Size16>(s, op, address + (ulong)i, *(ushort*)(image + i)))
                return false;
        }
        return true;
    }
}
