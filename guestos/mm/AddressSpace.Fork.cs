namespace Guestos;

/// <summary>fork(2): a copy whose private pages share frames with the original until one of both writes.</summary>
public unsafe partial struct AddressSpace
{
    /// <summary>
    /// A copy with one reference; memory locks are not inherited (mlock(2)). Null without memory. Gives way.
    /// </summary>
    public static AddressSpace* Fork(AddressSpace* from)
    {
        SleepLock.Take(&from->Lock);
        AddressSpace* to = ForkAreas(from);
        SleepLock.Release(&from->Lock);
        return to;
    }

    private static AddressSpace* ForkAreas(AddressSpace* from)
    {
        AddressSpace* to = Create();
        if (to == null)
            return null;
        for (Area* area = from->FirstArea; area != null; area = area->Next)
        {
            if (!ForkArea(from, to, area))
            {
                Release(to);
                return null;
            }
            LetOthersRun();
        }
        to->ArgumentsStart = from->ArgumentsStart;
        to->ArgumentsEnd = from->ArgumentsEnd;
        to->EnvironmentStart = from->EnvironmentStart;
        to->EnvironmentEnd = from->EnvironmentEnd;
        to->AuxiliaryStart = from->AuxiliaryStart;
        to->AuxiliaryEnd = from->AuxiliaryEnd;
        to->BreakStart = from->BreakStart;
        to->Break = from->Break;
        SetExecutable(to, from->Executable);
        PageTable.Flush();   // the parent's pages are read-only now
        return to;
    }

    private static bool ForkArea(AddressSpace* from, AddressSpace* to, Area* area)
    {
        if ((area->Flags & AreaFlags.NotForked) != 0)
            return true;
        AreaFlags flags = area->Flags & ~AreaFlags.Locked;
        PageRange range = PageRange.Of(*area);
        if (Add(to, range, area->Protection, flags, area->File, area->Offset, area->FileEnd) == null)
            return false;
        if ((area->Flags & AreaFlags.WipedOnFork) != 0)
            return true;
        TableWalk tables = new(from->Root, area->Start, area->End);
        while (tables.MoveNext())
        {
            if (!ForkEntries(to, area, tables))
                return false;
            LetOthersRun();
        }
        return true;
    }

    private static bool ForkEntries(AddressSpace* to, Area* area, in TableWalk table)
    {
        ulong* entries = table.Entry;
        ulong* copies = null;
        for (ulong i = 0; i < table.Count; i++)
        {
            if ((entries[i] & PageTable.Present) == 0)
                continue;
            if (copies == null)
                copies = MakeEntry(to, table.Start, TableFloor);
            if (copies == null)
                return false;
            ulong frame = entries[i] & PageTable.AddressMask;
            ulong value = EntryFor(area, frame, area->Shared);
            if (!area->Shared && PageTable.IsWritable(entries[i]))
                PageTable.Set(entries + i, value);
            Frames.AddReference(frame);
            PageTable.Set(copies + i, value);
            to->ResidentPages += ZeroPage.Weight(frame);
        }
        return true;
    }

    /// <summary>
    /// Gives way in the middle of a fork. A process that shares the parent's memory may run then: the processor must
    /// have forgotten that the parent's pages were writable.
    /// </summary>
    private static void LetOthersRun()
    {
        if (!Preemption.IsDue)
            return;
        PageTable.Flush();
        Preemption.Point();
    }
}
