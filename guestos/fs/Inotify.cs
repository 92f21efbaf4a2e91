using System;

namespace Guestos;

/// <summary>
/// inotify(7): what happens to files and directories, as records that are read. This file: the descriptor and its
/// queue; what is watched and who is told is in Inotify.Watches.cs.
/// </summary>
public static unsafe partial class Inotify
{
    /// <summary>
    /// Descriptors of all processes (fs.inotify.max_user_instances). So many watches an inode has at most.
    /// </summary>
    public const int MaxInstances = 128;

    /// <summary>Records that wait in one queue; the next is IN_Q_OVERFLOW (fs.inotify.max_queued_events).</summary>
    public const int MaxQueued = 16384;

    private const int RecordAlignment = 16;

    private static FileOperations s_operations;

    private static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Traits = FileTraits.Stream,
        Name = &Name,
        Release = &Release,
        Read = &Read,
        Poll = &Poll,
        QueueOf = &QueueOf,
        Seek = &Seek,
        Ioctl = &Ioctl,
    };

    public static bool Is(File* file) => file->Operations == Operations;

    private static ReadOnlySpan<byte> Name() => "anon_inode:inotify"u8;

    /// <summary>struct inotify_event without its name.</summary>
    private struct Record
    {
        public int Watch;
        public uint Mask;
        public uint Cookie;

        /// <summary>Bytes of the name that follows, with the zeros behind it; 0: none follows.</summary>
        public uint Room;
    }

    /// <summary>A record that nobody has read yet. It was allocated long enough for its name.</summary>
    private struct Queued
    {
        public Queued* Next;
        public Record Record;
        public ushort NameLength;
        public fixed byte Name[2];
    }

    private struct Instance
    {
        public WaitQueue Queue;
        public Queued* First;
        public Queued* Last;
        public int Count;

        /// <summary>Of all records (FIONREAD).</summary>
        public ulong Bytes;

        /// <summary>One that says IN_Q_OVERFLOW waits.</summary>
        public bool Overflowed;
        public InotifyWatch* FirstWatch;
        public int LastId;
    }

    private static int s_instances;

    /// <summary>A new open file. EMFILE, ENFILE, ENOMEM.</summary>
    public static long Create(uint flags, out File* file)
    {
        file = null;
        if (s_instances >= MaxInstances)
            return Errno.EMFILE;
        Instance* instance = Objects.Allocate<Instance>();
        if (instance == null)
            return Errno.ENOMEM;
        file = Files.Allocate(Operations, OpenFlags.RDONLY | flags & OpenFlags.NONBLOCK);
        if (file == null)
        {
            Objects.Free(instance);
            return Errno.ENFILE;
        }

        file->Object = instance;
        s_instances++;
        return 0;
    }

    /// <summary>As many whole records as there is room for. EINVAL when not even the first fits.</summary>
    private static long Read(File* file, ref Transfer to)
    {
        var instance = (Instance*)file->Object;
        while (instance->First == null)
        {
            if (file->NonBlocking)
                return Errno.EAGAIN;
            if (Readiness.Wait(&instance->Queue, PollEvents.Readable, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }

        long done = 0;
        while (instance->First != null)
        {
            Queued* first = instance->First;
            ulong size = SizeOf(first);
            if (to.Count < size)
                return done > 0 ? done : Errno.EINVAL;
            if (!to.TryFill(size, out Span<byte> into))
            {
                RemoveFirst(instance);  // as Linux does: it is lost
                return done > 0 ? done : Errno.EFAULT;
            }

            // Filling may have slept, and another reader may have taken the record meanwhile.
            if (instance->First != first || SizeOf(first) != size)
                continue;
            // SAFETY: a record is plain numbers, and the name was allocated behind its head.
            new ReadOnlySpan<byte>(&first->Record, sizeof(Record)).CopyTo(into);
            Span<byte> name = into.Slice(sizeof(Record));
            name.Clear();
            new ReadOnlySpan<byte>(first->Name, first->NameLength).CopyTo(name);
            to.Advance(size);
            done += (long)size;
            RemoveFirst(instance);
            Preemption.Point();
        }

        return done;
    }

    private static ulong SizeOf(Queued* queued) => (ulong)sizeof(Record) + queued->Record.Room;

    private static int AllocationOf(int nameLength) => sizeof(Queued) + nameLength;

    private static void RemoveFirst(Instance* instance)
    {
        Queued* first = instance->First;
        instance->First = first->Next;
        if (instance->First == null)
            instance->Last = null;
        instance->Count--;
        instance->Bytes -= SizeOf(first);
        if ((first->Record.Mask & FileEvent.Overflow) != 0)
            instance->Overflowed = false;
        Objects.Free(first, AllocationOf(first->NameLength));
    }

    /// <summary>
    /// Puts a record at the end, unless it says what the last one says. Beyond <see cref="MaxQueued"/>, and without
    /// memory, it is lost, and IN_Q_OVERFLOW says so once.
    /// </summary>
    private static void Put(Instance* instance, Record record, ReadOnlySpan<byte> name)
    {
        if (instance->Count >= MaxQueued || !TryPut(instance, record, name))
        {
            if (instance->Overflowed)
                return;
            instance->Overflowed = TryPut(instance, new Record { Watch = -1, Mask = FileEvent.Overflow }, default);
        }

        Readiness.Changed(&instance->Queue, PollEvents.Readable);
    }

    private static bool TryPut(Instance* instance, Record record, ReadOnlySpan<byte> name)
    {
        if (name.Length > 0)
            record.Room = (uint)(name.Length + RecordAlignment) & ~(uint)(RecordAlignment - 1);
        if (instance->Last != null && Says(instance->Last, record, name))
            return true;
        var queued = (Queued*)Objects.Allocate(AllocationOf(name.Length));
        if (queued == null)
            return false;
        queued->Record = record;
        queued->NameLength = (ushort)name.Length;
        name.CopyTo(new Span<byte>(queued->Name, name.Length));
        if (instance->Last != null)
            instance->Last->Next = queued;
        else
            instance->First = queued;
        instance->Last = queued;
        instance->Count++;
        instance->Bytes += SizeOf(queued);
        return true;
    }

    private static bool Says(Queued* queued, in Record record, ReadOnlySpan<byte> name) =>
        queued->Record.Watch == record.Watch && queued->Record.Mask == record.Mask
        && (record.Mask & FileEvent.Ignored) == 0
        && new ReadOnlySpan<byte>(queued->Name, queued->NameLength).SequenceEqual(name);

    /// <summary>lseek(2): there is no position, and to ask for one is no error.</summary>
    private static long Seek(File* file, long offset, uint whence) => 0;

    private static uint Poll(File* file) => ((Instance*)file->Object)->First != null ? PollEvents.Readable : 0;

    private static WaitQueue* QueueOf(File* file) => &((Instance*)file->Object)->Queue;

    private static long Ioctl(File* file, uint request, ulong argument)
    {
        if (request != FileIoctl.BytesReadable)
            return Errno.ENOTTY;
        return ((UserPointer<int>)argument).TryPut((int)((Instance*)file->Object)->Bytes) ? 0 : Errno.EFAULT;
    }

    private static void Release(File* file)
    {
        var instance = (Instance*)file->Object;
        while (instance->FirstWatch != null)
        {
            Forget(instance->FirstWatch);
            Preemption.Point();
        }

        while (instance->First != null)
        {
            RemoveFirst(instance);
            Preemption.Point();
        }

        s_instances--;
        Objects.Free(instance);
    }
}
