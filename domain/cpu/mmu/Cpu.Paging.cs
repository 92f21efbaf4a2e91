using System;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Domain;

/// <summary>
/// Page walks and TLBs (SDM vol. 3A, chapter 4; chapter 5 in later editions).
/// </summary>
public sealed unsafe partial class Cpu
{
    private const int AccessWrite = 1, AccessUser = 2, AccessExecute = 4;
    private const ulong PagePresent = 1, PageWritable = 2, PageUser = 4, PageAccessed = 0x20, PageDirty = 0x40,
        PageLarge = 0x80;
    private const ulong PageNoExecute = 1UL << 63;
    private const ulong PageAddress = 0x000f_ffff_ffff_f000;

    /// <summary>Physical address bits, as CPUID leaf 0x80000008 announces.</summary>
    private const int PhysicalBits = 40;
    private const ulong PageReserved = 0x000f_ffff_ffff_ffff & ~((1UL << PhysicalBits) - 1);

    private readonly TlbEntry* kernelRead, kernelWrite, kernelExecute, userRead, userWrite, userExecute;

    /// <summary>
    /// Linear to physical with permission checks; sets accessed and dirty bits. On failure the fault is noted in the
    /// state.
    /// </summary>
    private bool WalkTables(ulong linear, int access, out ulong physical)
    {
        if ((s->Cr0 & Cr0.PG) == 0)
        {
            physical = (uint)linear;
            return true;
        }
        physical = 0;
        s->Walks++;
        if (!IsCanonical(linear))
        {
            NoteException(ExceptionVector.GP, 0);
            if ((access & AccessExecute) == 0)
                s->Refused = linear;
            return false;
        }
        ulong table = s->Cr3 & PageAddress;
        ulong rights = PageWritable | PageUser, noExecute = 0;
        bool nxEnabled = (s->Efer & Efer.NXE) != 0;
        ulong** path = stackalloc ulong*[4];
        for (int level = 3; ; level--)
        {
            int shift = 12 + 9 * level;
            ulong at = table + ((linear >> shift) & 511) * 8;
            if (!memory.Contains(at, 8))
                return PageFault(linear, access, 0);
            // SAFETY: the entry was just checked to lie in RAM.
            ulong* slot = (ulong*)(memory.Base + at);
            path[level] = slot;
            ulong entry = *slot;
            if ((entry & PagePresent) == 0)
                return PageFault(linear, access, 0);
            bool leaf = level == 0 || (entry & PageLarge) != 0;
            ulong reserved = PageReserved | (nxEnabled ? 0 : PageNoExecute);
            if (level == 3)
                reserved |= PageLarge;
            else if (leaf && level > 0)
                reserved |= ((1UL << shift) - 1) & ~0x1fffUL;
            if ((entry & reserved) != 0)
                return PageFault(linear, access, ErrorPresent | ErrorReserved);
            rights &= entry;
            noExecute |= entry & PageNoExecute;
            if (!leaf)
            {
                table = entry & PageAddress;
                continue;
            }
            bool user = (access & AccessUser) != 0;
            if ((user && (rights & PageUser) == 0)
                || ((access & AccessWrite) != 0 && (rights & PageWritable) == 0
                    && (user || (s->Cr0 & Cr0.WP) != 0))
                || ((access & AccessExecute) != 0 && noExecute != 0))
                return PageFault(linear, access, ErrorPresent);
            for (int above = 3; above > level; above--)
                Mark(path[above], PageAccessed);
            Mark(slot, PageAccessed | ((access & AccessWrite) != 0 ? PageDirty : 0));
            ulong offset = (1UL << shift) - 1;
            physical = (entry & PageAddress & ~offset) | (linear & offset);
            if (level > 0)
            {
                s->LargeFirst = Math.Min(s->LargeFirst, linear & ~offset);
                s->LargeLast = Math.Max(s->LargeLast, linear | offset);
            }
            return true;
        }
    }

    /// <summary>
    /// Sets bits of an entry in RAM. Its page may hold code, the running block's too: an instruction whose operations
    /// are dropped here has changed nothing yet, since this walk could have faulted, and begins again.
    /// </summary>
    private void Mark(ulong* entry, ulong marks)
    {
        if ((*entry & marks) == marks)
            return;
        *entry |= marks;
        ulong physical = (ulong)((byte*)entry - memory.Base);
        if (pages[physical >> 12].Mask != 0)
            InvalidateCode(physical, sizeof(ulong));
    }

    private bool PageFault(ulong linear, int access, uint error)
    {
        error |= (access & AccessWrite) != 0 ? ErrorWrite : 0;
        error |= (access & AccessUser) != 0 ? ErrorUser : 0;
        if ((access & AccessExecute) != 0 && (s->Efer & Efer.NXE) != 0)
            error |= ErrorFetch;
        s->Cr2 = linear;
        NoteException(ExceptionVector.PF, error);
        return false;
    }

