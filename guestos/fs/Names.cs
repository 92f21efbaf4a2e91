using System;

namespace Guestos;

/// <summary>
/// Changes to the tree: making, linking, removing and renaming names. Results 0 or -errno; walks come from
/// <see cref="PathWalk"/>.
/// </summary>
public static unsafe class Names
{
    public const uint MaxLinks = 65000;

    /// <summary>
    /// Makes a new inode under the missing last name of a walk. On success it holds one reference in <paramref
    /// name="made"/>. EEXIST, ENOENT (the directory is gone, or the path ends in a slash), EACCES (/proc), ENOSPC.
    /// </summary>
    public static long Make(ref Walked walked, InodeType type, uint permissions, out Inode* made)
    {
        made = null;
        if (walked.Inode != null || !walked.HasName)
            return Errno.EEXIST;
        if (walked.TrailingSlash && type != InodeType.DIR)
            return Errno.ENOENT;
        long error = MayChange(walked.Directory);
        if (error < 0)
            return error;
        if (FileContent.FreeFrames == 0)
            return Errno.ENOSPC;
        Inode* inode = Vfs.NewInode(type, permissions, walked.Parent->Volume);
        if (inode == null)
            return Errno.ENOSPC;
        DirectoryEntry* entry;
        fixed (byte* name = walked.Name)
            entry = Directories.Add(walked.Parent, name, walked.NameLength, inode);
        if (entry == null)
        {
            Vfs.Release(inode);
            return Errno.ENOSPC;
        }

        FileRights.Inherit(inode, walked.Parent);
        Inotify.ReportName(walked.Parent, Inotify.NameOf(ref walked), inode, FileEvent.Create);
        made = inode;
        return 0;
    }

    /// <summary>Makes a link that says <paramref name="target"/>.</summary>
    public static long MakeLink(ref Walked walked, byte* target, int length)
    {
        long error = Make(ref walked, InodeType.LNK, 0x1ff, out Inode* link);
        if (error < 0)
            return error;
        byte* text = (byte*)Objects.Allocate(length + 1);
        if (text == null)
        {
            fixed (byte* name = walked.Name)
                Directories.Remove(Directories.Find(walked.Parent, name, walked.NameLength));
            Vfs.Release(link);
            return Errno.ENOSPC;
        }

        Memory.Copy(text, target, (ulong)length);
        link->Image = text;
        link->Size = (ulong)length;
        link->ImageLength = link->Size;
        link->ImageOwned = true;
        Vfs.Release(link);
        return 0;
    }

    /// <summary>Gives an existing inode another name.</summary>
    public static long AddLink(in Place from, ref Walked to)
    {
        Inode* inode = from.Inode;
        if (to.Inode != null || !to.HasName)
            return Errno.EEXIST;
        if (to.TrailingSlash)
            return Errno.ENOENT;
        if (inode->Type == InodeType.DIR)
            return Errno.EPERM;
        long error = MayChange(to.Directory);
        if (error < 0)
            return error;
        if (!inode->IsInMemory || from.Mount != to.ParentMount)
            return Errno.EXDEV;
        if (inode->Links >= MaxLinks)
            return Errno.EMLINK;
        if (inode->Links > 0 && !Volumes.Of(inode->Volume).HasInode)
            return Errno.ENOSPC;
        fixed (byte* name = to.Name)
            if (Directories.Add(to.Parent, name, to.NameLength, inode) == null)
                return Errno.ENOSPC;
        Inotify.ReportSelf(inode, FileEvent.Attributes);
        Inotify.ReportName(to.Parent, Inotify.NameOf(ref to), inode, FileEvent.Create);
        return 0;
    }

    /// <summary>unlink(2).</summary>
    public static long Unlink(ref Walked walked)
    {
        if (walked.Inode == null)
            return Errno.ENOENT;
        if (!walked.HasName)
            return Errno.EISDIR;
        long error = MayRemove(walked.Directory, walked.Inode);
        if (error < 0)
            return error;
        if (walked.Inode->Type == InodeType.DIR)
            return Errno.EISDIR;
        if (IsMountPoint(walked))
            return Errno.EBUSY;
        Directories.Remove(walked.Entry);
        Inotify.ReportSelf(walked.Inode, FileEvent.Attributes);
        ReportRemoval(ref walked, 0);
        return 0;
    }

    /// <summary>
    /// A name has gone. What it stood for is given up first, so that the end of the file is told before that of the
    /// name.
    /// </summary>
    private static void ReportRemoval(ref Walked walked, uint kind)
    {
        walked.DropPlace();
        Inotify.ReportName(walked.Parent, Inotify.NameOf(ref walked), FileEvent.Delete | kind);
    }

