using System;

namespace Guestos;

/// <summary>A message of a queue: its type, and text in pieces of a page at most.</summary>
internal unsafe struct QueuedMessage
{
    public const int MaxPieces = 2;
    public const int PieceSize = 4096;

    public QueuedMessage* Next;
    public long Type;
    public int Length;
    public fixed ulong Pieces[MaxPieces];
}

/// <summary>A queue of msgget(2).</summary>
public unsafe struct MessageQueue
{
    internal IpcObject Common;
    internal QueuedMessage* First;
    internal QueuedMessage* Last;
    internal ulong Bytes;
    internal ulong Count;

    /// <summary>msg_qbytes.</summary>
    internal ulong MaxBytes;
    internal int LastSender;
    internal int LastReceiver;
    internal ulong SendTime;
    internal ulong ReceiveTime;

    /// <summary>Sleepers wait for <see cref="MessageQueues.Arrived"/> or <see cref="MessageQueues.Left"/>.</summary>
    internal WaitQueue Changed;
}

/// <summary>
/// Message queues of System V (msgop(2)). A message is copied from and to its process's memory in one go. Calls sleep
/// where they say so, and hold the queue meanwhile.
/// </summary>
public static unsafe class MessageQueues
{
    // Limits of Linux (include/uapi/linux/msg.h).
    public const int MaxQueues = 32000;
    public const ulong MaxMessage = QueuedMessage.MaxPieces * QueuedMessage.PieceSize;
    public const ulong MaxBytes = 16384;

    /// <summary>Events of a queue: a message has come, one has gone.</summary>
    internal const uint Arrived = 1;
    internal const uint Left = 2;

    // Flags of msgsnd(2) and msgrcv(2).
    private const uint NoWait = 0x800;
    private const uint NoError = 0x1000;
    private const uint Except = 0x2000;
    private const uint CopyOnly = 0x4000;

    internal static IpcTable Table;

    /// <summary>Of all queues: bytes and messages (MSG_INFO).</summary>
    public static ulong TotalBytes;
    public static ulong TotalCount;

    /// <summary>msgget(2): an id, or -errno.</summary>
    public static long Get(int key, uint flags)
    {
        long error = Table.Get(key, flags, out IpcObject* found);
        if (error < 0 || found != null)
            return error < 0 ? error : found->Id;
        if (Table.Count >= MaxQueues)
            return Errno.ENOSPC;
        MessageQueue* queue = Objects.Allocate<MessageQueue>();
        if (queue == null)
            return Errno.ENOMEM;
        error = Table.Add(&queue->Common, key, flags);
        if (error < 0)
        {
            Objects.Free(queue);
            return error;
        }
        queue->MaxBytes = MaxBytes;
        return queue->Common.Id;
    }

    public static MessageQueue* Find(int id) => (MessageQueue*)Table.Find(id);

    /// <summary>IPC_RMID: who waits gets EIDRM.</summary>
    public static void Remove(MessageQueue* queue)
    {
        Table.Remove(&queue->Common);
        Scheduler.Wake(&queue->Changed);
        if (queue->Common.References == 0)
            Free(queue);
    }

    private static void Free(MessageQueue* queue)
    {
        while (queue->First != null)
            Free(Take(queue, &queue->First, null));
        Objects.Free(queue);
    }

    /// <summary>msg_qbytes; whoever waits for room looks again.</summary>
    public static void SetMaxBytes(MessageQueue* queue, ulong bytes)
    {
        queue->MaxBytes = bytes;
        Scheduler.Wake(&queue->Changed, Left);
    }

    private static void LetGo(MessageQueue* queue)
    {
        queue->Common.References--;
        if (queue->Common.References == 0 && queue->Common.IsRemoved)
            Free(queue);
    }

    /// <summary>Sleeps until an event of the queue: 0, EINTR, or EIDRM when it is gone.</summary>
    private static long Await(MessageQueue* queue, uint events)
    {
        queue->Common.References++;
        WaitResult result = Scheduler.Sleep(&queue->Changed, ulong.MaxValue, events);
        bool isRemoved = queue->Common.IsRemoved;
        LetGo(queue);
        if (isRemoved)
            return Errno.EIDRM;
        return result == WaitResult.Interrupted ? Errno.EINTR : 0;
    }

    /// <summary>msgsnd(2).</summary>
    public static long Send(int id, long type, UserRange text, uint flags)
    {
        if (text.Length > MaxMessage || id < 0 || type < 1)
            return Errno.EINVAL;
        long error = Make(type, text, out QueuedMessage* message);
        while (error == 0)
        {
            MessageQueue* queue = Find(id);
            error = queue == null ? Errno.EINVAL : queue->Common.Check(IpcObject.Writes);
            if (error < 0)
                break;
            if (text.Length + queue->Bytes <= queue->MaxBytes && queue->Count + 1 <= queue->MaxBytes)
            {
                Append(queue, message);
                return 0;
            }
            error = (flags & NoWait) != 0 ? Errno.EAGAIN : Await(queue, Left);
        }
        Free(message);
        return error;
    }

    private static void Append(MessageQueue* queue, QueuedMessage* message)
    {
        if (queue->Last != null)
            queue->Last->Next = message;
        else
            queue->First = message;
        queue->Last = message;
        queue->Bytes += (ulong)message->Length;
        queue->Count++;
        queue->LastSender = Process.Current->Id;
        queue->SendTime = IpcObject.Now;
        TotalBytes += (ulong)message->Length;
        TotalCount++;
        Scheduler.Wake(&queue->Changed, Arrived);
    }

