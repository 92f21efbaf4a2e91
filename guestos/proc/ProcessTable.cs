using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>All processes, by ascending id. /proc walks it. Interrupts are off.</summary>
public static unsafe class ProcessTable
{
    /// <summary>Most processes at a time, zombies included (RLIMIT_NPROC): EAGAIN beyond.</summary>
    public const int Capacity = 256;

    /// <summary>
    /// The last of them are for the superuser, so that a guest that somebody has filled still obeys its owner.
    /// </summary>
    public const int Reserve = 32;
    private const int MaxId = 32768;

    public static Process* First;
    public static int Count;
    private static int s_lastId;

    /// <summary>Processes ever made (/proc/stat).</summary>
    public static ulong Created;

    private static Slab<Process> s_processes;

    /// <summary>
    /// Ended processes nobody waits for, whose stack was still in use when they ended. Linked by Next.
    /// </summary>
    private static Process* s_dead;

    /// <summary>The process with this id, zombies included, or null.</summary>
    public static Process* Find(int id)
    {
        for (Process* process = First; process != null && process->Id <= id; process = process->Next)
            if (process->Id == id)
                return process;
        return null;
    }

    /// <summary>
    /// The process with the lowest id above <paramref name="id"/>, or null: FirstAfter(0) begins a walk that survives
    /// changes.
    /// </summary>
    public static Process* FirstAfter(int id)
    {
        Process* process = First;
        while (process != null && process->Id <= id)
            process = process->Next;
        return process;
    }

    /// <summary>
    /// A new process with an id and one thread, nothing else. Null when there are too many or no memory.
    /// </summary>
    public static Process* Create()
    {
        FreeDead();
        int room = OutOfMemory.MayUseReserve() ? Capacity : Capacity - Reserve;
        if (Count >= room || Frames.Free <= Frames.KernelReserve)
            return null;
        Process* process = s_processes.Allocate();
        if (process == null)
            return null;
        Thread* thread = Threads.Create();
        if (thread == null)
        {
            s_processes.Free(process);
            return null;
        }
        process->Id = FreeId();
        process->StartTime = Clock.Monotonic;
        process->FirstThread = thread;
        process->ThreadCount = 1;
        thread->Process = process;
        thread->Id = process->Id;
        Insert(process);
        Count++;
        Created++;
        return process;
    }

    /// <summary>
    /// A further thread of a process with an id, nothing else. Null when there are too many or no memory.
    /// </summary>
    internal static Thread* AddThread(Process* process)
    {
        Threads.FreeDead();
        if (Threads.Count >= Threads.Capacity || Frames.Free <= Frames.KernelReserve)
            return null;
        Thread* thread = Threads.Create();
        if (thread == null)
            return null;
        thread->Id = FreeId();
        thread->Process = process;
        Threads.Append(thread);
        process->ThreadCount++;
        Created++;
        return thread;
    }

    /// <summary>Threads of a user, one of each zombie included (RLIMIT_NPROC).</summary>
    public static int CountOf(uint user)
    {
        int count = 0;
        for (Process* process = First; process != null; process = process->Next)
            if (process->Credentials.RealUserId == user)
                count += process->ThreadCount;
        return count;
    }

    private static int FreeId()
    {
        int id = s_lastId;
        do
            id = id >= MaxId ? 2 : id + 1;
        while (IsTaken(id));
        s_lastId = id;
        return id;
    }

    /// <summary>An id also stays taken while a thread, a process group or a session carries it.</summary>
    private static bool IsTaken(int id)
    {
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
            if (thread->Id == id || thread->Process->ProcessGroupId == id || thread->Process->SessionId == id)
                return true;
        return false;
    }

    private static void Insert(Process* process)
    {
        Process* above = First;
        Process* below = null;
        while (above != null && above->Id < process->Id)
        {
            below = above;
            above = above->Next;
        }
        process->Next = above;
        process->Previous = below;
        if (above != null)
            above->Previous = process;
        if (below != null)
            below->Next = process;
        else
            First = process;
    }

    /// <summary>Takes a process out of the table and frees it. None of its kernel stacks is the one in use.</summary>
    public static void Free(Process* process)
    {
        Unlink(process);
        FreeMemory(process);
    }

    /// <summary>The same for the process that is ending right now and is never switched to again.</summary>
    public static void FreeLater(Process* process)
    {
        Unlink(process);
        process->Next = s_dead;
        s_dead = process;
    }

    /// <summary>Frees what <see cref="FreeLater"/> has left, when somebody else runs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FreeDead()
    {
        if (s_dead != null)
            FreeAllDead();
    }

    private static void FreeAllDead()
    {
        while (s_dead != null && s_dead != Process.Current)
        {
            Process* process = s_dead;
            s_dead = process->Next;
            FreeMemory(process);
        }
    }

    private static void Unlink(Process* process)
    {
        if (process->Previous != null)
            process->Previous->Next = process->Next;
        else
            First = process->Next;
        if (process->Next != null)
            process->Next->Previous = process->Previous;
        Count--;
    }

    private static void FreeMemory(Process* process)
    {
        PendingSignals.Forget(&process->Pending, process, ulong.MaxValue);
        Thread* thread = process->FirstThread;
        while (thread != null)
        {
            Thread* next = thread->Next;
            Threads.Free(thread);
            thread = next;
        }
        s_processes.Free(process);
    }
}
