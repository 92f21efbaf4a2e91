namespace Guestos;

/// <summary>Paths out of user memory.</summary>
internal static unsafe class UserPath
{
    /// <summary>AT_FDCWD (include/uapi/linux/fcntl.h).</summary>
    public const int CurrentDirectory = -100;

    /// <summary>
    /// Flags of stat(2) and statx(2) that are accepted and have no effect here: AT_NO_AUTOMOUNT,
    /// AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC.
    /// </summary>
    public const uint OfStatus = 0x6800;

    // AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH
    public const uint NoFollow = 0x100;
    public const uint RemoveDirectory = 0x200;
    public const uint Follow = 0x400;
    public const uint EmptyPath = 0x1000;

    /// <summary>How a path is walked whose last component may be a symbolic link, or which may be empty.</summary>
    public static WalkOptions OptionsOf(bool follow, bool allowEmpty)
    {
        WalkOptions options = follow ? WalkOptions.Follow : WalkOptions.None;
        return allowEmpty ? options | WalkOptions.AllowEmpty : options;
    }

    /// <summary>
    /// Copies the path into a buffer, which the caller gives back (<see cref="PathBuffers"/>). EFAULT, ENAMETOOLONG,
    /// ENOMEM: there is none.
    /// </summary>
    public static long Take(UserString from, out byte* path)
    {
        path = PathBuffers.Take();
        if (path == null)
            return Errno.ENOMEM;
        long length = from.CopyTo(path, Vfs.PathCapacity);
        if (length >= 0)
            return 0;
        PathBuffers.Give(path);
        path = null;
        return length;
    }

    /// <summary>Takes a path and walks it from a directory descriptor (or AT_FDCWD).</summary>
    public static long Walk(ulong directory, UserString from, WalkOptions options, out Walked walked)
    {
        long error = Take(from, out byte* path);
        if (error < 0)
        {
            walked = default;
            return error;
        }

        Place start = default;
        bool isMissing = path[0] == 0 && (options & WalkOptions.AllowEmpty) == 0;
        error = isMissing ? Errno.ENOENT : StartOf(directory, path, options, out start);
        if (error == 0)
            error = PathWalk.Walk(start, path, options, out walked);
        else
            walked = default;
        PathBuffers.Give(path);
        return error;
    }

    /// <summary>
    /// Where a path begins that is not absolute, or for which that is the root; no reference is taken. EBADF, ENOTDIR.
    /// </summary>
    private static long StartOf(ulong directory, byte* path, WalkOptions options, out Place start)
    {
        start = Vfs.CurrentDirectory;
        bool isElsewhere = path[0] == '/' && (options & WalkOptions.InRoot) == 0;
        if (isElsewhere || (int)directory == CurrentDirectory)
            return 0;
        File* file = Descriptor.FileOf(directory);
        if (file == null)
            return Errno.EBADF;
        start = file->Place;
        bool isDirectory = start.Inode != null && start.Inode->Type == InodeType.DIR;
        return start.Inode == null || !isDirectory && path[0] != 0 ? Errno.ENOTDIR : 0;
    }

    /// <summary>Walks to something that must exist: one reference in <paramref name="inode"/>.</summary>
    public static long Find(ulong directory, UserString from, WalkOptions options, out Inode* inode)
    {
        long error = Find(directory, from, options, out Place place);
        inode = place.Inode;
        Mounts.Release(place.Mount);
        return error;
    }

    /// <summary>Walks to something that must exist: the caller drops <paramref name="place"/>.</summary>
    public static long Find(ulong directory, UserString from, WalkOptions options, out Place place)
    {
        long error = Walk(directory, from, options, out Walked walked);
        return walked.TakePlace(error, out place);
    }
}
