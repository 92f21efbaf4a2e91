using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>One of a set.</summary>
public struct Semaphore
{
    public int Value;

    /// <summary>sempid: who changed it last.</summary>
    public int Changer;
}

/// <summary>struct sembuf.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SemaphoreOperation
{
    public ushort Number;
    public short Change;
    public short Flags;

    public const short NoWait = 0x800;
    public const short Undo = 0x1000;
}

/// <summary>A call that sleeps on a set, on its kernel stack: what GETNCNT and GETZCNT count.</summary>
internal unsafe struct SemaphoreWaiter
{
    public SemaphoreWaiter* Next;
    public int Number;
    public bool AwaitsZero;
}

/// <summary>What a process's end takes back of one semaphore (SEM_UNDO).</summary>
public unsafe struct SemaphoreUndo
{
    internal SemaphoreUndo* Next;
    internal int Id;
    internal int Number;
    internal int Adjustment;
}

/// <summary>A set of semget(2).</summary>
public unsafe struct SemaphoreSet
{
    internal IpcObject Common;
    internal int Count;

    /// <summary>In page frames one behind the other.</summary>
    internal Semaphore* Values;
    internal ulong OperationTime;
    internal SemaphoreWaiter* Waiters;
    internal WaitQueue Changed;
}

/// <summary>Semaphores of System V (semop(2)): all operations of a call happen at once, or none.</summary>
public static unsafe class SemaphoreSets
{
    // Limits of Linux (include/uapi/linux/sem.h).
    public const int MaxSets = 32000;
    public const int MaxOfSet = 32000;
    public const int MaxOperations = 500;
    public const int MaxValue = 32767;

    internal static IpcTable Table;

    /// <summary>Semaphores of all sets (SEM_INFO).</summary>
    public static int Total;

    /// <summary>At boot.</summary>
    internal static void Register() => ProcessFiles.Operations.UndoSemaphores = &Undo;

    public static SemaphoreSet* Find(int id) => (SemaphoreSet*)Table.Find(id);

    /// <summary>semget(2): an id, or -errno.</summary>
    public static long Get(int key, int count, uint flags)
    {
        if (count is < 0 or > MaxOfSet)
            return Errno.EINVAL;
        long error = Table.Get(key, flags, out IpcObject* found);
        if (error < 0)
            return error;
        if (found != null)
            return count <= ((SemaphoreSet*)found)->Count ? found->Id : Errno.EINVAL;
        if (count == 0)
            return Errno.EINVAL;
        if (Table.Count >= MaxSets)
            return Errno.ENOSPC;
        SemaphoreSet* set = Objects.Allocate<SemaphoreSet>();
        ulong values = set != null && Frames.Free > Frames.UserFloor ? Frames.AllocateContiguous(FramesOf(count)) : 0;
        if (values == 0)
        {
            if (set != null)
                Objects.Free(set);
            return Errno.ENOMEM;
        }
        set->Values = (Semaphore*)DirectMap.At(values);
        set->Count = count;
        Memory.Clear((byte*)set->Values, (ulong)FramesOf(count) * Frames.Size);
        error = Table.Add(&set->Common, key, flags);
        if (error < 0)
        {
            Free(set);
            return error;
        }
        Total += count;
        return set->Common.Id;
    }

    private static int FramesOf(int count) => (count * sizeof(Semaphore) + (int)Frames.Size - 1) / (int)Frames.Size;

    /// <summary>IPC_RMID: who waits gets EIDRM.</summary>
    public static void Remove(SemaphoreSet* set)
    {
        Table.Remove(&set->Common);
        Total -= set->Count;
        ForgetUndo(set->Common.Id, -1);
        Scheduler.Wake(&set->Changed);
        if (set->Common.References == 0)
            Free(set);
    }

