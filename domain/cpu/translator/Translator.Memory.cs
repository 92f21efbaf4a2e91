using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>Memory operands: addresses, and the probe of the TLB that every access goes through.</summary>
/// <remarks>
/// This is where the guest is kept out of the monitor's memory. The entry's index is masked to the table; the access
/// happens only if address - tag, unsigned, is at most a page less the operand, that is, if all of the operand lies in
/// the page of the tag; it goes to the entry's page of guest RAM plus that difference, which is below 4096.
/// </remarks>
internal sealed unsafe partial class Translator
{
    private TlbEntry* Tlb(bool write) => (mode & Cpu.ModeUser) != 0 ? write ? userWrite : userRead
        : write ? kernelWrite : kernelRead;

    private const int TagOffset = 0, HostOffset = 16;

    /// <summary>A probe that has missed: what to do where the slot's second entry has the page.</summary>
    /// <param name="Again">where the probe begins, with the address in Scratch; 0: nothing is to be done</param>
    /// <param name="Entry">the entry of a constant address, 0 of another: then its offset is in Pointer</param>
    /// <param name="Keeps">the value of Pointer is needed</param>
    private readonly record struct Miss(uint Again, bool Write, uint Entry, bool Keeps = false);

    /// <summary>Looks at the slot's second entry, and where that has the page, probes again.</summary>
    private void LookAgain(in Miss miss)
    {
        if (miss.Again == 0)
            return;
        ref readonly var look = ref lookAgain[(IsUser ? 2 : 0) + (miss.Write ? 1 : 0)];
        bool keeps = miss.Keeps && miss.Entry != 0;
        if (keeps)
            emit.Store(HostOperand.Absolute(&s->MissPointer), Pointer);
        if (miss.Entry != 0)
            emit.MoveImmediate(Pointer, miss.Entry - (uint)(ulong)Tlb(miss.Write));
        emit.Call(miss.Entry != 0 ? look.Whole : look.Probed);
        if (keeps)
            emit.Load(Pointer, HostOperand.Absolute(&s->MissPointer));
        emit.JumpIf(HostCondition.Equal, miss.Again);
    }

    /// <summary>Whether the operand's address can be computed here.</summary>
    private static bool IsAddressKnown(in Instruction i, int size)
    {
        if (size is not (1 or 2 or 4 or 8 or 16 or 32))
            return false;
        bool narrow = i.MemoryBase.GetSize() == 4 || i.MemoryIndex.GetSize() == 4;
        if (i.IsIPRelativeMemoryOperand)
            return !narrow && i.MemorySegment is not (Register.FS or Register.GS)
                && (!MustBeAligned(in i) || (i.MemoryDisplacement64 & (ulong)(size - 1)) == 0)
                && (i.MemoryDisplacement64 & Mmu.OffsetMask) + (ulong)size <= 4096;
        if (i.MemoryIndex != Register.None && !i.MemoryIndex.IsGPR())
            return false;
        if (i.MemoryBase != Register.None && !i.MemoryBase.IsGPR())
            return false;
        return (ulong)(int)i.MemoryDisplacement64 == i.MemoryDisplacement64 || narrow;
    }

    /// <summary>Base + index × scale + displacement, with registers that the host does not hold in the scratch ones.</summary>
    private HostOperand Plain(in Instruction i)
    {
        int @base = HostOperand.None, index = HostOperand.None;
        if (i.MemoryBase != Register.None)
            @base = Held(i.MemoryBase.GetNumber(), Scratch);
        if (i.MemoryIndex != Register.None)
            index = Held(i.MemoryIndex.GetNumber(), Pointer);
        int scale = i.MemoryIndexScale switch { 1 => 0, 2 => 1, 4 => 2, _ => 3 };
        return HostOperand.At(@base, index, scale, (int)i.MemoryDisplacement64);
    }

    /// <summary>The host register with a guest register's value: its own, or the one that is given.</summary>
    private int Held(int guest, int otherwise)
    {
        int host = HostOf(guest);
        if (host >= 0)
            return host;
        emit.Load(otherwise, HostOperand.Absolute(&s->Gpr[guest]));
        return otherwise;
    }

