using System;

namespace Guestos;

/// <summary>
/// Futexes that are locks with priority inheritance (futex(2), "Priority-inheritance futexes";
/// Documentation/locking/pi-futex.rst). The word has the owner's id, and a bit that sends its unlock to the kernel,
/// which gives the lock to the thread that has waited longest, of those with the highest precedence. A thread has at
/// least the weight and the precedence of each thread that waits for a lock of its own, and is scheduled as early as
/// the first of them (<see cref="Scheduler.LendTurn"/>). Interrupts are off.
/// </summary>
public static unsafe class PriorityLocks
{
    internal const uint OwnerMask = 0x3fffffff;
    internal const uint OwnerDied = 0x40000000;
    internal const uint Waiters = 0x80000000;

    /// <summary>So many owners, each of whom waits for the next one's lock, inherit from the first who waits.</summary>
    private const int MaxChain = 64;

    private static ulong s_tickets;

    /// <summary>
    /// FUTEX_LOCK_PI and FUTEX_TRYLOCK_PI: 0, EFAULT, EDEADLK, EINVAL, ESRCH, EAGAIN, ETIMEDOUT, EINTR.
    /// </summary>
    public static long Lock(UserPointer<uint> word, FutexKey key, ulong deadline, bool isTry)
    {
        Thread* self = Thread.Current;
        self->RestartsAlways = false;
        long result = TryTake(self, word, key, false, out Thread* owner);
        if (result < 0 || owner == null)
            return result;
        if (isTry)
            return Errno.EAGAIN;
        if (LeadsTo(owner, self))
            return Errno.EDEADLK;
        self->LockWord = word;
        self->FutexWoken = false;
        Await(self, key, owner);
        return Sleep(self, deadline);
    }

    /// <summary>FUTEX_UNLOCK_PI: 0, EFAULT, EPERM, EINVAL.</summary>
    public static long Unlock(UserPointer<uint> word, FutexKey key)
    {
        Thread* self = Thread.Current;
        if (!word.TryGet(out uint held))
            return Errno.EFAULT;
        if ((held & OwnerMask) != (uint)self->Id)
            return Errno.EPERM;
        Thread* next = FirstOf(key);
        if (next == null)
            return word.Put(0);
        if (next->FutexKind != FutexKind.Lock || next->LockOwner != self)
            return Errno.EINVAL;
        if (!word.TryPut(Waiters | (uint)next->Id))
            return Errno.EFAULT;
        HandOver(key, self, next);
        return 0;
    }

    /// <summary>
    /// FUTEX_WAIT_REQUEUE_PI: 0 with the lock, EFAULT, EAGAIN (the word's value, or a signal after it has begun to wait
    /// for the lock), ETIMEDOUT, EINTR.
    /// </summary>
    public static long WaitForLock(
        UserPointer<uint> word, FutexKey key, uint expected, ulong deadline, UserPointer<uint> lockWord,
        FutexKey lockKey)
    {
        Thread* self = Thread.Current;
        self->RestartsAlways = false;
        if (!word.TryGet(out uint seen))
            return Errno.EFAULT;
        if (seen != expected)
            return Errno.EAGAIN;
        self->FutexKind = FutexKind.Requeue;
        self->FutexKey = key;
        self->FutexBits = uint.MaxValue;
        self->FutexWoken = false;
        self->LockKey = lockKey;
        self->LockWord = lockWord;
        NextTicket(self);
        return Sleep(self, deadline);
    }

    /// <summary>
    /// FUTEX_CMP_REQUEUE_PI: the thread that has waited longest is given the lock if that is free; it and as many
    /// others wait for the lock otherwise. How many they were, or EFAULT, EDEADLK, EINVAL, ESRCH.
    /// </summary>
    public static long Requeue(FutexKey from, UserPointer<uint> lockWord, FutexKey to, int most)
    {
        Thread* first = FirstOf(from);
        if (first == null)
            return 0;
        if (!MayMove(first, to))
            return Errno.EINVAL;
        long result = TryTake(first, lockWord, to, most > 0, out Thread* owner);
        if (result < 0)
            return result;
        int moved = 0;
        if (owner == null)
        {
            owner = first;
            Give(first);
            moved = 1;
        }
        while (moved <= most)
        {
            Thread* next = FirstOf(from);
            if (next == null)
                break;
            if (!MayMove(next, to))
                return Errno.EINVAL;
            if (LeadsTo(owner, next))
                return Errno.EDEADLK;
            Await(next, to, owner);
            moved++;
            Preemption.Point();
            owner = OwnerOf(to);
            if (owner == null)
                break;
        }
        return moved;
    }

    /// <summary>
    /// The current thread ends, or has its memory replaced: those who wait for its locks are given them, and find in
    /// the words that an owner has died.
    /// </summary>
    internal static void OwnerEnds(Thread* owner)
    {
        owner->LocksGiven = true;
        Thread* waiter = WaiterOf(owner);
        while (waiter != null)
        {
            FutexKey key = waiter->FutexKey;
            Thread* next = FirstOf(key);
            uint word = Waiters | OwnerDied | (uint)next->Id;
            Processes.PutInSpace(next->Process->Space, next->LockWord, word);
            HandOver(key, owner, next);
            Preemption.Point();
            waiter = WaiterOf(owner);
        }
    }

