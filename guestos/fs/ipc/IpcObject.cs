namespace Guestos;

/// <summary>
/// What message queues, semaphore sets and shared memory of System V have in common (sysvipc(7)); the first field of
/// each. One that is removed lives on while calls hold it.
/// </summary>
public unsafe struct IpcObject
{
    internal IpcObject* NextOfKey;

    /// <summary>Index and sequence number: an id that was removed does not come again soon.</summary>
    public int Id;

    /// <summary>IPC_PRIVATE (0): nobody finds it by key.</summary>
    public int Key;
    public uint UserId;
    public uint GroupId;
    public uint CreatorUserId;
    public uint CreatorGroupId;

    /// <summary>Nine permission bits, and those of its kind.</summary>
    public uint Mode;

    /// <summary>Seconds since 1970 of the last IPC_SET, or of the beginning.</summary>
    public ulong ChangeTime;

    /// <summary>Calls that hold it.</summary>
    public int References;
    public bool IsRemoved;

    /// <summary>Permission bits of all three classes at once.</summary>
    public const uint Reads = 0x124;
    public const uint Writes = 0x92;
    public const uint Executes = 0x49;
    public const uint Permissions = 0x1ff;

    /// <summary>0, or EACCES when the current process lacks one of the rights.</summary>
    public readonly long Check(uint wanted)
    {
        wanted = (wanted >> 6 | wanted >> 3 | wanted) & 7;
        uint granted = Mode;
        if (FileRights.CurrentUser == UserId || FileRights.CurrentUser == CreatorUserId)
            granted >>= 6;
        else if (FileRights.IsMember(GroupId) || FileRights.IsMember(CreatorGroupId))
            granted >>= 3;
        return (wanted & ~granted) == 0 || Guestos.Permissions.Has(Capability.IPC_OWNER) ? 0 : Errno.EACCES;
    }

    /// <summary>IPC_SET and IPC_RMID are its owner's, its creator's and CAP_SYS_ADMIN's (EPERM).</summary>
    public readonly bool IsOwned =>
        FileRights.CurrentUser == UserId || FileRights.CurrentUser == CreatorUserId
            || Guestos.Permissions.Has(Capability.SYS_ADMIN);

    /// <summary>Seconds of wall time.</summary>
    public static ulong Now => Clock.Realtime / 1_000_000_000;
}
