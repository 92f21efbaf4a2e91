using System;

namespace Guestos;

/// <summary>Local datagrams and sequenced packets: one send is one receive.</summary>
internal static unsafe class LocalDatagrams
{
    /// <summary>
    /// One more than this may wait in a queue, but for those of its own peer (net.unix.max_dgram_qlen).
    /// </summary>
    public const int MaxQueued = 10;

    /// <summary>What Linux keeps of the send buffer for itself.</summary>
    private const int Overhead = 32;

    /// <summary>
    /// Sends all bytes as one message: how many, or ENOTCONN, EMSGSIZE, EPIPE, ECONNREFUSED, EPERM (the receiver is
    /// connected to another), ENOBUFS, EFAULT, EAGAIN, EINTR.
    /// </summary>
    /// <param name="target">The caller holds it; null: the peer.</param>
    public static long Send(LocalSocket* socket, LocalSocket* target, ref VectoredTransfer from, ref LocalSending how)
    {
        bool sequenced = socket->Kind == LocalKind.Sequenced;
        if (sequenced && socket->State != LocalState.Connected)
            return Errno.ENOTCONN;
        if (target == null && socket->Peer == null)
            return Errno.ENOTCONN;
        if (from.Count + Overhead > (ulong)socket->SendBuffer)
            return Errno.EMSGSIZE;
        ulong deadline = LocalSocket.Deadline(socket->SendTimeout);
        long error = AwaitRoom(socket, how.Wait, deadline);
        if (error < 0)
            return error;
        int length = (int)from.Count;
        LocalMessage* message = LocalMessage.Create(length);
        if (message == null)
            return Errno.ENOBUFS;
        if (LocalMessage.TryFill(message, ref from))
            error = Deliver(socket, target, message, ref how, deadline);
        else
            error = Errno.EFAULT;
        if (error == 0)
            return length;
        LocalMessage.Free(message);
        return error;
    }

    private static long AwaitRoom(LocalSocket* socket, bool wait, ulong deadline)
    {
        while (true)
        {
            long error = LocalSocket.TakeError(socket);
            if (error == 0 && socket->SendShut)
                error = Errno.EPIPE;
            if (error < 0 || LocalSocket.HasRoom(socket))
                return error;
            if (!wait)
                return Errno.EAGAIN;
            error = LocalSocket.Wait(&socket->Queue, PollEvents.Writable, deadline);
            if (error < 0)
                return error;
        }
    }

    /// <summary>Waits for room in the receiver's queue, if told to, and puts the message there.</summary>
    private static long Deliver(LocalSocket* socket, LocalSocket* named, LocalMessage* message, ref LocalSending how,
        ulong deadline)
    {
        while (true)
        {
            LocalSocket* target = named != null ? named : socket->Peer;
            if (target == null)
                return Errno.ENOTCONN;
            if (target->Peer != null && target->Peer != socket)
                return Errno.EPERM;
            if (target->Closed)
                return Gone(socket, target);
            if (target->ReceiveShut)
                return Errno.EPIPE;
            if (target->Peer == socket || target->MessageCount <= MaxQueued)
            {
                Send(socket, target, message, ref how);
                return 0;
            }

            if (!how.Wait)
                return Errno.EAGAIN;
            target->References++;
            long error = LocalSocket.Wait(&target->Senders, PollEvents.All, deadline);
            LocalSocket.Release(target);
            if (error < 0)
                return error;
            if (socket->SendShut)
                return Errno.EPIPE;
        }
    }

    private static long Gone(LocalSocket* socket, LocalSocket* target)
    {
        if (socket->Kind == LocalKind.Sequenced)
            return Errno.EPIPE;
        if (socket->Peer == target)
            Disconnect(socket);
        return Errno.ECONNREFUSED;
    }

    /// <summary>Puts a message into a queue, with all that goes along.</summary>
    public static void Send(LocalSocket* socket, LocalSocket* target, LocalMessage* message, ref LocalSending how)
    {
        bool tells = how.NamesCredentials || socket->PassesCredentials || target->PassesCredentials
            || target->File == null;
        if (how.NamesCredentials)
            message->Credentials = how.Credentials;
        else
            message->Credentials = tells ? LocalCredentials.OfSender() : LocalCredentials.OfNobody;
        message->Files = how.Files;
        how.Files = null;
        LocalMessage.Charge(message, socket);
        LocalSocket.Append(target, message);
    }

