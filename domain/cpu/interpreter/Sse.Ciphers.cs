using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

// Immediates are the guest's: the runtime's table of all values is the implementation wanted here.
#pragma warning disable CA1857

namespace Domain;

/// <summary>
/// AES and PCLMULQDQ by the host's instructions; SHA in software as the manual writes it (SDM vol. 2), since the
/// runtime has no intrinsics for it (<see cref="ShaRounds"/>).
/// </summary>
internal static unsafe partial class Sse128
{
    public static void Aesenc(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Aes.Encrypt(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Aesenclast(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Aes.EncryptLast(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Aesdec(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Aes.Decrypt(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Aesdeclast(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Aes.DecryptLast(D<byte>(s, op), S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Aesimc(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Aes.InverseMixColumns(S<byte>(s, op));
        op[1].Handler(s, op + 1);
    }

    public static void Aeskeygenassist(CpuState* s, Op* op)
    {
        D<byte>(s, op) = Aes.KeygenAssist(S<byte>(s, op), (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Pclmulqdq(CpuState* s, Op* op)
    {
        D<ulong>(s, op) = System.Runtime.Intrinsics.X86.Pclmulqdq.CarrylessMultiply(D<ulong>(s, op), S<ulong>(s, op),
            (byte)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void Sha1rnds4(CpuState* s, Op* op)
    {
        D<uint>(s, op) = ShaRounds.FourRounds(D<uint>(s, op), S<uint>(s, op), (int)op->Imm & 3);
        op[1].Handler(s, op + 1);
    }

    public static void Sha1nexte(CpuState* s, Op* op)
    {
        uint next = BitOperations.RotateLeft(D<uint>(s, op)[3], 30);
        D<uint>(s, op) = S<uint>(s, op).WithElement(3, S<uint>(s, op)[3] + next);
        op[1].Handler(s, op + 1);
    }

    public static void Sha1msg1(CpuState* s, Op* op)
    {
        Vector128<uint> a = D<uint>(s, op), b = S<uint>(s, op);
        D<uint>(s, op) = Vector128.Create(b[2] ^ a[0], b[3] ^ a[1], a[0] ^ a[2], a[1] ^ a[3]);
        op[1].Handler(s, op + 1);
    }

    public static void Sha1msg2(CpuState* s, Op* op)
    {
        D<uint>(s, op) = ShaRounds.Sha1Words(D<uint>(s, op), S<uint>(s, op));
        op[1].Handler(s, op + 1);
    }

    /// <summary>The words of the message with their constants are in XMM0.</summary>
    public static void Sha256rnds2(CpuState* s, Op* op)
    {
        D<uint>(s, op) = ShaRounds.TwoRounds(D<uint>(s, op), S<uint>(s, op), (uint)s->Ymm[0], (uint)(s->Ymm[0] >> 32));
        op[1].Handler(s, op + 1);
    }

    public static void Sha256msg1(CpuState* s, Op* op)
    {
        D<uint>(s, op) = ShaRounds.Sha256First(D<uint>(s, op), S<uint>(s, op)[0]);
        op[1].Handler(s, op + 1);
    }

    public static void Sha256msg2(CpuState* s, Op* op)
    {
        D<uint>(s, op) = ShaRounds.Sha256Second(D<uint>(s, op), S<uint>(s, op));
        op[1].Handler(s, op + 1);
    }
}