    /// <summary>What memory keeps for programs is not used for messages.</summary>
    private static long Make(long type, UserRange text, out QueuedMessage* message)
    {
        message = Frames.Free > Frames.UserFloor ? Objects.Allocate<QueuedMessage>() : null;
        if (message == null)
            return Errno.ENOMEM;
        message->Type = type;
        message->Length = (int)text.Length;
        for (int done = 0; done < message->Length; done += QueuedMessage.PieceSize)
        {
            int piece = Math.Min(message->Length - done, QueuedMessage.PieceSize);
            var at = (byte*)Objects.Allocate(piece);
            if (at == null)
                return Errno.ENOMEM;
            message->Pieces[done / QueuedMessage.PieceSize] = (ulong)at;
            // SAFETY: the piece has just been allocated with this length.
            if (!text.From((ulong)done).To((ulong)piece).TryRead(new Span<byte>(at, piece)))
                return Errno.EFAULT;
        }
        return 0;
    }

    private static void Free(QueuedMessage* message)
    {
        if (message == null)
            return;
        for (int i = 0; i < QueuedMessage.MaxPieces; i++)
            if (message->Pieces[i] != 0)
                Objects.Free((void*)message->Pieces[i],
                    Math.Min(message->Length - i * QueuedMessage.PieceSize, QueuedMessage.PieceSize));
        Objects.Free(message);
    }

    /// <summary>
    /// Takes a message out. <paramref name="before"/> is the one that leads to it; null for the first.
    /// </summary>
    private static QueuedMessage* Take(MessageQueue* queue, QueuedMessage** link, QueuedMessage* before)
    {
        QueuedMessage* taken = *link;
        *link = taken->Next;
        if (queue->Last == taken)
            queue->Last = before;
        queue->Bytes -= (ulong)taken->Length;
        queue->Count--;
        TotalBytes -= (ulong)taken->Length;
        TotalCount--;
        return taken;
    }

    /// <summary>msgrcv(2): the type goes before the text. The text's length, or -errno.</summary>
    public static long Receive(int id, UserPointer<long> to, ulong size, long type, uint flags)
    {
        bool copies = (flags & CopyOnly) != 0;
        if ((long)size < 0 || id < 0 || copies && (flags & (Except | NoWait)) != NoWait)
            return Errno.EINVAL;
        while (true)
        {
            MessageQueue* queue = Find(id);
            long error = queue == null ? Errno.EINVAL : queue->Common.Check(IpcObject.Reads);
            if (error < 0)
                return error;
            QueuedMessage* before = null;
            QueuedMessage** link = copies
                ? Numbered(queue, type)
                : Search(queue, type, (flags & Except) != 0, out before);
            if (*link != null)
                return Deliver(queue, link, before, to, size, flags);
            if ((flags & NoWait) != 0)
                return Errno.ENOMSG;
            error = Await(queue, Arrived);
            if (error < 0)
                return error;
        }
    }

    private static long Deliver(MessageQueue* queue, QueuedMessage** link, QueuedMessage* before,
        UserPointer<long> to, ulong size, uint flags)
    {
        QueuedMessage* message = *link;
        if (size < (ulong)message->Length && (flags & NoError) == 0)
            return Errno.E2BIG;
        bool copies = (flags & CopyOnly) != 0;
        if (!copies)
        {
            Take(queue, link, before);
            queue->LastReceiver = Process.Current->Id;
            queue->ReceiveTime = IpcObject.Now;
            Scheduler.Wake(&queue->Changed, Left);
        }
        var length = (int)Math.Min(size, (ulong)message->Length);
        bool told = to.TryPut(message->Type);
        UserPointer<byte> text = to.Address + sizeof(long);
        for (int done = 0; told && done < length; done += QueuedMessage.PieceSize)
        {
            int piece = Math.Min(length - done, QueuedMessage.PieceSize);
            var at = (byte*)message->Pieces[done / QueuedMessage.PieceSize];
            // SAFETY: pieces are as long as the message's length says.
            told = text.At((ulong)done).TryPutAll(new ReadOnlySpan<byte>(at, piece));
        }
        if (!copies)
            Free(message);
        return told ? length : Errno.EFAULT;
    }

    /// <summary>MSG_COPY: the type is a place, from 0.</summary>
    private static QueuedMessage** Numbered(MessageQueue* queue, long place)
    {
        QueuedMessage** link = &queue->First;
        for (; *link != null && place != 0; place--)
            link = &(*link)->Next;
        return link;
    }

    /// <summary>The link to the first message that a type asks for, or one that leads nowhere.</summary>
    private static QueuedMessage** Search(MessageQueue* queue, long type, bool except, out QueuedMessage* before)
    {
        before = null;
        QueuedMessage* previous = null;
        QueuedMessage** found = null;
        QueuedMessage** link = &queue->First;
        long lowest = type == long.MinValue ? long.MaxValue : -type;
        for (; *link != null; link = &(*link)->Next)
        {
            long own = (*link)->Type;
            if (type < 0 && own <= lowest)
            {
                // The lowest of those that are low enough, the first of them.
                found = link;
                before = previous;
                lowest = own - 1;
            }
            else if (type == 0 || type > 0 && own == type != except)
            {
                before = previous;
                return link;
            }
            previous = *link;
        }
        return found != null ? found : link;
    }
}
