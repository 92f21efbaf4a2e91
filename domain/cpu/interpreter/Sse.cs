using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

// Immediates are the guest's: the runtime's table of all values is the implementation wanted here.
#pragma warning disable CA1857

namespace Domain;

/// <summary>
/// SSE to SSE4.2 on the host's own vector instructions: moves between registers, comparisons, conversions, immediates.
/// </summary>
/// <remarks>
/// They run under the guest's rounding mode, FTZ and DAZ, and raise its flags: see <see cref="HostFloat"/>. Unmasked
/// exceptions are not delivered.
/// </remarks>
internal static unsafe partial class Sse128
{
    // SAFETY: operand offsets always name a 16-byte-aligned vector inside the state, or a temporary followed by enough
    // of it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref Vector128<T> D<T>(CpuState* s, Op* op) => ref *(Vector128<T>*)((byte*)s + op->Dst);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref Vector128<T> S<T>(CpuState* s, Op* op) => ref *(Vector128<T>*)((byte*)s + op->Src);

    public static void Move(CpuState* s, Op* op)
    {
        D<byte>(s, op) = S<byte>(s, op);
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVQ xmm, xmm.</summary>
    public static void MoveLowZero(CpuState* s, Op* op)
    {
        D<ulong>(s, op) = Vector128.CreateScalar(S<ulong>(s, op).ToScalar());
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVSS xmm, xmm.</summary>
    public static void MoveLow4(CpuState* s, Op* op)
    {
        *(uint*)((byte*)s + op->Dst) = *(uint*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    /// <summary>Word Scale of the source to word Index of the destination: MOVSD, MOVHLPS, MOVLHPS.</summary>
    public static void MoveWord(CpuState* s, Op* op)
    {
        ((ulong*)((byte*)s + op->Dst))[op->Index] = ((ulong*)((byte*)s + op->Src))[op->Scale];
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVD xmm, r32.</summary>
    public static void FromInt32(CpuState* s, Op* op)
    {
        D<uint>(s, op) = Vector128.CreateScalar(*(uint*)((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVQ xmm, r64.</summary>
    public static void FromInt64(CpuState* s, Op* op)
    {
        D<ulong>(s, op) = Vector128.CreateScalar(*(ulong*)((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVD r32, xmm.</summary>
    public static void ToInt32(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Dst) = *(uint*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVQ r64, xmm.</summary>
    public static void ToInt64(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Dst) = *(ulong*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    public static void Pmovmskb(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Dst) = (uint)Sse2.MoveMask(S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Movmskps(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Dst) = (uint)Sse.MoveMask(S<float>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Movmskpd(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Dst) = (uint)Sse2.MoveMask(S<double>(s, op));
        op[1].Handler(s, op + 1);
    }

    // ---- comparisons that set flags

    // NaNs are told by their bits: the host's comparisons would raise flags of their own.
    private static bool SetUnordered(CpuState* s, uint a, uint b, bool quiet) =>
        SetUnordered(s, (ulong)a << 32, (ulong)b << 32, 0xffUL << 56, 1UL << 54, quiet);

    private static bool SetUnordered(CpuState* s, ulong a, ulong b, bool quiet) =>
        SetUnordered(s, a, b, 0x7ffUL << 53, 1UL << 51, quiet);

    /// <summary>
    /// Sets the flags of a comparison with a NaN, if it is one. <paramref name="infinity"/> is without the sign.
    /// </summary>
    private static bool SetUnordered(CpuState* s, ulong a, ulong b, ulong infinity, ulong quietBit, bool quiet)
    {
        bool left = a << 1 > infinity, right = b << 1 > infinity;
        if (!left && !right)
            return false;
        if (!quiet || (left && (a & quietBit) == 0) || (right && (b & quietBit) == 0))
            HostFloat.Note(s, HostFloat.Invalid);
        Flags.Set(s, Flags.ZF | Flags.PF | Flags.CF);
        return true;
    }

    private static void SetOrder(CpuState* s, bool equal, bool less) =>
        Flags.Set(s, equal ? Flags.ZF : less ? Flags.CF : 0);

    /// <summary>COMISS, and UCOMISS with Imm 1: they differ in the NaNs that are an invalid operand.</summary>
    public static void Comiss(CpuState* s, Op* op)
    {
        Vector128<float> a = D<float>(s, op), b = S<float>(s, op);
        if (!SetUnordered(s, a.AsUInt32().ToScalar(), b.AsUInt32().ToScalar(), op->Imm != 0))
            SetOrder(s, Sse.CompareScalarOrderedEqual(a, b), Sse.CompareScalarOrderedLessThan(a, b));
        op[1].Handler(s, op + 1);
    }

    /// <summary>COMISD, and UCOMISD with Imm 1.</summary>
    public static void Comisd(CpuState* s, Op* op)
    {
        Vector128<double> a = D<double>(s, op), b = S<double>(s, op);
        if (!SetUnordered(s, a.AsUInt64().ToScalar(), b.AsUInt64().ToScalar(), op->Imm != 0))
            SetOrder(s, Sse2.CompareScalarOrderedEqual(a, b), Sse2.CompareScalarOrderedLessThan(a, b));
        op[1].Handler(s, op + 1);
    }

    public static void Ptest(CpuState* s, Op* op)
    {
        Vector128<byte> a = D<byte>(s, op), b = S<byte>(s, op);
        Flags.Set(s, (Sse41.TestZ(a, b) ? Flags.ZF : 0) | (Sse41.TestC(a, b) ? Flags.CF : 0));
        op[1].Handler(s, op + 1);
    }

    // ---- conversions

    public static void Cvtsi2ss32(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.ConvertScalarToVector128Single(D<float>(s, op), *(int*)((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsi2ss64(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse.X64.ConvertScalarToVector128Single(D<float>(s, op), *(long*)((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsi2sd32(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.ConvertScalarToVector128Double(D<double>(s, op), *(int*)((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsi2sd64(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse2.X64.ConvertScalarToVector128Double(D<double>(s, op), *(long*)((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    /// <summary>CVTSS2SI and, with Imm 1, CVTTSS2SI.</summary>
    public static void Cvtss2si32(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Dst) = (uint)(op->Imm != 0 ? Sse.ConvertToInt32WithTruncation(S<float>(s, op))
            : Sse.ConvertToInt32(S<float>(s, op)));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtss2si64(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Dst) = (ulong)(op->Imm != 0 ? Sse.X64.ConvertToInt64WithTruncation(S<float>(s, op))
            : Sse.X64.ConvertToInt64(S<float>(s, op)));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsd2si32(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Dst) = (uint)(op->Imm != 0 ? Sse2.ConvertToInt32WithTruncation(S<double>(s, op))
            : Sse2.ConvertToInt32(S<double>(s, op)));
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsd2si64(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Dst) = (ulong)(op->Imm != 0 ? Sse2.X64.ConvertToInt64WithTruncation(S<double>(s, op))
            : Sse2.X64.ConvertToInt64(S<double>(s, op)));
        op[1].Handler(s, op + 1);
    }

    // ---- shuffles and blends with an immediate

    public static void Pshufd(CpuState* s, Op* op)
    {
        uint* from = (uint*)((byte*)s + op->Src);
        int order = (int)op->Imm;
        D<uint>(s, op) = Vector128.Create(from[order & 3], from[order >> 2 & 3], from[order >> 4 & 3],
            from[order >> 6 & 3]);
        op[1].Handler(s, op + 1);
    }

    public static void Pshuflw(CpuState* s, Op* op)
    {
        ushort* from = (ushort*)((byte*)s + op->Src);
        int order = (int)op->Imm;
        ulong low = from[order & 3] | (ulong)from[order >> 2 & 3] << 16 | (ulong)from[order >> 4 & 3] << 32
            | (ulong)from[order >> 6 & 3] << 48;
        D<ulong>(s, op) = Vector128.Create(low, ((ulong*)from)[1]);
        op[1].Handler(s, op + 1);
    }

    public static void Pshufhw(CpuState* s, Op* op)
    {
        ushort* from = (ushort*)((byte*)s + op->Src) + 4;
        int order = (int)op->Imm;
        ulong high = from[order & 3] | (ulong)from[order >> 2 & 3] << 16 | (ulong)from[order >> 4 & 3] << 32
            | (ulong)from[order >> 6 & 3] << 48;
        D<ulong>(s, op) = Vector128.Create(*((ulong*)from - 1), high);
        op[1].Handler(s, op + 1);
    }

    public static void Shufps(CpuState* s, Op* op)
    {
        uint* a = (uint*)((byte*)s + op->Dst);
        uint* b = (uint*)((byte*)s + op->Src);
        int order = (int)op->Imm;
        D<uint>(s, op) = Vector128.Create(a[order & 3], a[order >> 2 & 3], b[order >> 4 & 3], b[order >> 6 & 3]);
        op[1].Handler(s, op + 1);
    }

    public static void Shufpd(CpuState* s, Op* op)
    {
        ulong* a = (ulong*)((byte*)s + op->Dst);
        ulong* b = (ulong*)((byte*)s + op->Src);
        D<ulong>(s, op) = Vector128.Create(a[op->Imm & 1], b[op->Imm >> 1 & 1]);
        op[1].Handler(s, op + 1);
    }

    public static void Palignr(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Ssse3.AlignRight(D<byte>(s, op), S<byte>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Pslldq(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.ShiftLeftLogical128BitLane(D<byte>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Psrldq(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.ShiftRightLogical128BitLane(D<byte>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Pblendw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse41.Blend(D<ushort>(s, op), S<ushort>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Blendps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse41.Blend(D<float>(s, op), S<float>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Blendpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse41.Blend(D<double>(s, op), S<double>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Dpps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse41.DotProduct(D<float>(s, op), S<float>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Dppd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse41.DotProduct(D<double>(s, op), S<double>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Mpsadbw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse41.MultipleSumAbsoluteDifferences(D<byte>(s, op), S<byte>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Insertps(CpuState* s, Op* op)
    {
        // A memory source is already the one element, whatever the immediate selects.
        D<float>(s, op) = Sse41.Insert(D<float>(s, op), S<float>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    // The mask of the variable blends is XMM0.
    public static void Pblendvb(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse41.BlendVariable(D<byte>(s, op), S<byte>(s, op), *(Vector128<byte>*)s->Ymm);
        op[1].Handler(s, op + 1);
    }

    public static void Blendvps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse41.BlendVariable(D<float>(s, op), S<float>(s, op), *(Vector128<float>*)s->Ymm);
        op[1].Handler(s, op + 1);
    }

    public static void Blendvpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse41.BlendVariable(D<double>(s, op), S<double>(s, op), *(Vector128<double>*)s->Ymm);
        op[1].Handler(s, op + 1);
    }

    /// <summary>MASKMOVDQU: bytes of the first operand (Dst) selected by the second, to TempAddress.</summary>
    public static void Maskmovdqu(CpuState* s, Op* op)
    {
        ulong address = s->TempAddress;
        byte* value = (byte*)s + op->Dst;
        byte* mask = (byte*)s + op->Src;
        for (int i = 0; i < 16; i++)
        {
            if ((mask[i] & 0x80) != 0 && !Mmu.Write<Size8>(s, op, Mmu.Linear(s, address + (ulong)i), value[i]))
                return;
        }
        op[1].Handler(s, op + 1);
    }

    public static void LoadControl(CpuState* s, Op* op)
    {
        uint value = *(uint*)((byte*)s + op->Src);
        if ((value & 0xffff_0000) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        if (HostFloat.Set(s, value))
        {
            s->Rip = op->Rip + op->Length;
            s->Budget -= op->Count;
            return;
        }
        op[1].Handler(s, op + 1);
    }

    public static void StoreControl(CpuState* s, Op* op)
    {
        HostFloat.Collect(s);
        s->Temp = s->Mxcsr;
        op[1].Handler(s, op + 1);
    }
}
