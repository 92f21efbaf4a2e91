namespace Guestos;

/// <summary>
/// Locks that the kernel hands over (FUTEX_LOCK_PI of futex(2)): the word holds the id of the thread that has the lock.
/// It goes to whoever has waited longest. No thread here has a real-time priority, so there is none to be inherited.
/// </summary>
public static unsafe class PriorityFutex
{
    private static ulong s_turn;

    /// <summary>
    /// Takes the lock, or waits for it until the deadline. 0; EAGAIN: it is held, and the caller does not wait;
    /// EDEADLK, ESRCH: by the caller, by nobody that there is; EFAULT, ETIMEDOUT, EINTR.
    /// </summary>
    public static long Lock(UserPointer<uint> word, FutexKey key, ulong deadline, bool waits)
    {
        Thread* thread = Thread.Current;
        if (!word.TryGet(out uint held))
            return Errno.EFAULT;
        uint owner = held & Futex.OwnerMask;
        if (owner == (uint)thread->Id)
            return Errno.EDEADLK;
        if (owner == 0)
        {
            uint others = FirstOf(key) != null ? Futex.Waiters : 0;
            return word.TryPut(held & Futex.OwnerDied | others | (uint)thread->Id) ? 0 : Errno.EFAULT;
        }

        if (!waits)
            return Errno.EAGAIN;
        Thread* holder = Threads.Find((int)owner);
        if (holder == null || holder->State == ThreadState.Ended)
            return Errno.ESRCH;
        if (!word.TryPut(held | Futex.Waiters))
            return Errno.EFAULT;
        s_turn++;
        thread->FutexKey = key;
        thread->FutexBits = 0;  // nobody's bits: FUTEX_WAKE passes it by
        thread->FutexTurn = s_turn;
        thread->FutexWoken = false;
        WaitResult result = WaitResult.Woken;
        while (!thread->FutexWoken && result == WaitResult.Woken)
            result = Scheduler.Sleep(&thread->FutexQueue, deadline);
        thread->FutexKey = default;
        thread->FutexTurn = 0;
        if (thread->FutexWoken)
            return 0;
        return result == WaitResult.TimedOut ? Errno.ETIMEDOUT : Errno.EINTR;
    }

    /// <summary>Gives the lock to whoever waits for it. EPERM: the caller does not have it. EFAULT.</summary>
    public static long Unlock(UserPointer<uint> word, FutexKey key)
    {
        if (!word.TryGet(out uint held))
            return Errno.EFAULT;
        if ((held & Futex.OwnerMask) != (uint)Thread.Current->Id)
            return Errno.EPERM;
        return HandOver(word, key, 0) ? 0 : Errno.EFAULT;
    }

    /// <summary>
    /// The word becomes that of the next owner, or of none, with a flag. False, and nobody is woken, when the word
    /// cannot be written.
    /// </summary>
    internal static bool HandOver(UserPointer<uint> word, FutexKey key, uint flag)
    {
        Thread* next = FirstOf(key);
        if (!word.TryPut(next != null ? flag | Futex.Waiters | (uint)next->Id : flag))
            return false;
        if (next == null)
            return true;
        next->FutexWoken = true;
        Scheduler.Wake(&next->FutexQueue);
        return true;
    }

    /// <summary>The thread that has waited longest for a lock; null when none does.</summary>
    internal static Thread* FirstOf(FutexKey key)
    {
        Thread* first = null;
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
            if (thread->FutexTurn != 0 && !thread->FutexWoken && thread->FutexKey.Is(key)
                && (first == null || thread->FutexTurn < first->FutexTurn))
                first = thread;
        return first;
    }
}
