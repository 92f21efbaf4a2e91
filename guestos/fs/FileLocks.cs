namespace Guestos;

/// <summary>Whose locks exclude whose, and what releases them.</summary>
public enum LockKind : byte
{
    /// <summary>
    /// POSIX record locks (fcntl(2), F_SETLK): of a table of descriptors, until it closes any descriptor of the file.
    /// </summary>
    Record,

    /// <summary>
    /// Open file description locks (F_OFD_SETLK): of an open file, until it is closed for good. They exclude record
    /// locks.
    /// </summary>
    Description,

    /// <summary>flock(2): the whole file, of an open file. They and the others do not see each other.</summary>
    Whole,
}

/// <summary>One locked range, or a request for one.</summary>
public unsafe struct FileLock
{
    public const ulong LastByte = long.MaxValue;

    internal FileLock* Next;
    public LockKind Kind;
    public bool Exclusive;

    /// <summary>The table of descriptors, or the open file.</summary>
    public void* Owner;

    /// <summary>For F_GETLK: the process, −1 for an open file.</summary>
    public int ProcessId;

    /// <summary>First and last byte.</summary>
    public ulong Start;
    public ulong End;

    public readonly bool ConflictsWith(in FileLock other)
    {
        bool overlaps = Start <= other.End && other.Start <= End;
        bool seesOther = Kind == LockKind.Whole == (other.Kind == LockKind.Whole);
        return (Exclusive || other.Exclusive) && overlaps && seesOther && !IsOfOwner(other);
    }

    /// <summary>True when both are of one owner and of one kind.</summary>
    public readonly bool IsOfOwner(in FileLock other) => Owner == other.Owner && Kind == other.Kind;

    public readonly bool Matches(in FileLock other) =>
        IsOfOwner(other) && Exclusive == other.Exclusive && Start == other.Start && End == other.End;
}

/// <summary>The locks of a file. Exists while there is a lock or a user.</summary>
public unsafe struct FileLockList
{
    internal FileLock* First;

    /// <summary>Processes that wait for a lock to be released.</summary>
    internal WaitQueue Queue;

    /// <summary>Held by whoever reads or changes the list: that gives way, since the list may be long.</summary>
    internal SleepLock Lock;

    /// <summary>Calls that are using it now, those that wait included.</summary>
    internal int Users;
}

/// <summary>
/// Locks on files (fcntl(2), flock(2)): advisory, no read or write looks at them. All calls are made in process context
/// by a caller who holds a reference on the inode; they may sleep, and give way every <see cref="Stride"/> locks.
/// </summary>
public static unsafe class FileLocks
{
    /// <summary>Locks that are passed between two preemption points.</summary>
    private const int Stride = 64;

    /// <summary>
    /// A process that sleeps for a lock, on its own stack. Cycles of waiting processes are found by them.
    /// </summary>
    private struct Waiter
    {
        public Waiter* Next;
        public Inode* Inode;
        public FileLock Wanted;
    }

    private static Waiter* s_waiters;

    /// <summary>Grows with every change of any list and with every new waiter.</summary>
    private static ulong s_changes;

    /// <summary>A walk over a list, which gives way.</summary>
    private ref struct Walk
    {
        private int steps;

        /// <summary>Called for each lock that is passed.</summary>
        public void Step()
        {
            steps++;
            if (steps % Stride == 0)
                Preemption.Point();
        }
    }

    /// <summary>
    /// The file's list, locked, until <see cref="Leave"/>. Null when there is none, or no memory for one.
    /// </summary>
    private static FileLockList* Enter(Inode* inode, bool create)
    {
        FileLockList* list = inode->Locks;
        if (list == null && create)
        {
            list = Objects.Allocate<FileLockList>();
            inode->Locks = list;
        }
        if (list == null)
            return null;
        list->Users++;
        SleepLock.Take(&list->Lock);
        return list;
    }

    private static void Leave(Inode* inode)
    {
        FileLockList* list = inode->Locks;
        SleepLock.Release(&list->Lock);
        list->Users--;
        if (list->First != null || list->Users > 0)
            return;
        Objects.Free(list);
        inode->Locks = null;
    }

    /// <summary>The first lock that conflicts with a wanted one (F_GETLK). False: none.</summary>
    public static bool TryFindConflict(Inode* inode, in FileLock wanted, out FileLock conflict)
    {
        conflict = default;
        FileLockList* list = Enter(inode, create: false);
        if (list == null)
            return false;
        FileLock* held = Conflict(list, wanted);
        if (held != null)
            conflict = *held;
        Leave(inode);
        return held != null;
    }

