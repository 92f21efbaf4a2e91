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
    public static bool MayRun(Process* process, in Place program)
    {
        FileCapabilities file = CapabilitiesOf(program);
        return !file.AreEffective || (file.Permitted & ~Allowed(process->Capabilities, file)) == 0;
    }

    /// <summary>The process becomes the program, which <see cref="MayRun"/>.</summary>
    public static void Take(Process* process, in Place place)
    {
        Inode* program = place.Inode;
        CapabilitySets before = process->Capabilities;
        uint user = process->EffectiveUserId;
        bool isUnreadable = FileRights.Check(program, FileRights.Read) < 0;
        if (!process->NoNewPrivileges && !IsPowerless(place))
            TakeIds(process, program);
        FileCapabilities file = CapabilitiesOf(place);
        bool isEffective = file.AreEffective;
        ulong permitted = Allowed(before, file);
        bool isRoot = process->RealUserId == 0 || process->EffectiveUserId == 0;
        bool isMixed = file.AreThere && process->RealUserId != 0 && process->EffectiveUserId == 0;
        if (isRoot && !isMixed && !before.Is(CapabilitySets.NoRoot))
        {
            permitted = before.Bounding | before.Inheritable;
            isEffective |= process->EffectiveUserId == 0;
        }

        bool isOther = process->EffectiveUserId != user || !IsMember(process, process->EffectiveGroupId);
        bool gains = isOther || (permitted & ~before.Permitted) != 0;
        if (gains && (process->NoNewPrivileges || !Tracing.MayGainRights(process)))
        {
            if (process->NoNewPrivileges || !before.Has(Capability.SETUID))
            {
                process->EffectiveUserId = process->RealUserId;
                process->EffectiveGroupId = process->RealGroupId;
            }
            permitted &= before.Permitted;
        }

        ref CapabilitySets now = ref process->Capabilities;
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
        bool isSplit = process->EffectiveUserId != process->RealUserId
            || process->EffectiveGroupId != process->RealGroupId;
        bool isChanged = process->EffectiveUserId != process->FileUserId
            || process->EffectiveGroupId != process->FileGroupId;
        process->SavedUserId = process->EffectiveUserId;
        process->SavedGroupId = process->EffectiveGroupId;
        process->FileUserId = process->EffectiveUserId;
        process->FileGroupId = process->EffectiveGroupId;
        ref CapabilitySets now = ref process->Capabilities;
        bool hasMore = isEffective || (now.Permitted & ~now.Ambient) != 0;
        process->RunsSecurely = isOther || isSplit || process->RealUserId != 0 && hasMore;
        process->IsUndumpable = false;
        if (isSplit || isOther || isChanged || (now.Permitted & ~before.Permitted) != 0)
            Permissions.IdentityChanged(process);
    }

    private static void TakeIds(Process* process, Inode* program)
    {
        if ((program->Permissions & FileRights.SetUser) != 0)
            process->EffectiveUserId = program->UserId;
        if ((program->Permissions & FileRights.SetGroup) != 0
            && (program->Permissions & FileRights.GroupExecutes) != 0)
            process->EffectiveGroupId = program->GroupId;
    }

    private static FileCapabilities CapabilitiesOf(in Place program) =>
        IsPowerless(program) ? default : FileCapabilities.Of(program.Inode);

    /// <summary>No program there gives rights (MS_NOSUID).</summary>
    private static bool IsPowerless(in Place program) =>
        program.Has(Mounts.NoSuid) || Mounts.Has(program.Inode->Volume, Mounts.NoSuid);

    private static ulong Allowed(in CapabilitySets before, in FileCapabilities file) =>
        before.Bounding & file.Permitted | before.Inheritable & file.Inheritable;

    private static bool IsMember(Process* process, uint group)
    {
        bool isIt = group == process->FileGroupId;
        for (int i = 0; i < process->Groups.Count; i++)
            isIt |= process->Groups.At(i) == group;
        return isIt;
    }
}
