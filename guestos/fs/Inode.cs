using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>File types without their S_IF: the top four bits of st_mode (include/uapi/linux/stat.h).</summary>
public enum InodeType : ushort
{
    /// <summary>An object without a type of its own: an epoll set, an event counter.</summary>
    None = 0,
    FIFO = 0x1000,
    CHR = 0x2000,
    DIR = 0x4000,
    BLK = 0x6000,
    REG = 0x8000,
    LNK = 0xa000,
    SOCK = 0xc000,
}

/// <summary>
/// A file, whatever its names. It lives while it has names (<see cref="Links"/>) or users (<see cref="References"/>:
/// open files, working directories, mounts, mappings, path walks in progress). Times are nanoseconds since 1970.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct Inode
{
    /// <summary>What address spaces know of it. Comes first: by it they name the inode.</summary>
    public MemoryObject Object;
    public int References;
    public uint Links;
    public ulong Number;

    /// <summary>Its file system. Never null.</summary>
    public InodeOperations* Operations;
    public InodeType Type;

    /// <summary>Permission bits and set-id bits (07777).</summary>
    public ushort Permissions;

    /// <summary>Which mount it lies in, as st_dev shows it.</summary>
    public byte Volume;
    public uint UserId;
    public uint GroupId;

    /// <summary>Device number of a device node, major &lt;&lt; 8 | minor.</summary>
    public uint DeviceNumber;
    public ulong AccessTime;
    public ulong ModifyTime;
    public ulong ChangeTime;

    /// <summary>
    /// The name it was reached by last, for /proc and getcwd: of a directory its only one, null for a root and for what
    /// has been unlinked.
    /// </summary>
    public DirectoryEntry* Home;

    /// <summary>Taken by whoever changes its contents or size, and gives way meanwhile.</summary>
    public SleepLock ContentLock;

    /// <summary>Of one that nobody knows any more: the next whose content is still to be freed.</summary>
    internal Inode* NextDead;

    /// <summary>Open files that may write to it: none while it is some process's program (ETXTBSY).</summary>
    public int Writers;

    /// <summary>Locks on it; null while there are none.</summary>
    public FileLockList* Locks;

    /// <summary>Extended attributes, by name.</summary>
    public ExtendedAttribute* Attributes;

    /// <summary>What has been sealed (<see cref="Guestos.Seals"/>), of one that takes seals.</summary>
    public byte Seals;
    public bool IsSealable;

    /// <summary>Who is told of what happens to it (<see cref="Inotify"/>): one for each descriptor at most.</summary>
    public InotifyWatch* Watches;

    /// <summary>It lies in a file system in memory: its content, its names, its attributes may be changed.</summary>
    public readonly bool IsInMemory => (Operations->Traits & InodeTraits.Memory) != 0;

    /// <summary>It was never in a tree.</summary>
    public readonly bool IsNameless => (Operations->Traits & InodeTraits.Nameless) != 0;

    // ---- directories ----

    public DirectoryEntry* FirstEntry;
    public DirectoryEntry* LastEntry;

    /// <summary>Cookie of the next entry to be made (see <see cref="DirectoryEntry.Cookie"/>).</summary>
    public ulong NextCookie;

    /// <summary>What is mounted here, a list by <see cref="Mount.NextHere"/>; null: nothing.</summary>
    public Mount* Mounted;

    // ---- regular files, symbolic links ----

    /// <summary>
    /// Content that lies in the initial archive and has not been written: the first <see cref="ImageLength"/> bytes. A
    /// link's target, always.
    /// </summary>
    public byte* Image;
    public ulong ImageLength;

    /// <summary><see cref="Image"/> is an object of ours (a link made later), not part of the archive.</summary>
    public bool ImageOwned;

    /// <summary>
    /// Written content: a two-level table of page frames, null until the first write. See <see cref="FileContent"/>.
    /// </summary>
    public ulong** Pages;

    /// <summary>Page frames in <see cref="Pages"/>, tables included (st_blocks).</summary>
    public uint PageCount;

    // ---- others ----

    /// <summary>Of a FIFO: the pipe while somebody has it open.</summary>
    public Pipe* Pipe;

    /// <summary>Of /proc: which file (<see cref="ProcNode"/>), of which process, of which descriptor.</summary>
    public int ProcNode;
    public int ProcProcess;
    public int ProcDescriptor;

    /// <summary>Bytes.</summary>
    public ulong Size
    {
        readonly get => Object.Size;
        set => Object.Size = value;
    }
}

/// <summary>
/// A name in a directory. Entries form a list in the order of their cookies, which are never used again: a directory
/// that is read while names come and go shows every name that stays exactly once.
/// </summary>
public unsafe struct DirectoryEntry
{
    public DirectoryEntry* Next;
    public DirectoryEntry* Previous;

    /// <summary>The directory it stands in.</summary>
    public Inode* Directory;
    public Inode* Inode;
    public ulong Cookie;
    public uint Hash;

    /// <summary>1 to 255.</summary>
    public ushort NameLength;

    /// <summary>The first of <see cref="NameLength"/> bytes; the entry was allocated long enough for all.</summary>
    public fixed byte Name[2];
}