    private static void Free(SemaphoreSet* set)
    {
        ulong first = DirectMap.PhysicalOf(set->Values);
        for (int i = 0; i < FramesOf(set->Count); i++)
            Frames.Release(first + (ulong)i * Frames.Size);
        Objects.Free(set);
    }

    private static void LetGo(SemaphoreSet* set)
    {
        set->Common.References--;
        if (set->Common.References == 0 && set->Common.IsRemoved)
            Free(set);
    }

    /// <summary>
    /// semtimedop(2). The operations are the caller's copy; the deadline as <see cref="Scheduler"/>'s.
    /// </summary>
    public static long Operate(int id, ReadOnlySpan<SemaphoreOperation> operations, ulong deadline)
    {
        bool changes = false;
        int highest = 0;
        foreach (ref readonly SemaphoreOperation operation in operations)
        {
            changes |= operation.Change != 0;
            highest = Math.Max(highest, operation.Number);
        }
        while (true)
        {
            SemaphoreSet* set = Find(id);
            if (set == null)
                return Errno.EINVAL;
            if (highest >= set->Count)
                return Errno.EFBIG;
            long error = set->Common.Check(changes ? IpcObject.Writes : IpcObject.Reads);
            if (error < 0)
                return error;
            long result = TryAll(set, operations, out int blocked);
            if (result != Errno.EAGAIN || (operations[blocked].Flags & SemaphoreOperation.NoWait) != 0)
                return result;
            result = Await(set, operations[blocked], deadline);
            if (result < 0)
                return result;
        }
    }

    /// <summary>Sleeps until the set changes: 0, EINTR, EAGAIN at the deadline, or EIDRM when it is gone.</summary>
    private static long Await(SemaphoreSet* set, SemaphoreOperation operation, ulong deadline)
    {
        SemaphoreWaiter waiter = new()
        {
            Next = set->Waiters,
            Number = operation.Number,
            AwaitsZero = operation.Change == 0,
        };
        set->Waiters = &waiter;
        set->Common.References++;
        WaitResult result = Scheduler.Sleep(&set->Changed, deadline);
        SemaphoreWaiter** link = &set->Waiters;
        while (*link != &waiter)
            link = &(*link)->Next;
        *link = waiter.Next;
        bool isRemoved = set->Common.IsRemoved;
        LetGo(set);
        if (isRemoved)
            return Errno.EIDRM;
        if (result == WaitResult.TimedOut)
            return Errno.EAGAIN;
        return result == WaitResult.Interrupted ? Errno.EINTR : 0;
    }

    /// <summary>All operations, or none: 0, EAGAIN with the one that has to wait, ERANGE, ENOMEM.</summary>
    private static long TryAll(SemaphoreSet* set, ReadOnlySpan<SemaphoreOperation> operations, out int blocked)
    {
        long result = 0;
        int done = 0;
        for (; done < operations.Length && result == 0; done++)
        {
            result = TryOne(set, operations[done]);
            if (result < 0)
                break;
        }
        blocked = done;
        if (result < 0)
        {
            for (done--; done >= 0; done--)
                TakeBack(set, operations[done]);
            return result;
        }
        bool changed = false;
        foreach (ref readonly SemaphoreOperation operation in operations)
        {
            set->Values[operation.Number].Changer = Process.Current->Id;
            changed |= operation.Change != 0;
        }
        set->OperationTime = IpcObject.Now;
        if (changed)
            Scheduler.Wake(&set->Changed);
        return 0;
    }

    private static long TryOne(SemaphoreSet* set, SemaphoreOperation operation)
    {
        Semaphore* semaphore = &set->Values[operation.Number];
        if (operation.Change == 0)
            return semaphore->Value == 0 ? 0 : Errno.EAGAIN;
        int value = semaphore->Value + operation.Change;
        if (value < 0)
            return Errno.EAGAIN;
        if (value > MaxValue)
            return Errno.ERANGE;
        if ((operation.Flags & SemaphoreOperation.Undo) != 0)
        {
            SemaphoreUndo* undo = UndoOf(set->Common.Id, operation.Number);
            if (undo == null)
                return Errno.ENOMEM;
            int adjustment = undo->Adjustment - operation.Change;
            if (adjustment is < -MaxValue - 1 or > MaxValue)
                return Errno.ERANGE;
            undo->Adjustment = adjustment;
        }
        semaphore->Value = value;
        return 0;
    }

