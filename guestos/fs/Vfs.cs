namespace Guestos;

/// <summary>The tree of names, from the root down.</summary>
public static unsafe class Vfs
{
    /// <summary>PATH_MAX, terminating zero included.</summary>
    public const int PathCapacity = 4096;

    public static Inode* Root;

    /// <summary>Builds the root directory from a cpio "newc" archive, which stays where it is, and adds /dev. Called once, after Frames.</summary>
    /// <param name="archive">Kernel address; null for none.</param>
    public static void Init(byte* archive, ulong length) { }

    /// <summary>
    /// Walks a zero-terminated path from <paramref name="start"/> (the current process's root when it begins with '/').
    /// On success 0 and one reference in <paramref name="result"/>, which the caller gives up with <see cref="Release"/>; else -errno.
    /// </summary>
    public static long Lookup(Inode* start, byte* path, bool followLast, Inode** result) => Errno.NoEntry;

    /// <summary>Reads from a regular file into kernel memory: bytes read, 0 at the end.</summary>
    public static long ReadInode(Inode* inode, ulong offset, byte* to, ulong count) => Errno.Invalid;

    public static Inode* Hold(Inode* inode)
    {
        inode->References++;
        return inode;
    }

    public static void Release(Inode* inode) { }

    /// <summary>Opens /dev/console as descriptors 0, 1 and 2 of the first process.</summary>
    public static void OpenConsole(FileTable* table) { }

    /// <summary>The path of an inode as the current process sees it, zero-terminated: its length without the zero, or -errno (ERANGE, ENOENT).</summary>
    public static long PathOf(Inode* inode, byte* to, int capacity) => Errno.NoEntry;
}
