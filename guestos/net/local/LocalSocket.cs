namespace Guestos;

/// <summary>The numbers of socket(2).</summary>
internal enum LocalKind : byte
{
    Stream = 1,
    Datagram = 2,
    Sequenced = 5,
}

internal enum LocalState : byte
{
    Unconnected,
    Listening,

    /// <summary>Streams and sequenced packets; it stays so when the peer has gone.</summary>
    Connected,
}

/// <summary>
/// A socket of AF_UNIX (unix(7)). It lives while it is open, while another is connected to it, and while something that
/// it has sent has not been received.
/// </summary>
internal unsafe struct LocalSocket
{
    /// <summary>Linux's default of SO_SNDBUF and SO_RCVBUF (net.core.wmem_default).</summary>
    public const int DefaultBuffer = 212992;

    /// <summary>Neighbours among all of them.</summary>
    public LocalSocket* Next;
    public LocalSocket* Previous;

    /// <summary>Who points to it: its open file, peers, the messages that it has sent and nobody has read.</summary>
    public int References;
    public LocalKind Kind;
    public LocalState State;

    /// <summary>Its open file is gone.</summary>
    public bool Closed;

    /// <summary>shutdown(2), by itself or by the peer.</summary>
    public bool ReceiveShut;
    public bool SendShut;

    /// <summary>SO_PASSCRED.</summary>
    public bool PassesCredentials;

    /// <summary>
    /// SO_BROADCAST, SO_REUSEADDR, SO_KEEPALIVE, SO_NO_CHECK, SO_PRIORITY and SO_LINGER: kept and told, since they mean
    /// nothing here on Linux either.
    /// </summary>
    public bool Broadcasts;
    public bool ReusesAddress;
    public bool KeepsAlive;
    public bool HasNoChecksum;
    public bool Lingers;
    public int LingerSeconds;
    public int Priority;

    /// <summary>SO_RCVLOWAT of a stream: how many bytes a receive waits for, 1 or more.</summary>
    public int LeastToReceive;

    /// <summary>Told once, by SO_ERROR or by a call: −errno or 0.</summary>
    public long Error;

    /// <summary>SO_SNDBUF, SO_RCVBUF (told, and nothing more), and what of the first is taken.</summary>
    public int SendBuffer;
    public int ReceiveBuffer;
    public int BytesInFlight;

    /// <summary>SO_RCVTIMEO and SO_SNDTIMEO in nanoseconds, 0 for none.</summary>
    public ulong ReceiveTimeout;
    public ulong SendTimeout;

    /// <summary>Null until it is accepted, and when it has been closed.</summary>
    public File* File;

    /// <summary>Whom it sends to, referenced; of a socket that has been closed null.</summary>
    public LocalSocket* Peer;

    /// <summary>Referenced; null: bound to none.</summary>
    public LocalName* Name;

    /// <summary>SO_PEERCRED.</summary>
    public LocalCredentials PeerCredentials;

    /// <summary>Who waits for something to read or accept, for room in its send buffer, or for a change.</summary>
    public WaitQueue Queue;

    /// <summary>What has been sent to it, the oldest first.</summary>
    public LocalMessage* FirstMessage;
    public LocalMessage* LastMessage;
    public int MessageCount;

    /// <summary>Of a listener: the accepting ends of connections that nobody has accepted yet.</summary>
    public LocalSocket* FirstPending;
    public LocalSocket* LastPending;
    public LocalSocket* NextPending;
    public int PendingCount;
    public int Backlog;

    /// <summary>Others that wait for room in its queue, or in its backlog.</summary>
    public WaitQueue Senders;

    /// <summary>
    /// Sockets that found this one's queue full when they were polled, and are told when it is not: the first, and its
    /// neighbours among those of <see cref="FullPeer"/>.
    /// </summary>
    public LocalSocket* FirstBlocked;
    public LocalSocket* FullPeer;
    public LocalSocket* NextBlocked;
    public LocalSocket* PreviousBlocked;

    /// <summary>How often its open file is on its way in a message (<see cref="LocalCollector"/>).</summary>
    public int Passes;
    public bool IsReachable;
    public LocalSocket* NextToVisit;

    /// <summary>All of them, the newest first, and how many.</summary>
    public static LocalSocket* First;
    private static int s_count;

    /// <summary>
    /// Twice as many as there may be open files, as on Linux: connections that nobody has accepted are none. The last
    /// of them are the superuser's.
    /// </summary>
    private static int MaxSockets => 2 * Files.Capacity - (FileRights.IsSuperuser ? 0 : Files.Reserve);

    /// <summary>A new one with one reference; null, ENFILE: there are too many, or no memory.</summary>
    public static LocalSocket* Create(LocalKind kind)
    {
        if (s_count >= MaxSockets)
            return null;
        LocalSocket* socket = Objects.Allocate<LocalSocket>();
        if (socket == null)
            return null;
        socket->References = 1;
        socket->Kind = kind;
        socket->SendBuffer = DefaultBuffer;
        socket->ReceiveBuffer = DefaultBuffer;
        socket->LeastToReceive = 1;
        socket->Backlog = LocalDatagrams.MaxQueued;
        socket->PeerCredentials = LocalCredentials.Unknown;
        socket->Next = First;
        if (First != null)
            First->Previous = socket;
        First = socket;
        s_count++;
        return socket;
    }