    /// <summary>Code address to physical, through a small TLB of its own.</summary>
    private bool LookUpCode(ulong rip, out ulong physical)
    {
        var entry = CodeSlot(s->Cpl == 3 ? userExecute : kernelExecute, rip);
        ulong page = rip & ~Mmu.OffsetMask;
        if (entry->Tag == page)
        {
            physical = entry->Addend + rip;
            return true;
        }
        if (!WalkTables(rip, PrivilegeAccess | AccessExecute, out physical))
            return false;
        entry->Tag = page;
        entry->Addend = physical - rip;
        entry->Host = StampOf(page, physical);
        NoteFilled(FilledCode(s->Cpl == 3 ? userExecute : kernelExecute), (int)(rip >> 12) & (Mmu.CodeTlbEntries - 1),
            Mmu.CodeTlbEntries);
        int hash = (int)(rip >> 12) & 4095;
        s->ExecutedPages[hash >> 6] |= 1UL << (hash & 63);
        return true;
    }

    // ---- stamps

    /// <summary>The stamp of what is no page of code: nothing was ever remembered with it.</summary>
    private const ulong NoStamp = ulong.MaxValue;

    private ulong lastStamp;
    private int stampEpoch, stampedMode;

    /// <summary>
    /// A number for one linear page in one frame, in one mode and at one privilege, with the code that it has. A page
    /// that is found there again after its TLB entry was forgotten has the same, so that what was remembered with it
    /// (links, recent targets) is good again. It ends when code of the frame is dropped, and with all others when code
    /// segments change.
    /// </summary>
    private ulong StampOf(ulong linear, ulong physical)
    {
        if (!memory.Contains(physical, 1))
            return NoStamp;
        ref var page = ref pages[physical >> 12];
        int mode = Mode | (s->Cpl == 3 ? ModeUser : 0);
        if (page.Stamp == 0 || page.Linear != linear || page.Mode != mode || page.Epoch != stampEpoch)
        {
            lastStamp++;
            page.Stamp = lastStamp;
            page.Linear = linear;
            page.Mode = mode;
            page.Epoch = stampEpoch;
        }
        return page.Stamp;
    }

    /// <summary>Code of a page is dropped: what leads to it is void.</summary>
    private void EndStamp(ref CodePage page)
    {
        if (page.Stamp == 0)
            return;
        var kernel = CodeSlot(kernelExecute, page.Linear);
        var user = CodeSlot(userExecute, page.Linear);
        if (kernel->Host == page.Stamp)
            ForgetCode(kernelExecute, page.Linear);
        if (user->Host == page.Stamp)
            ForgetCode(userExecute, page.Linear);
        page.Stamp = 0;
    }

    /// <summary>The code TLB is that of one mode: another one has other stamps.</summary>
    private void StampMode(int mode)
    {
        if (mode == stampedMode)
            return;
        stampedMode = mode;
        ClearCode();
        ReturnStack.Empty(s);
    }

    // Behind the entries a bit for each that has been filled since all were empty, and one for each word of such bits.
    private static TlbEntry* AllocateTlb(CodeMemory? code, int entries, int ways)
    {
        int words = ways * (entries / 64 + 1);
        return (TlbEntry*)AllocateState(code, ways * entries * sizeof(TlbEntry) + words * sizeof(ulong));
    }

    /// <summary>
    /// A TLB for data. Its memory is zero at first, and 0 is the tag of page 0, which only probes of two slots can hit:
    /// so all other slots are empty without being touched. In slot 5, for example, operands that begin in page 5,
    /// 5 + 4096 … are looked for, none of which ends in page 0.
    /// </summary>
    private static TlbEntry* AllocateTlb(CodeMemory? code)
    {
        var tlb = AllocateTlb(code, Mmu.TlbEntries, 2);
        // Page 0's own slot, and the last: an operand that begins at the end of the address space ends in page 0.
        foreach (int slot in new[] { 0, Mmu.TlbEntries - 1 })
            Empty(tlb, slot);
        return tlb;
    }

    private static TlbEntry* AllocateCodeTlb(CodeMemory? code)
    {
        var tlb = AllocateTlb(code, Mmu.CodeTlbEntries, 1);
        for (int slot = 0; slot < Mmu.CodeTlbEntries; slot++)
            EmptyCode(tlb, slot);
        return tlb;
    }

    private static ulong* Filled(TlbEntry* tlb) => (ulong*)(tlb + 2 * Mmu.TlbEntries);

    private static ulong* FilledSeconds(TlbEntry* tlb) => Filled(tlb) + Mmu.TlbEntries / 64 + 1;

    private static ulong* FilledCode(TlbEntry* tlb) => (ulong*)(tlb + Mmu.CodeTlbEntries);