    /// <summary>
    /// Receives one message, after waiting for it if told to: its length, or as much as there is room for.
    /// </summary>
    public static long Receive(LocalSocket* socket, ref VectoredTransfer to, ref LocalReceipt receipt)
    {
        bool sequenced = socket->Kind == LocalKind.Sequenced;
        if (sequenced && socket->State != LocalState.Connected)
            return Errno.ENOTCONN;
        ulong deadline = LocalSocket.Deadline(socket->ReceiveTimeout);
        while (true)
        {
            long error = LocalSocket.TakeError(socket);
            if (error < 0)
                return error;
            if (socket->FirstMessage != null)
                return ReceiveFirst(socket, ref to, ref receipt);
            if (socket->ReceiveShut && (receipt.Wait || sequenced))
                return 0;
            if (!receipt.Wait)
                return Errno.EAGAIN;
            error = LocalSocket.Wait(&socket->Queue, PollEvents.Readable, deadline);
            if (error < 0)
                return error;
        }
    }

    private static long ReceiveFirst(LocalSocket* socket, ref VectoredTransfer to, ref LocalReceipt receipt)
    {
        LocalMessage* message = socket->FirstMessage;
        int total = message->Total;
        int wanted = (int)Math.Min((ulong)total, to.Count);
        bool copied = true;
        int left = wanted;
        for (LocalMessage* piece = message; left > 0 && copied; piece = piece->Rest)
        {
            int step = Math.Min(left, piece->Length);
            copied = to.TryWrite(LocalMessage.BytesOf(piece).Slice(0, step));
            left -= step;
        }

        receipt.Truncated = wanted < total;
        receipt.NameSender(message);
        if (receipt.Peek)
            receipt.Files = message->Files != null ? PassedFiles.Copy(message->Files) : null;
        else
        {
            LocalSocket.TakeFirst(socket);
            PassedFiles.Received(message->Files);
            receipt.Files = message->Files;
            message->Files = null;
            LocalMessage.Free(message);
        }

        if (!copied)
            return Errno.EFAULT;
        return receipt.TellsLength ? total : wanted;
    }

    // ---- peers ----

    /// <summary>
    /// connect(2) of a datagram socket, and again: what others than the new peer have sent is dropped.
    /// </summary>
    public static long Connect(LocalSocket* socket, ref LocalAddress address)
    {
        long error = LocalNames.Find(ref address, socket->Kind, out LocalSocket* peer);
        if (error < 0)
            return error;
        if (peer->Peer != null && peer->Peer != socket)
        {
            LocalSocket.Release(peer);
            return Errno.EPERM;
        }

        if (peer == socket->Peer)
            LocalSocket.Release(peer);
        else
        {
            Disconnect(socket);
            socket->Peer = peer;
        }

        Readiness.Changed(&socket->Queue, PollEvents.All);
        return 0;
    }

    /// <summary>It has no peer any more; one that was connected to it is told that messages are lost.</summary>
    public static void Disconnect(LocalSocket* socket)
    {
        LocalSocket* peer = socket->Peer;
        if (peer == null)
            return;
        EndBlocked(socket);
        socket->Peer = null;
        if (socket->FirstMessage != null)
        {
            LocalSocket.DropMessages(socket);
            LocalSocket.RoomCame(socket);
            if (!peer->Closed && peer->Peer == socket)
            {
                peer->Error = Errno.ECONNRESET;
                Readiness.Changed(&peer->Queue, PollEvents.All);
            }
        }

        LocalSocket.Release(peer);
        Readiness.Changed(&socket->Queue, PollEvents.All);
    }

    /// <summary>
    /// The queue of its peer is full: then it is not writable, and is told when there is room
    /// (<see cref="LocalSocket.RoomCame"/>).
    /// </summary>
    public static bool IsBlocked(LocalSocket* socket)
    {
        LocalSocket* peer = socket->Peer;
        if (socket->Kind != LocalKind.Datagram || peer == null || peer->Peer == socket || peer->Closed
            || peer->MessageCount <= MaxQueued)
            return false;
        if (socket->FullPeer == peer)
            return true;
        socket->FullPeer = peer;
        socket->PreviousBlocked = null;
        socket->NextBlocked = peer->FirstBlocked;
        if (peer->FirstBlocked != null)
            peer->FirstBlocked->PreviousBlocked = socket;
        peer->FirstBlocked = socket;
        return true;
    }

    /// <summary>Undoes <see cref="IsBlocked"/>.</summary>
    public static void EndBlocked(LocalSocket* socket)
    {
        LocalSocket* peer = socket->FullPeer;
        if (peer == null)
            return;
        if (socket->PreviousBlocked != null)
            socket->PreviousBlocked->NextBlocked = socket->NextBlocked;
        else
            peer->FirstBlocked = socket->NextBlocked;
        if (socket->NextBlocked != null)
            socket->NextBlocked->PreviousBlocked = socket->PreviousBlocked;
        socket->FullPeer = null;
    }
}
