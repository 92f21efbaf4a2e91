using System;
using System.Runtime.InteropServices;

namespace Guestos;

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

/// <summary>What a process's end takes back of the semaphores of a set (SEM_UNDO).</summary>
internal unsafe struct SemaphoreUndo
{
    /// <summary>Of the same process, for another set.</summary>
    public SemaphoreUndo* Next;

    /// <summary>Of the same set, by another process.</summary>
    public SemaphoreUndo* NextOfSet;
    public Process* Process;
    public SemaphoreSet* Set;

    /// <summary>One for each semaphore of the set.</summary>
    public short* Adjustments;

    /// <summary>How many have been taken back at the process's end.</summary>
    public int Done;
}

/// <summary>A set of semget(2).</summary>
public unsafe struct SemaphoreSet
{
    internal IpcObject Common;
    internal int Count;

    /// <summary>Of <see cref="IpcMemory"/>, as <see cref="Changers"/> is.</summary>
    internal ushort* Values;

    /// <summary>sempid: who changed each last.</summary>
    internal int* Changers;

    /// <summary>What ends of processes take back.</summary>
    internal SemaphoreUndo* Undo;
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

    /// <summary>Sets of which a process's end takes something back (SEMUME).</summary>
    public const int MaxUndo = 500;

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
        if (set == null)
            return Errno.ENOMEM;
        set->Count = count;
        set->Values = (ushort*)IpcMemory.Allocate(count * sizeof(ushort));
        set->Changers = (int*)IpcMemory.Allocate(count * sizeof(int));
        bool hasMemory = set->Values != null && set->Changers != null;
        error = hasMemory ? Table.Add(&set->Common, key, flags) : Errno.ENOMEM;
        if (error < 0)
        {
            Free(set);
            return error;
        }
        Total += count;
        return set->Common.Id;
    }

    /// <summary>IPC_RMID: who waits gets EIDRM.</summary>
    public static void Remove(SemaphoreSet* set)
    {
        Table.Remove(&set->Common);
        Total -= set->Count;
        ForgetUndo(set);
        Scheduler.Wake(&set->Changed);
        if (set->Common.References == 0)
            Free(set);
    }

    private static void Free(SemaphoreSet* set)
    {
        if (set->Values != null)
            IpcMemory.Free(set->Values, set->Count * sizeof(ushort));
        if (set->Changers != null)
            IpcMemory.Free(set->Changers, set->Count * sizeof(int));
        Objects.Free(set);
    }

    /// <summary>It stays in memory, though perhaps removed, until <see cref="LetGo"/>.</summary>
    public static void Hold(SemaphoreSet* set) => set->Common.References++;

    public static void LetGo(SemaphoreSet* set)
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
        Hold(set);
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
        SemaphoreUndo* undo = null;
        for (; done < operations.Length && result == 0; done++)
        {
            result = TryOne(set, operations[done], ref undo);
            if (result < 0)
                break;
        }
        blocked = done;
        if (result < 0)
        {
            for (done--; done >= 0; done--)
                TakeBack(set, operations[done], undo);
            return result;
        }
        bool changed = false;
        foreach (ref readonly SemaphoreOperation operation in operations)
        {
            set->Changers[operation.Number] = Process.Current->Id;
            changed |= operation.Change != 0;
        }
        set->OperationTime = IpcObject.Now;
        if (changed)
            Scheduler.Wake(&set->Changed);
        return 0;
    }

    /// <param name="undo">The current process's of the set; null until an operation needs it.</param>
    private static long TryOne(SemaphoreSet* set, SemaphoreOperation operation, ref SemaphoreUndo* undo)
    {
        int value = set->Values[operation.Number] + operation.Change;
        if (operation.Change == 0)
            return value == 0 ? 0 : Errno.EAGAIN;
        if (value < 0)
            return Errno.EAGAIN;
        if (value > MaxValue)
            return Errno.ERANGE;
        if ((operation.Flags & SemaphoreOperation.Undo) != 0)
        {
            if (undo == null)
                undo = UndoOf(set);
            if (undo == null)
                return Errno.ENOMEM;
            int adjustment = undo->Adjustments[operation.Number] - operation.Change;
            if (adjustment is < -MaxValue - 1 or > MaxValue)
                return Errno.ERANGE;
            undo->Adjustments[operation.Number] = (short)adjustment;
        }
        set->Values[operation.Number] = (ushort)value;
        return 0;
    }

    private static void TakeBack(SemaphoreSet* set, SemaphoreOperation operation, SemaphoreUndo* undo)
    {
        set->Values[operation.Number] = (ushort)(set->Values[operation.Number] - operation.Change);
        if (operation.Change != 0 && (operation.Flags & SemaphoreOperation.Undo) != 0)
            undo->Adjustments[operation.Number] += operation.Change;
    }

    /// <summary>The current process's of a set, made when there is none; null without memory.</summary>
    private static SemaphoreUndo* UndoOf(SemaphoreSet* set)
    {
        Process* process = Process.Current;
        int count = 0;
        for (var own = (SemaphoreUndo*)process->SemaphoreUndo; own != null; own = own->Next)
        {
            if (own->Set == set)
                return own;
            count++;
        }
        if (count >= MaxUndo)
            return null;
        var undo = (SemaphoreUndo*)IpcMemory.Allocate(sizeof(SemaphoreUndo));
        var adjustments = undo != null ? (short*)IpcMemory.Allocate(set->Count * sizeof(short)) : null;
        if (adjustments == null)
        {
            if (undo != null)
                IpcMemory.Free(undo, sizeof(SemaphoreUndo));
            return null;
        }
        undo->Adjustments = adjustments;
        undo->Process = process;
        undo->Set = set;
        undo->Next = (SemaphoreUndo*)process->SemaphoreUndo;
        process->SemaphoreUndo = undo;
        undo->NextOfSet = set->Undo;
        set->Undo = undo;
        return undo;
    }

    /// <summary>Neither its process nor its set knows it any more.</summary>
    private static void Free(SemaphoreUndo* undo)
    {
        var link = (SemaphoreUndo**)&undo->Process->SemaphoreUndo;
        while (*link != undo)
            link = &(*link)->Next;
        *link = undo->Next;
        link = &undo->Set->Undo;
        while (*link != undo)
            link = &(*link)->NextOfSet;
        *link = undo->NextOfSet;
        IpcMemory.Free(undo->Adjustments, undo->Set->Count * sizeof(short));
        IpcMemory.Free(undo, sizeof(SemaphoreUndo));
    }

    /// <summary>What processes would take back of a set is void.</summary>
    private static void ForgetUndo(SemaphoreSet* set)
    {
        while (set->Undo != null)
            Free(set->Undo);
    }

    /// <summary>A process ends. Gives way.</summary>
    internal static void Undo(Process* process)
    {
        while (process->SemaphoreUndo != null)
        {
            var undo = (SemaphoreUndo*)process->SemaphoreUndo;
            ApplyPiece(undo);
            if (undo->Done == undo->Set->Count)
                Free(undo);
            Preemption.Point();
        }
    }

    private static void ApplyPiece(SemaphoreUndo* undo)
    {
        const int piece = 2000;
        SemaphoreSet* set = undo->Set;
        bool changed = false;
        int end = Math.Min(undo->Done + piece, set->Count);
        for (int i = undo->Done; i < end; i++)
            if (undo->Adjustments[i] != 0)
            {
                set->Values[i] = (ushort)Math.Clamp(set->Values[i] + undo->Adjustments[i], 0, MaxValue);
                set->Changers[i] = undo->Process->Id;
                changed = true;
            }
        undo->Done = end;
        if (!changed)
            return;
        set->OperationTime = IpcObject.Now;
        Scheduler.Wake(&set->Changed);
    }

    /// <summary>SETALL.</summary>
    /// <param name="values">As many as the set has, none above <see cref="MaxValue"/>.</param>
    public static void SetAll(SemaphoreSet* set, ReadOnlySpan<ushort> values)
    {
        ForgetUndo(set);
        // SAFETY: both arrays were allocated with this length.
        values.CopyTo(new Span<ushort>(set->Values, set->Count));
        new Span<int>(set->Changers, set->Count).Fill(Process.Current->Id);
        set->Common.ChangeTime = IpcObject.Now;
        Scheduler.Wake(&set->Changed);
    }

    /// <summary>SETVAL: 0 or ERANGE.</summary>
    public static long SetValue(SemaphoreSet* set, int number, int value)
    {
        if (value is < 0 or > MaxValue)
            return Errno.ERANGE;
        for (SemaphoreUndo* undo = set->Undo; undo != null; undo = undo->NextOfSet)
            undo->Adjustments[number] = 0;
        set->Values[number] = (ushort)value;
        set->Changers[number] = Process.Current->Id;
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
