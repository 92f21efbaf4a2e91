using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct epoll_event of x86-64: packed, 12 bytes (include/uapi/linux/eventpoll.h).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct EpollEvent
{
    public const int Length = 12;

    public uint Events;
    public ulong Data;
}

/// <summary>One open file, by one descriptor, in a set. It goes when the open file is closed for good.</summary>
public unsafe struct EpollEntry
{
    /// <summary>The first field, so that its address is that of the entry.</summary>
    internal Watch Watch;
    internal EpollSet* Set;

    /// <summary>Neighbours among all entries of the set.</summary>
    internal EpollEntry* Next;
    internal EpollEntry* Previous;

    /// <summary>Neighbours among those that have been noted (<see cref="Noted"/>).</summary>
    internal EpollEntry* NextNoted;
    internal EpollEntry* PreviousNoted;

    /// <summary>Neighbours among the entries of all sets for the same open file (<see cref="File.Entries"/>).</summary>
    internal EpollEntry* NextOfFile;
    internal EpollEntry* PreviousOfFile;

    internal File* File;
    internal int Descriptor;

    /// <summary>Asked for, with EPOLLERR and EPOLLHUP; without any event bit it is disarmed (EPOLLONESHOT).</summary>
    internal uint Events;
    internal ulong Data;

    /// <summary>Something has happened since it was last looked at, or its level has to be looked at again.</summary>
    internal bool Noted;
}

public unsafe struct EpollSet
{
    /// <summary>Who waits for the set, and who watches it.</summary>
    internal WaitQueue Queue;

    internal File* File;
    internal EpollEntry* First;
    internal EpollEntry* FirstNoted;
    internal EpollEntry* LastNoted;
    internal int NotedCount;

    /// <summary>
    /// The change that was last told upwards, so that one change passes each set once, however many ways lead here.
    /// </summary>
    internal ulong Change;

    /// <summary>The walk that last measured the depth, and what it found.</summary>
    internal ulong Walk;
    internal int Depth;
}

/// <summary>
/// epoll(7). Each entry watches its object; a change that it asks for puts it on the set's list of noted entries, and
/// waiting looks at those only. An edge-triggered entry leaves the list when it is reported, any other stays on it
/// until it is found not to be ready.
/// </summary>
public static unsafe class EpollSets
{
    public const uint Add = 1;
    public const uint Delete = 2;
    public const uint Modify = 3;

    /// <summary>Entries in all sets of the system (Linux: fs.epoll.max_user_watches).</summary>
    public const int MaxEntries = 16384;

    /// <summary>The last of them are the superuser's.</summary>
    private const int Reserve = 1024;

    /// <summary>Sets in sets in sets (EP_MAX_NESTS).</summary>
    private const int MaxNesting = 4;

    private const uint EdgeTriggered = 1u << 31;
    private const uint OneShot = 1u << 30;
    private const uint WakeUp = 1u << 29;
    private const uint Exclusive = 1u << 28;
    private const uint Flags = EdgeTriggered | OneShot | WakeUp | Exclusive;

    /// <summary>Reported whether asked for or not.</summary>
    private const uint Always = PollEvents.Error | PollEvents.HangUp;

    /// <summary>What may stand beside EPOLLEXCLUSIVE.</summary>
    private const uint WithExclusive = PollEvents.In | PollEvents.Out | Always | WakeUp | EdgeTriggered | Exclusive;

    private static FileOperations s_operations;

