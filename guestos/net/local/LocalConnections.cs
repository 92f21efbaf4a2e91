namespace Guestos;

/// <summary>
/// How local sockets come to be connected: by connect(2) and accept(2), or as a pair. A connection is there as soon as
/// connect has returned; its accepting end waits for accept in the listener's queue.
/// </summary>
internal static unsafe class LocalConnections
{
    /// <summary>Connects two new ones to each other (socketpair(2)).</summary>
    public static void Join(LocalSocket* one, LocalSocket* other)
    {
        one->PeerCredentials = LocalCredentials.OfPeer();
        other->PeerCredentials = one->PeerCredentials;
        Meet(one, other);
    }

    private static void Meet(LocalSocket* one, LocalSocket* other)
    {
        one->References++;
        other->References++;
        one->Peer = other;
        other->Peer = one;
        LocalState state = one->Kind == LocalKind.Datagram ? LocalState.Unconnected : LocalState.Connected;
        one->State = state;
        other->State = state;
    }

    /// <summary>listen(2), and again with another length.</summary>
    public static long Listen(LocalSocket* socket, int backlog)
    {
        if (socket->Kind == LocalKind.Datagram)
            return Errno.EOPNOTSUPP;
        if (socket->Name == null || socket->State == LocalState.Connected)
            return Errno.EINVAL;
        bool isLonger = backlog > socket->Backlog;
        socket->State = LocalState.Listening;
        socket->Backlog = backlog;
        socket->PeerCredentials = LocalCredentials.OfPeer();
        if (isLonger)
            LocalSocket.RoomCame(socket);
        return 0;
    }

    /// <summary>
    /// connect(2) of a stream or of sequenced packets: 0, or EAGAIN when the backlog is full, EINTR, EISCONN, EINVAL,
    /// ECONNREFUSED, and what the name says.
    /// </summary>
    public static long Connect(LocalSocket* socket, ref LocalAddress address, bool wait)
    {
        ulong deadline = LocalSocket.Deadline(socket->SendTimeout);
        while (true)
        {
            long error = LocalNames.Find(ref address, socket->Kind, out LocalSocket* listener);
            if (error < 0)
                return error;
            error = MayConnect(socket, listener);
            if (error == 0)
                error = Connect(socket, listener);
            if (error == Errno.EAGAIN && wait)
                error = LocalSocket.Wait(&listener->Senders, PollEvents.All, deadline);
            else
                wait = false;
            LocalSocket.Release(listener);
            if (error < 0 || !wait)
                return error;
        }
    }

    private static long MayConnect(LocalSocket* socket, LocalSocket* listener)
    {
        if (listener->State != LocalState.Listening || listener->ReceiveShut)
            return Errno.ECONNREFUSED;
        if (listener->PendingCount > listener->Backlog)
            return Errno.EAGAIN;
        return socket->State switch
        {
            LocalState.Connected => Errno.EISCONN,
            LocalState.Listening => Errno.EINVAL,
            _ => 0,
        };
    }

    private static long Connect(LocalSocket* socket, LocalSocket* listener)
    {
        LocalSocket* accepting = LocalSocket.Create(socket->Kind);
        if (accepting == null)
            return Errno.ENFILE;
        accepting->Name = LocalName.Hold(listener->Name);
        accepting->PeerCredentials = LocalCredentials.OfPeer();
        socket->PeerCredentials = listener->PeerCredentials;
        Meet(socket, accepting);
        if (listener->LastPending != null)
            listener->LastPending->NextPending = accepting;
        else
            listener->FirstPending = accepting;
        listener->LastPending = accepting;
        listener->PendingCount++;
        Readiness.Changed(&listener->Queue, PollEvents.Readable);
        return 0;
    }

    /// <summary>
    /// Waits, if told to, until there is a connection to be accepted: 0, or EINVAL when it does not listen (any more),
    /// EAGAIN, EINTR.
    /// </summary>
    public static long Await(LocalSocket* listener, bool wait)
    {
        ulong deadline = LocalSocket.Deadline(listener->ReceiveTimeout);
        while (true)
        {
            if (listener->State != LocalState.Listening)
                return Errno.EINVAL;
            if (listener->FirstPending != null)
                return 0;
            if (listener->ReceiveShut)
                return Errno.EINVAL;
            if (!wait)
                return Errno.EAGAIN;
            long error = LocalSocket.Wait(&listener->Queue, PollEvents.Readable, deadline);
            if (error < 0)
                return error;
        }
    }

    /// <summary>The oldest connection that nobody has accepted yet; null: there is none.</summary>
    public static LocalSocket* Take(LocalSocket* listener)
    {
        LocalSocket* accepted = listener->FirstPending;
        if (accepted == null)
            return null;
        listener->FirstPending = accepted->NextPending;
        if (listener->FirstPending == null)
            listener->LastPending = null;
        accepted->NextPending = null;
        listener->PendingCount--;
        accepted->PassesCredentials = listener->PassesCredentials;
        LocalSocket.RoomCame(listener);
        return accepted;
    }

    /// <summary>shutdown(2): of a connection the other end knows it at once.</summary>
    public static void Shutdown(LocalSocket* socket, bool receive, bool send)
    {
        socket->ReceiveShut |= receive;
        socket->SendShut |= send;
        Readiness.Changed(&socket->Queue, PollEvents.All);
        LocalSocket.RoomCame(socket);
        LocalSocket* peer = socket->Kind != LocalKind.Datagram ? socket->Peer : null;
        if (peer == null)
            return;
        peer->ReceiveShut |= send;
        peer->SendShut |= receive;
        Readiness.Changed(&peer->Queue, PollEvents.All);
    }
}
