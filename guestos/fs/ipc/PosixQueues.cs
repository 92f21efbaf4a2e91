using System;

namespace Guestos;

/// <summary>A message of a queue of mq_open(3); its text is behind it.</summary>
internal unsafe struct PosixMessage
{
    public PosixMessage* Next;
    public uint Priority;
    public int Length;

    public static Span<byte> TextOf(PosixMessage* message) => new(message + 1, message->Length);
}

/// <summary>A queue of mq_open(3). It lives while it has a name or an open file.</summary>
public unsafe struct PosixQueue
{
    internal PosixQueue* Next;

    /// <summary>Owner, permissions and times.</summary>
    internal Inode* Inode;

    /// <summary>By priority, of one priority the oldest first.</summary>
    internal PosixMessage* First;

    /// <summary>mq_curmsgs, mq_maxmsg, mq_msgsize.</summary>
    public uint Count;
    public uint MaxCount;
    public uint MaxSize;

    internal int Files;
    internal bool IsNamed;

    /// <summary>Who sleep for a message: then none is told of it.</summary>
    internal int Receivers;
    internal WaitQueue Changed;

    /// <summary>mq_notify(3): the process with this id and start is told of a message once; 0: nobody.</summary>
    internal int ToldId;
    internal ulong ToldStart;
    internal Signal ToldSignal;
    internal ulong ToldValue;
    internal int NameLength;
    internal fixed byte Name[PosixQueues.MaxName];
}

/// <summary>
/// Message queues of POSIX (mq_overview(7)), as open files. Calls sleep where they say so; who calls holds the file.
/// </summary>
public static unsafe class PosixQueues
{
    public const int MaxName = 255;

    // Limits and defaults of Linux (include/linux/ipc_namespace.h).
    private const int MaxQueues = 256;
    private const uint DefaultCount = 10;
    private const uint DefaultSize = 8192;
    private const uint HardCount = 65536;
    private const uint HardSize = 16 << 20;

    /// <summary>RLIMIT_MSGQUEUE: what the queues of a user may hold when they are full.</summary>
    private const ulong MaxBytes = 819200;

    /// <summary>si_code of the signal of mq_notify(3).</summary>
    private const int MessageArrived = -3;

    private static FileOperations s_operations;
    private static PosixQueue* s_first;
    private static int s_count;

    private static FileOperations* Operations => FileOperations.At(ref s_operations);

    /// <summary>At boot.</summary>
    public static void Register() => s_operations = new FileOperations
    {
        Release = &Release,
        Poll = &Poll,
        QueueOf = &QueueOf,
    };

    public static bool Is(File* file) => file->Operations == Operations;

    public static PosixQueue* Of(File* file) => (PosixQueue*)file->Object;

    private static uint Poll(File* file)
    {
        PosixQueue* queue = Of(file);
        uint events = queue->Count > 0 ? PollEvents.Readable : 0;
        return queue->Count < queue->MaxCount ? events | PollEvents.Writable : events;
    }

    private static WaitQueue* QueueOf(File* file) => &Of(file)->Changed;

    private static void Release(File* file)
    {
        PosixQueue* queue = Of(file);
        queue->Files--;
        FreeIfUnused(queue);
    }

    private static void FreeIfUnused(PosixQueue* queue)
    {
        if (queue->IsNamed || queue->Files > 0)
            return;
        while (queue->First != null)
            Free(TakeFirst(queue));
        Vfs.Release(queue->Inode);
        Objects.Free(queue);
    }

    private static PosixQueue* Find(ReadOnlySpan<byte> name)
    {
        PosixQueue* queue = s_first;
        while (queue != null && !new ReadOnlySpan<byte>(queue->Name, queue->NameLength).SequenceEqual(name))
            queue = queue->Next;
        return queue;
    }

