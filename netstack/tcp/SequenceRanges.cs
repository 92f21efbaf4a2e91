namespace Netstack;

/// <summary>
/// A small set of sequence numbers as sorted, disjoint, not touching half-open ranges: pairs of edges in a fixed table.
/// Used for out-of-order data and for the SACK scoreboard.
/// </summary>
internal static unsafe class SequenceRanges
{
    /// <summary>
    /// Adds [start, end). False when a new range would be needed and the table is full: the set is then unchanged.
    /// </summary>
    internal static bool Add(uint* edges, ref int count, uint start, uint end)
    {
        // First range that ends at or after start: it may touch.
        int first = 0;
        while (first < count && Tcp.Before(edges[first * 2 + 1], start))
            first++;
        int last = first;
        while (last < count && !Tcp.After(edges[last * 2], end))
        {
            start = Tcp.Earlier(start, edges[last * 2]);
            end = Tcp.Later(end, edges[last * 2 + 1]);
            last++;
        }
        int merged = last - first;
        if (merged == 0)
        {
            if (count == Connection.MaxRanges)
                return false;
            for (int i = count; i > first; i--)
                Move(edges, i - 1, i);
            count++;
        }
        else
        {
            for (int i = last; i < count; i++)
                Move(edges, i, i - merged + 1);
            count -= merged - 1;
        }
        edges[first * 2] = start;
        edges[first * 2 + 1] = end;
        return true;
    }

    /// <summary>Forgets everything before <paramref name="sequence"/>.</summary>
    internal static void TrimBefore(uint* edges, ref int count, uint sequence)
    {
        int gone = 0;
        while (gone < count && !Tcp.After(edges[gone * 2 + 1], sequence))
            gone++;
        if (gone > 0)
        {
            for (int i = gone; i < count; i++)
                Move(edges, i, i - gone);
            count -= gone;
        }
        if (count > 0 && Tcp.Before(edges[0], sequence))
            edges[0] = sequence;
    }

    /// <summary>Numbers of the set that lie in [start, end).</summary>
    internal static uint CountBetween(uint* edges, int count, uint start, uint end)
    {
        uint sum = 0;
        for (int i = 0; i < count; i++)
        {
            uint from = Tcp.Later(start, edges[i * 2]);
            uint to = Tcp.Earlier(end, edges[i * 2 + 1]);
            if (Tcp.Before(from, to))
                sum += to - from;
        }
        return sum;
    }

    private static void Move(uint* edges, int from, int to)
    {
        edges[to * 2] = edges[from * 2];
        edges[to * 2 + 1] = edges[from * 2 + 1];
    }
}
