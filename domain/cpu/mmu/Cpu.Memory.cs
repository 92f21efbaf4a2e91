using System;

namespace Domain;

/// <summary>Operands that missed the TLB: fills, device registers, bytes of two pages, system structures.</summary>
public sealed unsafe partial class Cpu
{
    /// <summary>Of an access at the current privilege level: <see cref="AccessUser"/> or nothing.</summary>
    private int PrivilegeAccess => s->Cpl == 3 ? AccessUser : 0;

    private static byte* Fault(CpuState* s, Op* op)
    {
        if (op != null)
        {
            s->Rip = op->Rip;
            s->Budget -= op->Count;
        }
        return null;
    }

    private static bool Crosses(ulong address, int size) => (address & Mmu.OffsetMask) + (ulong)size > 4096;

    private static TlbEntry* Slot(TlbEntry* tlb, ulong address) => tlb + ((address >> 12) & (Mmu.TlbEntries - 1));

    private static TlbEntry* CodeSlot(TlbEntry* tlb, ulong address) =>
        tlb + ((address >> 12) & (Mmu.CodeTlbEntries - 1));

    /// <summary>
    /// An instruction's linear address: 32 bits in 32-bit code. Accesses without an instruction are the processor's
    /// own.
    /// </summary>
    private ulong Linear(Op* op, ulong address) =>
        (op != null && !s->Code64) || (s->Cr0 & Cr0.PG) == 0 ? (uint)address : address;

    internal byte* ReadSlow(Op* op, ulong address, int size)
    {
        address = Linear(op, address);
        if (!LookUpData(address, PrivilegeAccess, out ulong physical))
            return Fault(s, op);
        byte* scratch = (byte*)s->Scratch;
        if (Crosses(address, size))
        {
            int first = (int)(4096 - (address & Mmu.OffsetMask));
            if (!LookUpData(Linear(op, address + (ulong)first), PrivilegeAccess, out ulong second))
                return Fault(s, op);
            ReadPhysical(physical, scratch, first);
            ReadPhysical(second, scratch + first, size - first);
            return scratch;
        }
        if (memory.Contains(physical, (ulong)size))
            return memory.Base + physical;
        ReadPhysical(physical, scratch, size);
        return scratch;
    }

    internal bool WriteSlow(Op* op, ulong address, int size, ulong low, ulong high)
    {
        address = Linear(op, address);
        if (!LookUpData(address, PrivilegeAccess | AccessWrite, out ulong physical))
        {
            Fault(s, op);
            return false;
        }
        ulong* value = stackalloc ulong[2] { low, high };
        if (Crosses(address, size))
        {
            int first = (int)(4096 - (address & Mmu.OffsetMask));
            if (!LookUpData(Linear(op, address + (ulong)first), PrivilegeAccess | AccessWrite, out ulong second))
            {
                Fault(s, op);
                return false;
            }
            WritePhysical(physical, (byte*)value, first);
            WritePhysical(second, (byte*)value + first, size - first);
            return true;
        }
        WritePhysical(physical, (byte*)value, size);
        return true;
    }

    internal byte* ModifySlow(Op* op, ulong address, int size)
    {
        address = Linear(op, address);
        if (!LookUpData(address, PrivilegeAccess | AccessWrite, out ulong physical))
            return Fault(s, op);
        if (!Crosses(address, size) && memory.Contains(physical, (ulong)size))
        {
            if (pages[physical >> 12].Mask != 0)
                InvalidateCode(physical, (ulong)size);
            return memory.Base + physical;
        }
        byte* scratch = (byte*)s->Scratch;
        int first = size;
        ulong second = 0;
        if (Crosses(address, size))
        {
            first = (int)(4096 - (address & Mmu.OffsetMask));
            if (!LookUpData(Linear(op, address + (ulong)first), PrivilegeAccess | AccessWrite, out second))
                return Fault(s, op);
        }
        ReadPhysical(physical, scratch, first);
        if (first != size)
            ReadPhysical(second, scratch + first, size - first);
        s->RmwSize = size;
        s->RmwAddress = address;
        return scratch;
    }