    /// <summary>True when the owner has exactly this lock already.</summary>
    public static bool Holds(Inode* inode, in FileLock wanted)
    {
        FileLockList* list = Enter(inode, create: false);
        if (list == null)
            return false;
        Walk walk = default;
        FileLock* held = list->First;
        while (held != null && !held->Matches(wanted))
        {
            walk.Step();
            held = held->Next;
        }
        Leave(inode);
        return held != null;
    }

    /// <summary>
    /// Takes a lock in place of what its owner had in the range. EAGAIN, or with <paramref name="wait"/> EINTR,
    /// EDEADLK; ENOLCK without memory. The caller holds the open file. A record lock is not taken when its descriptor
    /// has been closed during the wait (EBADF): no later close would release it.
    /// </summary>
    public static long Take(Inode* inode, in FileLock wanted, bool wait, in Descriptor descriptor)
    {
        FileLockList* list = Enter(inode, create: true);
        if (list == null)
            return Errno.ENOLCK;
        long error = 0;
        while (error == 0 && Conflict(list, wanted) != null)
        {
            error = wait ? WaitForChange(inode, wanted) : Errno.EAGAIN;
            if (error == 0 && wanted.Kind == LockKind.Record && !descriptor.IsStill)
                error = Errno.EBADF;
        }
        // The walk that found no conflict gave way, so that the descriptor may be closed by now.
        if (error == 0 && wanted.Kind == LockKind.Record && !descriptor.IsStill)
            error = Errno.EBADF;
        if (error == 0)
            error = Replace(list, wanted, true);
        Leave(inode);
        return error;
    }

    /// <summary>
    /// Releases a range. Takes memory only when a lock is cut in two: ENOLCK without, and then it stays as it was.
    /// </summary>
    public static long Drop(Inode* inode, in FileLock range)
    {
        FileLockList* list = Enter(inode, create: false);
        if (list == null)
            return 0;
        long error = Replace(list, range, false);
        Leave(inode);
        return error;
    }

    /// <summary>
    /// A process closes a descriptor of the file: its record locks go, whichever descriptor made them.
    /// </summary>
    public static void DescriptorClosed(File* file, FileTable* table)
    {
        if (file->Inode != null)
            DropAll(file->Inode, LockKind.Record, table);
    }

    /// <summary>The last reference on an open file is given up.</summary>
    public static void FileClosed(File* file)
    {
        if (file->Inode == null)
            return;
        DropAll(file->Inode, LockKind.Description, file);
        DropAll(file->Inode, LockKind.Whole, file);
    }

    private static FileLock* Conflict(FileLockList* list, in FileLock wanted)
    {
        Walk walk = default;
        FileLock* held = list->First;
        while (held != null && !held->ConflictsWith(wanted))
        {
            walk.Step();
            held = held->Next;
        }
        return held;
    }

    /// <summary>
    /// Sleeps, without the list's lock, until a lock of the file may have been released: 0, EINTR, EDEADLK. Returns at
    /// once when anything changed while it looked for a cycle.
    /// </summary>
    private static long WaitForChange(Inode* inode, in FileLock wanted)
    {
        FileLockList* list = inode->Locks;
        ulong seen = s_changes;
        SleepLock.Release(&list->Lock);
        long error = 0;
        if (wanted.Kind == LockKind.Record && ClosesCycle(inode, wanted))
            error = Errno.EDEADLK;
        else if (s_changes == seen)
            error = Sleep(inode, wanted);
        SleepLock.Take(&list->Lock);
        return error;
    }

    private static long Sleep(Inode* inode, in FileLock wanted)
    {
        Waiter waiter = default;
        waiter.Next = s_waiters;
        waiter.Inode = inode;
        waiter.Wanted = wanted;
        s_waiters = &waiter;
        s_changes++;
        WaitResult result = Scheduler.Sleep(&inode->Locks->Queue, ulong.MaxValue);
        Forget(&waiter);
        return result == WaitResult.Interrupted ? Errno.EINTR : 0;
    }

    private static void Forget(Waiter* waiter)
    {
        if (s_waiters == waiter)
        {
            s_waiters = waiter->Next;
            return;
        }
        Waiter* before = s_waiters;
        while (before->Next != waiter)
            before = before->Next;
        before->Next = waiter->Next;
    }

