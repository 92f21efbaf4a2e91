using System;

namespace Guestos;

/// <summary>Pipes and FIFOs as open files.</summary>
public static unsafe class PipeFile
{
    private static FileOperations s_operations;

    public static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Traits = FileTraits.Stream | FileTraits.Numbered,
        Name = &Name,
        Open = &Open,
        Release = &Release,
        Read = &Read,
        Write = &Write,
        Poll = &Poll,
        QueueOf = &QueueOf,
        Ioctl = &Ioctl,
    };

    public static bool Is(File* file) => file->Operations == Operations;

    private static ReadOnlySpan<byte> Name() => "pipe"u8;

    private static Pipe* Of(File* file) => (Pipe*)file->Object;

    /// <summary>F_GETPIPE_SZ: bytes.</summary>
    public static ulong CapacityOf(File* file) => Of(file)->Capacity;

    /// <summary>F_SETPIPE_SZ: how many bytes there is room for now. EBUSY, EPERM, ENOMEM.</summary>
    public static long SetCapacity(File* file, ulong wanted)
    {
        Pipe* pipe = Of(file);
        bool hadRoom = HasRoom(pipe);
        long capacity = pipe->SetCapacity(wanted);
        if (capacity > 0 && !hadRoom && HasRoom(pipe))
            Readiness.Changed(&pipe->Queue, PollEvents.Writable | PollEvents.Moved);
        return capacity;
    }

    /// <summary>pipe2(2): two open files of a new pipe. ENFILE, ENOMEM.</summary>
    public static long Create(uint flags, out File* reader, out File* writer)
    {
        reader = null;
        writer = null;
        Inode* inode = Vfs.NewInode(InodeType.FIFO, 0x180, Vfs.AnonymousVolume);
        Pipe* pipe = inode != null ? Pipe.Create() : null;
        if (pipe == null)
        {
            Vfs.Release(inode);
            return Errno.ENOMEM;
        }

        inode->Operations = MemoryFileSystem.Nameless;
        inode->Pipe = pipe;
        reader = Files.Allocate(Operations, flags & OpenFlags.NONBLOCK | OpenFlags.RDONLY);
        writer = Files.Allocate(Operations, flags & OpenFlags.NONBLOCK | OpenFlags.WRONLY);
        if (reader == null || writer == null)
        {
            Files.Forget(reader);
            Files.Forget(writer);
            Pipe.Free(pipe);
            Vfs.Release(inode);
            return Errno.ENFILE;
        }

        reader->Inode = Vfs.Hold(inode);
        writer->Inode = inode;
        Attach(reader);
        Attach(writer);
        return 0;
    }

    /// <summary>
    /// open(2) of a FIFO: waits for the other side (fifo(7)). ENXIO, EINTR, ENOMEM, and EINVAL for access mode 3, which
    /// neither reads nor writes and would hold no pipe; then the file is not attached. A pipe without a name, opened
    /// once more by way of /proc, has had both sides: nobody waits.
    /// </summary>
    private static long Open(File* file)
    {
        Inode* inode = file->Inode;
        bool reads = file->MayRead;
        bool writes = file->MayWrite;
        if (!reads && !writes)
            return Errno.EINVAL;
        bool named = !inode->IsNameless;
        if (inode->Pipe == null)
            inode->Pipe = Pipe.Create();
        if (inode->Pipe == null)
            return Errno.ENOMEM;
        if (named && writes && !reads && file->NonBlocking && inode->Pipe->Readers == 0)
        {
            if (inode->Pipe->Writers == 0)
                Discard(inode);
            return Errno.ENXIO;
        }

        Attach(file);
        Pipe* pipe = inode->Pipe;
        Readiness.Changed(&pipe->Queue, PollEvents.All);
        if (!named || reads && writes)
            return 0;
        if (file->NonBlocking)
        {
            if (reads && pipe->Writers == 0)
                file->Handle = pipe->WriterOpens + 1L;
            return 0;
        }

        // The other side may have come and gone again meanwhile: its opens are counted.
        uint opens = reads ? pipe->WriterOpens : pipe->ReaderOpens;
        while (!IsMet(pipe, reads, opens))
        {
            if (Readiness.Wait(&pipe->Queue, PollEvents.HangUp, ulong.MaxValue) != WaitResult.Interrupted)
                continue;
            Release(file);
            return Errno.EINTR;
        }

        return 0;
    }

    /// <summary>The other side of a FIFO is there, or has been since its opens were counted.</summary>
    private static bool IsMet(Pipe* pipe, bool reads, uint opens) =>
        reads
            ? pipe->Writers != 0 || pipe->WriterOpens != opens
            : pipe->Readers != 0 || pipe->ReaderOpens != opens;

    private static long Read(File* file, ref Transfer to)
    {
        Pipe* pipe = Of(file);
        if (to.Count == 0)
            return 0;
        long error = AwaitBytes(file, pipe);
        if (error < 0 || pipe->Count == 0)
            return error;
        bool wasFull = !HasRoom(pipe);
        long count = pipe->Get(ref to, to.Count);
        Taken(pipe, wasFull);
        return count;
    }

    /// <summary>
    /// What a read would give, up to a page of it, without taking it out, into kernel memory. The mark is for
    /// <see cref="Drop"/>.
    /// </summary>
    public static long Peek(File* file, ref Transfer to, out ulong mark)
    {
        Pipe* pipe = Of(file);
        long error = AwaitBytes(file, pipe);
        mark = pipe->Taken;
        return error < 0 ? error : pipe->Copy(ref to);
    }

    /// <summary>
    /// Takes out what has been looked at, unless somebody else has taken of it since, who then had the same bytes.
    /// </summary>
    public static void Drop(File* file, ulong mark, ulong count)
    {
        Pipe* pipe = Of(file);
        if (count == 0 || pipe->Taken != mark)
            return;
        bool wasFull = !HasRoom(pipe);
        pipe->Skip(count);
        Taken(pipe, wasFull);
    }

    /// <summary>Waits until there are bytes, or nobody will write any more. EAGAIN, EINTR.</summary>
    private static long AwaitBytes(File* file, Pipe* pipe)
    {
        while (pipe->Count == 0 && pipe->Writers != 0)
        {
            if (file->NonBlocking)
                return Errno.EAGAIN;
            if (Readiness.Wait(&pipe->Queue, PollEvents.Readable, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }

        return 0;
    }

    private static void Taken(Pipe* pipe, bool wasFull)
    {
        bool hasRoom = wasFull && HasRoom(pipe);
        Readiness.Changed(&pipe->Queue, hasRoom ? PollEvents.Writable | PollEvents.Moved : PollEvents.Moved);
    }

    private static long Write(File* file, ref Transfer from)
    {
        Pipe* pipe = Of(file);
        ulong total = from.Count;
        while (from.Count > 0)
        {
            ulong written = total - from.Count;
            if (pipe->Readers == 0)
            {
                Signals.Send(Process.Current, Signal.Pipe);
                return written > 0 ? (long)written : Errno.EPIPE;
            }

            bool fits = total <= Pipe.AtomicLength ? pipe->Room >= from.Count : pipe->Room > 0;
            if (!fits)
            {
                if (file->NonBlocking)
                    return written > 0 ? (long)written : Errno.EAGAIN;
                if (Readiness.Wait(&pipe->Queue, PollEvents.Moved, ulong.MaxValue) == WaitResult.Interrupted)
                    return written > 0 ? (long)written : Errno.EINTR;
                continue;
            }

            long moved = pipe->Put(ref from, from.Count);
            if (moved < 0)
                return written > 0 ? (long)written : moved;
            Readiness.Changed(&pipe->Queue, PollEvents.Readable);
        }

        return (long)total;
    }

    /// <summary>As much as there is room for, of which some has to come first. EAGAIN, EPIPE, EINTR, EFAULT.</summary>
    public static long WriteSome(File* file, ref Transfer from, bool waits)
    {
        Pipe* pipe = Of(file);
        while (pipe->Room == 0 || pipe->Readers == 0)
        {
            if (pipe->Readers == 0)
            {
                Signals.Send(Process.Current, Signal.Pipe);
                return Errno.EPIPE;
            }

            if (!waits || file->NonBlocking)
                return Errno.EAGAIN;
            if (Readiness.Wait(&pipe->Queue, PollEvents.Moved, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }

        long moved = pipe->Put(ref from, from.Count);
        if (moved > 0)
            Readiness.Changed(&pipe->Queue, PollEvents.Readable);
        return moved;
    }

    /// <summary>
    /// tee(2): bytes that stay in the source, as many as there is room for in the target. Waits for the first of them,
    /// and for room.
    /// </summary>
    public static long Duplicate(File* source, File* target, ulong count, bool nonBlocking)
    {
        Pipe* from = Of(source);
        Pipe* to = Of(target);
        while (from->Count == 0 || to->Room == 0 || to->Readers == 0)
        {
            if (to->Readers == 0)
            {
                Signals.Send(Process.Current, Signal.Pipe);
                return Errno.EPIPE;
            }

            bool isEmpty = from->Count == 0;
            if (isEmpty && from->Writers == 0)
                return 0;
            if (nonBlocking)
                return Errno.EAGAIN;
            WaitQueue* queue = isEmpty ? &from->Queue : &to->Queue;
            uint events = isEmpty ? PollEvents.Readable : PollEvents.Moved;
            if (Readiness.Wait(queue, events, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }

        long copied = from->CopyTo(to, count);
        if (copied > 0)
            Readiness.Changed(&to->Queue, PollEvents.Readable);
        return copied;
    }

    private static uint Poll(File* file)
    {
        Pipe* pipe = Of(file);
        uint events = 0;
        if (file->MayRead)
        {
            if (pipe->Count > 0)
                events |= PollEvents.In | PollEvents.ReadNormal;
            if (pipe->Writers == 0 && !AwaitsWriter(file, pipe))
                events |= PollEvents.HangUp;
        }

        if (file->MayWrite)
        {
            if (HasRoom(pipe))
                events |= PollEvents.Out | PollEvents.WriteNormal;
            if (pipe->Readers == 0)
                events |= PollEvents.Error;
        }

        return events;
    }

    /// <summary>A FIFO that was opened without waiting, and no writer has come since: nobody has hung up.</summary>
    private static bool AwaitsWriter(File* file, Pipe* pipe) => file->Handle == pipe->WriterOpens + 1L;

    /// <summary>A pipe is writable while a whole atomic write fits.</summary>
    private static bool HasRoom(Pipe* pipe) => pipe->Room >= Pipe.AtomicLength;

    private static WaitQueue* QueueOf(File* file) => &Of(file)->Queue;

    private static long Ioctl(File* file, uint request, ulong argument)
    {
        if (request != FileIoctl.BytesReadable)
            return Errno.ENOTTY;
        return ((UserPointer<int>)argument).TryPut((int)Of(file)->Count) ? 0 : Errno.EFAULT;
    }

    /// <summary>The last reference to the open file is gone.</summary>
    private static void Release(File* file)
    {
        Pipe* pipe = Of(file);
        if (pipe == null)
            return;
        file->Object = null;
        if (file->MayRead)
            pipe->Readers--;
        if (file->MayWrite)
            pipe->Writers--;
        if (pipe->Readers == 0 && pipe->Writers == 0)
            Discard(file->Inode);
        else if (pipe->Readers == 0 || pipe->Writers == 0)
            Readiness.Changed(&pipe->Queue, PollEvents.All);
    }

    private static void Attach(File* file)
    {
        Pipe* pipe = file->Inode->Pipe;
        file->Object = pipe;
        if (file->MayRead)
        {
            pipe->Readers++;
            pipe->ReaderOpens++;
        }

        if (file->MayWrite)
        {
            pipe->Writers++;
            pipe->WriterOpens++;
        }
    }

    private static void Discard(Inode* inode)
    {
        Pipe.Free(inode->Pipe);
        inode->Pipe = null;
    }
}
