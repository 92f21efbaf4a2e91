namespace Guestos;

/// <summary>struct ipc64_perm (arch/x86/include/uapi/asm/ipcbuf.h, 48 bytes).</summary>
public struct IpcPermissions
{
    public int Key;
    public uint UserId;
    public uint GroupId;
    public uint CreatorUserId;
    public uint CreatorGroupId;
    public uint Mode;
    public ushort Sequence;
    public ushort Padding;
    public int MorePadding;
    public ulong Unused1;
    public ulong Unused2;

    public static unsafe IpcPermissions Of(IpcObject* from) => new()
    {
        Key = from->Key,
        UserId = from->UserId,
        GroupId = from->GroupId,
        CreatorUserId = from->CreatorUserId,
        CreatorGroupId = from->CreatorGroupId,
        Mode = from->Mode,
        Sequence = (ushort)(from->Id / IpcTable.MaxObjects),
    };

    /// <summary>IPC_SET: owner, group, and the permission bits.</summary>
    public readonly unsafe void ApplyTo(IpcObject* to)
    {
        to->UserId = UserId;
        to->GroupId = GroupId;
        to->Mode = to->Mode & ~IpcObject.Permissions | Mode & IpcObject.Permissions;
        to->ChangeTime = IpcObject.Now;
    }
}

/// <summary>struct msqid64_ds (include/uapi/asm-generic/msgbuf.h).</summary>
public struct MessageQueueStatus
{
    public IpcPermissions Permissions;
    public ulong SendTime;
    public ulong ReceiveTime;
    public ulong ChangeTime;
    public ulong Bytes;
    public ulong Count;
    public ulong MaxBytes;
    public int LastSender;
    public int LastReceiver;
    public ulong Unused1;
    public ulong Unused2;
}

/// <summary>struct msginfo (include/uapi/linux/msg.h).</summary>
public struct MessageLimits
{
    public int Pool;
    public int Map;
    public int MaxMessage;
    public int MaxBytes;
    public int MaxQueues;
    public int SegmentSize;
    public int Total;
    public ushort Segments;
}

/// <summary>struct semid64_ds (arch/x86/include/uapi/asm/sembuf.h).</summary>
public struct SemaphoreSetStatus
{
    public IpcPermissions Permissions;
    public ulong OperationTime;
    public ulong Unused1;
    public ulong ChangeTime;
    public ulong Unused2;
    public ulong Count;
    public ulong Unused3;
    public ulong Unused4;
}

/// <summary>struct seminfo (include/uapi/linux/sem.h).</summary>
public struct SemaphoreLimits
{
    public int Map;
    public int MaxSets;
    public int MaxTotal;
    public int MaxUndo;
    public int MaxOfSet;
    public int MaxOperations;
    public int UndoOfProcess;
    public int UndoSize;
    public int MaxValue;
    public int MaxAdjustment;
}

/// <summary>struct shmid64_ds (include/uapi/asm-generic/shmbuf.h).</summary>
public struct SharedSegmentStatus
{
    public IpcPermissions Permissions;
    public ulong Size;
    public ulong AttachTime;
    public ulong DetachTime;
    public ulong ChangeTime;
    public int Creator;
    public int LastUser;
    public ulong Attachments;
    public ulong Unused1;
    public ulong Unused2;
}

/// <summary>struct shminfo64.</summary>
public struct SharedLimits
{
    public ulong MaxSize;
    public ulong MinSize;
    public ulong MaxSegments;
    public ulong MaxOfProcess;
    public ulong MaxPages;
    public ulong Unused1;
    public ulong Unused2;
    public ulong Unused3;
    public ulong Unused4;
}

/// <summary>struct shm_info.</summary>
public struct SharedUsage
{
    public int Segments;
    public ulong Pages;
    public ulong PagesResident;
    public ulong PagesSwapped;
    public ulong SwapAttempts;
    public ulong SwapSuccesses;
}