    /// <summary>
    /// The instruction's memory operand as the host reaches it. Spoils the flags. A miss goes to the operations at
    /// <paramref name="slot"/>.
    /// </summary>
    private HostOperand Access(in Instruction i, int size, bool write, int slot)
    {
        if (i.IsIPRelativeMemoryOperand)
            return AccessConstant(i.MemoryDisplacement64, write, slot);
        var address = Plain(in i);
        bool narrow = i.MemoryBase.GetSize() == 4 || i.MemoryIndex.GetSize() == 4;
        if (narrow)
            emit.Lea32(Scratch, address);
        else
            LoadScratch(address);
        if (i.MemorySegment is Register.FS or Register.GS)
            emit.Add(Scratch, HostOperand.Absolute(
                &s->SegmentBase[i.MemorySegment == Register.FS ? Cpu.SegmentFs : Cpu.SegmentGs]));
        if (MustBeAligned(in i))
        {
            // The interpreter refuses what is not.
            emit.TestImmediate8(Scratch, size - 1);
            cold.Add(new Cold(emit.JumpIf(HostCondition.NotEqual, emit.Here), slot, dirty));
        }
        return Probe(size, write, slot);
    }

    /// <summary>Scratch becomes an address. The flags stay.</summary>
    private void LoadScratch(in HostOperand address)
    {
        bool plain = address.Base != HostOperand.None && address.Index == HostOperand.None && address.Displacement == 0;
        if (!plain)
            emit.Lea(Scratch, address);
        else if (address.Base != Scratch)
            emit.Move(Scratch, address.Base);
    }

    /// <summary>The same for the operand whose linear address is in Scratch.</summary>
    private HostOperand Probe(int size, bool write, int slot)
    {
        var tlb = Tlb(write);
        uint again = emit.Here;
        emit.Rorx(Pointer, Scratch, 12 - Mmu.EntryShift);
        emit.AndImmediate32(Pointer, (Mmu.TlbEntries - 1) << Mmu.EntryShift);
        emit.Sub(Scratch, HostOperand.At(Pointer, (int)(ulong)tlb + TagOffset));
        emit.CmpImmediate(HostOperand.Of(Scratch), 4096 - size);
        cold.Add(new Cold(emit.JumpIf(HostCondition.Above, emit.Here), slot, dirty, new Miss(again, write, 0)));
        emit.Load(Pointer, HostOperand.At(Pointer, (int)(ulong)tlb + HostOffset));
        return HostOperand.At(Pointer, Scratch, 0, 0);
    }

    // The entry of a constant address is known, and that the operand does not leave its page.
    private HostOperand AccessConstant(ulong address, bool write, int slot)
    {
        var entry = Tlb(write) + ((address >> 12) & (Mmu.TlbEntries - 1));
        emit.MoveImmediate(Scratch, address & ~Mmu.OffsetMask);
        uint again = emit.Here;
        emit.Cmp(Scratch, HostOperand.Absolute(&entry->Tag));
        cold.Add(new Cold(emit.JumpIf(HostCondition.NotEqual, emit.Here), slot, dirty,
            new Miss(again, write, (uint)(ulong)entry)));
        emit.Load(Pointer, HostOperand.Absolute(&entry->Host));
        return HostOperand.At(Pointer, (int)(address & Mmu.OffsetMask));
    }

    /// <summary>The same operand without a use of Scratch. Spoils the flags.</summary>
    private HostOperand WithoutScratch(in HostOperand operand)
    {
        if (operand.Index != Scratch)
            return operand;
        emit.Add(Pointer, HostOperand.Of(Scratch));
        return HostOperand.At(Pointer, operand.Displacement);
    }

    private void LoadAddress(in Instruction i)
    {
        int guest = i.Op0Register.GetNumber(), size = i.Op0Register.GetSize(), host = HostOf(guest);
        int to = host >= 0 ? host : Scratch;
        bool narrow = i.MemoryBase.GetSize() == 4 || i.MemoryIndex.GetSize() == 4;
        if (i.IsIPRelativeMemoryOperand || (i.MemoryBase == Register.None && i.MemoryIndex == Register.None))
            emit.MoveImmediate(to, size == 8 ? i.MemoryDisplacement64 : (uint)i.MemoryDisplacement64);
        else if (size == 4 || narrow)
            emit.Lea32(to, Plain(in i));
        else
            emit.Lea(to, Plain(in i));
        if (host < 0)
            emit.Store(HostOperand.Absolute(&s->Gpr[guest]), Scratch);
    }
}
