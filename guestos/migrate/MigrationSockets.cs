using System;

namespace Guestos;

/// <summary>
/// The TCP connections of a migration: they may still speak after the fork, and there is nothing behind them in the
/// copy. Only where nothing moves: in <see cref="CheckpointState"/>, and in a static.
/// </summary>
internal unsafe struct MigrationSockets
{
    public const int Max = Netstack.Stack.MaxFiltered;

    private fixed int handles[Max];
    private int count;

    public readonly ReadOnlySpan<int> All
    {
        get
        {
            // SAFETY: it does not move, see above.
            fixed (int* handles = this.handles)
                return new ReadOnlySpan<int>(handles, count);
        }
    }

    public readonly bool Contains(int handle)
    {
        foreach (int socket in All)
            if (socket == handle)
                return true;
        return false;
    }

    /// <summary>True when it is one of them now; false when there are too many.</summary>
    public bool Add(int handle)
    {
        if (Contains(handle))
            return true;
        if (count == Max)
            return false;
        handles[count] = handle;
        count++;
        return true;
    }
}
