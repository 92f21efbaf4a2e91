namespace Guestos;

/// <summary>inotify_init1(2), inotify_add_watch(2), inotify_rm_watch(2).</summary>
public static unsafe class InotifyCalls
{
    private const uint Known = FileEvent.All | FileEvent.Unmount | FileEvent.Overflow | FileEvent.Ignored
        | FileEvent.OnlyDirectory | FileEvent.DoNotFollow | FileEvent.ExcludeUnlinked | FileEvent.OnlyNew
        | FileEvent.AddToMask | FileEvent.IsDirectory | FileEvent.OneShot;

    public static long Init1(ulong flags)
    {
        if (!CallFlags.TryMake(flags, OpenFlags.NONBLOCK | OpenFlags.CLOEXEC, out CallFlags how))
            return Errno.EINVAL;
        long error = Inotify.Create((uint)flags, out File* file);
        return error < 0 ? error : TimerFileCalls.Install(file, how);
    }

    public static long AddWatch(ulong descriptor, UserString path, ulong mask)
    {
        if (!CallFlags.TryMake(mask, Known, out CallFlags how) || how.IsEmpty)
            return Errno.EINVAL;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if (how.HasAll(FileEvent.OnlyNew | FileEvent.AddToMask) || !Inotify.Is(file))
            return Errno.EINVAL;
        Files.Hold(file);
        WalkOptions options = how.Has(FileEvent.DoNotFollow) ? WalkOptions.None : WalkOptions.Follow;
        long error = UserPath.Find(unchecked((ulong)UserPath.CurrentDirectory), path, options, out Inode* inode);
        if (error == 0)
        {
            if (how.Has(FileEvent.OnlyDirectory) && inode->Type != InodeType.DIR)
                error = Errno.ENOTDIR;
            else
                error = FileRights.Check(inode, FileRights.Read);
            if (error == 0)
                error = Inotify.Add(file, inode, (uint)mask);
            Vfs.Release(inode);
        }

        Files.Release(file);
        return error;
    }

    public static long RemoveWatch(ulong descriptor, ulong watch)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        return Inotify.Is(file) ? Inotify.Remove(file, (int)watch) : Errno.EINVAL;
    }
}