    /// <summary>rmdir(2).</summary>
    public static long RemoveDirectory(ref Walked walked)
    {
        if (walked.NameLength == -1)
            return Errno.EINVAL;
        if (walked.NameLength == -2)
            return Errno.ENOTEMPTY;
        if (walked.Inode == null)
            return Errno.ENOENT;
        if (!walked.HasName)
            return Errno.EBUSY;
        long error = MayRemove(walked.Directory, walked.Inode);
        if (error < 0)
            return error;
        if (walked.Inode->Type != InodeType.DIR)
            return Errno.ENOTDIR;
        if (IsMountPoint(walked))
            return Errno.EBUSY;
        if (walked.Inode->FirstEntry != null)
            return Errno.ENOTEMPTY;
        Directories.Remove(walked.Entry);
        ReportRemoval(ref walked, FileEvent.IsDirectory);
        return 0;
    }

    /// <summary>renameat2(2) with neither flag, RENAME_NOREPLACE or RENAME_EXCHANGE.</summary>
    public static long Rename(ref Walked from, ref Walked to, bool noReplace, bool exchange)
    {
        from.LookAgain();
        if (!from.HasName || !to.HasName)
            return from.HasName && noReplace ? Errno.EEXIST : Errno.EBUSY;
        if (from.Inode == null)
            return Errno.ENOENT;
        long error = MayChange(from.Directory);
        if (error == 0)
            error = MayChange(to.Directory);
        if (error < 0)
            return error;
        if (from.ParentMount != to.ParentMount)
            return Errno.EXDEV;
        if (IsMountPoint(from) || to.Inode != null && IsMountPoint(to))
            return Errno.EBUSY;
        bool directory = from.Inode->Type == InodeType.DIR;
        if (!directory && (from.TrailingSlash || to.TrailingSlash))
            return Errno.ENOTDIR;
        if (to.Inode == null && exchange)
            return Errno.ENOENT;
        if (to.Inode != null && noReplace)
            return Errno.EEXIST;
        error = FileRights.CheckSticky(from.Parent, from.Inode);
        if (error == 0 && to.Inode != null)
            error = FileRights.CheckSticky(to.Parent, to.Inode);
        // A directory that moves has another "..": it is written to.
        if (error == 0 && directory && from.Parent != to.Parent)
            error = FileRights.Check(from.Inode, FileRights.Write);
        if (error < 0)
            return error;
        if (directory && Mounts.IsBelow(to.Parent, from.Inode)
            || exchange && to.Inode->Type == InodeType.DIR && Mounts.IsBelow(from.Parent, to.Inode))
            return Errno.EINVAL;
        if (from.Inode == to.Inode)
            return 0;
        if (exchange)
            return Exchange(ref from, ref to);
        if (to.Inode != null)
        {
            if (directory && to.Inode->Type != InodeType.DIR)
                return Errno.ENOTDIR;
            if (!directory && to.Inode->Type == InodeType.DIR)
                return Errno.EISDIR;
            if (directory && to.Inode->FirstEntry != null)
                return Errno.ENOTEMPTY;
            Directories.Repoint(to.Entry, from.Inode);
        }
        else
        {
            fixed (byte* name = to.Name)
                if (Directories.Add(to.Parent, name, to.NameLength, from.Inode) == null)
                    return Errno.ENOSPC;
        }

        DirectoryEntry* home = from.Inode->Home;
        Directories.Remove(from.Entry);
        from.Inode->Home = home;
        Inotify.ReportMove(ref from, ref to, from.Inode);
        if (to.Inode != null)
            Inotify.ReportSelf(to.Inode, FileEvent.Attributes);
        Inotify.ReportSelf(from.Inode, FileEvent.MoveSelf);
        return 0;
    }

    private static long Exchange(ref Walked from, ref Walked to)
    {
        // Both are held by their walks, so neither dies between the two steps.
        Directories.Repoint(from.Entry, to.Inode);
        Directories.Repoint(to.Entry, from.Inode);
        from.Inode->Home = to.Entry;
        to.Inode->Home = from.Entry;
        Inotify.ReportMove(ref from, ref to, from.Inode);
        Inotify.ReportSelf(from.Inode, FileEvent.MoveSelf);
        Inotify.ReportMove(ref to, ref from, to.Inode);
        Inotify.ReportSelf(to.Inode, FileEvent.MoveSelf);
        return 0;
    }

    /// <summary>This name may be taken away.</summary>
    private static long MayRemove(in Place directory, Inode* inode)
    {
        long error = MayChange(directory);
        return error < 0 ? error : FileRights.CheckSticky(directory.Inode, inode);
    }

    /// <summary>Something is mounted over what was named, or it is a mount's root.</summary>
    private static bool IsMountPoint(in Walked walked) =>
        walked.Inode->Mounted != null || walked.Mount != walked.ParentMount;

    /// <summary>
    /// Names may be made and removed in this directory: it is in memory, not itself removed, and the process has the
    /// right.
    /// </summary>
    private static long MayChange(in Place directory)
    {
        if (directory.Inode == null)
            return Errno.EBUSY;
        if (!directory.Inode->IsInMemory)
            return Errno.EACCES;
        if (directory.IsReadOnly)
            return Errno.EROFS;
        return directory.Inode->Links == 0
            ? Errno.ENOENT
            : FileRights.Check(directory.Inode, FileRights.Write | FileRights.Execute);
    }
}
