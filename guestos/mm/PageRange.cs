namespace Guestos;

/// <summary>
/// Whole pages of user addresses: not empty, inside [0, <see cref="AddressSpace.End"/>), never wrapping. Only the
/// functions here make one, so it need not be checked again where it is used: page tables and areas are changed by
/// such ranges only.
/// </summary>
public readonly struct PageRange
{
    private const ulong InPage = Frames.Size - 1;

    public ulong Start { get; }

    /// <summary>Exclusive.</summary>
    public ulong End { get; }

    public ulong Length => End - Start;

    public ulong Pages => Length / Frames.Size;

    private PageRange(ulong start, ulong end)
    {
        Start = start;
        End = end;
    }

    /// <summary>All user addresses.</summary>
    public static PageRange All => new(0, AddressSpace.End);

    /// <summary>
    /// The length is rounded up to whole pages. False when the start is not one's, and for what is empty, wraps or
    /// leaves user space.
    /// </summary>
    public static bool TryMake(ulong start, ulong length, out PageRange range)
    {
        range = default;
        if ((start & InPage) != 0 || length == 0 || start >= AddressSpace.End || length > AddressSpace.End - start)
            return false;
        range = new PageRange(start, start + ((length + InPage) & ~InPage));
        return true;
    }

    /// <summary>The pages that hold these bytes.</summary>
    public static bool TryMakeAround(ulong start, ulong length, out PageRange range)
    {
        range = default;
        ulong lead = start & InPage;
        return length <= AddressSpace.End && TryMake(start - lead, length + lead, out range);
    }

    /// <summary>The pages of an area.</summary>
    public static PageRange Of(in Area area) => new(area.Start, area.End);

    /// <summary>What both have in common. False: nothing.</summary>
    public bool TryIntersect(PageRange other, out PageRange common)
    {
        common = new PageRange(System.Math.Max(Start, other.Start), System.Math.Min(End, other.End));
        return common.Start < common.End;
    }

    /// <summary>The pages below an address, which is rounded down to whole pages. False: none.</summary>
    public bool TryBelow(ulong border, out PageRange part) => TryIntersect(new PageRange(0, Border(border)), out part);

    /// <summary>The pages from an address on, which is rounded down to whole pages. False: none.</summary>
    public bool TryFrom(ulong border, out PageRange part) =>
        TryIntersect(new PageRange(Border(border), AddressSpace.End), out part);

    private static ulong Border(ulong address) => System.Math.Min(address, AddressSpace.End) & ~InPage;
}