    /// <summary>Empties both entries of a slot of a TLB for data.</summary>
    private static void Empty(TlbEntry* tlb, int slot)
    {
        tlb[slot].Tag = Mmu.Empty(slot, Mmu.TlbEntries);
        tlb[slot + Mmu.TlbEntries].Tag = Mmu.Empty(slot, Mmu.TlbEntries);
    }

    private static void EmptyCode(TlbEntry* tlb, int slot)
    {
        tlb[slot].Tag = Mmu.Empty(slot, Mmu.CodeTlbEntries);
        tlb[slot].Host = NoStamp;
    }

    /// <param name="filled">behind the entries of the TLB</param>
    private static void NoteFilled(ulong* filled, int slot, int slots)
    {
        filled[slot >> 6] |= 1UL << (slot & 63);
        filled[slots >> 6] |= 1UL << (slot >> 6);
    }

    private static void Clear(TlbEntry* tlb)
    {
        for (int slot; (slot = TakeFilled(Filled(tlb), Mmu.TlbEntries)) >= 0;)
            tlb[slot].Tag = Mmu.Empty(slot, Mmu.TlbEntries);
        for (int slot; (slot = TakeFilled(FilledSeconds(tlb), Mmu.TlbEntries)) >= 0;)
            tlb[slot + Mmu.TlbEntries].Tag = Mmu.Empty(slot, Mmu.TlbEntries);
    }

    private static void ClearCode(TlbEntry* tlb)
    {
        for (int slot; (slot = TakeFilled(FilledCode(tlb), Mmu.CodeTlbEntries)) >= 0;)
            EmptyCode(tlb, slot);
    }

    /// <summary>Takes a bit back.</summary>
    /// <returns>its slot; negative when there is none</returns>
    private static int TakeFilled(ulong* filled, int slots)
    {
        ulong* words = filled + slots / 64;
        if (*words == 0)
            return -1;
        int word = BitOperations.TrailingZeroCount(*words);
        int slot = word * 64 + BitOperations.TrailingZeroCount(filled[word]);
        filled[word] &= filled[word] - 1;
        if (filled[word] == 0)
            *words &= *words - 1;
        return slot;
    }

    /// <summary>Forgets every entry of all TLBs.</summary>
    internal void FlushTlbs()
    {
        Clear(kernelRead);
        Clear(kernelWrite);
        Clear(userRead);
        Clear(userWrite);
        ClearCode();
        s->LargeFirst = ulong.MaxValue;
        s->LargeLast = 0;
        NewGeneration();
    }

    /// <summary>Forgets the entries of one page (INVLPG).</summary>
    internal void FlushPage(ulong linear)
    {
        if (linear >= s->LargeFirst && linear <= s->LargeLast)
        {
            FlushTlbs();
            return;
        }
        Forget(kernelRead, linear);
        Forget(kernelWrite, linear);
        Forget(userRead, linear);
        Forget(userWrite, linear);
        ForgetCode(kernelExecute, linear);
        ForgetCode(userExecute, linear);
        int hash = (int)(linear >> 12) & 4095;
        if ((s->ExecutedPages[hash >> 6] & 1UL << (hash & 63)) != 0)
            NewGeneration();
    }

    private static void Forget(TlbEntry* tlb, ulong linear)
    {
        Empty(tlb, (int)(linear >> 12) & (Mmu.TlbEntries - 1));
    }

    private static void ForgetCode(TlbEntry* tlb, ulong linear)
    {
        EmptyCode(tlb, (int)(linear >> 12) & (Mmu.CodeTlbEntries - 1));
    }

    /// <summary>Empties the code TLBs; stamps stay.</summary>
    private void ClearCode()
    {
        ClearCode(kernelExecute);
        ClearCode(userExecute);
        for (int i = 0; i < 64; i++)
            s->ExecutedPages[i] = 0;
    }

    /// <summary>Voids the interpreter's links, and what translated code would return to.</summary>
    private void NewGeneration()
    {
        s->Generation += 1UL << (ModeBits + 1);
        ReturnStack.Empty(s);
    }

    /// <summary>Voids all links and recent targets, and empties the code TLBs.</summary>
    private void VoidCode()
    {
        stampEpoch++;
        ClearCode();
        NewGeneration();
    }

    /// <summary>Changes privilege: selects the TLBs and the code generation that belong to it.</summary>
    internal void SetPrivilege(int level)
    {
        s->Cpl = level;
        bool user = level == 3;
        if (user != (s->ReadTlb == userRead))
            ReturnStack.Change(s);
        s->ReadTlb = user ? userRead : kernelRead;
        s->WriteTlb = user ? userWrite : kernelWrite;
        s->ExecuteTlb = user ? userExecute : kernelExecute;
        s->Generation = s->Generation & ~1UL | (user ? 1UL : 0);
    }
}