    /// <summary>
    /// mq_open(3): an open file, or -errno. Mode and limits count when the queue is made; limits of 0: as usual.
    /// </summary>
    public static long Open(ReadOnlySpan<byte> name, uint flags, uint mode, long count, long size, out File* file)
    {
        file = null;
        PosixQueue* queue = Find(name);
        bool isMade = queue == null;
        if (isMade && (flags & OpenFlags.CREAT) == 0)
            return Errno.ENOENT;
        if (!isMade && (flags & (OpenFlags.CREAT | OpenFlags.EXCL)) == (OpenFlags.CREAT | OpenFlags.EXCL))
            return Errno.EEXIST;
        if (!isMade && (flags & OpenFlags.ACCMODE) == OpenFlags.ACCMODE)
            return Errno.EINVAL;
        long error = isMade
            ? Make(name, mode, count, size, out queue)
            : FileRights.Check(queue->Inode, RightsOf(flags));
        if (error < 0)
            return error;
        file = Files.Allocate(Operations, flags & (OpenFlags.ACCMODE | OpenFlags.NONBLOCK));
        if (file == null)
        {
            if (isMade)
                Unlink(queue);
            return Errno.ENFILE;
        }

        queue->Files++;
        file->Object = queue;
        file->Inode = Vfs.Hold(queue->Inode);
        return 0;
    }

    private static uint RightsOf(uint flags) => (flags & OpenFlags.ACCMODE) switch
    {
        OpenFlags.RDONLY => FileRights.Read,
        OpenFlags.WRONLY => FileRights.Write,
        _ => FileRights.Read | FileRights.Write,
    };

    private static long Make(ReadOnlySpan<byte> name, uint mode, long count, long size, out PosixQueue* queue)
    {
        queue = null;
        bool isPrivileged = Permissions.Has(Capability.SYS_RESOURCE);
        if (s_count >= MaxQueues && !isPrivileged)
            return Errno.ENOSPC;
        uint mostCount = isPrivileged ? HardCount : DefaultCount;
        uint mostSize = isPrivileged ? HardSize : DefaultSize;
        if (count > mostCount || size > mostSize || count < 0 || size < 0)
            return Errno.EINVAL;
        count = count == 0 ? DefaultCount : count;
        size = size == 0 ? DefaultSize : size;
        if (!isPrivileged && BytesOfUser() + (ulong)(count * size) > MaxBytes)
            return Errno.EMFILE;
        queue = Objects.Allocate<PosixQueue>();
        if (queue == null)
            return Errno.ENOMEM;
        queue->Inode = Vfs.NewInode(InodeType.REG, mode, Vfs.AnonymousVolume);
        if (queue->Inode == null)
        {
            Objects.Free(queue);
            return Errno.ENOSPC;
        }

        queue->MaxCount = (uint)count;
        queue->MaxSize = (uint)size;
        queue->NameLength = name.Length;
        name.CopyTo(new Span<byte>(queue->Name, MaxName));
        queue->IsNamed = true;
        queue->Next = s_first;
        s_first = queue;
        s_count++;
        return 0;
    }

    private static ulong BytesOfUser()
    {
        ulong bytes = 0;
        for (PosixQueue* queue = s_first; queue != null; queue = queue->Next)
            if (queue->Inode->UserId == FileRights.CurrentUser)
                bytes += (ulong)queue->MaxCount * queue->MaxSize;
        return bytes;
    }

    /// <summary>mq_unlink(3): 0, ENOENT, or EPERM, since the queues are in a directory with a sticky bit.</summary>
    public static long Unlink(ReadOnlySpan<byte> name)
    {
        PosixQueue* queue = Find(name);
        if (queue == null)
            return Errno.ENOENT;
        if (!FileRights.Owns(queue->Inode))
            return Errno.EPERM;
        Unlink(queue);
        return 0;
    }

    private static void Unlink(PosixQueue* queue)
    {
        if (s_first == queue)
        {
            s_first = queue->Next;
        }
        else
        {
            PosixQueue* before = s_first;
            while (before->Next != queue)
                before = before->Next;
            before->Next = queue->Next;
        }

        s_count--;
        queue->IsNamed = false;
        FreeIfUnused(queue);
    }

