using System;

namespace Wire;

/// <summary>What a place of a server for the secure channel is taken by.</summary>
public enum PlaceState : byte
{
    Free,

    /// <summary>The client has been sent the last answer, and is given time to read it.</summary>
    Leaving,

    /// <summary>A connection whose first message has not come.</summary>
    Silent,

    /// <summary>The first message was made with the key, perhaps long ago, and has been answered.</summary>
    Answered,

    /// <summary>It has proved that it has the key now.</summary>
    Proved,

    /// <summary>The client whom the server works for.</summary>
    Served,
}

/// <summary>One of the places that a server has for clients (docs/protocols.md, "Secure channel").</summary>
public struct Place
{
    private const ulong Millisecond = 1_000_000;

    public PlaceState State;

    /// <summary>When it came into this state, in nanoseconds.</summary>
    public ulong Since;

    /// <summary>
    /// From when on a newcomer may have it. Each state has the time that an honest client on a slow link needs to leave
    /// it.
    /// </summary>
    public readonly ulong GivesWayAt => State switch
    {
        PlaceState.Free or PlaceState.Leaving => 0,
        PlaceState.Silent => Since + 300 * Millisecond,
        PlaceState.Answered => Since + 1000 * Millisecond,
        PlaceState.Proved => Since + 10_000 * Millisecond,
        _ => ulong.MaxValue,
    };
}

/// <summary>Which place a newcomer gets: the one that gives way first, as soon as it does.</summary>
public static class Places
{
    /// <returns>Its number, or -1 when all of them are to be waited for.</returns>
    /// <param name="next">When the first of them gives way.</param>
    public static int Choose(ReadOnlySpan<Place> places, ulong now, out ulong next)
    {
        int choice = -1;
        next = ulong.MaxValue;
        for (int i = 0; i < places.Length; i++)
        {
            // Of those that give way at the same time a free one is preferred.
            ulong at = places[i].GivesWayAt;
            if (at < next || (choice >= 0 && at == next && places[i].State < places[choice].State))
                (choice, next) = (i, at);
        }
        return next <= now ? choice : -1;
    }
}
