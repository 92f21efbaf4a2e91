namespace Guestos;

/// <summary>Whose locks exclude whose, and what lets go of them.</summary>
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

/// <summary>One locked range, or a wish for one.</summary>
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

    public readonly bool ConflictsWith(in FileLock other) =>
        (Exclusive || other.Exclusive) && Start <= other.End && other.Start <= End
        && (Owner != other.Owner || Kind != other.Kind) && Kind == LockKind.Whole == (other.Kind == LockKind.Whole);
}

/// <summary>The locks of a file, and who waits for one of them. There while it is needed.</summary>
public unsafe struct FileLockList
{
    internal FileLock* First;
    internal WaitQueue Queue;
    internal int Waiters;
}

/// <summary>Locks on files (fcntl(2), flock(2)). They hinder nobody but who asks for one.</summary>
public static unsafe class FileLocks
{
    /// <summary>Who sleeps for a lock, on its own stack: by them a circle of waiting processes is found.</summary>
    private struct Waiter
    {
        public Waiter* Next;
        public FileLockList* List;
        public FileLock Wanted;
    }

    private static Waiter* s_waiters;

    /// <summary>The first lock that stands in the way; null: none.</summary>
    public static FileLock* Conflict(Inode* inode, in FileLock wanted) =>
        inode->Locks != null ? Conflict(inode->Locks, wanted) : null;

    /// <summary>The owner has exactly this lock already.</summary>
    public static bool Holds(Inode* inode, in FileLock wanted)
    {
        FileLock* held = inode->Locks != null ? inode->Locks->First : null;
        while (held != null
            && (held->Owner != wanted.Owner || held->Kind != wanted.Kind || held->Exclusive != wanted.Exclusive
            || held->Start != wanted.Start || held->End != wanted.End))
            held = held->Next;
        return held != null;
    }

    /// <summary>
    /// Takes a lock in place of what its owner had in the range. EAGAIN, or with <paramref name="wait"/> EINTR,
    /// EDEADLK; ENOLCK without memory. The caller holds the open file. A record lock is not taken when its descriptor
    /// has been closed during the wait (EBADF): nobody would ever let go of it.
    /// </summary>
    public static long Take(Inode* inode, in FileLock wanted, bool wait, in Descriptor descriptor)
    {
        FileLockList* list = inode->Locks;
        if (list == null && (list = inode->Locks = Objects.Allocate<FileLockList>()) == null)
            return Errno.ENOLCK;
        long error = 0;
        while (error == 0 && Conflict(list, wanted) != null)
        {
            if (!wait)
                error = Errno.EAGAIN;
            else if (wanted.Kind == LockKind.Record && ClosesCircle(list, wanted))
                error = Errno.EDEADLK;
            else
                error = Sleep(list, wanted);
            if (error == 0 && wanted.Kind == LockKind.Record && !descriptor.IsStill)
                error = Errno.EBADF;
        }

        if (error == 0)
            error = Replace(list, wanted, true);
        FreeIfEmpty(inode);
        return error;
    }

    /// <summary>
    /// Lets go of the range. Takes memory only when a lock is cut in two: ENOLCK without, and then it stays as it was.
    /// </summary>
    public static long Drop(Inode* inode, in FileLock range)
    {
        if (inode->Locks == null)
            return 0;
        long error = Replace(inode->Locks, range, false);
        FreeIfEmpty(inode);
        return error;
    }

    /// <summary>
    /// A process closes a descriptor of the file: its record locks go, whichever descriptor made them.
    /// </summary>
    public static void DescriptorClosed(File* file, FileTable* table)
    {
        if (file->Inode != null && file->Inode->Locks != null)
            DropAll(file->Inode, LockKind.Record, table);
    }

    /// <summary>An open file is closed for good.</summary>
    public static void FileClosed(File* file)
    {
        if (file->Inode == null || file->Inode->Locks == null)
            return;
        DropAll(file->Inode, LockKind.Description, file);
        if (file->Inode->Locks != null)
            DropAll(file->Inode, LockKind.Whole, file);
    }

    private static FileLock* Conflict(FileLockList* list, in FileLock wanted)
    {
        FileLock* held = list->First;
        while (held != null && !held->ConflictsWith(wanted))
            held = held->Next;
        return held;
    }

    private static long Sleep(FileLockList* list, in FileLock wanted)
    {
        Waiter waiter = default;
        waiter.Next = s_waiters;
        waiter.List = list;
        waiter.Wanted = wanted;
        s_waiters = &waiter;
        list->Waiters++;
        WaitResult result = Scheduler.Sleep(&list->Queue, ulong.MaxValue);
        list->Waiters--;
        if (s_waiters == &waiter)
        {
            s_waiters = waiter.Next;
        }
        else
        {
            Waiter* before = s_waiters;
            while (before->Next != &waiter)
                before = before->Next;
            before->Next = waiter.Next;
        }

        return result == WaitResult.Interrupted ? Errno.EINTR : 0;
    }

    /// <summary>Whoever holds the lock waits, through others, for the one who asks.</summary>
    private static bool ClosesCircle(FileLockList* list, in FileLock wanted)
    {
        const int longestChain = 10;    // MAX_DEADLK_ITERATIONS
        FileLock* held = Conflict(list, wanted);
        for (int i = 0; i < longestChain && held != null && held->Kind == LockKind.Record; i++)
        {
            if (held->Owner == wanted.Owner)
                return true;
            Waiter* waiter = s_waiters;
            while (waiter != null && (waiter->Wanted.Kind != LockKind.Record || waiter->Wanted.Owner != held->Owner))
                waiter = waiter->Next;
            held = waiter != null ? Conflict(waiter->List, waiter->Wanted) : null;
        }

        return false;
    }

    /// <summary>
    /// Gives the range to the owner as <paramref name="wanted"/> says, or to nobody. What the owner had there is cut or
    /// goes; neighbours of the same kind become one. An owner's locks stand together, by their first bytes.
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

        FileLock** place = null;
        FileLock** at = &list->First;
        while (*at != null)
        {
            FileLock* own = *at;
            if (own->Owner != wanted.Owner || own->Kind != wanted.Kind)
            {
                at = &own->Next;
                continue;
            }

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

        Scheduler.Wake(&list->Queue);
        return 0;
    }

    /// <summary>
    /// The range lies within a lock of its owner's that reaches beyond it at both ends and is not of the same kind.
    /// Locks of one owner do not overlap, so that it is one at most.
    /// </summary>
    private static bool Cuts(FileLockList* list, in FileLock wanted, bool take)
    {
        for (FileLock* own = list->First; own != null; own = own->Next)
        {
            bool around = own->Owner == wanted.Owner && own->Kind == wanted.Kind
                && own->Start < wanted.Start && own->End > wanted.End;
            if (around)
                return !take || own->Exclusive != wanted.Exclusive;
        }

        return false;
    }

    private static void DropAll(Inode* inode, LockKind kind, void* owner)
    {
        bool any = false;
        FileLock** at = &inode->Locks->First;
        while (*at != null)
        {
            FileLock* held = *at;
            if (held->Owner != owner || held->Kind != kind)
            {
                at = &held->Next;
                continue;
            }

            *at = held->Next;
            Objects.Free(held);
            any = true;
        }

        if (any)
            Scheduler.Wake(&inode->Locks->Queue);
        FreeIfEmpty(inode);
    }

    private static void FreeIfEmpty(Inode* inode)
    {
        if (inode->Locks->First != null || inode->Locks->Waiters > 0)
            return;
        Objects.Free(inode->Locks);
        inode->Locks = null;
    }
}
