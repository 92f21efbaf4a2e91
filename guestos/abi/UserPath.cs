namespace Guestos;

/// <summary>Paths out of user memory. Two buffers serve every call: between taking a path and having walked it nobody sleeps.</summary>
internal static unsafe class UserPath
{
    /// <summary>AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH (include/uapi/linux/fcntl.h).</summary>
    public const int CurrentDirectory = -100;
    /// <summary>What stat(2) and statx(2) take besides, and what changes nothing here: AT_NO_AUTOMOUNT, AT_STATX_FORCE_SYNC and DONT_SYNC.</summary>
    public const uint OfStatus = 0x6800;

    public const uint NoFollow = 0x100, RemoveDirectory = 0x200, Follow = 0x400, EmptyPath = 0x1000;

    private static byte* s_first, s_second;

    /// <summary>Copies the path in. 0, EFAULT, ENAMETOOLONG, ENOMEM.</summary>
    public static long Take(UserString from, out byte* path) => Take(from, ref s_first, out path);

    /// <summary>The other buffer, for calls with two paths.</summary>
    public static long TakeSecond(UserString from, out byte* path) => Take(from, ref s_second, out path);

    /// <summary>Takes a path and walks it from a directory descriptor (or AT_FDCWD).</summary>
    public static long Walk(ulong directory, UserString from, WalkOptions options, out Walked walked)
    {
        walked = default;
        long error = Take(from, out byte* path);
        return error < 0 ? error : Walk(directory, path, options, out walked);
    }

    public static long Walk(ulong directory, byte* path, WalkOptions options, out Walked walked)
    {
        walked = default;
        Inode* start;
        if (path[0] == '/' || (int)directory == CurrentDirectory)
        {
            start = Vfs.CurrentDirectory;
        }
        else
        {
            File* file = Descriptor.FileOf(directory);
            if (file == null)
                return Errno.BadDescriptor;
            start = file->Inode;
            if (start == null || start->Type != InodeType.Directory && path[0] != 0)
                return Errno.NotDirectory;
        }

        return PathWalk.Walk(start, path, options, out walked);
    }

    /// <summary>Walks to something that must exist: one reference in <paramref name="inode"/>.</summary>
    public static long Find(ulong directory, UserString from, WalkOptions options, out Inode* inode)
    {
        inode = null;
        long error = Walk(directory, from, options, out Walked walked);
        if (error < 0)
            return error;
        Vfs.Release(walked.Parent);
        inode = walked.Inode;
        return inode == null ? Errno.NoEntry : 0;
    }

    private static long Take(UserString from, ref byte* buffer, out byte* path)
    {
        path = null;
        if (buffer == null && (buffer = (byte*)Objects.Allocate(Vfs.PathCapacity)) == null)
            return Errno.NoMemory;
        long length = from.CopyTo(buffer, Vfs.PathCapacity);
        if (length < 0)
            return length;
        path = buffer;
        return 0;
    }
}
