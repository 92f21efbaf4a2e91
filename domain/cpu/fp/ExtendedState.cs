using System;

namespace Domain;

/// <summary>XSAVE, XSAVEOPT and XRSTOR in the standard form, XGETBV and XSETBV (SDM vol. 1, chapter 13).</summary>
/// <remarks>
/// An area is an FXSAVE image of 512 bytes, a header of 64, and the upper halves of the YMM registers. What a component
/// is in use for is whether it differs from what it is initially.
/// </remarks>
internal static unsafe class ExtendedState
{
    /// <summary>Where the header and the upper halves lie, and how long the latter are.</summary>
    public const int HeaderAt = 512, UpperAt = 576, UpperBytes = 256;

    private const uint InitialControl = 0x1f80;

    /// <summary>The components that XCR0 may have.</summary>
    public static ulong Known(CpuState* s) =>
        Xcr0.X87 | Xcr0.SSE | ((s->Announced & Extensions.Avx) != 0 ? Xcr0.AVX : 0);

    /// <summary>Bytes of an area for these components.</summary>
    public static int Size(ulong components) => (components & Xcr0.AVX) != 0 ? UpperAt + UpperBytes : UpperAt;

    /// <summary>XGETBV</summary>
    public static void ReadControl(CpuState* s, Op* op)
    {
        if (!IsOn(s, op))
            return;
        if ((uint)s->Gpr[1] != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        s->Gpr[0] = (uint)s->Xcr0;
        s->Gpr[2] = s->Xcr0 >> 32;
        op[1].Handler(s, op + 1);
    }

    /// <summary>XSETBV, which ends its block.</summary>
    public static void WriteControl(CpuState* s, Op* op)
    {
        if (!IsOn(s, op))
            return;
        if (s->Cpl != 0 || !Mmu.Owner(s).WriteExtendedControl((uint)s->Gpr[1], Pair(s)))
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        s->Rip = op->Rip + op->Length;
        s->Budget -= op->Count;
    }

    /// <summary>XSAVE and XSAVEOPT to TempAddress, which save the same.</summary>
    public static void Save(CpuState* s, Op* op)
    {
        if (!IsUsable(s, op) || !SaveBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    /// <summary>XRSTOR from TempAddress</summary>
    public static void Restore(CpuState* s, Op* op)
    {
        bool wasUnmasked = HostFloat.IsUnmasked(s->Mxcsr);
        if (!IsUsable(s, op) || !RestoreBody(s, op))
            return;
        if (HostFloat.IsUnmasked(s->Mxcsr) != wasUnmasked)
        {
            // What comes next is decoded otherwise.
            s->Rip = op->Rip + op->Length;
            s->Budget -= op->Count;
            return;
        }
        op[1].Handler(s, op + 1);
    }

    private static ulong Pair(CpuState* s) => (uint)s->Gpr[0] | s->Gpr[2] << 32;

    private static bool IsOn(CpuState* s, Op* op)
    {
        if ((s->Cr4 & Cr4.OSXSAVE) != 0)
            return true;
        Cpu.Raise(s, op, ExceptionVector.UD);
        return false;
    }

    private static bool IsUsable(CpuState* s, Op* op)
    {
        if (!IsOn(s, op))
            return false;
        if ((s->Cr0 & Cr0.TS) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.NM);
            return false;
        }
        if ((s->TempAddress & 63) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return false;
        }
        return true;
    }

    private static bool SaveBody(CpuState* s, Op* op)
    {
        ulong asked = s->Xcr0 & Pair(s);
        int size = Size(asked);
        byte* area = stackalloc byte[UpperAt + UpperBytes];
        // What is not asked for stays as it is.
        if (!Mmu.Owner(s).ProbeWrite(op, s->TempAddress, size) || !X87.Copy(s, op, area, size, true))
            return false;
        if ((asked & Xcr0.X87) != 0)
            X87.PutX87(s, area);
        if ((asked & Xcr0.Vectors) != 0)
            X87.PutControl(s, area);
        if ((asked & Xcr0.SSE) != 0)
            X87.CopyVectors(s, area, false);
        if ((asked & Xcr0.AVX) != 0)
            CopyUpper(s, area, false);
        ulong* header = (ulong*)(area + HeaderAt);
        *header = *header & ~asked | InUse(s) & asked;
        return X87.Copy(s, op, area, size, false);
    }

    private static bool RestoreBody(CpuState* s, Op* op)
    {
        ulong asked = s->Xcr0 & Pair(s);
        int size = Size(asked);
        byte* area = stackalloc byte[UpperAt + UpperBytes];
        if (!X87.Copy(s, op, area, size, true))
            return false;
        ulong* header = (ulong*)(area + HeaderAt);
        ulong saved = header[0];
        uint mxcsr = *(uint*)(area + X87.ControlAt);
        bool takesControl = (asked & Xcr0.Vectors) != 0;
        bool isCompacted = (header[1] | header[2]) != 0;
        if ((saved & ~s->Xcr0) != 0 || isCompacted || (takesControl && (mxcsr & X87.ReservedControl) != 0))
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return false;
        }
        if ((asked & Xcr0.X87) != 0)
        {
            if ((saved & Xcr0.X87) == 0)
            {
                new Span<byte>(area, X87.ControlAt).Clear();
                new Span<byte>(area + X87.RegistersAt, X87.VectorsAt - X87.RegistersAt).Clear();
                *(ushort*)area = InitialX87Control;
            }
            X87.TakeX87(s, area);
        }
        if (takesControl)
            HostFloat.Set(s, mxcsr);
        if ((asked & Xcr0.SSE) != 0)
        {
            if ((saved & Xcr0.SSE) == 0)
                new Span<byte>(area + X87.VectorsAt, X87.VectorBytes).Clear();
            X87.CopyVectors(s, area, true);
        }
        if ((asked & Xcr0.AVX) != 0)
        {
            if ((saved & Xcr0.AVX) == 0)
                new Span<byte>(area + UpperAt, UpperBytes).Clear();
            CopyUpper(s, area, true);
        }
        return true;
    }

    private const ushort InitialX87Control = 0x37f;

    private static void CopyUpper(CpuState* s, byte* area, bool load)
    {
        for (int i = 0; i < CpuState.VectorRegisters; i++)
        {
            ulong* at = (ulong*)(area + UpperAt + 16 * i);
            ulong* register = s->Ymm + 4 * i + 2;
            if (load)
                (register[0], register[1]) = (at[0], at[1]);
            else
                (at[0], at[1]) = (register[0], register[1]);
        }
    }

    /// <summary>XINUSE (SDM vol. 1, 13.6). MXCSR counts for SSE.</summary>
    private static ulong InUse(CpuState* s)
    {
        ulong x87 = s->FpuValid | (uint)s->FpuTop | s->FpuStatus | s->FpuOpcode | s->FpuIp | s->FpuDp;
        for (int i = 0; i < 8; i++)
            x87 |= s->Fpu[2 * i] | (ushort)s->Fpu[2 * i + 1];
        ulong lower = 0;
        ulong upper = 0;
        for (int i = 0; i < CpuState.VectorRegisters; i++)
        {
            lower |= s->Ymm[4 * i] | s->Ymm[4 * i + 1];
            upper |= s->Ymm[4 * i + 2] | s->Ymm[4 * i + 3];
        }
        return (x87 != 0 || s->FpuControl != InitialX87Control ? Xcr0.X87 : 0)
            | (lower != 0 || s->Mxcsr != InitialControl ? Xcr0.SSE : 0) | (upper != 0 ? Xcr0.AVX : 0);
    }
}