    internal Prepared PrepareRead(Op* op, ulong address, int size)
    {
        byte* at = ReadSlow(op, address, size);
        if (at == null)
            return Prepared.Faulted;
        // The operation is run again only if its own probe will hit now. Else it would be run for ever, as where 32-bit
        // code wraps: the fill is of another address than the probe's.
        if (Mmu.ReadHit(s, address, size) != null)
            return Prepared.Mapped;
        CopyToScratch(at, size);
        return Prepared.Copied;
    }

    private void CopyToScratch(byte* at, int size)
    {
        if (at != (byte*)s->Scratch)
            Buffer.MemoryCopy(at, s->Scratch, size, size);
    }

    internal Prepared PrepareWrite(Op* op, ulong address, int size, bool modify)
    {
        ulong linear = Linear(op, address);
        if (!Crosses(linear, size))
        {
            if (!LookUpData(linear, PrivilegeAccess | AccessWrite, out _))
            {
                Fault(s, op);
                return Prepared.Faulted;
            }
            if (Mmu.WriteHit(s, address, size) != null)
                return Prepared.Mapped;
        }
        else if (!ProbeWrite(op, address, size))
            return Prepared.Faulted;
        LookUpData(linear, PrivilegeAccess | AccessWrite, out ulong physical);
        if (!Crosses(address, size) && memory.Contains(physical, (ulong)size) && Mmu.WriteHit(s, address, size) != null)
            return Prepared.Mapped;
        if (!modify)
            return Prepared.Copied;
        byte* at = ReadSlow(op, address, size);
        if (at == null)
            return Prepared.Faulted;
        CopyToScratch(at, size);
        return Prepared.Copied;
    }

    /// <summary>
    /// Runs one operation with a TLB entry that leads it to <see cref="CpuState.Scratch"/>, then writes that back.
    /// </summary>
    /// <returns>whether the operation completed</returns>
    internal bool RunOnCopy(Op* op, ulong address, int size, bool write)
    {
        var entry = Slot(write ? s->WriteTlb : s->ReadTlb, address);
        var saved = *entry;
        var outer = lent;
        lent = entry;
        entry->Tag = (address + (ulong)(size - 1)) & ~Mmu.OffsetMask;
        entry->Addend = (ulong)s->Scratch - address;
        s->Alone[0] = *op;
        s->Stopped = false;
        s->Alone->Handler(s, s->Alone);
        *entry = saved;
        lent = outer;
        if (!s->Stopped)
            return false;
        // The probe before the operation translated the same bytes for writing: this cannot fail.
        return !write || WriteSlow(op, address, size, s->Scratch[0], s->Scratch[1]);
    }

    internal void CommitSlow()
    {
        int size = s->RmwSize;
        s->RmwSize = 0;
        byte* scratch = (byte*)s->Scratch;
        // The begin of this access translated the same bytes for writing: it cannot fail here.
        LookUpData(s->RmwAddress, PrivilegeAccess | AccessWrite, out ulong physical);
        int first = size;
        if (Crosses(s->RmwAddress, size))
        {
            first = (int)(4096 - (s->RmwAddress & Mmu.OffsetMask));
            ulong rest = Mmu.Linear(s, s->RmwAddress + (ulong)first);
            LookUpData(rest, PrivilegeAccess | AccessWrite, out ulong second);
            WritePhysical(second, scratch + first, size - first);
        }
        WritePhysical(physical, scratch, first);
    }

    /// <summary>
    /// Whether <paramref name="size"/> bytes can be written; notes the fault when not. Nothing is written.
    /// </summary>
    internal bool ProbeWrite(Op* op, ulong address, int size)
    {
        address = Linear(op, address);
        if (LookUpData(address, PrivilegeAccess | AccessWrite, out _)
            && (!Crosses(address, size) || LookUpData(Linear(op, (address & ~Mmu.OffsetMask) + 4096),
                PrivilegeAccess | AccessWrite, out _)))
            return true;
        Fault(s, op);
        return false;
    }

    /// <summary>An entry that leads to a copy for the moment (<see cref="RunOnCopy"/>), or null.</summary>
    private TlbEntry* lent;

