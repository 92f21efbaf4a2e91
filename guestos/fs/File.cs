namespace Guestos;

/// <summary>
/// An open file description (POSIX "open file description"): what descriptors of one or several processes point to.
/// Lives in <see cref="Files"/>' pool; <see cref="References"/> counts descriptors and calls in progress.
/// </summary>
public unsafe struct File
{
    /// <summary>Neighbours among all open files.</summary>
    internal File* Next;
    internal File* Previous;

    public int References;

    /// <summary>Its kind. Never null.</summary>
    public FileOperations* Operations;

    /// <summary>
    /// Open flags as Linux numbers them (<see cref="OpenFlags"/>): access mode, O_APPEND, O_NONBLOCK, …
    /// </summary>
    public uint Flags;

    /// <summary>Taken by calls that use <see cref="Position"/> and give way meanwhile.</summary>
    public SleepLock PositionLock;

    /// <summary>Offset of the next byte; of a directory, the cookie of the last entry delivered.</summary>
    public ulong Position;

    /// <summary>
    /// The object behind a file that is not in a file system (pipe, epoll set, event counter, socket…), or what its
    /// kind keeps per open.
    /// </summary>
    public void* Object;

    /// <summary>The inode that was opened; null for anonymous objects.</summary>
    public Inode* Inode;

    /// <summary>The mount by which it was reached; null for what is in no tree.</summary>
    public Mount* Mount;

    public readonly Place Place => new(Inode, Mount);

    /// <summary>A number that the owner of <see cref="Object"/> may use (a socket handle).</summary>
    public long Handle;

    /// <summary>The entries of epoll sets that stand for it.</summary>
    public EpollEntry* Entries;

    /// <summary>Whom it sends signals; null until somebody asks for it.</summary>
    public FileOwner* Owner;

    /// <summary>What fchmod(2) has said of a pipe's end or a socket, type included; 0: as its kind has it.</summary>
    public uint Mode;

    /// <summary>Counted in <see cref="Guestos.Inode.Writers"/>.</summary>
    public bool CountedAsWriter;

    /// <summary>The open(2) that it comes from has made the file (F_CREATED_QUERY).</summary>
    public bool IsCreator;

    /// <summary>Opened with O_PATH: a place in the tree, nothing to read or write.</summary>
    public readonly bool IsPath => (Flags & OpenFlags.PATH) != 0;

    // Both access bits together are for ioctl(2) alone.
    public readonly bool MayRead => (Flags & OpenFlags.ACCMODE) is OpenFlags.RDONLY or OpenFlags.RDWR && !IsPath;
    public readonly bool MayWrite => (Flags & OpenFlags.ACCMODE) is OpenFlags.WRONLY or OpenFlags.RDWR && !IsPath;
    public readonly bool NonBlocking => (Flags & OpenFlags.NONBLOCK) != 0;
}
