using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>What holds for all inodes of a file system.</summary>
[Flags]
public enum InodeTraits : byte
{
    None = 0,

    /// <summary>
    /// Names, contents and attributes are kept in memory (<see cref="Directories"/>, <see cref="FileContent"/>) and may
    /// be changed.
    /// </summary>
    Memory = 1,

    /// <summary>Modes, owners and times are the file system's to say: changing them is EPERM.</summary>
    Fixed = 2,

    /// <summary>Its inodes have no names (pipes, sockets, epoll sets): they are there for fstat(2).</summary>
    Nameless = 4,
}

/// <summary>An entry of a directory whose names are made when they are asked for.</summary>
public unsafe struct DirectoryRecord
{
    public const int MaxName = 32;

    /// <summary>What lseek(2) takes to go on behind it.</summary>
    public ulong Cookie;

    /// <summary>st_ino.</summary>
    public ulong Number;
    public InodeType Type;
    public int NameLength;
    public fixed byte Name[MaxName];
}

/// <summary>
/// How the inodes of a file system are found and shown. Each file system is one file of code that fills its table at
/// boot; then it does not change. An entry that is null means what file systems in memory do. Who calls an entry has a
/// reference to the inode.
/// </summary>
public unsafe struct InodeOperations
{
    /// <summary>Room for what <see cref="LinkText"/> and <see cref="PathInside"/> write.</summary>
    public const int MaxText = 512;

    public InodeTraits Traits;

    /// <summary>f_type of statfs(2) (include/uapi/linux/magic.h).</summary>
    public ulong Magic;

    /// <summary>What its regular files are when they are open.</summary>
    public FileOperations* RegularFile;

    /// <summary>
    /// One name in a directory: the inode with a reference, or null. May sleep. Null: <see cref="Directories.Find"/>.
    /// </summary>
    public delegate*<Inode*, byte*, int, Inode*> Lookup;

    /// <summary>The directory above, with a reference. Null: <see cref="Inode.Home"/> says it.</summary>
    public delegate*<Inode*, Inode*> ParentOf;

    /// <summary>
    /// The entry of a directory behind a cookie; false at the end. Null: <see cref="Directories.After"/>.
    /// </summary>
    public delegate*<Inode*, ulong, DirectoryRecord*, bool> NextEntry;

    /// <summary>The current process may read a link and follow it (EACCES). Null: it may.</summary>
    public delegate*<Inode*, bool> MayFollow;

    /// <summary>The current process may open a regular file (EACCES). Null: its permission bits say all.</summary>
    public delegate*<Inode*, bool> MayOpen;

    /// <summary>
    /// The inode that a link stands for, with a reference; null when it stands for a path. Null: it stands for a path.
    /// </summary>
    public delegate*<Inode*, Place*, void> Jump;

    /// <summary>
    /// What a link says, without a zero: its length, or −errno. Null: <see cref="Inode.Image"/>.
    /// </summary>
    public delegate*<Inode*, byte*, int, long> LinkText;

    /// <summary>
    /// The path below the root of the file system, without a slash before it: its length. Null: by
    /// <see cref="Inode.Home"/>.
    /// </summary>
    public delegate*<Inode*, byte*, int> PathInside;

    /// <summary>
    /// Called once, when nobody knows the inode any more and before it is freed. Does not sleep. Null: nothing to do.
    /// </summary>
    public delegate*<Inode*, void> Gone;

    /// <summary>The root directory, where there is <see cref="PathInside"/>.</summary>
    public delegate*<Inode*> Root;

    /// <summary>The address by which inodes know a table.</summary>
    // SAFETY: tables are statics of the image, which do not move.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static InodeOperations* At(ref InodeOperations table) => (InodeOperations*)Unsafe.AsPointer(ref table);
}
