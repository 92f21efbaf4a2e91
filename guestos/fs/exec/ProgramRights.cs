namespace Guestos;

/// <summary>
/// Whose rights a program runs with (execve(2); capabilities(7), "Transformation of capabilities during execve()",
/// "Capabilities and execution of programs by root"): set-id bits, the file's own capabilities, and no_new_privs.
/// </summary>
internal static unsafe class ProgramRights
{
    /// <summary>
    /// False, EPERM: the file's capabilities are to be effective at once, and the bounding set lacks one of them.
    /// </summary>
    public static bool MayRun(in Place program)
    {
        FileCapabilities file = CapabilitiesOf(program);
        return !file.AreEffective || (file.Permitted & ~Allowed(Credentials.Current.Capabilities, file)) == 0;
    }

    /// <summary>
    /// The current process, of whose threads the current one alone is left, becomes the program, which
    /// <see cref="MayRun"/>.
    /// </summary>
    public static void Take(Process* process, in Place place)
    {
        Inode* program = place.Inode;
        ref Credentials self = ref Credentials.Current;
        CapabilitySets before = self.Capabilities;
        uint user = self.EffectiveUserId;
        bool isUnreadable = FileRights.Check(program, FileRights.Read) < 0;
        if (!self.NoNewPrivileges && !IsPowerless(place))
            TakeIds(ref self, program);
        FileCapabilities file = CapabilitiesOf(place);
        bool isEffective = file.AreEffective;
        ulong permitted = Allowed(before, file);
        bool isRoot = self.RealUserId == 0 || self.EffectiveUserId == 0;
        bool isMixed = file.AreThere && self.RealUserId != 0 && self.EffectiveUserId == 0;
        if (isRoot && !isMixed && !before.Is(CapabilitySets.NoRoot))
        {
            permitted = before.Bounding | before.Inheritable;
            isEffective |= self.EffectiveUserId == 0;
        }

        bool isOther = self.EffectiveUserId != user || !self.IsMember(self.EffectiveGroupId);
        bool gains = isOther || (permitted & ~before.Permitted) != 0;
        if (gains && (self.NoNewPrivileges || !Tracing.MayGainRights(process)))
        {
            if (self.NoNewPrivileges || !before.Has(Capability.SETUID))
            {
                self.EffectiveUserId = self.RealUserId;
                self.EffectiveGroupId = self.RealGroupId;
            }
            permitted &= before.Permitted;
        }

        ref CapabilitySets now = ref self.Capabilities;
        if (file.AreThere || isOther)
            now.Ambient = 0;
        now.Permitted = permitted | now.Ambient;
        now.Effective = isEffective ? now.Permitted : now.Ambient;
        now.SecureBits &= ~CapabilitySets.KeepCapabilities;
        Settle(process, isOther, isEffective, before);
        // Nor may who may only execute it read it from its memory (ptrace(2), "Ptrace access mode checking").
        process->IsUndumpable |= isUnreadable;
    }

    /// <summary>What follows from the new identity: saved ids, what others may see, AT_SECURE.</summary>
    private static void Settle(Process* process, bool isOther, bool isEffective, in CapabilitySets before)
    {
        ref Credentials self = ref Credentials.Current;
        bool isSplit = self.EffectiveUserId != self.RealUserId
            || self.EffectiveGroupId != self.RealGroupId;
        bool isChanged = self.EffectiveUserId != self.FileUserId
            || self.EffectiveGroupId != self.FileGroupId;
        self.SavedUserId = self.EffectiveUserId;
        self.SavedGroupId = self.EffectiveGroupId;
        self.FileUserId = self.EffectiveUserId;
        self.FileGroupId = self.EffectiveGroupId;
        ref CapabilitySets now = ref self.Capabilities;
        bool hasMore = isEffective || (now.Permitted & ~now.Ambient) != 0;
        process->RunsSecurely = isOther || isSplit || self.RealUserId != 0 && hasMore;
        process->IsUndumpable = false;
        if (isSplit || isOther || isChanged || (now.Permitted & ~before.Permitted) != 0)
            Permissions.IdentityChanged(process);
    }

    private static void TakeIds(ref Credentials self, Inode* program)
    {
        if ((program->Permissions & FileRights.SetUser) != 0)
            self.EffectiveUserId = program->UserId;
        if ((program->Permissions & FileRights.SetGroup) != 0
            && (program->Permissions & FileRights.GroupExecutes) != 0)
            self.EffectiveGroupId = program->GroupId;
    }

    private static FileCapabilities CapabilitiesOf(in Place program) =>
        IsPowerless(program) ? default : FileCapabilities.Of(program.Inode);

    /// <summary>No program there gives rights (MS_NOSUID).</summary>
    private static bool IsPowerless(in Place program) =>
        program.Has(Mounts.NoSuid) || Mounts.Has(program.Inode->Volume, Mounts.NoSuid);

    private static ulong Allowed(in CapabilitySets before, in FileCapabilities file) =>
        before.Bounding & file.Permitted | before.Inheritable & file.Inheritable;
}
