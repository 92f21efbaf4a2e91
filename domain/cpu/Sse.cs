using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

// Immediates are the guest's: the runtime's table of all values is the implementation wanted here.
#pragma warning disable CA1857

namespace Domain;

/// <summary>SSE to SSE4.2 on the host's own vector instructions: moves between registers, comparisons, conversions, immediates.</summary>
/// <remarks>
/// The rounding mode of MXCSR is honoured by conversions to integers and by ROUNDxx; arithmetic always rounds to nearest,
/// and the exception flags of MXCSR are not raised.
/// </remarks>
internal static unsafe partial class Sse128
{
    // SAFETY: operand offsets always name a 16-byte-aligned vector inside the state, or a temporary followed by enough of it.
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

    private static void SetOrder(CpuState* s, double a, double b) =>
        Flags.Set(s, double.IsNaN(a) || double.IsNaN(b) ? Flags.Z | Flags.P | Flags.C : a == b ? Flags.Z : a < b ? Flags.C : 0);

    public static void Comiss(CpuState* s, Op* op)
    {
        SetOrder(s, D<float>(s, op).ToScalar(), S<float>(s, op).ToScalar());
        op[1].Handler(s, op + 1);
    }

    public static void Comisd(CpuState* s, Op* op)
    {
        SetOrder(s, D<double>(s, op).ToScalar(), S<double>(s, op).ToScalar());
        op[1].Handler(s, op + 1);
    }

    public static void Ptest(CpuState* s, Op* op)
    {
        Vector128<byte> a = D<byte>(s, op), b = S<byte>(s, op);
        Flags.Set(s, (Sse41.TestZ(a, b) ? Flags.Z : 0) | (Sse41.TestC(a, b) ? Flags.C : 0));
        op[1].Handler(s, op + 1);
    }

    // ---- conversions

    private static int RoundingMode(CpuState* s) => (int)(s->Mxcsr >> 13) & 3;

    private static double Rounded(double value, int mode) => mode switch
    {
        0 => Math.Round(value, MidpointRounding.ToEven),
        1 => Math.Floor(value),
        2 => Math.Ceiling(value),
        _ => Math.Truncate(value),
    };

    private static float Rounded(float value, int mode) => mode switch
    {
        0 => MathF.Round(value, MidpointRounding.ToEven),
        1 => MathF.Floor(value),
        2 => MathF.Ceiling(value),
        _ => MathF.Truncate(value),
    };

    private static Vector128<float> Rounded(CpuState* s, Vector128<float> value) => Round(value, RoundingMode(s));

    private static Vector128<double> Rounded(CpuState* s, Vector128<double> value) => Round(value, RoundingMode(s));

    private static Vector128<float> Round(Vector128<float> value, int mode) => mode switch
    {
        0 => Sse41.RoundToNearestInteger(value),
        1 => Sse41.RoundToNegativeInfinity(value),
        2 => Sse41.RoundToPositiveInfinity(value),
        _ => Sse41.RoundToZero(value),
    };

    private static Vector128<double> Round(Vector128<double> value, int mode) => mode switch
    {
        0 => Sse41.RoundToNearestInteger(value),
        1 => Sse41.RoundToNegativeInfinity(value),
        2 => Sse41.RoundToPositiveInfinity(value),
        _ => Sse41.RoundToZero(value),
    };

