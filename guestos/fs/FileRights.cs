namespace Guestos;

/// <summary>
/// Who may do what to a file: owner, group and others by its permission bits; the superuser everything but execute what
/// nobody may (path_resolution(7), inode(7)). The kernel's own work before the first process is the superuser's.
/// </summary>
public static unsafe class FileRights
{
    public const uint Read = 4;
    public const uint Write = 2;
    public const uint Execute = 1;

    public const ushort SetUser = 0x800;
    public const ushort SetGroup = 0x400;
    public const ushort Sticky = 0x200;
    private const ushort GroupExecutes = 0x8;
    private const ushort SomebodyExecutes = 0x49;

    public static bool IsSuperuser => Process.Current == null || Process.Current->FileUserId == 0;

    /// <summary>The current process is the superuser's, and has not given this <see cref="Capability"/> up.</summary>
    public static bool Has(ulong capability) =>
        IsSuperuser && (Process.Current == null || (Process.Current->Withheld & capability) == 0);

    /// <summary>What new files belong to.</summary>
    public static uint CurrentUser => Process.Current == null ? 0 : Process.Current->FileUserId;
    public static uint CurrentGroup => Process.Current == null ? 0 : Process.Current->FileGroupId;

    /// <summary>0, or EACCES when the current process lacks one of the rights.</summary>
    public static long Check(Inode* inode, uint wanted) => Check(inode, wanted, CurrentUser, CurrentGroup);

    /// <summary>The same for another identity, with the current process's further groups (access(2)).</summary>
    public static long Check(Inode* inode, uint wanted, uint user, uint group)
    {
        uint mode = inode->Permissions;
        bool isDirectory = inode->Type == InodeType.DIR;
        if ((wanted & Execute) != 0 && !isDirectory && Mounts.Has(inode->Volume, Mounts.NoExecute))
            return Errno.EACCES;
        ulong withheld = ulong.MaxValue;
        if (user == 0)
            withheld = Process.Current != null ? Process.Current->Withheld : 0;
        if ((withheld & Capability.OverrideRights) == 0)
        {
            bool runs = isDirectory || (mode & SomebodyExecutes) != 0;
            return (wanted & Execute) != 0 && !runs ? Errno.EACCES : 0;
        }

        bool onlyLooks = isDirectory ? (wanted & Write) == 0 : wanted == Read;
        if (onlyLooks && (withheld & Capability.ReadAndSearch) == 0)
            return 0;
        if (user == inode->UserId)
            mode >>= 6;
        else if (IsIn(inode->GroupId, group))
            mode >>= 3;
        return (wanted & ~mode & 7) != 0 ? Errno.EACCES : 0;
    }

    /// <summary>Modes, owners and times are the owner's to set.</summary>
    public static bool Owns(Inode* inode) => Has(Capability.ActAsOwner) || CurrentUser == inode->UserId;

    /// <summary>The current process belongs to the group, or keeps the set-id bits of any.</summary>
    public static bool IsMember(uint group) => Has(Capability.KeepSetId) || IsIn(group, CurrentGroup);

    /// <summary>EPERM: in a sticky directory only its owner and the file's take names away.</summary>
    public static long CheckSticky(Inode* directory, Inode* inode) =>
        (directory->Permissions & Sticky) == 0 || Owns(inode) || Owns(directory) ? 0 : Errno.EPERM;

    /// <summary>
    /// A new file's owner, group and bits in a directory: one with the set-group-id bit hands its group on, and to
    /// directories the bit.
    /// </summary>
    public static void Inherit(Inode* inode, Inode* directory)
    {
        if ((directory->Permissions & SetGroup) == 0)
            return;
        inode->GroupId = directory->GroupId;
        if (inode->Type == InodeType.DIR)
            inode->Permissions |= SetGroup;
        else if ((inode->Permissions & GroupExecutes) != 0 && !IsMember(inode->GroupId))
            inode->Permissions &= unchecked((ushort)~SetGroup);
    }

    /// <summary>
    /// Clears the set-user-id and set-group-id bits of a file whose content or owner changes: nobody has granted them
    /// for what it is now (chown(2), write(2)).
    /// </summary>
    public static void DropSetId(Inode* inode)
    {
        if (inode->Type == InodeType.DIR)
            return;
        uint gone = SetUser | ((inode->Permissions & GroupExecutes) != 0 ? SetGroup : 0u);
        inode->Permissions &= (ushort)~gone;
    }

    /// <summary>
    /// execve(2): the program's set-id bits make its owner, its group the process's effective ones; what it is then is
    /// saved.
    /// </summary>
    public static void TakeIds(Process* process, Inode* program)
    {
        bool given = !process->NoNewPrivileges && !Mounts.Has(program->Volume, Mounts.NoSuid)
            && Tracing.MayTakeIds(process);
        if (given && (program->Permissions & SetUser) != 0)
            process->EffectiveUserId = program->UserId;
        if (given && (program->Permissions & SetGroup) != 0 && (program->Permissions & GroupExecutes) != 0)
            process->EffectiveGroupId = program->GroupId;
        process->SavedUserId = process->EffectiveUserId;
        process->SavedGroupId = process->EffectiveGroupId;
        process->FileUserId = process->EffectiveUserId;
        process->FileGroupId = process->EffectiveGroupId;
        process->IsUndumpable = false;
        process->Withheld = 0;
        process->GivenUp = 0;
        process->KeepsCapabilities = false;
        if (process->EffectiveUserId != process->RealUserId || process->EffectiveGroupId != process->RealGroupId)
            Permissions.IdentityChanged(process);
    }

    private static bool IsIn(uint group, uint own)
    {
        if (group == own)
            return true;
        Process* process = Process.Current;
        for (int i = 0; process != null && i < process->Groups.Count; i++)
            if (process->Groups.At(i) == group)
                return true;
        return false;
    }
}
