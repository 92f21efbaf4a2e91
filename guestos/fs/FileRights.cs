namespace Guestos;

/// <summary>
/// Who may do what to a file: owner, group and others by its permission bits; with CAP_DAC_OVERRIDE everything but
/// execute what nobody may (path_resolution(7), inode(7), capabilities(7)).
/// </summary>
public static unsafe class FileRights
{
    public const uint Read = 4;
    public const uint Write = 2;
    public const uint Execute = 1;

    public const ushort SetUser = 0x800;
    public const ushort SetGroup = 0x400;
    public const ushort Sticky = 0x200;
    public const ushort GroupExecutes = 0x8;
    private const ushort SomebodyExecutes = 0x49;

    /// <summary>CAP_SYS_ADMIN: what is kept for the superuser may be used.</summary>
    public static bool IsSuperuser => Permissions.Has(Capability.SYS_ADMIN);

    /// <summary>What new files belong to.</summary>
    public static uint CurrentUser => Thread.Current == null ? 0 : Credentials.Current.FileUserId;
    public static uint CurrentGroup => Thread.Current == null ? 0 : Credentials.Current.FileGroupId;

    /// <summary>0, or EACCES when the current thread lacks one of the rights.</summary>
    public static long Check(Inode* inode, uint wanted)
    {
        uint mode = inode->Permissions;
        bool isDirectory = inode->Type == InodeType.DIR;
        if ((wanted & Execute) != 0 && !isDirectory && Mounts.Has(inode->Volume, Mounts.NoExecute))
            return Errno.EACCES;
        if (Permissions.Has(Capability.DAC_OVERRIDE))
        {
            bool runs = isDirectory || (mode & SomebodyExecutes) != 0;
            return (wanted & Execute) != 0 && !runs ? Errno.EACCES : 0;
        }

        bool onlyLooks = isDirectory ? (wanted & Write) == 0 : wanted == Read;
        if (onlyLooks && Permissions.Has(Capability.DAC_READ_SEARCH))
            return 0;
        if (CurrentUser == inode->UserId)
            mode >>= 6;
        else if (IsMember(inode->GroupId))
            mode >>= 3;
        return (wanted & ~mode & 7) != 0 ? Errno.EACCES : 0;
    }

    /// <summary>Modes, owners and times are the owner's to set.</summary>
    public static bool Owns(Inode* inode) =>
        CurrentUser == inode->UserId || Permissions.Has(Capability.FOWNER);

    /// <summary>The current thread may have files of this group that bear the set-group-id bit.</summary>
    public static bool MaySetGroupId(uint group) => IsMember(group) || Permissions.Has(Capability.FSETID);

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
        else if ((inode->Permissions & GroupExecutes) != 0 && !MaySetGroupId(inode->GroupId))
            inode->Permissions &= unchecked((ushort)~SetGroup);
    }

    /// <summary>
    /// A file's content is another now: nobody has granted its rights for what it is (write(2), truncate(2)). Who has
    /// CAP_FSETID keeps the set-id bits.
    /// </summary>
    public static void ContentChanged(Inode* inode)
    {
        if (inode->Attributes != null)
            ExtendedAttributes.Remove(inode, FileCapabilities.Name);
        if (!Permissions.Has(Capability.FSETID))
            DropSetId(inode);
    }

    /// <summary>
    /// A file's owner or group is another now: its set-user-id and set-group-id bits and its capabilities go
    /// (chown(2)).
    /// </summary>
    public static void OwnerChanged(Inode* inode)
    {
        if (inode->Attributes != null)
            ExtendedAttributes.Remove(inode, FileCapabilities.Name);
        DropSetId(inode);
    }

    private static void DropSetId(Inode* inode)
    {
        if (inode->Type == InodeType.DIR)
            return;
        uint gone = SetUser | ((inode->Permissions & GroupExecutes) != 0 ? SetGroup : 0u);
        inode->Permissions &= (ushort)~gone;
    }

    /// <summary>The current thread belongs to the group.</summary>
    public static bool IsMember(uint group) =>
        Thread.Current == null ? group == 0 : Credentials.Current.IsMember(group);
}