    /// <summary>Gives one reference up. Null is nothing.</summary>
    public static void Release(LocalSocket* socket)
    {
        if (socket == null)
            return;
        socket->References--;
        if (socket->References > 0)
            return;
        if (socket->Previous != null)
            socket->Previous->Next = socket->Next;
        else
            First = socket->Next;
        if (socket->Next != null)
            socket->Next->Previous = socket->Previous;
        s_count--;
        LocalName.Release(socket->Name);
        Objects.Free(socket);
    }

    /// <summary>
    /// Nobody has it open any more: it loses its name and what it has not read, its peer is told, and the reference of
    /// its open file is given up.
    /// </summary>
    /// <param name="refused">It was never accepted.</param>
    public static void Close(LocalSocket* socket, bool refused = false)
    {
        socket->Closed = true;
        socket->File = null;
        LocalNames.Remove(socket);
        LocalSocket* peer = socket->Peer;
        socket->Peer = null;
        if (peer != null && socket->Kind != LocalKind.Datagram)
        {
            if (refused || socket->FirstMessage != null)
                peer->Error = Errno.ECONNRESET;
            peer->SendShut = true;
            peer->ReceiveShut = true;
            Readiness.Changed(&peer->Queue, PollEvents.All);
        }

        LocalDatagrams.EndBlocked(socket);
        DropMessages(socket);
        for (LocalSocket* pending = LocalConnections.Take(socket); pending != null;)
        {
            Close(pending, refused: true);
            Preemption.Point();
            pending = LocalConnections.Take(socket);
        }

        RoomCame(socket);
        Release(peer);
        Release(socket);
        LocalCollector.Closed();
    }

    public static void Append(LocalSocket* socket, LocalMessage* message)
    {
        if (socket->LastMessage != null)
            socket->LastMessage->Next = message;
        else
            socket->FirstMessage = message;
        socket->LastMessage = message;
        socket->MessageCount++;
        PassedFiles.Sent(message->Files);
        Readiness.Changed(&socket->Queue, PollEvents.Readable);
    }

    /// <summary>Takes the oldest message out of the queue.</summary>
    public static LocalMessage* TakeFirst(LocalSocket* socket)
    {
        LocalMessage* message = socket->FirstMessage;
        socket->FirstMessage = message->Next;
        if (socket->FirstMessage == null)
            socket->LastMessage = null;
        message->Next = null;
        socket->MessageCount--;
        if (socket->MessageCount == socket->Backlog)
            RoomCame(socket);
        return message;
    }

    /// <summary>Gives way.</summary>
    public static void DropMessages(LocalSocket* socket)
    {
        while (socket->FirstMessage != null)
        {
            LocalMessage* message = TakeFirst(socket);
            PassedFiles.Received(message->Files);
            LocalMessage.Free(message);
            Preemption.Point();
        }
    }

    /// <summary>Those who wait for room in its queue or its backlog look again.</summary>
    public static void RoomCame(LocalSocket* socket)
    {
        Scheduler.Wake(&socket->Senders);
        while (socket->FirstBlocked != null)
        {
            LocalSocket* blocked = socket->FirstBlocked;
            LocalDatagrams.EndBlocked(blocked);
            Readiness.Changed(&blocked->Queue, PollEvents.Writable | PollEvents.WriteBand);
        }
    }

    /// <summary>poll(2) says so: of the send buffer at least three quarters are free, as on Linux.</summary>
    public static bool IsWritable(LocalSocket* socket) =>
        socket->State != LocalState.Listening && (long)socket->BytesInFlight * 4 <= socket->SendBuffer;

    /// <summary>A further message may be sent now.</summary>
    public static bool HasRoom(LocalSocket* socket) =>
        socket->BytesInFlight == 0 || socket->BytesInFlight < socket->SendBuffer && LocalMessage.IsWithinBudget;

    public static long TakeError(LocalSocket* socket)
    {
        long error = socket->Error;
        socket->Error = 0;
        return error;
    }

    public static ulong Deadline(ulong timeout) => timeout == 0 ? ulong.MaxValue : Clock.Monotonic + timeout;

    /// <summary>0, or EAGAIN at the deadline, EINTR.</summary>
    public static long Wait(WaitQueue* queue, uint events, ulong deadline) =>
        Readiness.Wait(queue, events, deadline) switch
        {
            WaitResult.Woken => 0,
            WaitResult.TimedOut => Errno.EAGAIN,
            _ => Signals.Interrupted(deadline),
        };

    public static uint Poll(LocalSocket* socket)
    {
        uint events = socket->Error != 0 ? PollEvents.Error : 0;
        if (socket->ReceiveShut)
            events |= PollEvents.PeerClosed | PollEvents.Readable;
        if (socket->ReceiveShut && socket->SendShut)
            events |= PollEvents.HangUp;
        if (socket->FirstMessage != null || socket->FirstPending != null)
            events |= PollEvents.Readable;
        if (socket->Kind != LocalKind.Datagram && socket->State == LocalState.Unconnected)
            events |= PollEvents.HangUp;
        if (IsWritable(socket) && !LocalDatagrams.IsBlocked(socket))
            events |= PollEvents.Writable | PollEvents.WriteBand;
        return events;
    }
}
