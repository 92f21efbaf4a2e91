namespace Guestos;

public enum ProcessState : byte
{
    Unused,

    /// <summary>Being built by fork.</summary>
    New,
    Runnable,
    Sleeping,

    /// <summary>By a job-control signal.</summary>
    Stopped,

    /// <summary>Ended, not yet waited for: only the exit status is left.</summary>
    Zombie,
}

/// <summary>One process (one thread of control).</summary>
public unsafe partial struct Process
{
    public const int NameLength = 16;

    public int Id;

    /// <summary>Equal to <see cref="Id"/> except in further threads.</summary>
    public int ThreadGroupId;
    public int ParentId;
    public int GroupId;
    public int SessionId;
    public ProcessState State;

    /// <summary>Null in a zombie.</summary>
    public AddressSpace* Space;

    /// <summary>Null in a zombie.</summary>
    public FileTable* Files;
    public Inode* WorkingDirectory;
    public uint Umask;

    /// <summary>The last path component of the program, zero-terminated (PR_SET_NAME).</summary>
    public fixed byte Name[NameLength];

    /// <summary>Nanoseconds of processor time in user and kernel mode.</summary>
    public ulong UserTime;
    public ulong KernelTime;

    /// <summary><see cref="Clock.Monotonic"/> at the start.</summary>
    public ulong StartTime;

    /// <summary>As wait4 reports it: exit code in bits 8–15, or the signal in bits 0–6.</summary>
    public int ExitStatus;
}
