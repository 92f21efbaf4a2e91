using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Domain;

/// <summary>Packed integer operations: destination and source are XMM registers, or XmmTemp.</summary>
internal static unsafe partial class Sse128
{
    public static void Paddb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Sse2.Add(D<sbyte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psubb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Sse2.Subtract(D<sbyte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Paddw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.Add(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psubw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.Subtract(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Paddd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.Add(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psubd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.Subtract(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Paddq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse2.Add(D<long>(s, op), S<long>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psubq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse2.Subtract(D<long>(s, op), S<long>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Paddsb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Sse2.AddSaturate(D<sbyte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psubsb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Sse2.SubtractSaturate(D<sbyte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Paddsw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.AddSaturate(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psubsw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.SubtractSaturate(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Paddusb(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.AddSaturate(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psubusb(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.SubtractSaturate(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Paddusw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse2.AddSaturate(D<ushort>(s, op), S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psubusw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse2.SubtractSaturate(D<ushort>(s, op), S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pand(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.And(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pandn(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.AndNot(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Por(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.Or(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pxor(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.Xor(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pcmpeqb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Sse2.CompareEqual(D<sbyte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pcmpgtb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Sse2.CompareGreaterThan(D<sbyte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pcmpeqw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.CompareEqual(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pcmpgtw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.CompareGreaterThan(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pcmpeqd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.CompareEqual(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pcmpgtd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.CompareGreaterThan(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pcmpeqq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse41.CompareEqual(D<long>(s, op), S<long>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pcmpgtq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse42.CompareGreaterThan(D<long>(s, op), S<long>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmullw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.MultiplyLow(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmulhw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.MultiplyHigh(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmulhuw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse2.MultiplyHigh(D<ushort>(s, op), S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmuludq(CpuState* s, Op* op)
    {
        D<ulong>(s, op) = Sse2.Multiply(D<uint>(s, op), S<uint>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmuldq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse41.Multiply(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmulld(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse41.MultiplyLow(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmaddwd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.MultiplyAddAdjacent(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psadbw(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.SumAbsoluteDifferences(D<byte>(s, op), S<byte>(s, op)).AsByte();
        op[1].Handler(s, op + 1);
    }

    public static void Pavgb(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.Average(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pavgw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse2.Average(D<ushort>(s, op), S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pminub(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.Min(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmaxub(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.Max(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pminsw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.Min(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmaxsw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.Max(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pminsb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Sse41.Min(D<sbyte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmaxsb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Sse41.Max(D<sbyte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pminuw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse41.Min(D<ushort>(s, op), S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmaxuw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse41.Max(D<ushort>(s, op), S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pminsd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse41.Min(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmaxsd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse41.Max(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pminud(CpuState* s, Op* op)
    {
        D<uint>(s, op) = Sse41.Min(D<uint>(s, op), S<uint>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmaxud(CpuState* s, Op* op)
    {
        D<uint>(s, op) = Sse41.Max(D<uint>(s, op), S<uint>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Packsswb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Sse2.PackSignedSaturate(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Packssdw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.PackSignedSaturate(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Packuswb(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.PackUnsignedSaturate(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Packusdw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse41.PackUnsignedSaturate(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Punpcklbw(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.UnpackLow(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Punpckhbw(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Sse2.UnpackHigh(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Punpcklwd(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse2.UnpackLow(D<ushort>(s, op), S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Punpckhwd(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse2.UnpackHigh(D<ushort>(s, op), S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Punpckldq(CpuState* s, Op* op)
    {
        D<uint>(s, op) = Sse2.UnpackLow(D<uint>(s, op), S<uint>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Punpckhdq(CpuState* s, Op* op)
    {
        D<uint>(s, op) = Sse2.UnpackHigh(D<uint>(s, op), S<uint>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Punpcklqdq(CpuState* s, Op* op)
    {
        D<ulong>(s, op) = Sse2.UnpackLow(D<ulong>(s, op), S<ulong>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Punpckhqdq(CpuState* s, Op* op)
    {
        D<ulong>(s, op) = Sse2.UnpackHigh(D<ulong>(s, op), S<ulong>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pshufb(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Ssse3.Shuffle(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Phaddw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Ssse3.HorizontalAdd(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Phsubw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Ssse3.HorizontalSubtract(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Phaddd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Ssse3.HorizontalAdd(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Phsubd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Ssse3.HorizontalSubtract(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Phaddsw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Ssse3.HorizontalAddSaturate(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Phsubsw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Ssse3.HorizontalSubtractSaturate(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmaddubsw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Ssse3.MultiplyAddAdjacent(D<byte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmulhrsw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Ssse3.MultiplyHighRoundScale(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psignb(CpuState* s, Op* op)
    {
        D<sbyte>(s, op) = Ssse3.Sign(D<sbyte>(s, op), S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psignw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Ssse3.Sign(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psignd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Ssse3.Sign(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pabsb(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Ssse3.Abs(S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pabsw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Ssse3.Abs(S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pabsd(CpuState* s, Op* op)
    {
        D<uint>(s, op) = Ssse3.Abs(S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Phminposuw(CpuState* s, Op* op)
    {
        D<ushort>(s, op) = Sse41.MinHorizontal(S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovsxbw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse41.ConvertToVector128Int16(S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovzxbw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse41.ConvertToVector128Int16(S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovsxbd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse41.ConvertToVector128Int32(S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovzxbd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse41.ConvertToVector128Int32(S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovsxbq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse41.ConvertToVector128Int64(S<sbyte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovzxbq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse41.ConvertToVector128Int64(S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovsxwd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse41.ConvertToVector128Int32(S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovzxwd(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse41.ConvertToVector128Int32(S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovsxwq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse41.ConvertToVector128Int64(S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovzxwq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse41.ConvertToVector128Int64(S<ushort>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovsxdq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse41.ConvertToVector128Int64(S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Pmovzxdq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse41.ConvertToVector128Int64(S<uint>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Psllw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.ShiftLeftLogical(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void PsllwImmediate(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.ShiftLeftLogical(D<short>(s, op), Vector128.CreateScalar(op->Imm).As<ulong, short>());
        op[1].Handler(s, op + 1);
    }

    public static void Pslld(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ShiftLeftLogical(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void PslldImmediate(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ShiftLeftLogical(D<int>(s, op), Vector128.CreateScalar(op->Imm).As<ulong, int>());
        op[1].Handler(s, op + 1);
    }

    public static void Psllq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse2.ShiftLeftLogical(D<long>(s, op), S<long>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void PsllqImmediate(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse2.ShiftLeftLogical(D<long>(s, op), Vector128.CreateScalar(op->Imm).As<ulong, long>());
        op[1].Handler(s, op + 1);
    }

    public static void Psrlw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.ShiftRightLogical(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void PsrlwImmediate(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.ShiftRightLogical(D<short>(s, op), Vector128.CreateScalar(op->Imm).As<ulong, short>());
        op[1].Handler(s, op + 1);
    }

    public static void Psrld(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ShiftRightLogical(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void PsrldImmediate(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ShiftRightLogical(D<int>(s, op), Vector128.CreateScalar(op->Imm).As<ulong, int>());
        op[1].Handler(s, op + 1);
    }

    public static void Psrlq(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse2.ShiftRightLogical(D<long>(s, op), S<long>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void PsrlqImmediate(CpuState* s, Op* op)
    {
        D<long>(s, op) = Sse2.ShiftRightLogical(D<long>(s, op), Vector128.CreateScalar(op->Imm).As<ulong, long>());
        op[1].Handler(s, op + 1);
    }

    public static void Psraw(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.ShiftRightArithmetic(D<short>(s, op), S<short>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void PsrawImmediate(CpuState* s, Op* op)
    {
        D<short>(s, op) = Sse2.ShiftRightArithmetic(D<short>(s, op),
            Vector128.CreateScalar(op->Imm).As<ulong, short>());
        op[1].Handler(s, op + 1);
    }

    public static void Psrad(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ShiftRightArithmetic(D<int>(s, op), S<int>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void PsradImmediate(CpuState* s, Op* op)
    {
        D<int>(s, op) = Sse2.ShiftRightArithmetic(D<int>(s, op), Vector128.CreateScalar(op->Imm).As<ulong, int>());
        op[1].Handler(s, op + 1);
    }
}
