namespace Guestos;

/// <summary>
/// Goes through the lowest-level page tables of a range of addresses, ascending; ranges without a table are skipped.
/// Tables that are made in front of it while it is used are found; none may be freed.
/// </summary>
public unsafe struct TableWalk
{
    /// <summary>Bytes that one lowest-level table maps.</summary>
    private const ulong TableSpan = PageTable.Entries * Frames.Size;

    private readonly ulong root;
    private readonly ulong limit;

    /// <summary>Before the first <see cref="MoveNext"/>.</summary>
    /// <param name="start">Address of a page.</param>
    /// <param name="end">Exclusive.</param>
    public TableWalk(ulong root, ulong start, ulong end)
    {
        this.root = root;
        limit = end;
        End = start;
    }

    /// <summary>Address of the first page of the range that this table maps.</summary>
    public ulong Start;

    /// <summary>Where the table or the range ends, exclusive.</summary>
    public ulong End;

    /// <summary>The entry of <see cref="Start"/>; those of the following pages follow it.</summary>
    public ulong* Entry;

    /// <summary>Pages from <see cref="Start"/> to <see cref="End"/>.</summary>
    public readonly ulong Count => (End - Start) / Frames.Size;

    /// <summary>False when there is no further table.</summary>
    public bool MoveNext()
    {
        Start = End;
        Entry = PageTable.Next(root, ref Start, limit);
        if (Entry == null)
            return false;
        End = System.Math.Min((Start | TableSpan - 1) + 1, limit);
        return true;
    }
}