    /// <summary>
    /// True when the owner of the conflicting lock waits, directly or through others, for a lock of the one who asks.
    /// The caller holds no list's lock. Gives way.
    /// </summary>
    private static bool ClosesCycle(Inode* inode, in FileLock wanted)
    {
        const int maxChain = 10;    // MAX_DEADLK_ITERATIONS of Linux
        bool found = TryFindConflict(inode, wanted, out FileLock held);
        for (int i = 0; i < maxChain && found && held.Kind == LockKind.Record; i++)
        {
            if (held.Owner == wanted.Owner)
                return true;
            Waiter* waiter = s_waiters;
            while (waiter != null && !waiter->Wanted.IsOfOwner(held))
                waiter = waiter->Next;
            if (waiter == null)
                return false;
            // The waiter may be gone when the walk over its list gives way.
            FileLock next = waiter->Wanted;
            Inode* where = Vfs.Hold(waiter->Inode);
            found = TryFindConflict(where, next, out held);
            Vfs.Release(where);
        }
        return false;
    }

    /// <summary>
    /// Locks the range for the owner as <paramref name="wanted"/> says, or unlocks it. What the owner had there is cut
    /// or goes; neighbours of the same kind become one. An owner's locks stand in the list in the order of their first
    /// bytes.
    /// </summary>
    private static long Replace(FileLockList* list, FileLock wanted, bool take)
    {
        FileLock* added = take ? Objects.Allocate<FileLock>() : null;
        bool cuts = Cuts(list, wanted, take);
        FileLock* rest = cuts ? Objects.Allocate<FileLock>() : null;
        bool lacks = (take && added == null) || (cuts && rest == null);
        if (lacks)
        {
            if (added != null)
                Objects.Free(added);
            if (rest != null)
                Objects.Free(rest);
            return Errno.ENOLCK;
        }

        Walk walk = default;
        FileLock** place = null;
        FileLock** at = &list->First;
        while (*at != null)
        {
            walk.Step();
            FileLock* own = *at;
            if (!own->IsOfOwner(wanted))
            {
                at = &own->Next;
                continue;
            }

            if (own->Start > wanted.End + 1)
                break;
            bool same = take && own->Exclusive == wanted.Exclusive;
            bool meets = own->Start <= wanted.End && wanted.Start <= own->End;
            bool touches = same && (own->End + 1 == wanted.Start || wanted.End + 1 == own->Start);
            if (same && (meets || touches))
            {
                wanted.Start = System.Math.Min(wanted.Start, own->Start);
                wanted.End = System.Math.Max(wanted.End, own->End);
                *at = own->Next;
                Objects.Free(own);
                continue;
            }

            if (meets && own->Start < wanted.Start && own->End > wanted.End)
            {
                *rest = *own;
                rest->Start = wanted.End + 1;
                own->End = wanted.Start - 1;
                own->Next = rest;
            }
            else if (meets && own->Start < wanted.Start)
            {
                own->End = wanted.Start - 1;
            }
            else if (meets && own->End > wanted.End)
            {
                own->Start = wanted.End + 1;
            }
            else if (meets)
            {
                *at = own->Next;
                Objects.Free(own);
                continue;
            }

            if (own->Start < wanted.Start)
                place = &own->Next;
            else
                place = place == null ? at : place;
            at = &own->Next;
        }

        if (take)
        {
            place = place == null ? at : place;
            *added = wanted;
            added->Next = *place;
            *place = added;
        }

        s_changes++;
        Scheduler.Wake(&list->Queue);
        return 0;
    }

    /// <summary>
    /// The range lies within a lock of its owner's that reaches beyond it at both ends and is not of the same kind.
    /// Locks of one owner do not overlap, so that it is one at most.
    /// </summary>
    private static bool Cuts(FileLockList* list, in FileLock wanted, bool take)
    {
        Walk walk = default;
        for (FileLock* own = list->First; own != null; own = own->Next)
        {
            walk.Step();
            bool around = own->IsOfOwner(wanted) && own->Start < wanted.Start && own->End > wanted.End;
            if (around)
                return !take || own->Exclusive != wanted.Exclusive;
        }

        return false;
    }

    /// <summary>Needs no memory.</summary>
    private static void DropAll(Inode* inode, LockKind kind, void* owner)
    {
        FileLockList* list = Enter(inode, create: false);
        if (list == null)
            return;
        var owned = new FileLock { Kind = kind, Owner = owner };
        Walk walk = default;
        bool any = false;
        FileLock** at = &list->First;
        while (*at != null)
        {
            walk.Step();
            FileLock* held = *at;
            if (!held->IsOfOwner(owned))
            {
                at = &held->Next;
                continue;
            }
            *at = held->Next;
            Objects.Free(held);
            any = true;
        }
        if (any)
        {
            s_changes++;
            Scheduler.Wake(&list->Queue);
        }
        Leave(inode);
    }
}
