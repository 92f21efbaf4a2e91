using System;
using System.Runtime.CompilerServices;

namespace Domain;

/// <summary>
/// Instructions in VEX encoding on vectors. Most are executed by the host (<see cref="VectorThunks"/>), between a load
/// and a store of the memory operand; those that access memory element by element are done here.
/// </summary>
internal static unsafe class Vex
{
    /// <summary>
    /// The operand must be aligned to its size; that is added to the size in Imm of <see cref="Load"/> and
    /// <see cref="Store"/>.
    /// </summary>
    public const ulong Aligned = 0x100;

    private const ulong SizeMask = 0xff;

    /// <summary>CR0.TS, where the mode does not say whether it was that or CR0.EM, which these do not heed.</summary>
    public static void RequireNotSwitched(CpuState* s, Op* op)
    {
        if ((s->Cr0 & Cr0.TS) != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.NM);
            return;
        }
        op[1].Handler(s, op + 1);
    }

    /// <summary>The function at Imm.</summary>
    public static void Run(CpuState* s, Op* op)
    {
        // SAFETY: written by VectorThunks for this instruction; it touches the state only, and lives as long as the
        // block.
        ((delegate* unmanaged[SuppressGCTransition]<void>)(nuint)op->Imm)();
        op[1].Handler(s, op + 1);
    }

    private static bool IsMisaligned(CpuState* s, Op* op)
    {
        if ((op->Imm & Aligned) == 0 || (s->TempAddress & (op->Imm & SizeMask) - 1) == 0)
            return false;
        Cpu.Raise(s, op, ExceptionVector.GP);
        return true;
    }

    /// <summary>Imm bytes at TempAddress to the operand.</summary>
    public static void Load(CpuState* s, Op* op)
    {
        if (IsMisaligned(s, op) || !Read(s, op, (byte*)s->VectorOperand, s->TempAddress, (int)(op->Imm & SizeMask)))
            return;
        op[1].Handler(s, op + 1);
    }

    /// <summary>The operand's Imm bytes to TempAddress.</summary>
    public static void Store(CpuState* s, Op* op)
    {
        if (IsMisaligned(s, op) || !Write(s, op, (byte*)s->VectorOperand, s->TempAddress, (int)(op->Imm & SizeMask)))
            return;
        op[1].Handler(s, op + 1);
    }

    private static bool Read(CpuState* s, Op* op, byte* to, ulong address, int size)
    {
        byte* at = Mmu.ReadHit(s, address, size);
        if (at != null)
        {
            Unsafe.CopyBlockUnaligned(to, at, (uint)size);
            return true;
        }
        int step = Math.Min(size, 8);
        for (int done = 0; done < size; done += step)
        {
            at = Mmu.Read(s, op, Mmu.Linear(s, address + (ulong)done), step);
            if (at == null)
                return false;
            Unsafe.CopyBlockUnaligned(to + done, at, (uint)step);
        }
        return true;
    }

    private static bool Write(CpuState* s, Op* op, byte* from, ulong address, int size)
    {
        byte* at = Mmu.WriteHit(s, address, size);
        if (at != null)
        {
            Unsafe.CopyBlockUnaligned(at, from, (uint)size);
            return true;
        }
        return Mmu.Owner(s).ProbeWrite(op, address, size) && Put(s, op, from, address, size);
    }

    // Behind a probe: cannot fail.
    private static bool Put(CpuState* s, Op* op, byte* from, ulong address, int size)
    {
        int step = Math.Min(size, 8);
        for (int done = 0; done < size; done += step)
        {
            ulong at = Mmu.Linear(s, address + (ulong)done);
            bool isWritten = step switch
            {
                1 => Mmu.Write<Size8>(s, op, at, from[done]),
                2 => Mmu.Write<Size16>(s, op, at, *(ushort*)(from + done)),
                4 => Mmu.Write<Size32>(s, op, at, *(uint*)(from + done)),
                _ => Mmu.Write<Size64>(s, op, at, *(ulong*)(from + done)),
            };
            if (!isWritten)
                return false;
        }
        return true;
    }

    /// <summary>VZEROUPPER, and VZEROALL where Imm is 1. In 64-bit code 16 registers, otherwise 8.</summary>
    public static void Zero(CpuState* s, Op* op)
    {
        int registers = s->Code64 ? 16 : 8;
        int first = op->Imm != 0 ? 0 : 2;
        for (int i = 0; i < registers; i++)
            new Span<ulong>(s->Ymm + 4 * i + first, 4 - first).Clear();
        op[1].Handler(s, op + 1);
    }

    /// <summary>Behind an operation on the lower half of Dst: the upper becomes zero.</summary>
    public static void ZeroRest(CpuState* s, Op* op)
    {
        ulong* register = (ulong*)((byte*)s + op->Dst);
        register[2] = register[3] = 0;
        op[1].Handler(s, op + 1);
    }

    // ---- element by element

    private static bool IsSet(byte* mask, int at, int size) => (mask[at + size - 1] & 0x80) != 0;

    /// <summary>
    /// VMASKMOV and VPMASKMOV from TempAddress: Dst takes Imm bytes in elements of Scale, as far as the mask at Src
    /// says so, and zero elsewhere.
    /// </summary>
    public static void LoadMasked(CpuState* s, Op* op)
    {
        if (!LoadMaskedBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    private static bool LoadMaskedBody(CpuState* s, Op* op)
    {
        byte* result = stackalloc byte[32];
        new Span<byte>(result, 32).Clear();
        byte* mask = (byte*)s + op->Src;
        int size = op->Scale;
        for (int at = 0; at < (int)op->Imm; at += size)
        {
            if (IsSet(mask, at, size)
                && !Read(s, op, result + at, Mmu.Linear(s, s->TempAddress + (ulong)at), size))
                return false;
        }
        Unsafe.CopyBlockUnaligned((byte*)s + op->Dst, result, 32);
        return true;
    }

    /// <summary>The same of Dst to TempAddress.</summary>
    public static void StoreMasked(CpuState* s, Op* op)
    {
        if (!StoreMaskedBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    private static bool StoreMaskedBody(CpuState* s, Op* op)
    {
        byte* mask = (byte*)s + op->Src;
        byte* source = (byte*)s + op->Dst;
        int size = op->Scale;
        var owner = Mmu.Owner(s);
        for (int at = 0; at < (int)op->Imm; at += size)
        {
            if (IsSet(mask, at, size) && !owner.ProbeWrite(op, Mmu.Linear(s, s->TempAddress + (ulong)at), size))
                return false;
        }
        for (int at = 0; at < (int)op->Imm; at += size)
        {
            if (IsSet(mask, at, size) && !Write(s, op, source + at, Mmu.Linear(s, s->TempAddress + (ulong)at), size))
                return false;
        }
        return true;
    }

    /// <summary>What a gather is besides its registers, in Imm.</summary>
    public readonly record struct GatherForm(int ElementBytes, int IndexBytes, int Count, int Segment, bool IsNarrow)
    {
        public ulong Packed => (uint)ElementBytes | (uint)IndexBytes << 8 | (uint)Count << 16
            | (ulong)(uint)Segment << 32 | (IsNarrow ? 1UL << 63 : 0);

        public static GatherForm Of(ulong packed) => new((byte)packed, (byte)(packed >> 8), (byte)(packed >> 16),
            (byte)(packed >> 32), packed >> 63 != 0);
    }

    /// <summary>
    /// VGATHER and VPGATHER: elements of Dst from Base + elements of Index × Scale + Disp, as far as the mask at Src
    /// says so. A fault leaves what was loaded before, with its mask cleared.
    /// </summary>
    public static void Gather(CpuState* s, Op* op)
    {
        if (!GatherBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    private static bool GatherBody(CpuState* s, Op* op)
    {
        var form = GatherForm.Of(op->Imm);
        byte* result = (byte*)s + op->Dst;
        byte* mask = (byte*)s + op->Src;
        byte* index = (byte*)s + op->Index;
        int size = form.ElementBytes;
        for (int i = 0; i < form.Count; i++)
        {
            byte* element = mask + i * size;
            if (IsSet(mask, i * size, size))
            {
                long value = form.IndexBytes == 8 ? *(long*)(index + 8 * i) : *(int*)(index + 4 * i);
                ulong offset = *(ulong*)((byte*)s + op->Base) + ((ulong)value << op->Scale) + (ulong)op->Disp;
                if (!Reach(s, op, form, offset, out ulong address) || !Read(s, op, result + i * size, address, size))
                    return false;
            }
            new Span<byte>(element, size).Clear();
        }
        int used = form.Count * size;
        new Span<byte>(result + used, 32 - used).Clear();
        new Span<byte>(mask, 32).Clear();
        return true;
    }

    private static bool Reach(CpuState* s, Op* op, in GatherForm form, ulong offset, out ulong address)
    {
        if (form.IsNarrow)
            offset = (uint)offset;
        bool isBased = !s->Code64 || form.Segment is Cpu.SegmentFs or Cpu.SegmentGs;
        address = offset + (isBased ? s->SegmentBase[form.Segment] : 0);
        if (s->Code64)
            return true;
        address = (uint)address;
        if (Segment.Allows(s, form.Segment, offset, form.ElementBytes, false))
            return true;
        Segment.Refuse(s, op, form.Segment);
        return false;
    }
}
