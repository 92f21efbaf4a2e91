namespace Guestos;

/// <summary>
/// What a process has of the file layer, which alone knows what the pointers mean (fs/FileContext.cs).
/// </summary>
public unsafe struct ProcessFiles
{
    /// <summary>Its descriptors; null in a zombie.</summary>
    public void* Table;
    public void* WorkingDirectory;
    public void* WorkingMount;

    /// <summary>chroot(2); null for the root of all.</summary>
    public void* RootDirectory;
    public void* RootMount;

    /// <summary>Contexts of io_setup(2).</summary>
    public void* AioContexts;

    /// <summary>Registered by the file layer at boot.</summary>
    public static ProcessFilesOperations Operations;
}

public unsafe struct ProcessFilesOperations
{
    /// <summary>
    /// Gives a new process what its parent has: a copy of the table, or the same. False without memory; then
    /// <see cref="Release"/> is called, too.
    /// </summary>
    public delegate*<Process*, Process*, bool, bool> Inherit;

    /// <summary>A process gives up all that it has.</summary>
    public delegate*<Process*, void> Release;

    /// <summary>A process that has some ends: what it undoes of System V semaphores.</summary>
    public delegate*<Process*, void> UndoSemaphores;

    /// <summary>An address space may be gone, and with it the last that knew of a file.</summary>
    public delegate*<void> SpaceReleased;

    /// <summary>The leader of a session has ended.</summary>
    public delegate*<int, void> SessionEnded;

    /// <summary>A process has ended and not been waited for yet.</summary>
    public delegate*<Process*, void> Ended;

    /// <summary>
    /// The process that a descriptor means (pidfd_open(2)), 0 when it has been waited for, or EBADF; and whether it is
    /// not to be waited for.
    /// </summary>
    public delegate*<ulong, bool*, long> IdOf;

    /// <summary>A descriptor that means a process: its number, or -errno.</summary>
    public delegate*<Process*, bool, long> OpenProcess;
}
