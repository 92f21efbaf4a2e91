namespace Guestos;

/// <summary>
/// Which word a futex is: of private memory an address in an address space, of shared memory the place of the word
/// itself, whoever maps it where. All zeros is none.
/// </summary>
public unsafe readonly struct FutexKey
{
    private readonly AddressSpace* space;
    private readonly ulong address;

    private FutexKey(AddressSpace* space, ulong address)
    {
        this.space = space;
        this.address = address;
    }

    /// <summary>False, EFAULT, for memory that cannot be read.</summary>
    public static bool TryMake(AddressSpace* space, UserPointer<uint> word, bool isPrivate, out FutexKey key)
    {
        ulong address = word.Address;
        key = new FutexKey(space, address);
        if (isPrivate)
            return UserRange.TryMake(address, 4, out _);
        if (!word.TryGet(out _))
            return false;
        Area* area = AddressSpace.AreaAtOrAbove(space, address);
        if (!area->Shared)
            return true;
        ulong frame = *PageTable.Find(space->Root, address) & PageTable.AddressMask;
        key = new FutexKey(null, frame | address & (Frames.Size - 1));
        return true;
    }

    public bool IsNone => address == 0;

    public bool Is(FutexKey other) => space == other.space && address == other.address;
}

/// <summary>
/// Waiting on a word of user memory (futex(2)). Waiters are found by walking the threads: few wait.
/// </summary>
public static unsafe class Futex
{
    /// <summary>
    /// Sleeps while a word has a value, until it is woken with one of the bits or the deadline has passed. 0, EFAULT,
    /// EAGAIN, ETIMEDOUT, EINTR.
    /// </summary>
    public static long Wait(UserPointer<uint> word, FutexKey key, uint expected, ulong deadline, uint bits)
    {
        Thread* thread = Thread.Current;
        if (!word.TryGet(out uint seen))
            return Errno.EFAULT;
        if (seen != expected)
            return Errno.EAGAIN;
        thread->FutexKind = FutexKind.Plain;
        thread->FutexKey = key;
        thread->FutexBits = bits;
        thread->FutexWoken = false;
        WaitResult result = WaitResult.Woken;
        while (!thread->FutexWoken && result == WaitResult.Woken)
            result = Scheduler.Sleep(&thread->FutexQueue, deadline);
        thread->FutexKey = default;
        if (thread->FutexWoken)
            return 0;
        return result == WaitResult.TimedOut ? Errno.ETIMEDOUT : Signals.Interrupted(deadline);
    }

    /// <summary>Wakes who waits on a word of the current process's memory, which is writable.</summary>
    internal static void WakeWord(AddressSpace* space, UserPointer<uint> word, int count)
    {
        for (int kind = 0; kind < 2; kind++)
            if (FutexKey.TryMake(space, word, kind == 0, out FutexKey key))
                Wake(key, count, uint.MaxValue);
    }

    /// <summary>
    /// Wakes some that wait with one of the bits; how many they were. EINVAL: they wait for a lock.
    /// </summary>
    public static long Wake(FutexKey key, int count, uint bits)
    {
        int woken = 0;
        // Those with a precedence come first, the highest of them before all others (sched(7)).
        for (int highest = HighestOf(key, bits); woken < count; highest = HighestOf(key, bits))
        {
            for (Thread* thread = Threads.First; thread != null && woken < count; thread = Threads.After(thread))
            {
                if (!Waits(thread, key) || (thread->FutexBits & bits) == 0 || thread->Precedence < highest)
                    continue;
                if (thread->FutexKind != FutexKind.Plain)
                    return Errno.EINVAL;
                thread->FutexWoken = true;
                Scheduler.Wake(&thread->FutexQueue);
                woken++;
            }
            if (highest == 0)
                break;
        }
        return woken;
    }

    /// <summary>The highest precedence of those that <see cref="Wake"/> would wake.</summary>
    private static int HighestOf(FutexKey key, uint bits)
    {
        int highest = 0;
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
            if (thread->Precedence > highest && Waits(thread, key) && (thread->FutexBits & bits) != 0)
                highest = thread->Precedence;
        return highest;
    }

    /// <summary>Wakes some, and makes more of them wait for another word; how many they were.</summary>
    public static long Move(FutexKey from, int wake, FutexKey to, int move)
    {
        long woken = Wake(from, wake, uint.MaxValue);
        if (woken < 0)
            return woken;
        int moved = 0;
        for (Thread* thread = Threads.First; thread != null && moved < move; thread = Threads.After(thread))
            if (Waits(thread, from))
            {
                if (thread->FutexKind != FutexKind.Plain)
                    return Errno.EINVAL;
                thread->FutexKey = to;
                moved++;
            }
        return woken + moved;
    }

    internal static bool Waits(Thread* thread, FutexKey key) =>
        !thread->FutexKey.IsNone && thread->FutexKey.Is(key) && !thread->FutexWoken;

    // ---- robust futexes (Documentation/locking/robust-futex-ABI.rst) ----

    private const uint OwnerMask = PriorityLocks.OwnerMask;
    private const uint OwnerDied = PriorityLocks.OwnerDied;
    private const uint Waiters = PriorityLocks.Waiters;

    /// <summary>In the address of an entry of the list: it is a lock of <see cref="PriorityLocks"/>.</summary>
    private const ulong Inherits = 1;

    /// <summary>
    /// Most locks that are looked at when their owner ends: the list is a program's, and may be a ring.
    /// </summary>
    private const int MaxLocks = 2048;

    /// <summary>struct robust_list_head.</summary>
    public struct RobustHead
    {
        public ulong Next;
        public long Offset;
        public ulong Pending;
    }

    public static long SetRobustList(UserPointer<RobustHead> head, ulong length)
    {
        if (length != (ulong)sizeof(RobustHead))
            return Errno.EINVAL;
        Thread.Current->RobustList = head;
        return 0;
    }

    /// <summary>
    /// Marks the locks that the current thread, which ends, still holds, and wakes one waiter of each.
    /// </summary>
    internal static void FreeRobustLocks(Thread* thread)
    {
        ulong list = thread->RobustList.Address;
        if (list == 0 || !thread->RobustList.TryGet(out RobustHead head))
            return;
        ulong entry = head.Next;
        for (int i = 0; i < MaxLocks && (entry & ~1UL) != list; i++)
        {
            if (!((UserPointer<ulong>)(entry & ~Inherits)).TryGet(out ulong next))
                break;
            if ((entry & ~Inherits) != (head.Pending & ~Inherits))
                FreeLock(thread, entry, head.Offset, false);
            entry = next;
        }
        if (head.Pending != 0)
            FreeLock(thread, head.Pending, head.Offset, true);
    }

    private static void FreeLock(Thread* thread, ulong entry, long offset, bool isPending)
    {
        bool inherits = (entry & Inherits) != 0;
        UserPointer<uint> word = (entry & ~Inherits) + (ulong)offset;
        if ((word.Address & 3) != 0 || !word.TryGet(out uint held))
            return;
        // Unlocked, and ended before it could wake whoever waits.
        if (isPending && !inherits && held == 0)
            WakeWord(thread->Process->Space, word, 1);
        if ((held & OwnerMask) != (uint)thread->Id || !word.TryPut(held & Waiters | OwnerDied))
            return;
        if (!inherits && (held & Waiters) != 0)
            WakeWord(thread->Process->Space, word, 1);
    }
}