    /// <summary>
    /// As <see cref="WalkTables"/>, by the TLB where it has the page; otherwise it has it then, if it is RAM. The page
    /// is in the slot's first entry afterwards.
    /// </summary>
    private bool LookUpData(ulong linear, int access, out ulong physical)
    {
        s->Misses++;
        bool write = (access & AccessWrite) != 0;
        var tlb = write ? s->WriteTlb : s->ReadTlb;
        var entry = Slot(tlb, linear);
        var second = entry + Mmu.TlbEntries;
        ulong page = linear & ~Mmu.OffsetMask;
        bool whole = entry != lent;
        if (whole && entry->Tag != page && second->Tag == page)
            (*entry, *second) = (*second, *entry);
        if (whole && entry->Tag == page)
        {
            physical = entry->Addend + linear - (ulong)memory.Base;
            return true;
        }
        if (!WalkTables(linear, access, out physical))
            return false;
        // Stores into pages that hold decoded code must come through the slow path to be noticed.
        if (whole && memory.Contains(physical, 1) && !(write && pages[physical >> 12].Mask != 0))
        {
            int slot = (int)(linear >> 12) & (Mmu.TlbEntries - 1);
            if (entry->Tag != Mmu.Empty(slot, Mmu.TlbEntries))
            {
                *second = *entry;
                NoteFilled(FilledSeconds(tlb), slot, Mmu.TlbEntries);
            }
            entry->Tag = page;
            entry->Host = (ulong)memory.Base + (physical & ~Mmu.OffsetMask);
            entry->Addend = entry->Host - page;
            NoteFilled(Filled(tlb), slot, Mmu.TlbEntries);
        }
        return true;
    }

    /// <summary>Bytes within one page, RAM or device.</summary>
    private void ReadPhysical(ulong physical, byte* to, int size)
    {
        if (memory.Contains(physical, (ulong)size))
        {
            Buffer.MemoryCopy(memory.Base + physical, to, size, size);
            return;
        }
        HostFloat.Leave(s);
        for (int step; size > 0; size -= step, physical += (ulong)step, to += step)
        {
            step = DeviceStep(size);
            ulong value = bus.ReadMmio(physical, step);
            Buffer.MemoryCopy(&value, to, step, step);
        }
        HostFloat.Enter(s);
    }

    private void WritePhysical(ulong physical, byte* from, int size)
    {
        if (memory.Contains(physical, (ulong)size))
        {
            if (pages[physical >> 12].Mask != 0)
                InvalidateCode(physical, (ulong)size);
            Buffer.MemoryCopy(from, memory.Base + physical, size, size);
            return;
        }
        HostFloat.Leave(s);
        for (int step; size > 0; size -= step, physical += (ulong)step, from += step)
        {
            step = DeviceStep(size);
            ulong value = 0;
            Buffer.MemoryCopy(from, &value, step, step);
            bus.WriteMmio(physical, step, value);
        }
        HostFloat.Enter(s);
    }

    // A device register is accessed whole when the access is a power of two; odd pieces go byte by byte.
    private static int DeviceStep(int size) => size >= 8 ? 8 : size is 4 or 2 ? size : 1;

    /// <summary>Reads system structures (descriptors, TSS): always as supervisor.</summary>
    private bool ReadSystem(ulong linear, int size, out ulong value)
    {
        var entry = Slot(kernelRead, linear);
        if (size == sizeof(ulong) && !Mmu.Misses(entry, linear, size))
        {
            value = *(ulong*)(linear + entry->Addend);
            return true;
        }
        int level = s->Cpl;
        SetPrivilege(0);
        byte* at = Mmu.Read(s, null, linear, size);
        SetPrivilege(level);
        ulong result = 0;
        if (at != null)
            Buffer.MemoryCopy(at, &result, 8, size);
        value = result;
        return at != null;
    }

    private bool WriteSystem(ulong linear, ulong value)
    {
        var entry = Slot(kernelWrite, linear);
        if (!Mmu.Misses(entry, linear, sizeof(ulong)))
        {
            *(ulong*)(linear + entry->Addend) = value;
            return true;
        }
        int level = s->Cpl;
        SetPrivilege(0);
        bool done = Mmu.Write<Size64>(s, null, linear, value);
        SetPrivilege(level);
        return done;
    }
}
