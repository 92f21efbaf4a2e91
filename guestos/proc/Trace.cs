namespace Guestos;

/// <summary>Where a traced thread stands while its tracer may look at it (ptrace(2), "Stopped states").</summary>
public enum TraceStop : byte
{
    /// <summary>It does not.</summary>
    None,

    /// <summary>Before a signal is delivered.</summary>
    Signal,

    /// <summary>Its process has been stopped by a job-control signal.</summary>
    Group,
    SystemCallEntry,
    SystemCallExit,

    /// <summary>PTRACE_EVENT_….</summary>
    Event,
}

/// <summary>How a traced thread goes on from a stop.</summary>
public enum TraceMode : byte
{
    /// <summary>Until something happens to it.</summary>
    Continue,

    /// <summary>Until the next system call begins or ends.</summary>
    SystemCall,

    /// <summary>For one instruction.</summary>
    Step,
}

/// <summary>
/// What ptrace(2) keeps of a thread that is traced. All zeros is that of one that is not. Interrupts are off.
/// </summary>
public unsafe struct Trace
{
    public const int InformationLength = 128;

    /// <summary>
    /// The thread that traces it; null: none. It detaches from all of its tracees before it ends.
    /// </summary>
    public Thread* Tracer;

    /// <summary>Attached by PTRACE_SEIZE, or the child of such a one.</summary>
    public bool IsSeized;

    /// <summary>PTRACE_O_….</summary>
    public uint Options;
    public TraceStop Stop;
    public TraceMode Mode;

    /// <summary>The stop as waitid(2) tells it: a signal, with 0x80 or an event above.</summary>
    public int Code;

    /// <summary>The tracer has not waited for this stop, or this end, yet.</summary>
    public bool IsUnreported;

    /// <summary>PTRACE_LISTEN: to its tracer it is not stopped, until its process goes on.</summary>
    public bool IsListening;

    /// <summary>Why it is to stop on its way to user mode, before any signal but SIGKILL.</summary>
    public TraceTraps Traps;

    /// <summary>The number of a signal that the tracer wants delivered; 0 for none.</summary>
    public ulong Injected;

    /// <summary>The system call that it is stopped at, which the tracer may change.</summary>
    public ulong Number;

    /// <summary>PTRACE_GETEVENTMSG.</summary>
    public ulong Message;

    /// <summary>The trap flag in its frame has been set for <see cref="TraceMode.Step"/>.</summary>
    public bool IsTrapFlagOurs;

    /// <summary>The siginfo_t of this stop is there.</summary>
    public bool HasInformation;
    public fixed byte Information[InformationLength];
}

[System.Flags]
public enum TraceTraps : byte
{
    None = 0,

    /// <summary>Its process has been stopped.</summary>
    Group = 1,

    /// <summary>PTRACE_INTERRUPT, or it has just begun under a tracer that has seized.</summary>
    Interrupt = 2,

    /// <summary>Its process goes on, and its tracer has seized it.</summary>
    Continued = 4,
}
