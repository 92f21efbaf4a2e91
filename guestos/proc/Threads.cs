using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// How threads get and give back what they run on, a kernel stack; and a walk through all of them. Interrupts are off.
/// </summary>
public static unsafe class Threads
{
    private const ulong StackCanary = 0x6b63617473646e65;

    /// <summary>Most threads at a time: EAGAIN beyond.</summary>
    public const int Capacity = 8192;

    private static Slab<Thread> s_threads;

    /// <summary>Threads of all processes, zombies' included.</summary>
    public static int Count;

    /// <summary>Ended ones whose stack was still in use when they ended. Linked by Next.</summary>
    private static Thread* s_dead;

    /// <summary>All threads, process by process; null when there is none.</summary>
    public static Thread* First => ProcessTable.First != null ? ProcessTable.First->FirstThread : null;

    /// <summary>The one behind another in a walk from <see cref="First"/>; null behind the last.</summary>
    public static Thread* After(Thread* thread)
    {
        if (thread->Next != null)
            return thread->Next;
        Process* process = thread->Process->Next;
        return process != null ? process->FirstThread : null;
    }

    /// <summary>The thread with this id, those of zombies included, or null.</summary>
    public static Thread* Find(int id)
    {
        Thread* thread = First;
        while (thread != null && thread->Id != id)
            thread = After(thread);
        return thread;
    }

    /// <summary>A thread with a kernel stack, of no process yet; null without memory.</summary>
    internal static Thread* Create()
    {
        Thread* thread = s_threads.Allocate();
        if (thread == null)
            return null;
        ulong stack = Frames.AllocateContiguous(Thread.KernelStackFrames);
        if (stack == 0)
        {
            s_threads.Free(thread);
            return null;
        }
        thread->KernelStack = DirectMap.At(stack);
        *(ulong*)thread->KernelStack = StackCanary;
        thread->State = ThreadState.New;
        thread->CurrentCall = -1;
        thread->Weight = Nice.Normal;
        Count++;
        return thread;
    }

    /// <summary>Behind the others of its process.</summary>
    internal static void Append(Thread* thread)
    {
        Thread* last = thread->Process->FirstThread;
        while (last->Next != null)
            last = last->Next;
        last->Next = thread;
    }

    /// <summary>Takes one that is not the first off the list of its process.</summary>
    internal static void Unlink(Thread* thread)
    {
        Thread* before = thread->Process->FirstThread;
        while (before->Next != thread)
            before = before->Next;
        before->Next = thread->Next;
        thread->Next = null;
    }

    /// <summary>Frees a thread that is ending right now, of no process's list, once another runs.</summary>
    internal static void FreeLater(Thread* thread)
    {
        thread->Next = s_dead;
        s_dead = thread;
    }

    /// <summary>Frees what <see cref="FreeLater"/> has left. Not called by one of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void FreeDead()
    {
        if (s_dead != null)
            FreeAllDead();
    }

    private static void FreeAllDead()
    {
        while (s_dead != null)
        {
            Thread* thread = s_dead;
            s_dead = thread->Next;
            Free(thread);
        }
    }

    /// <summary>Frees a thread that never runs again, whose kernel stack is not the one in use.</summary>
    internal static void Free(Thread* thread)
    {
        CheckStack(thread);
        Tracing.Forget(thread);
        FloatState.Forget(LogicalProcessor.Current, thread->UserFrame);
        PendingSignals.Forget(&thread->Pending, thread->Process, ulong.MaxValue);
        ulong stack = DirectMap.PhysicalOf(thread->KernelStack);
        for (int i = 0; i < Thread.KernelStackFrames; i++)
            Frames.Release(stack + (ulong)(i * Frames.Size));
        s_threads.Free(thread);
        Count--;
    }

    /// <summary>
    /// Lays out the kernel stack so that the first switch to the thread leaves the kernel through its user frame.
    /// </summary>
    internal static void PrepareFirstSwitch(Thread* thread)
    {
        const int SavedRegisters = 6;       // rbp, rbx, r12 to r15 (switch_context in arch/Traps.S)
        ulong* stack = (ulong*)thread->UserFrame - 1 - SavedRegisters;
        for (int i = 0; i < SavedRegisters; i++)
            stack[i] = 0;
        stack[SavedRegisters] = Symbols.FirstReturn();
        thread->SavedStackPointer = (ulong)stack;
    }

    /// <summary>Panics when a kernel stack has been used up to its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void CheckStack(Thread* thread)
    {
        if (*(ulong*)thread->KernelStack != StackCanary)
            Panic.Stop("kernel stack overflow"u8);
    }
}
