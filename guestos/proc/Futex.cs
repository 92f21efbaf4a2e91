namespace Guestos;

/// <summary>Waiting on a word of user memory (futex(2)). Waiters are found by walking the processes: few wait.</summary>
public static unsafe class Futex
{
    private const ulong WaitOperation = 0, WakeOperation = 1, Requeue = 3, CompareRequeue = 4, WakeWith = 5, WaitBitset = 9, WakeBitset = 10;
    private const ulong CommandMask = 0x7f, RealtimeClock = 0x100;

    public static long Call(ulong address, ulong operation, ulong value, ulong timeout, ulong second, ulong third)
    {
        if ((address & 3) != 0)
            return Errno.Invalid;
        Process* process = Scheduler.Current;
        switch (operation & CommandMask)
        {
            case WaitOperation:
            case WaitBitset:
                return Wait(process, address, (uint)value, timeout, operation, (operation & CommandMask) == WaitBitset ? (uint)third : uint.MaxValue);
            case WakeOperation:
                return Wake(process->Space, address, (int)value, uint.MaxValue);
            case WakeBitset:
                return (uint)third == 0 ? Errno.Invalid : Wake(process->Space, address, (int)value, (uint)third);
            case Requeue:
            case CompareRequeue:
                if ((operation & CommandMask) == CompareRequeue)
                {
                    if (!UserMemory.Readable(address, 4))
                        return Errno.Fault;
                    if (*(uint*)address != (uint)third)
                        return Errno.TryAgain;
                }
                return Move(process->Space, address, (int)value, second, (int)timeout);
            default:
                return Errno.NotImplemented;
        }
    }

    private static long Wait(Process* process, ulong address, uint expected, ulong timeout, ulong operation, uint bits)
    {
        if (bits == 0)
            return Errno.Invalid;
        ulong deadline = ulong.MaxValue;
        if (timeout != 0)
        {
            if (!TimeCalls.ReadTime(timeout, out ulong nanoseconds))
                return Errno.Invalid;
            bool absolute = (operation & CommandMask) == WaitBitset;
            deadline = !absolute ? Clock.Monotonic + nanoseconds
                : (operation & RealtimeClock) != 0 ? TimeCalls.MonotonicOf(nanoseconds) : nanoseconds;
        }
        if (!UserMemory.Readable(address, 4))
            return Errno.Fault;
        if (*(uint*)address != expected)
            return Errno.TryAgain;
        process->FutexAddress = address;
        process->FutexBits = bits;
        process->FutexWoken = false;
        WaitResult result = WaitResult.Woken;
        while (!process->FutexWoken && result == WaitResult.Woken)
            result = Scheduler.Sleep(&process->FutexQueue, deadline);
        process->FutexAddress = 0;
        return process->FutexWoken ? 0 : result == WaitResult.TimedOut ? Errno.TimedOut : Errno.Interrupted;
    }

    internal static long WakeAddress(AddressSpace* space, ulong address, int count) => Wake(space, address, count, uint.MaxValue);

    private static long Wake(AddressSpace* space, ulong address, int count, uint bits)
    {
        int woken = 0;
        for (Process* process = ProcessTable.First; process != null && woken < count; process = process->Next)
        {
            if (process->FutexAddress != address || process->Space != space || process->FutexWoken || (process->FutexBits & bits) == 0)
                continue;
            process->FutexWoken = true;
            Scheduler.Wake(&process->FutexQueue);
            woken++;
        }
        return woken;
    }

    private static long Move(AddressSpace* space, ulong from, int wake, ulong to, int move)
    {
        long woken = Wake(space, from, wake, uint.MaxValue);
        int moved = 0;
        for (Process* process = ProcessTable.First; process != null && moved < move; process = process->Next)
            if (process->FutexAddress == from && process->Space == space && !process->FutexWoken)
            {
                process->FutexAddress = to;
                moved++;
            }
        return woken + moved;
    }
}
