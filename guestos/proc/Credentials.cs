namespace Guestos;

/// <summary>
/// credentials(7) and capabilities(7): who a thread is, and what it may do. Each thread has its own, which it takes of
/// the one that makes it; a C library changes those of all of a process. Others know a process by its first thread's.
/// </summary>
public unsafe struct Credentials
{
    public uint RealUserId;
    public uint EffectiveUserId;
    public uint SavedUserId;
    public uint RealGroupId;
    public uint EffectiveGroupId;
    public uint SavedGroupId;

    /// <summary>Who it is to files: the effective ones, unless setfsuid(2) has said otherwise since.</summary>
    public uint FileUserId;
    public uint FileGroupId;
    public SupplementaryGroups Groups;
    public CapabilitySets Capabilities;

    /// <summary>PR_SET_NO_NEW_PRIVS.</summary>
    public bool NoNewPrivileges;

    /// <summary>The current thread's. There is one.</summary>
    public static ref Credentials Current => ref Thread.Current->Credentials;

    /// <summary>setfsuid(2), setgroups(2): it belongs to the group as far as files ask.</summary>
    public readonly bool IsMember(uint group)
    {
        if (group == FileGroupId)
            return true;
        for (int i = 0; i < Groups.Count; i++)
            if (Groups.At(i) == group)
                return true;
        return false;
    }
}
