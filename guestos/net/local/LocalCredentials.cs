namespace Guestos;

/// <summary>struct ucred (unix(7)): who has sent something, or who is at the other end.</summary>
internal unsafe struct LocalCredentials
{
    public int ProcessId;
    public uint UserId;
    public uint GroupId;

    /// <summary>What Linux tells of nobody: of a message (overflowuid), and of a peer that is not there.</summary>
    public static LocalCredentials OfNobody => new() { UserId = 65534, GroupId = 65534 };
    public static LocalCredentials Unknown => new() { UserId = uint.MaxValue, GroupId = uint.MaxValue };

    /// <summary>What a message says of its sender who says nothing himself.</summary>
    public static LocalCredentials OfSender()
    {
        ref Credentials self = ref Credentials.Current;
        return new LocalCredentials
        {
            ProcessId = Process.Current->Id,
            UserId = self.RealUserId,
            GroupId = self.RealGroupId,
        };
    }

    /// <summary>What SO_PEERCRED says of who connects or listens.</summary>
    public static LocalCredentials OfPeer()
    {
        ref Credentials self = ref Credentials.Current;
        return new LocalCredentials
        {
            ProcessId = Process.Current->Id,
            UserId = self.EffectiveUserId,
            GroupId = self.EffectiveGroupId,
        };
    }

    /// <summary>The current process may say so of itself (unix(7), SCM_CREDENTIALS).</summary>
    public readonly bool MayBeClaimed
    {
        get
        {
            ref Credentials self = ref Credentials.Current;
            bool isUser = UserId == self.RealUserId || UserId == self.EffectiveUserId
                || UserId == self.SavedUserId;
            bool isGroup = GroupId == self.RealGroupId || GroupId == self.EffectiveGroupId
                || GroupId == self.SavedGroupId;
            return (ProcessId == Process.Current->Id || Permissions.Has(Capability.SYS_ADMIN))
                && (isUser || Permissions.Has(Capability.SETUID))
                && (isGroup || Permissions.Has(Capability.SETGID));
        }
    }

    public static bool AreSame(in LocalCredentials one, in LocalCredentials other) =>
        one.ProcessId == other.ProcessId && one.UserId == other.UserId && one.GroupId == other.GroupId;
}
