using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>
/// What a logical processor has for itself. The base of GS is its address wherever C# runs in ring 0; the one that
/// SWAPGS exchanges it for (IA32_KERNEL_GS_BASE, SDM vol. 2) is then user mode's. Interrupts are off, and it is written
/// by its own processor only. There is one processor so far.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct LogicalProcessor
{
    // ---- arch/Traps.S reaches these by offset (Guestos.Proc.Tests compares) ----

    /// <summary>Its own address: a load from GS cannot tell it otherwise.</summary>
    public LogicalProcessor* Self;

    /// <summary>Where system calls and traps from user mode find the kernel stack of the current thread.</summary>
    public ulong KernelStackTop;

    /// <summary>The stack pointer of user mode, between SYSCALL and the first push.</summary>
    public ulong UserStackPointer;

    /// <summary>The scheduler's <c>Thread*</c>; null while idle.</summary>
    public void* CurrentThread;

    // ---- of the scheduler (proc/Scheduler.cs), nanoseconds of Clock.Monotonic ----

    /// <summary>
    /// When it last changed between user mode, the kernel and being idle, or its time was accounted for.
    /// </summary>
    public ulong Since;

    /// <summary>ulong.MaxValue while the current thread need not give way.</summary>
    public ulong QuantumEnd;

    /// <summary>Another thread is to run before user mode is entered.</summary>
    public bool Reschedule;

    /// <summary>
    /// The user frame (<c>TrapFrame*</c>) of the thread whose x87 state and MXCSR the processor has; null for none.
    /// </summary>
    public void* FloatOwner;

    /// <summary>Where the idle loop goes on.</summary>
    public ulong IdleStackPointer;

    // ---- of arch/Descriptors.cs ----

    /// <summary>Its global descriptor table.</summary>
    public fixed ulong Segments[SegmentCount];

    /// <summary>Its task-state segment (SDM vol. 3A §7.7): 26 words, 8-byte fields not aligned.</summary>
    public fixed uint TaskState[TaskStateWords];

    /// <summary>Its interrupt stacks, lowest first; physical, contiguous, excluded from checkpoints.</summary>
    public ulong InterruptStacks;

    internal const int SegmentCount = 10;

    /// <summary>104 bytes.</summary>
    internal const int TaskStateWords = 26;

    private static LogicalProcessor s_first;

    /// <summary>The one that the machine boots with and that a checkpoint is resumed on.</summary>
    // SAFETY: a static of the image does not move.
    internal static LogicalProcessor* First => (LogicalProcessor*)Unsafe.AsPointer(ref s_first);

    /// <summary>The one that this runs on. A thread that has slept may run on another afterwards.</summary>
    public static LogicalProcessor* Current => Symbols.CurrentProcessor();

    /// <summary><see cref="CurrentThread"/> of <see cref="Current"/>.</summary>
    public static void* Thread => Symbols.CurrentThread();
}