    /// <summary>The weight and the precedence of a thread whose own, or whose waiters, may have changed.</summary>
    public static void UpdateRank(Thread* thread)
    {
        for (int i = 0; thread != null && i < MaxChain; i++)
        {
            uint weight = Nice.WeightOf(thread);
            byte precedence = thread->RealTimePriority;
            for (Thread* waiter = Threads.First; waiter != null; waiter = Threads.After(waiter))
            {
                if (waiter->LockOwner != thread)
                    continue;
                weight = Math.Max(weight, waiter->Weight);
                if (waiter->Precedence > precedence)
                    precedence = waiter->Precedence;
            }
            if (thread->Weight == weight && thread->Precedence == precedence)
                return;
            thread->Weight = weight;
            Scheduler.SetPrecedence(thread, precedence);
            thread = thread->LockOwner;
        }
    }

    /// <summary>
    /// Takes a lock for a thread if nobody has it: 0, and the owner is null. Else 0 and its owner, whose unlock comes
    /// to the kernel from now on, or EFAULT, EDEADLK, EINVAL (the word is not what the kernel knows), ESRCH.
    /// </summary>
    private static long TryTake(
        Thread* taker, UserPointer<uint> word, FutexKey key, bool othersFollow, out Thread* owner)
    {
        owner = null;
        if (!word.TryGet(out uint held))
            return Errno.EFAULT;
        uint id = held & OwnerMask;
        if (id == (uint)taker->Id)
            return Errno.EDEADLK;
        Thread* waiter = FirstOf(key);
        if (waiter != null && (waiter->FutexKind != FutexKind.Lock || (uint)waiter->LockOwner->Id != id))
            return Errno.EINVAL;
        if (id == 0)
        {
            uint taken = held & OwnerDied | (uint)taker->Id;
            return word.Put(othersFollow ? taken | Waiters : taken);
        }
        if (!word.TryPut(held | Waiters))
            return Errno.EFAULT;
        owner = waiter != null ? waiter->LockOwner : Threads.Find((int)id);
        bool isAlive = owner != null && owner->State != ThreadState.Ended && !owner->LocksGiven;
        return isAlive ? 0 : Errno.ESRCH;
    }

    /// <summary>It waits for a lock, whose owner inherits from it, and those for whose locks that one waits.</summary>
    private static void Await(Thread* waiter, FutexKey key, Thread* owner)
    {
        waiter->FutexKind = FutexKind.Lock;
        waiter->FutexKey = key;
        waiter->FutexBits = uint.MaxValue;
        waiter->LockOwner = owner;
        NextTicket(waiter);
        Thread* behind = waiter;
        for (int i = 0; owner != null && i < MaxChain; i++)
        {
            Scheduler.LendTurn(behind, owner);
            behind = owner;
            owner = owner->LockOwner;
        }
        UpdateRank(waiter->LockOwner);
    }

    private static long Sleep(Thread* self, ulong deadline)
    {
        WaitResult result = WaitResult.Woken;
        while (!self->FutexWoken && result == WaitResult.Woken)
            result = Scheduler.Sleep(&self->FutexQueue, deadline);
        if (self->FutexWoken)
            return 0;
        bool wasRequeued = self->FutexKind == FutexKind.Lock && !self->LockKey.IsNone;
        Thread* owner = self->LockOwner;
        Leave(self);
        UpdateRank(owner);
        if (result == WaitResult.TimedOut)
            return Errno.ETIMEDOUT;
        if (wasRequeued)
            return Errno.EAGAIN;
        self->RestartsAlways = true;
        return Errno.EINTR;
    }

    /// <summary>It waits no more.</summary>
    private static void Leave(Thread* thread)
    {
        thread->FutexKind = FutexKind.Plain;
        thread->FutexKey = default;
        thread->LockKey = default;
        thread->LockOwner = null;
    }

    /// <summary>The word says already that the lock is this thread's.</summary>
    private static void Give(Thread* thread)
    {
        Leave(thread);
        thread->FutexWoken = true;
        Scheduler.Wake(&thread->FutexQueue);
    }

    private static void HandOver(FutexKey key, Thread* from, Thread* to)
    {
        Give(to);
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
            if (Futex.Waits(thread, key))
                thread->LockOwner = to;
        UpdateRank(from);
        UpdateRank(to);
    }

    private static bool MayMove(Thread* thread, FutexKey to) =>
        thread->FutexKind == FutexKind.Requeue && thread->LockKey.Is(to);

    /// <summary>The first thread waits for a lock of the second, at once or by way of others, or is it.</summary>
    private static bool LeadsTo(Thread* owner, Thread* thread)
    {
        // Nobody begins to wait where this is so: the chain of owners has no cycle.
        while (owner != null && owner != thread)
            owner = owner->LockOwner;
        return owner == thread;
    }

    private static void NextTicket(Thread* thread)
    {
        s_tickets++;
        thread->FutexTicket = s_tickets;
    }

    private static bool IsBefore(Thread* one, Thread* other) => one->Precedence != other->Precedence
        ? one->Precedence > other->Precedence
        : one->FutexTicket < other->FutexTicket;

    /// <summary>
    /// The thread that has waited longest on a word, of those with the highest precedence; null: none does.
    /// </summary>
    private static Thread* FirstOf(FutexKey key)
    {
        Thread* first = null;
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
            if (Futex.Waits(thread, key) && (first == null || IsBefore(thread, first)))
                first = thread;
        return first;
    }

    private static Thread* OwnerOf(FutexKey key)
    {
        Thread* waiter = FirstOf(key);
        return waiter != null ? waiter->LockOwner : null;
    }

    private static Thread* WaiterOf(Thread* owner)
    {
        Thread* thread = Threads.First;
        while (thread != null && thread->LockOwner != owner)
            thread = Threads.After(thread);
        return thread;
    }
}
