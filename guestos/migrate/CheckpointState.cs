namespace Guestos;

internal enum CheckpointPhase : uint
{
    /// <summary>Pages are sent while the guest changes them; what changes is logged (thesis §6.3.1).</summary>
    Rounds = 1,

    /// <summary>The checkpoint is what memory was at the fork: a page still to be sent is copied before it changes (§6.3.3).</summary>
    Forked = 2,

    /// <summary>The receiver may run: this side never speaks again.</summary>
    Committed = 3,
}

/// <summary>
/// All that one checkpoint in progress knows. Lives in frames that the checkpoint leaves out and that are never
/// write-protected, because the page fault handler writes here; on arrival there is none of it.
/// </summary>
internal unsafe struct CheckpointState
{
    public CheckpointPhase Phase;

    /// <summary>Monotonic time at which the connection last took something.</summary>
    public ulong LastTaken;

    /// <summary>Frames of RAM, counted from address 0.</summary>
    public uint Frames;

    /// <summary>Frames of this state itself, contiguous from <see cref="FirstFrame"/>: freed with it.</summary>
    public uint OwnFrames;
    public uint FirstFrame;

    /// <summary>Two vectors (thesis §6.3.1): what this round transmits, and what was written meanwhile.</summary>
    public FrameSet Transmit;
    public FrameSet Dirty;

    /// <summary>Per frame: index + 1 of its copy in the snapshot buffer, 0 when there is none.</summary>
    public ushort* CopyOf;

    /// <summary>Per frame of the last transmit vector: what it was used for at the fork (<see cref="FrameState"/>). The descriptors go on changing here.</summary>
    public byte* UseAtFork;

    /// <summary>Physical addresses of the buffer's pages; allocated when the fork is due.</summary>
    public ulong* Buffer;
    public uint BufferCapacity;
    public uint BufferUsed;

    /// <summary>Entries that <see cref="Buffer"/> has room for.</summary>
    public uint BufferCapacityLimit;

    /// <summary>The buffer's size as the algorithm sees it: 64 pages, growing linearly (thesis §6.6.5).</summary>
    public uint BufferPages;

    /// <summary>CRC-32C per frame as last sent (wire: CheckpointTable), or null.</summary>
    public uint* Checksums;
    public uint* ChecksumTable;

    /// <summary>Page table entries made writable again since the last protection, so that the next one need not walk all.</summary>
    public ulong** Unprotected;
    public ulong** UnprotectedSpare;
    public uint UnprotectedCount;
    public uint UnprotectedCapacity;
    public bool UnprotectedOverflow;

    /// <summary>Where the cleaner is in the round.</summary>
    public uint Cursor;
    public ulong Round;
    public ulong Records;
    public ulong PagesInRound;
    public ulong PagesSent;
    public ulong Postponed;

    /// <summary>The piece of the stream that waits to be taken: first a run of bytes, then perhaps a page by reference.</summary>
    public byte* Run;
    public int RunLength;

    /// <summary>Frame that follows the run, 0 for none, and how much of it has been taken.</summary>
    public uint Page;
    public int PageOffset;

    /// <summary>Where runs are made: a record header, and behind it the cleaned copy of a page table. One page and a bit.</summary>
    public byte* Scratch;

    public StreamPart Part;
    public uint Options;

    /// <summary>The TCP connection that the stream goes out on, or −1.</summary>
    public int Socket;

    public LateFrames Late;
}

internal enum StreamPart : uint
{
    Header,
    Rounds,
    Final,
    Trailer,
    End,
}