    private static void TakeBack(SemaphoreSet* set, SemaphoreOperation operation)
    {
        set->Values[operation.Number].Value -= operation.Change;
        if (operation.Change != 0 && (operation.Flags & SemaphoreOperation.Undo) != 0)
            UndoOf(set->Common.Id, operation.Number)->Adjustment += operation.Change;
    }

    /// <summary>The current process's of one semaphore, made when there is none; null without memory.</summary>
    private static SemaphoreUndo* UndoOf(int id, int number)
    {
        Process* process = Process.Current;
        var undo = (SemaphoreUndo*)process->SemaphoreUndo;
        while (undo != null && (undo->Id != id || undo->Number != number))
            undo = undo->Next;
        if (undo != null)
            return undo;
        undo = Objects.Allocate<SemaphoreUndo>();
        if (undo == null)
            return null;
        undo->Id = id;
        undo->Number = number;
        undo->Next = (SemaphoreUndo*)process->SemaphoreUndo;
        process->SemaphoreUndo = undo;
        return undo;
    }

    /// <summary>What processes would take back of a semaphore is void; of −1, of the whole set.</summary>
    private static void ForgetUndo(int id, int number)
    {
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
            for (var undo = (SemaphoreUndo*)process->SemaphoreUndo; undo != null; undo = undo->Next)
                if (undo->Id == id && (number < 0 || undo->Number == number))
                    undo->Adjustment = 0;
    }

    /// <summary>A process ends.</summary>
    internal static void Undo(Process* process)
    {
        while (process->SemaphoreUndo != null)
        {
            var undo = (SemaphoreUndo*)process->SemaphoreUndo;
            process->SemaphoreUndo = undo->Next;
            SemaphoreSet* set = undo->Adjustment != 0 ? Find(undo->Id) : null;
            if (set != null)
            {
                Semaphore* semaphore = &set->Values[undo->Number];
                semaphore->Value = Math.Clamp(semaphore->Value + undo->Adjustment, 0, MaxValue);
                semaphore->Changer = process->Id;
                set->OperationTime = IpcObject.Now;
                Scheduler.Wake(&set->Changed);
            }
            Objects.Free(undo);
        }
    }

    /// <summary>SETALL, before the values change: whoever waits looks at them when the call is over.</summary>
    public static void BeginSetAll(SemaphoreSet* set)
    {
        ForgetUndo(set->Common.Id, -1);
        for (int i = 0; i < set->Count; i++)
            set->Values[i].Changer = Process.Current->Id;
        set->Common.ChangeTime = IpcObject.Now;
        Scheduler.Wake(&set->Changed);
    }

    /// <summary>SETVAL: 0 or ERANGE.</summary>
    public static long SetValue(SemaphoreSet* set, int number, int value)
    {
        if (value is < 0 or > MaxValue)
            return Errno.ERANGE;
        ForgetUndo(set->Common.Id, number);
        set->Values[number].Value = value;
        set->Values[number].Changer = Process.Current->Id;
        set->Common.ChangeTime = IpcObject.Now;
        Scheduler.Wake(&set->Changed);
        return 0;
    }

    /// <summary>GETNCNT and GETZCNT.</summary>
    public static int WaitersOf(SemaphoreSet* set, int number, bool awaitZero)
    {
        int count = 0;
        for (SemaphoreWaiter* waiter = set->Waiters; waiter != null; waiter = waiter->Next)
            if (waiter->Number == number && waiter->AwaitsZero == awaitZero)
                count++;
        return count;
    }
}
