using System;

namespace Guestos;

/// <summary>
/// Bytes through local stream sockets. They stand in messages as they were sent, so that it is known which of them came
/// with descriptors and from whom; a read goes on from one message to the next.
/// </summary>
internal static unsafe class LocalStream
{
    /// <summary>Sends all bytes, waiting for room, or what there is room for now.</summary>
    public static long Send(LocalSocket* socket, ref VectoredTransfer from, ref LocalSending how)
    {
        if (socket->Peer == null)
            return Errno.ENOTCONN;
        ulong deadline = LocalSocket.Deadline(socket->SendTimeout);
        long sent = 0;
        do
        {
            if (IsBroken(socket))
            {
                if (sent == 0 && how.Signals)
                    Signals.Send(Process.Current, Signal.Pipe);
                return sent > 0 ? sent : Errno.EPIPE;
            }

            if (from.Count == 0)
                break;
            long result = how.Wait || LocalSocket.HasRoom(socket) ? 0 : Errno.EAGAIN;
            if (result == 0 && LocalSocket.HasRoom(socket))
                result = SendPiece(socket, ref from, ref how);
            else if (result == 0)
                result = LocalSocket.Wait(&socket->Queue, PollEvents.Writable, deadline);
            if (result < 0)
                return sent > 0 ? sent : result;
            sent += result;
        }
        while (from.Count > 0);
        return sent;
    }

    private static bool IsBroken(LocalSocket* socket) =>
        socket->SendShut || socket->Peer == null || socket->Peer->Closed || socket->Peer->ReceiveShut;

    private static long SendPiece(LocalSocket* socket, ref VectoredTransfer from, ref LocalSending how)
    {
        int length = (int)Math.Min(from.Count, (ulong)LocalMessage.Capacity);
        LocalMessage* message = LocalMessage.Create(length);
        if (message == null)
            return Errno.ENOBUFS;
        if (!LocalMessage.TryFill(message, ref from))
        {
            LocalMessage.Free(message);
            return Errno.EFAULT;
        }

        LocalDatagrams.Send(socket, socket->Peer, message, ref how);
        return length;
    }

    /// <summary>
    /// Receives what is there, after waiting for it if told to. 0 is the end of the stream, or nothing was asked for;
    /// that waits for something to be there, too, and takes the descriptors that came with it.
    /// </summary>
    public static long Receive(LocalSocket* socket, ref VectoredTransfer to, ref LocalReceipt receipt)
    {
        if (socket->State != LocalState.Connected)
            return Errno.EINVAL;
        ulong deadline = LocalSocket.Deadline(socket->ReceiveTimeout);
        long least = (long)Math.Min((ulong)socket->LeastToReceive, to.Count);
        long total = 0;
        while (true)
        {
            long result = receipt.Peek ? Peek(socket, ref to, ref receipt) : Take(socket, ref to, ref receipt);
            if (result < 0)
                return total > 0 ? total : result;
            total += result;
            bool isEnough = total > 0 && (receipt.Peek || !receipt.All && total >= least);
            bool isFull = to.Count == 0 && receipt.HasSender;
            if (socket->FirstMessage != null || isEnough || isFull || receipt.Files != null)
                return total;
            result = LocalSocket.TakeError(socket);
            if (result == 0 && socket->ReceiveShut)
                return total;
            if (result == 0)
                result = receipt.Wait
                    ? LocalSocket.Wait(&socket->Queue, PollEvents.Readable, deadline)
                    : Errno.EAGAIN;
            if (result < 0)
                return total > 0 ? total : result;
        }
    }

    /// <summary>
    /// Takes what is there, up to the first byte of another sender, where that matters, and not beyond bytes that came
    /// with descriptors. How much, or EFAULT when nothing could be taken.
    /// </summary>
    private static long Take(LocalSocket* socket, ref VectoredTransfer to, ref LocalReceipt receipt)
    {
        long taken = 0;
        while (socket->FirstMessage != null && GoesOn(socket, socket->FirstMessage, receipt))
        {
            LocalMessage* message = socket->FirstMessage;
            int step = StepOf(message, to.Count);
            if (!to.TryWrite(LocalMessage.BytesOf(message).Slice(message->Taken, step)))
                return taken > 0 ? taken : Errno.EFAULT;
            receipt.NameSender(message);
            taken += step;
            message->Taken += step;
            PassedFiles.Received(message->Files);
            receipt.Files = message->Files;
            message->Files = null;
            if (message->Taken == message->Length)
                LocalMessage.Free(LocalSocket.TakeFirst(socket));
            if (receipt.Files != null || to.Count == 0)
                break;
        }

        return taken;
    }

    private static long Peek(LocalSocket* socket, ref VectoredTransfer to, ref LocalReceipt receipt)
    {
        long seen = 0;
        for (LocalMessage* message = socket->FirstMessage; message != null; message = message->Next)
        {
            if (!GoesOn(socket, message, receipt))
                break;
            int step = StepOf(message, to.Count);
            if (!to.TryWrite(LocalMessage.BytesOf(message).Slice(message->Taken, step)))
                return seen > 0 ? seen : Errno.EFAULT;
            receipt.NameSender(message);
            seen += step;
            if (message->Files != null)
                receipt.Files = PassedFiles.Copy(message->Files);
            if (message->Files != null || to.Count == 0)
                break;
        }

        return seen;
    }

    private static int StepOf(LocalMessage* message, ulong room) =>
        (int)Math.Min((ulong)(message->Length - message->Taken), room);

    private static bool GoesOn(LocalSocket* socket, LocalMessage* message, in LocalReceipt receipt) =>
        !socket->PassesCredentials || !receipt.HasSender
            || LocalCredentials.AreSame(message->Credentials, receipt.Credentials);
}