    public static void Cvtsi2ss32(CpuState* s, Op* op)
    {
        *(float*)((byte*)s + op->Dst) = *(int*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsi2ss64(CpuState* s, Op* op)
    {
        *(float*)((byte*)s + op->Dst) = *(long*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsi2sd32(CpuState* s, Op* op)
    {
        *(double*)((byte*)s + op->Dst) = *(int*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsi2sd64(CpuState* s, Op* op)
    {
        *(double*)((byte*)s + op->Dst) = *(long*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    /// <summary>CVTSS2SI and, with Imm 1, CVTTSS2SI.</summary>
    public static void Cvtss2si32(CpuState* s, Op* op)
    {
        var value = Round(S<float>(s, op), op->Imm != 0 ? 3 : RoundingMode(s));
        *(ulong*)((byte*)s + op->Dst) = (uint)Sse.ConvertToInt32WithTruncation(value);
        op[1].Handler(s, op + 1);
    }

    public static void Cvtss2si64(CpuState* s, Op* op)
    {
        var value = Round(S<float>(s, op), op->Imm != 0 ? 3 : RoundingMode(s));
        *(long*)((byte*)s + op->Dst) = Sse.X64.ConvertToInt64WithTruncation(value);
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsd2si32(CpuState* s, Op* op)
    {
        var value = Round(S<double>(s, op), op->Imm != 0 ? 3 : RoundingMode(s));
        *(ulong*)((byte*)s + op->Dst) = (uint)Sse2.ConvertToInt32WithTruncation(value);
        op[1].Handler(s, op + 1);
    }

    public static void Cvtsd2si64(CpuState* s, Op* op)
    {
        var value = Round(S<double>(s, op), op->Imm != 0 ? 3 : RoundingMode(s));
        *(long*)((byte*)s + op->Dst) = Sse2.X64.ConvertToInt64WithTruncation(value);
        op[1].Handler(s, op + 1);
    }

    // ROUNDxx: bit 2 of the immediate takes the mode from MXCSR.
    private static int ModeOf(CpuState* s, Op* op) => (op->Imm & 4) != 0 ? RoundingMode(s) : (int)op->Imm & 3;

    public static void Roundps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Round(S<float>(s, op), ModeOf(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Roundpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Round(S<double>(s, op), ModeOf(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Roundss(CpuState* s, Op* op)
    {
        *(float*)((byte*)s + op->Dst) = Round(S<float>(s, op), ModeOf(s, op)).ToScalar();
        op[1].Handler(s, op + 1);
    }

    public static void Roundsd(CpuState* s, Op* op)
    {
        *(double*)((byte*)s + op->Dst) = Round(S<double>(s, op), ModeOf(s, op)).ToScalar();
        op[1].Handler(s, op + 1);
    }

    // ---- shuffles and blends with an immediate

    public static void Pshufd(CpuState* s, Op* op)
    {
        uint* from = (uint*)((byte*)s + op->Src);
        int order = (int)op->Imm;
        D<uint>(s, op) = Vector128.Create(from[order & 3], from[order >> 2 & 3], from[order >> 4 & 3], from[order >> 6 & 3]);
        op[1].Handler(s, op + 1);
    }

    public static void Pshuflw(CpuState* s, Op* op)
    {
        ushort* from = (ushort*)((byte*)s + op->Src);
        int order = (int)op->Imm;
        ulong low = from[order & 3] | (ulong)from[order >> 2 & 3] << 16 | (ulong)from[order >> 4 & 3] << 32 | (ulong)from[order >> 6 & 3] << 48;
        D<ulong>(s, op) = Vector128.Create(low, ((ulong*)from)[1]);
        op[1].Handler(s, op + 1);
    }

    public static void Pshufhw(CpuState* s, Op* op)
    {
        ushort* from = (ushort*)((byte*)s + op->Src) + 4;
        int order = (int)op->Imm;
        ulong high = from[order & 3] | (ulong)from[order >> 2 & 3] << 16 | (ulong)from[order >> 4 & 3] << 32 | (ulong)from[order >> 6 & 3] << 48;
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
        D<byte>(s, op) = Sse41.BlendVariable(D<byte>(s, op), S<byte>(s, op), *(Vector128<byte>*)s->Xmm);
        op[1].Handler(s, op + 1);
    }

    public static void Blendvps(CpuState* s, Op* op)
    {
        D<float>(s, op) = Sse41.BlendVariable(D<float>(s, op), S<float>(s, op), *(Vector128<float>*)s->Xmm);
        op[1].Handler(s, op + 1);
    }

    public static void Blendvpd(CpuState* s, Op* op)
    {
        D<double>(s, op) = Sse41.BlendVariable(D<double>(s, op), S<double>(s, op), *(Vector128<double>*)s->Xmm);
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
            Cpu.Raise(s, op, Cpu.ExceptionGeneralProtection);
            return;
        }
        s->Mxcsr = value;
        op[1].Handler(s, op + 1);
    }

    public static void StoreControl(CpuState* s, Op* op)
    {
        s->Temp = s->Mxcsr;
        op[1].Handler(s, op + 1);
    }
}
