using System;

namespace Wire;

/// <summary>
/// Requests to /dev/checkpoint by ioctl(2), between the guest's kernel and the program that moves it
/// (docs/architecture.md, "/dev/checkpoint"). What follows are their arguments.
/// </summary>
public enum CheckpointControl : uint
{
    /// <summary>CHECKPOINT_OPTIONS: a <see cref="CheckpointOptions"/> in the register.</summary>
    SetOptions = 0x4501,

    /// <summary>CHECKPOINT_PROGRESS: fills a <see cref="CheckpointProgress"/>.</summary>
    GetProgress = 0x4502,

    /// <summary>CHECKPOINT_COMMIT: a <see cref="CommitRequest"/>.</summary>
    Commit = 0x4503,

    /// <summary>CHECKPOINT_SOCKET: a descriptor in the register.</summary>
    AddSocket = 0x4504,

    /// <summary>CHECKPOINT_SCRATCH: a <see cref="ScratchRequest"/>.</summary>
    AddScratch = 0x4505,

    /// <summary>CHECKPOINT_LEAVE.</summary>
    Leave = 0x4506,

    /// <summary>CHECKPOINT_STAY.</summary>
    Stay = 0x4507,

    /// <summary>CHECKPOINT_BUDGET: nanoseconds in the register.</summary>
    SetBudget = 0x4508,
}

/// <summary>What is checked of a checkpoint.</summary>
[Flags]
public enum CheckpointOptions : uint
{
    None = 0,

    /// <summary>A hash of what was sent.</summary>
    Checksum = 1,

    /// <summary>A hash of every frame at the instant of the fork (thesis §6.6.4).</summary>
    Verify = 2,
}

/// <summary>How far a checkpoint is, as programs see it.</summary>
public enum CheckpointPhase : ulong
{
    /// <summary>Pages are sent while the guest changes them; what changes is logged (thesis §6.3.1).</summary>
    Rounds = 1,

    /// <summary>
    /// The checkpoint is what memory was at the fork: a page still to be sent is copied before it changes (§6.3.3).
    /// </summary>
    Forked = 2,

    /// <summary>
    /// The copy may run: this side speaks to nobody but the receiver, until it is proved which of the two runs on.
    /// </summary>
    Committed = 3,
}

/// <summary>What <see cref="CheckpointControl.GetProgress"/> fills.</summary>
public struct CheckpointProgress
{
    public CheckpointPhase Phase;
    public ulong Round;
    public ulong PagesInRound;
    public ulong PagesSent;

    /// <summary>Pages dirtied in the round so far; after the fork: pages that are still to be sent.</summary>
    public ulong WorkingSet;
    public ulong BufferPages;
    public ulong Postponed;
    public ulong LateFrames;

    /// <summary>Nanoseconds, 0 before the fork.</summary>
    public ulong SinceFork;
}

/// <summary>What <see cref="CheckpointControl.Commit"/> reads.</summary>
public struct CommitRequest
{
    /// <summary>Bytes that COMMIT may have on the wire.</summary>
    public const uint MaxLength = 256;

    /// <summary>A descriptor.</summary>
    public int Socket;
    public uint Length;

    /// <summary>Address of so many bytes.</summary>
    public ulong Bytes;
}

/// <summary>What <see cref="CheckpointControl.AddScratch"/> reads. Both are of whole pages.</summary>
public struct ScratchRequest
{
    public ulong Address;
    public ulong Length;
}