    /// <summary>mq_timedsend(3): 0, EAGAIN, ETIMEDOUT, EINTR, EFAULT, ENOMEM. May sleep.</summary>
    public static long Send(File* file, UserRange text, uint priority, ulong deadline)
    {
        PosixQueue* queue = Of(file);
        while (queue->Count >= queue->MaxCount)
        {
            long error = Await(file, PollEvents.Out, deadline);
            if (error < 0)
                return error;
        }

        var message = (PosixMessage*)IpcMemory.Allocate(sizeof(PosixMessage) + (int)text.Length);
        if (message == null)
            return Errno.ENOMEM;
        message->Priority = priority;
        message->Length = (int)text.Length;
        if (!text.TryRead(PosixMessage.TextOf(message)))
        {
            Free(message);
            return Errno.EFAULT;
        }

        PosixMessage** link = &queue->First;
        while (*link != null && (*link)->Priority >= priority)
            link = &(*link)->Next;
        message->Next = *link;
        *link = message;
        queue->Count++;
        if (queue->Count == 1 && queue->Receivers == 0)
            Tell(queue);
        Readiness.Changed(&queue->Changed, PollEvents.Readable);
        return 0;
    }

    /// <summary>mq_timedreceive(3): the length of the message, or as <see cref="Send"/>. May sleep.</summary>
    public static long Receive(File* file, UserRange to, UserPointer<uint> priority, ulong deadline)
    {
        PosixQueue* queue = Of(file);
        while (queue->Count == 0)
        {
            queue->Receivers++;
            long error = Await(file, PollEvents.In, deadline);
            queue->Receivers--;
            if (error < 0)
                return error;
        }

        PosixMessage* message = TakeFirst(queue);
        Readiness.Changed(&queue->Changed, PollEvents.Writable);
        bool isPut = to.To((ulong)message->Length).TryWrite(PosixMessage.TextOf(message))
            && priority.TryPutIfAsked(message->Priority);
        long length = message->Length;
        Free(message);
        return isPut ? length : Errno.EFAULT;
    }

    private static long Await(File* file, uint events, ulong deadline)
    {
        if (file->NonBlocking)
            return Errno.EAGAIN;
        return Readiness.Wait(&Of(file)->Changed, events, deadline) switch
        {
            WaitResult.Interrupted => Errno.EINTR,
            WaitResult.TimedOut => Errno.ETIMEDOUT,
            _ => 0,
        };
    }

    private static PosixMessage* TakeFirst(PosixQueue* queue)
    {
        PosixMessage* message = queue->First;
        queue->First = message->Next;
        queue->Count--;
        return message;
    }

    private static void Free(PosixMessage* message) =>
        IpcMemory.Free(message, sizeof(PosixMessage) + message->Length);

    private static void Tell(PosixQueue* queue)
    {
        Process* told = ToldOf(queue);
        queue->ToldId = 0;
        if (told == null || queue->ToldSignal.IsNone)
            return;
        var information = SignalInformation.About(Process.Current, MessageArrived, queue->ToldValue);
        Signals.Send(told, queue->ToldSignal, information);
    }

    private static Process* ToldOf(PosixQueue* queue)
    {
        Process* process = queue->ToldId != 0 ? ProcessTable.Find(queue->ToldId) : null;
        return process != null && process->StartTime == queue->ToldStart ? process : null;
    }

    /// <summary>mq_notify(3) of the current process: 0, or EBUSY. A signal that is none: nothing is sent.</summary>
    public static long Notify(File* file, Signal signal, ulong value)
    {
        PosixQueue* queue = Of(file);
        if (ToldOf(queue) != null)
            return Errno.EBUSY;
        queue->ToldId = Process.Current->Id;
        queue->ToldStart = Process.Current->StartTime;
        queue->ToldSignal = signal;
        queue->ToldValue = value;
        return 0;
    }

    /// <summary>The current process, if it was to be told, is not any more.</summary>
    public static void StopNotifying(File* file)
    {
        PosixQueue* queue = Of(file);
        if (ToldOf(queue) == Process.Current)
            queue->ToldId = 0;
    }
}
