namespace Guestos;

/// <summary>
/// Finds sockets that nobody can reach any more, although each is held by a message in the queue of another (unix(7),
/// SCM_RIGHTS): what they have in their queues is dropped, by which they are closed.
/// </summary>
internal static unsafe class LocalCollector
{
    /// <summary>Local sockets in messages in queues. Without any there is nothing to find.</summary>
    public static int SocketsOnTheirWay;

    private static bool s_isCollecting;

    /// <summary>A search that takes longer than this, in nanoseconds, is not repeated soon.</summary>
    private const ulong Long = 1_000_000;

    /// <summary>
    /// Of <see cref="Clock.Monotonic"/>: until then nothing is looked for because a socket is closed, so that however
    /// many there are, who closes them one after the other searches for a sixteenth of the time.
    /// </summary>
    private static ulong s_restsUntil;

    /// <summary>Called when a socket has been closed: only then something may have become unreachable.</summary>
    public static void Closed()
    {
        if (SocketsOnTheirWay != 0 && Clock.Monotonic >= s_restsUntil)
            Collect();
    }

    /// <summary>
    /// One at a time: closing what was found comes here again. Gives way while it closes, not while it searches.
    /// </summary>
    public static void Collect()
    {
        if (SocketsOnTheirWay == 0 || s_isCollecting)
            return;
        s_isCollecting = true;
        ulong start = Clock.Monotonic;
        Mark();
        LocalSocket* found = HoldUnreachable();
        ulong taken = Clock.Monotonic - start;
        s_restsUntil = taken > Long ? start + 16 * taken : 0;
        // Nobody can reach them any more, whatever others do meanwhile.
        while (found != null)
        {
            LocalSocket* socket = found;
            found = socket->NextToVisit;
            Empty(socket);
            LocalSocket.Release(socket);
        }

        s_isCollecting = false;
    }

    /// <summary>Those that hold something, with a reference to each, as a list.</summary>
    private static LocalSocket* HoldUnreachable()
    {
        LocalSocket* found = null;
        for (LocalSocket* socket = LocalSocket.First; socket != null; socket = socket->Next)
        {
            if (socket->IsReachable || socket->Passes == 0 || !HoldsFiles(socket))
                continue;
            socket->References++;
            socket->NextToVisit = found;
            found = socket;
        }

        return found;
    }

    private static bool HoldsFiles(LocalSocket* socket) =>
        socket->FirstMessage != null || socket->FirstPending != null;

    private static void Empty(LocalSocket* socket)
    {
        LocalSocket.DropMessages(socket);
        LocalSocket* pending = LocalConnections.Take(socket);
        while (pending != null)
        {
            LocalSocket.Close(pending, refused: true);
            pending = LocalConnections.Take(socket);
        }
    }

    /// <summary>
    /// Whoever holds an open socket otherwise than by a message can reach it, and by it what its queue holds.
    /// </summary>
    private static void Mark()
    {
        LocalSocket* toVisit = null;
        for (LocalSocket* socket = LocalSocket.First; socket != null; socket = socket->Next)
        {
            socket->IsReachable = false;
            if (socket->File != null && socket->File->References > socket->Passes)
                Reach(socket, &toVisit);
        }

        while (toVisit != null)
        {
            LocalSocket* socket = toVisit;
            toVisit = socket->NextToVisit;
            ReachFrom(socket, &toVisit);
            for (LocalSocket* pending = socket->FirstPending; pending != null; pending = pending->NextPending)
                Reach(pending, &toVisit);
        }
    }

    private static void ReachFrom(LocalSocket* socket, LocalSocket** toVisit)
    {
        for (LocalMessage* message = socket->FirstMessage; message != null; message = message->Next)
            for (int i = 0; message->Files != null && i < message->Files->Count; i++)
                Reach(LocalSocketFile.TryOf((*message->Files)[i]), toVisit);
    }

    private static void Reach(LocalSocket* socket, LocalSocket** toVisit)
    {
        if (socket == null || socket->IsReachable)
            return;
        socket->IsReachable = true;
        socket->NextToVisit = *toVisit;
        *toVisit = socket;
    }
}