    private static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Name = &Name,
        Release = &Release,
        Poll = &Poll,
        QueueOf = &QueueOf,
    };

    public static bool Is(File* file) => file->Operations == Operations;

    private static ReadOnlySpan<byte> Name() => "anon_inode:[eventpoll]"u8;

    private static int s_entries;
    private static ulong s_change;
    private static ulong s_walk;

    public static File* Create()
    {
        EpollSet* set = Objects.Allocate<EpollSet>();
        File* file = set != null ? Files.Allocate(Operations, OpenFlags.RDWR) : null;
        if (file == null)
        {
            if (set != null)
                Objects.Free(set);
            return null;
        }

        file->Object = set;
        set->File = file;
        return file;
    }

    private static EpollSet* Of(File* file) => (EpollSet*)file->Object;

    public static WaitQueue* QueueOf(File* file) => &Of(file)->Queue;

    /// <summary>
    /// epoll_ctl(2): EEXIST, ENOENT, ENOSPC (of all sets together, or of the file's object), ENOMEM, EPERM (a kind that
    /// is always ready), EINVAL, ELOOP.
    /// </summary>
    public static long Control(File* epoll, uint operation, int descriptor, File* file, in EpollEvent wanted)
    {
        if (!Files.CanWatch(file))
            return Errno.EPERM;
        if (file == epoll || !Is(epoll))
            return Errno.EINVAL;
        bool exclusive = operation != Delete && (wanted.Events & Exclusive) != 0;
        if (exclusive && (operation == Modify || Is(file) || (wanted.Events & ~WithExclusive) != 0))
            return Errno.EINVAL;
        EpollSet* set = Of(epoll);
        EpollEntry* entry = file->Entries;
        while (entry != null && (entry->Set != set || entry->Descriptor != descriptor))
            entry = entry->NextOfFile;
        switch (operation)
        {
            case Add:
                if (entry != null)
                    return Errno.EEXIST;
                if (Is(file) && !MayNest(Of(file), set))
                    return Errno.ELOOP;
                if (s_entries >= (FileRights.IsSuperuser ? MaxEntries : MaxEntries - Reserve))
                    return Errno.ENOSPC;
                long error = Insert(set, file, descriptor, out entry);
                if (error < 0)
                    return error;
                break;
            case Delete:
                if (entry == null)
                    return Errno.ENOENT;
                Remove(entry);
                return 0;
            case Modify:
                if (entry == null)
                    return Errno.ENOENT;
                if ((entry->Events & Exclusive) != 0)
                    return Errno.EINVAL;
                break;
            default:
                return Errno.EINVAL;
        }

        entry->Events = wanted.Events | Always;
        entry->Data = wanted.Data;
        if (Ready(entry) != 0)
        {
            BeginChange();
            Note(entry, PollEvents.All);
        }

        return 0;
    }

    /// <summary>
    /// Reports up to <paramref name="most"/> noted entries that are ready, to user memory: how many, or EFAULT when the
    /// first could not be told. Entries that were not reached stay first in the list. The caller holds the set's file.
    /// Gives way.
    /// </summary>
    public static long Collect(File* epoll, UserPointer<EpollEvent> events, int most)
    {
        EpollSet* set = Of(epoll);
        long count = 0;
        for (int left = set->NotedCount; left > 0 && count < most; left--)
        {
            Preemption.Point();
            EpollEntry* entry = set->FirstNoted;
            if (entry == null)
                break;
            uint ready = Ready(entry);
            if (ready == 0)
            {
                Unlist(entry);
                continue;
            }

            var told = new EpollEvent { Events = ready, Data = entry->Data };
            if (!events.At((ulong)count).TryPut(told))
                return count > 0 ? count : Errno.EFAULT;
            count++;
            Unlist(entry);
            if ((entry->Events & OneShot) != 0)
                entry->Events &= Flags;
            else if ((entry->Events & EdgeTriggered) == 0)
                List(entry);
        }

        return count;
    }

    /// <summary>
    /// Noted entries that <see cref="Poll"/> looks at, so that its time is bounded: it cannot give way.
    /// </summary>
    private const int MaxLooked = 256;

    /// <summary>
    /// A set is readable while an entry is ready. Entries that turn out not to be leave the list. When
    /// <see cref="MaxLooked"/> of them have left and more are noted, the set is reported as readable without a look at
    /// those: epoll_wait(2) finds out.
    /// </summary>
    private static uint Poll(File* file)
    {
        EpollSet* set = Of(file);
        for (int looked = 0; looked < MaxLooked && set->FirstNoted != null; looked++)
        {
            if (Ready(set->FirstNoted) != 0)
                return PollEvents.Readable;
            Unlist(set->FirstNoted);
        }

        return set->FirstNoted != null ? PollEvents.Readable : 0;
    }

    /// <summary>A change begins to spread.</summary>
    internal static void BeginChange() => s_change++;

    /// <summary>The object of an entry has changed.</summary>
    private static void Note(Watch* watch, uint events) => Note((EpollEntry*)watch->Owner, events);

    private static void Note(EpollEntry* entry, uint events)
    {
        if ((entry->Events & ~Flags) == 0 || (entry->Events & events) == 0)
            return;
        if (!entry->Noted)
            List(entry);
        EpollSet* set = entry->Set;
        if (set->Change == s_change)
            return;
        set->Change = s_change;
        Scheduler.Wake(&set->Queue);
        Readiness.Tell(&set->Queue, PollEvents.Readable);
    }

    /// <summary>The last reference on an open file is given up: it leaves every set. Gives way.</summary>
    public static void Forget(File* file)
    {
        while (file->Entries != null)
        {
            Remove(file->Entries);
            Preemption.Point();
        }
    }

    private static void Release(File* file)
    {
        EpollSet* set = Of(file);
        while (set->First != null)
        {
            Remove(set->First);
            Preemption.Point();
        }
        Objects.Free(set);
    }

    private static uint Ready(EpollEntry* entry) =>
        (entry->Events & ~Flags) == 0 ? 0 : Files.Poll(entry->File) & entry->Events & ~Flags;

    /// <summary>0, ENOMEM, or ENOSPC when too many watch the file's object.</summary>
    private static long Insert(EpollSet* set, File* file, int descriptor, out EpollEntry* entry)
    {
        entry = Objects.Allocate<EpollEntry>();
        if (entry == null)
            return Errno.ENOMEM;
        entry->Watch.Owner = entry;
        entry->Watch.Notify = &Note;
        entry->Watch.Events = PollEvents.All;
        WaitQueue* queue = Files.QueueOf(file);
        if (queue != null && !Watch.TryBegin(&entry->Watch, queue))
        {
            Objects.Free(entry);
            entry = null;
            return Errno.ENOSPC;
        }
        s_entries++;
        entry->Set = set;
        entry->File = file;
        entry->Descriptor = descriptor;
        entry->NextOfFile = file->Entries;
        if (file->Entries != null)
            file->Entries->PreviousOfFile = entry;
        file->Entries = entry;
        entry->Next = set->First;
        if (set->First != null)
            set->First->Previous = entry;
        set->First = entry;
        return 0;
    }

    private static void Remove(EpollEntry* entry)
    {
        Watch.End(&entry->Watch);
        if (entry->Noted)
            Unlist(entry);
        if (entry->Previous != null)
            entry->Previous->Next = entry->Next;
        else
            entry->Set->First = entry->Next;
        if (entry->Next != null)
            entry->Next->Previous = entry->Previous;
        if (entry->PreviousOfFile != null)
            entry->PreviousOfFile->NextOfFile = entry->NextOfFile;
        else
            entry->File->Entries = entry->NextOfFile;
        if (entry->NextOfFile != null)
            entry->NextOfFile->PreviousOfFile = entry->PreviousOfFile;
        s_entries--;
        Objects.Free(entry);
    }

    /// <summary>Puts an entry at the end of the set's list.</summary>
    private static void List(EpollEntry* entry)
    {
        EpollSet* set = entry->Set;
        entry->Noted = true;
        entry->NextNoted = null;
        entry->PreviousNoted = set->LastNoted;
        if (set->LastNoted != null)
            set->LastNoted->NextNoted = entry;
        else
            set->FirstNoted = entry;
        set->LastNoted = entry;
        set->NotedCount++;
    }

    private static void Unlist(EpollEntry* entry)
    {
        EpollSet* set = entry->Set;
        entry->Noted = false;
        if (entry->PreviousNoted != null)
            entry->PreviousNoted->NextNoted = entry->NextNoted;
        else
            set->FirstNoted = entry->NextNoted;
        if (entry->NextNoted != null)
            entry->NextNoted->PreviousNoted = entry->PreviousNoted;
        else
            set->LastNoted = entry->PreviousNoted;
        set->NotedCount--;
    }

    /// <summary>
    /// No set may reach itself, and no chain of sets may be longer than <see cref="MaxNesting"/>: telling goes through
    /// them on one stack.
    /// </summary>
    private static bool MayNest(EpollSet* inner, EpollSet* outer)
    {
        s_walk++;
        outer->Walk = s_walk;
        outer->Depth = MaxNesting + 1;     // a way back to it is a cycle
        int below = DepthBelow(inner, 0);
        if (below > MaxNesting)
            return false;
        s_walk++;
        return below + 1 + DepthAbove(outer, 0) <= MaxNesting;
    }

    private static int DepthBelow(EpollSet* set, int depth)
    {
        if (set->Walk == s_walk)
            return set->Depth;
        if (depth > MaxNesting)
            return depth;
        int deepest = 0;
        for (EpollEntry* entry = set->First; entry != null; entry = entry->Next)
            if (Is(entry->File))
                deepest = Math.Max(deepest, DepthBelow(Of(entry->File), depth + 1) + 1);
        set->Walk = s_walk;
        set->Depth = deepest;
        return deepest;
    }

    private static int DepthAbove(EpollSet* set, int depth)
    {
        if (set->Walk == s_walk)
            return set->Depth;
        if (depth > MaxNesting)
            return depth;
        int highest = 0;
        for (EpollEntry* entry = set->File->Entries; entry != null; entry = entry->NextOfFile)
            highest = Math.Max(highest, DepthAbove(entry->Set, depth + 1) + 1);
        set->Walk = s_walk;
        set->Depth = highest;
        return highest;
    }
}
