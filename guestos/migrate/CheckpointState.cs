using Wire;

namespace Guestos;

/// <summary>
/// All that one checkpoint in progress knows. Lives in frames that the checkpoint leaves out and that are never
/// write-protected, because the page fault handler writes here; on arrival there is none of it.
/// </summary>
internal unsafe struct CheckpointState
{
    /// <summary>Where it is. Begins as <see cref="CheckpointStage.Header"/>.</summary>
    public CheckpointStage Stage { get; private set; }

    /// <summary>True from the fork on.</summary>
    public readonly bool IsForked => Stage >= CheckpointStage.Remainder;

    public void Enter(CheckpointStage next)
    {
        if (!Stage.MayBecome(next))
            Panic.Stop("a checkpoint's stages are out of order"u8);
        Stage = next;
    }

    /// <summary>A system call is taking bytes of the stream; another one fails with EBUSY meanwhile.</summary>
    public bool IsTaken;

    /// <summary>How often a commit was put off because of late frames.</summary>
    public int PutOff;

    /// <summary>Monotonic time at which the connection last took something.</summary>
    public ulong LastTaken;

    /// <summary>Frames of RAM, counted from address 0.</summary>
    public uint Frames;

    /// <summary>What the header has said that the machine must have.</summary>
    public MachineFeatures Features;

    /// <summary>Two vectors (thesis §6.3.1): what this round transmits, and what was written meanwhile.</summary>
    public FrameSet Transmit;
    public FrameSet Dirty;

    /// <summary>
    /// The checkpoint has taken a frame for itself. Where the guest arrives it is free and its content means nothing,
    /// so it need not follow. But with checksums it follows as zeros: it may have been handed over by reference before
    /// it was freed, and what has left of it then is what it holds now.
    /// </summary>
    public void LeaveOut(uint frame)
    {
        if (Checksums == null)
            Dirty.Remove(frame);
    }

    /// <summary>
    /// Per frame: index + 1 of its page in the snapshot buffer, 0 before the fork and for what is not to be sent any
    /// more then.
    /// </summary>
    public ushort* KeptOf;

    /// <summary>
    /// Per page of the buffer: what the frame it is for was used for at the fork (<see cref="FrameState"/>), and
    /// whether what that frame held is kept there.
    /// </summary>
    public byte* UseAtFork;

    /// <summary>Physical addresses of the buffer's pages, so many of them.</summary>
    public ulong* Buffer;
    public uint BufferCount;

    /// <summary>The buffer's size as the algorithm sees it, see <see cref="SnapshotBuffer"/>.</summary>
    public uint BufferPages;

    /// <summary>
    /// Per frame: index + 1 of its page among <see cref="Sent"/>, 0 for none. See <see cref="SentPages"/>.
    /// </summary>
    public ushort* SentOf;
    public SentPage* Sent;
    public uint SentCount;

    /// <summary>Index in <see cref="Sent"/> of the page that this round looks at next for a free one.</summary>
    public uint SentHand;

    /// <summary>What programs have said that the arrived guest does without, see <see cref="DeadMemory"/>.</summary>
    public ScratchRange* Scratches;
    public int ScratchCount;

    /// <summary>
    /// Of the stream, see <see cref="ForkThreshold"/>: its best pace so far (nanoseconds for 16 KiB, 0 while it is not
    /// known), and the stretch that is measured now; the same of what was acknowledged; all that was taken.
    /// </summary>
    public ulong Pace;
    public ulong StretchBytes;
    public ulong StretchStart;
    public ulong LinePace;
    public ulong LineBytes;
    public ulong LineStart;
    public ulong StreamBytes;

    /// <summary>Nanoseconds that sending what is left after the fork may take.</summary>
    public ulong Budget;

    /// <summary>Pages of which only lines were due in this round, and the bytes of them.</summary>
    public ulong LinePages;
    public ulong ChangedBytes;

    /// <summary>CRC-32C per frame as last sent, or null; and their sum (wire: CheckpointSum).</summary>
    public uint* Checksums;
    public ulong Sum;

    /// <summary>
    /// Page table entries made writable again since the last protection, so that the next one need not walk all, unless
    /// they were more than fit.
    /// </summary>
    public ulong** Unprotected;
    public uint UnprotectedCount;
    public uint UnprotectedCapacity;
    public bool UnprotectedOverflow;

    /// <summary>
    /// The list before that, of which the entries from <see cref="RenewNext"/> on are to be protected yet.
    /// </summary>
    public ulong** Renewed;
    public uint RenewCount;
    public uint RenewNext;

    /// <summary>Where the walk that protects everything has come to, see <see cref="WriteProtection"/>.</summary>
    public ulong WalkSpace;
    public ulong WalkAddress;

    /// <summary>Process and process group of who took something of the stream last, or has committed.</summary>
    public int Mover { get; private set; }
    public int MoverGroup { get; private set; }

    /// <summary>Not while the commit of another one stands.</summary>
    public void SetMover(Process* process)
    {
        if (Stage == CheckpointStage.Committed)
            return;
        Mover = process->Id;
        MoverGroup = process->ProcessGroupId;
    }

    /// <summary>What the mover had blocked before the commit, since when it has all signals blocked.</summary>
    public ulong MoverMask;

    /// <summary>
    /// Accounts of <see cref="RateLimit"/>, how many processes owe much, and how far the cleaner is when they are
    /// looked at next.
    /// </summary>
    public WriteDebt* Debts;
    public uint HeavyWriters;
    public ulong NextWake;

    /// <summary>Where the cleaner is in the round.</summary>
    public uint Cursor;
    public ulong Round;
    public ulong Records;
    public ulong PagesInRound;
    public ulong PagesSent;
    public ulong Postponed;

    public CheckpointPiece Piece;

    /// <summary>
    /// Where runs are made: a record header, and behind it a page or lines of it. One page and a bit.
    /// </summary>
    public byte* RunBuffer;

    /// <summary>The cleaned copy of a page table. One page.</summary>
    public byte* Clean;

    public CheckpointOptions Options;

    public MigrationSockets Sockets;

    /// <summary>The one that page frames were handed over to, or −1: it reads them when it likes.</summary>
    public int PageSocket;

    public LateFrames Late;
}
