using System.Numerics;
using System.Runtime.Intrinsics;

namespace Domain;

/// <summary>Element insertion and extraction, and CRC32, by integer size.</summary>
internal static unsafe class SseElement<TSize> where TSize : struct, ISize
{
    /// <summary>PINSRx: element Imm of Dst from the integer at Src.</summary>
    public static void Insert(CpuState* s, Op* op)
    {
        ulong element = op->Imm & (ulong)(16 / TSize.Bytes - 1);
        TSize.Store((byte*)s + op->Dst + element * (ulong)TSize.Bytes, TSize.Load((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    /// <summary>PEXTRx: element Imm of Src, zero-extended.</summary>
    public static void Extract(CpuState* s, Op* op)
    {
        ulong element = op->Imm & (ulong)(16 / TSize.Bytes - 1);
        *(ulong*)((byte*)s + op->Dst) = TSize.Load((byte*)s + op->Src + element * (ulong)TSize.Bytes);
        op[1].Handler(s, op + 1);
    }

    public static void Crc32(CpuState* s, Op* op)
    {
        uint crc = *(uint*)((byte*)s + op->Dst);
        ulong value = TSize.Load((byte*)s + op->Src);
        for (int i = 0; i < TSize.Bytes; i++)
            crc = BitOperations.Crc32C(crc, (byte)(value >> (8 * i)));
        *(ulong*)((byte*)s + op->Dst) = crc;
        op[1].Handler(s, op + 1);
    }
}

/// <summary>Vector moves between registers and memory.</summary>
internal static unsafe class SseMemory<TAddress> where TAddress : struct, IAddress
{
    public static void Load16(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, 16))
        {
            Mmu.ReadAgain(s, op, address, 16);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        *(Vector128<byte>*)((byte*)s + op->Dst) = *(Vector128<byte>*)at;
        op[1].Handler(s, op + 1);
    }

    public static void Load16Aligned(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        if ((address & 15) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, 16))
        {
            Mmu.ReadAgain(s, op, address, 16);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        *(Vector128<byte>*)((byte*)s + op->Dst) = *(Vector128<byte>*)at;
        op[1].Handler(s, op + 1);
    }

    public static void Store16(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.WriteEntry(s, address);
        if (Mmu.Misses(entry, address, 16))
        {
            Mmu.WriteAgain(s, op, address, 16);
            return;
        }
        *(Vector128<byte>*)(address + entry->Addend) = *(Vector128<byte>*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    public static void Store16Aligned(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        if ((address & 15) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        var entry = Mmu.WriteEntry(s, address);
        if (Mmu.Misses(entry, address, 16))
        {
            Mmu.WriteAgain(s, op, address, 16);
            return;
        }
        *(Vector128<byte>*)(address + entry->Addend) = *(Vector128<byte>*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVSD, MOVQ, CVTxx operands: 8 bytes, the rest cleared.</summary>
    public static void Load8(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, 8))
        {
            Mmu.ReadAgain(s, op, address, 8);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        *(Vector128<ulong>*)((byte*)s + op->Dst) = Vector128.CreateScalar(*(ulong*)at);
        op[1].Handler(s, op + 1);
    }

    public static void Load4(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, 4))
        {
            Mmu.ReadAgain(s, op, address, 4);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        *(Vector128<uint>*)((byte*)s + op->Dst) = Vector128.CreateScalar(*(uint*)at);
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVLPS, MOVHPS: 8 bytes into one word (Dst names it), the other kept.</summary>
    public static void LoadWord(CpuState* s, Op* op)
    {
        ulong address = TAddress.Of(s, op);
        var entry = Mmu.ReadEntry(s, address);
        if (Mmu.Misses(entry, address, 8))
        {
            Mmu.ReadAgain(s, op, address, 8);
            return;
        }
        byte* at = (byte*)(address + entry->Addend);
        *(ulong*)((byte*)s + op->Dst) = *(ulong*)at;
        op[1].Handler(s, op + 1);
    }
}
