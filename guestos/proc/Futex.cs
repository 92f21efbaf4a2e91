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
        if (area->Shared)
            key = new FutexKey(null, (*PageTable.Find(space->Root, address, false) & PageTable.AddressMask) | address & (Frames.Size - 1));
        return true;
    }

    public bool IsNone => address == 0;

    public bool Is(FutexKey other) => space == other.space && address == other.address;
}

/// <summary>
/// Waiting on a word of user memory (futex(2)). Waiters are found by walking the processes: few wait.
/// </summary>
public static unsafe class Futex
{
    /// <summary>
    /// Sleeps while a word has a value, until it is woken with one of the bits or the deadline has passed. 0, EFAULT,
    /// EAGAIN, ETIMEDOUT, EINTR.
    /// </summary>
    public static long Wait(UserPointer<uint> word, FutexKey key, uint expected, ulong deadline, uint bits)
    {
        Process* process = Process.Current;
        if (!word.TryGet(out uint seen))
            return Errno.EFAULT;
        if (seen != expected)
            return Errno.EAGAIN;
        process->FutexKey = key;
        process->FutexBits = bits;
        process->FutexWoken = false;
        WaitResult result = WaitResult.Woken;
        while (!process->FutexWoken && result == WaitResult.Woken)
            result = Scheduler.Sleep(&process->FutexQueue, deadline);
        process->FutexKey = default;
        if (process->FutexWoken)
            return 0;
        return result == WaitResult.TimedOut ? Errno.ETIMEDOUT : Errno.EINTR;
    }

    /// <summary>Wakes who waits on a word of the current process's memory, which is writable.</summary>
    internal static void WakeWord(AddressSpace* space, UserPointer<uint> word, int count)
    {
        for (int kind = 0; kind < 2; kind++)
            if (FutexKey.TryMake(space, word, kind == 0, out FutexKey key))
                Wake(key, count, uint.MaxValue);
    }

    /// <summary>Wakes some that wait with one of the bits; how many they were.</summary>
    public static long Wake(FutexKey key, int count, uint bits)
    {
        int woken = 0;
        for (Process* process = ProcessTable.First; process != null && woken < count; process = process->Next)
        {
            if (process->FutexKey.IsNone || !process->FutexKey.Is(key) || process->FutexWoken || (process->FutexBits & bits) == 0)
                continue;
            process->FutexWoken = true;
            Scheduler.Wake(&process->FutexQueue);
            woken++;
        }
        return woken;
    }

    /// <summary>Wakes some, and makes more of them wait for another word; how many they were.</summary>
    public static long Move(FutexKey from, int wake, FutexKey to, int move)
    {
        long woken = Wake(from, wake, uint.MaxValue);
        int moved = 0;
        for (Process* process = ProcessTable.First; process != null && moved < move; process = process->Next)
            if (!process->FutexKey.IsNone && process->FutexKey.Is(from) && !process->FutexWoken)
            {
                process->FutexKey = to;
                moved++;
            }
        return woken + moved;
    }

    // ---- robust futexes (Documentation/locking/robust-futex-ABI.rst) ----

    private const uint OwnerMask = 0x3fffffff, OwnerDied = 0x40000000, Waiters = 0x80000000;

    /// <summary>
    /// Most locks that are looked at when their owner ends: the list is a program's, and may be a ring.
    /// </summary>
    private const int MostLocks = 2048;

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
        Process.Current->RobustList = head;
        return 0;
    }

    /// <summary>
    /// Marks the locks that the current process, which ends, still holds, and wakes one waiter of each.
    /// </summary>
    internal static void FreeRobustLocks(Process* process)
    {
        ulong list = process->RobustList.Address;
        if (list == 0 || !process->RobustList.TryGet(out RobustHead head))
            return;
        ulong entry = head.Next;
        for (int i = 0; i < MostLocks && (entry & ~1UL) != list; i++)
        {
            if (!((UserPointer<ulong>)(entry & ~1UL)).TryGet(out ulong next))
                break;
            if (entry != head.Pending)
                FreeLock(process, (entry & ~1UL) + (ulong)head.Offset);
            entry = next;
        }
        if (head.Pending != 0)
            FreeLock(process, (head.Pending & ~1UL) + (ulong)head.Offset);
    }

    private static void FreeLock(Process* process, UserPointer<uint> word)
    {
        if ((word.Address & 3) != 0 || !word.TryGet(out uint held) || (held & OwnerMask) != (uint)process->Id
            || !word.TryPut(held & Waiters | OwnerDied))
            return;
        if ((held & Waiters) != 0)
            WakeWord(process->Space, word, 1);
    }
}
