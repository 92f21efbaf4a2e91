namespace Guestos;

/// <summary>
/// The areas of an address space by address: a treap (Seidel and Aragon, "Randomized Search Trees", 1996), whose random
/// priorities keep its depth logarithmic. Areas do not overlap, so the order of their starts is that of their ends, and
/// stays when a border moves.
/// </summary>
internal static unsafe class AreaTree
{
    private static uint s_random = 1;

    /// <summary>The area that holds an address, or else the first one above it; null for none.</summary>
    public static Area* AtOrAbove(Area* root, ulong address)
    {
        Area* found = null;
        for (Area* at = root; at != null;)
            if (at->End > address)
            {
                found = at;
                at = at->Left;
            }
            else
                at = at->Right;
        return found;
    }

    public static void Insert(Area** link, Area* area)
    {
        s_random = s_random * 1664525 + 1013904223;
        area->Priority = s_random;
        while (*link != null && (*link)->Priority >= area->Priority)
            link = area->Start < (*link)->Start ? &(*link)->Left : &(*link)->Right;
        // The subtree at the new place is divided into its areas below the new one and those above.
        Area* rest = *link;
        Area** lower = &area->Left;
        Area** upper = &area->Right;
        while (rest != null)
            if (rest->Start < area->Start)
            {
                *lower = rest;
                lower = &rest->Right;
                rest = rest->Right;
            }
            else
            {
                *upper = rest;
                upper = &rest->Left;
                rest = rest->Left;
            }
        *lower = null;
        *upper = null;
        *link = area;
    }

    public static void Remove(Area** link, Area* area)
    {
        while (*link != area)
            link = area->Start < (*link)->Start ? &(*link)->Left : &(*link)->Right;
        Area* lower = area->Left;
        Area* upper = area->Right;
        while (lower != null && upper != null)
            if (lower->Priority >= upper->Priority)
            {
                *link = lower;
                link = &lower->Right;
                lower = lower->Right;
            }
            else
            {
                *link = upper;
                link = &upper->Left;
                upper = upper->Left;
            }
        *link = lower != null ? lower : upper;
    }
}
