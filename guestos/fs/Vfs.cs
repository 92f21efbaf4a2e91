using System;

namespace Guestos;

/// <summary>
/// fs: names, inodes, open files, pipes, the terminal, /proc, and programs to be executed.
/// <para>Guarantees: an inode lives while it has a name or a user, an open file while a descriptor or a call holds it
/// (<see cref="Hold"/>, <see cref="Files.Hold"/>). What a kind of file or of file system does is in its table
/// (<see cref="FileOperations"/>, <see cref="InodeOperations"/>); nobody asks for the kind. Failure is a value (null,
/// false or -errno), a broken invariant is a <see cref="Panic"/>.</para>
/// <para>Who may call: abi, net and migrate in process context, with a reference to what they name; the boot path; mm
/// through <see cref="MemoryObject.Operations"/>. Interrupt handlers hand input to <see cref="Terminal"/> and report
/// changes (<see cref="Readiness"/>), which does not sleep.</para>
/// <para>Locks: names and tables have none. The kernel is not preempted except where a method is said to give way or to
/// sleep, and whoever calls such a method looks again afterwards. Three locks are held meanwhile, always in this order:
/// <see cref="File.PositionLock"/> for a position, <see cref="Inode.ContentLock"/> for contents and size, and
/// by itself that of a file's list of locks (<see cref="FileLocks"/>).</para>
/// This file: the tree of names, from the root down. Walking it is in <see cref="PathWalk"/>, changing it in
/// <see cref="Names"/>.
/// </summary>
public static unsafe class Vfs
{
    /// <summary>PATH_MAX, terminating zero included.</summary>
    public const int PathCapacity = 4096;

    private const int MinInodes = 65536;

    /// <summary>Inodes in all file systems, one for each frame of memory at least: beyond is ENOSPC.</summary>
    public static int InodeCapacity => (int)Math.Max(Frames.Total, MinInodes);

    /// <summary>How many of them only the superuser may take, who needs some to look at /proc alone.</summary>
    private const int InodeReserve = 256;

    /// <summary>
    /// Volume numbers (st_dev): 1 is the root, 2 /dev, 3 /proc, 4 what has no name; mounts take further ones.
    /// </summary>
    public const byte RootVolume = 1;
    public const byte DeviceVolume = 2;
    public const byte ProcVolume = 3;
    public const byte AnonymousVolume = 4;
    public const byte FirstMountVolume = 5;

    public static Inode* Root;

    /// <summary>The root of the one device file system, wherever it is mounted.</summary>
    public static Inode* DeviceRoot;

    public static int InodesInUse;
    private static ulong s_nextNumber;

    /// <summary>
    /// Builds the root directory from the initial archives, and adds /dev. Called once, after Frames. False: not all of
    /// them could be unpacked (<see cref="InitialTree"/> has said why).
    /// </summary>
    /// <param name="archive">Kernel address; null for none.</param>
    public static bool Init(byte* archive, ulong length)
    {
        InodeMemory.Register();
        FileContext.Register();
        PathBuffers.Init();
        Files.Init();
        MemoryFileSystem.Init();
        ProcTree.Init();
        Root = NewRoot(RootVolume);
        Mounts.Init(Root);
        Root->Permissions = 0x1ed;  // 0755
        bool whole = archive == null || InitialTree.Unpack(archive, length);
        Devices.Init();
        Inode* dev = null;
        fixed (byte* name = "dev"u8)
        {
            DirectoryEntry* entry = Directories.Find(Root, name, 3);
            if (entry != null && entry->Inode->Type == InodeType.DIR)
                dev = entry->Inode;
            else if (entry == null)
                dev = NewInode(InodeType.DIR, 0x1ed, RootVolume);
            if (entry == null && dev != null)
            {
                Directories.Add(Root, name, 3, dev);
                Release(dev);
            }
        }

        if (dev != null)
            Mounts.Add(new Place(dev, Mounts.First), DeviceRoot, "devtmpfs"u8, "devtmpfs"u8, 0);
        return whole;
    }

    /// <summary>
    /// Walks a zero-terminated path from the current process's working directory or root to something that must exist.
    /// On success 0 and references in <paramref name="result"/>, which the caller drops; else -errno.
    /// </summary>
    public static long Lookup(byte* path, out Place result)
    {
        long error = PathWalk.Walk(CurrentDirectory, path, WalkOptions.Follow, out Walked walked);
        return walked.TakePlace(error, out result);
    }

    /// <summary>Reads from a regular file into kernel memory: bytes read, 0 at the end.</summary>
    public static long ReadInode(Inode* inode, ulong offset, byte* to, ulong count)
    {
        if (inode->Type != InodeType.REG)
            return inode->Type == InodeType.DIR ? Errno.EISDIR : Errno.EINVAL;
        if (!inode->IsInMemory)
            return Errno.EINVAL;
        Transfer transfer = Transfer.Of(to, count);
        return FileContent.Read(inode, offset, ref transfer);
    }

    private static int MaxInodes => FileRights.IsSuperuser ? InodeCapacity : InodeCapacity - InodeReserve;

    /// <summary>A new inode with one reference and no name; null when there is no room.</summary>
    public static Inode* NewInode(InodeType type, uint permissions, byte volume)
    {
        ref Volume of = ref Volumes.Of(volume);
        if (InodesInUse >= MaxInodes || !of.HasInode)
            return null;
        Inode* inode = Objects.Allocate<Inode>();
        if (inode == null)
            return null;
        InodesInUse++;
        of.Inodes++;
        inode->References = 1;
        inode->Operations = MemoryFileSystem.Operations;
        s_nextNumber++;
        inode->Number = s_nextNumber;
        inode->Type = type;
        inode->Permissions = (ushort)(permissions & 0xfff);
        inode->Volume = volume;
        inode->UserId = FileRights.CurrentUser;
        inode->GroupId = FileRights.CurrentGroup;
        inode->ChangeTime = Clock.Realtime;
        inode->ModifyTime = inode->ChangeTime;
        inode->AccessTime = inode->ModifyTime;
        return inode;
    }

    /// <summary>
    /// An inode for an open object that has none (a socket, an epoll set): what stat says of it. It cannot be opened.
    /// Null without room.
    /// </summary>
    public static Inode* NewAnonymousInode(File* file)
    {
        FileStatus.Of(file, out FileStatus status);
        Inode* inode = NewInode((InodeType)(status.Mode & 0xf000), status.Mode, AnonymousVolume);
        if (inode == null)
            return null;
        inode->Operations = MemoryFileSystem.Nameless;
        inode->Number = status.Number;
        return inode;
    }

    /// <summary>st_ino of an open file.</summary>
    public static ulong NumberOf(File* file) =>
        file->Inode != null ? file->Inode->Number : NumberOfObject(file->Object);

    /// <summary>
    /// The same of what such a file leads to: tools take it for 32 bits, which it is in 64 GiB of memory.
    /// </summary>
    public static ulong NumberOfObject(void* thing) => DirectMap.PhysicalOf(thing) >> 4;

    /// <summary>
    /// The root directory of a new file system in memory: its links keep it alive until it is unmounted.
    /// </summary>
    public static Inode* NewRoot(byte volume)
    {
        Inode* root = NewInode(InodeType.DIR, 0x1ed, volume);
        if (root != null)
            root->Links = 2;
        return root;
    }

    public static Inode* Hold(Inode* inode)
    {
        inode->References++;
        return inode;
    }

    /// <summary>Gives one reference up. Null is nothing.</summary>
    public static void Release(Inode* inode)
    {
        if (inode == null)
            return;
        inode->References--;
        if (inode->References > 0 || inode->Links > 0)
            return;
        Inotify.Gone(inode);
        if (inode->Operations->Gone != null)
            inode->Operations->Gone(inode);
        if (inode->ImageOwned)
            Objects.Free(inode->Image, (int)inode->ImageLength + 1);
        ExtendedAttributes.Release(inode);
        InodesInUse--;
        ref Volume volume = ref Volumes.Of(inode->Volume);
        volume.Inodes--;
        volume.Pages -= inode->PageCount;
        if (FileContent.IsLarge(inode))
        {
            inode->NextDead = s_dead;
            s_dead = inode;
            return;
        }
        FileContent.Release(inode, giveWay: false);
        Objects.Free(inode);
    }

    /// <summary>
    /// Inodes that nobody knows any more and whose content takes long to free: that is done at the end of the system
    /// call.
    /// </summary>
    private static Inode* s_dead;

    public static bool AnyDead => s_dead != null;

    /// <summary>Frees what <see cref="Release"/> has left. Gives way: the current process holds nothing.</summary>
    public static void FreeDead()
    {
        while (s_dead != null)
        {
            Inode* inode = s_dead;
            s_dead = inode->NextDead;
            FileContent.Release(inode, giveWay: true);
            Objects.Free(inode);
        }
    }

    /// <summary>The root directory of the current process. As for the next, no reference is taken.</summary>
    public static Place CurrentRoot
    {
        get
        {
            Place own = Process.Current != null ? FileContext.RootDirectoryOf(Process.Current) : default;
            return own.Inode != null ? own : new Place(Root, Mounts.First);
        }
    }

    /// <summary>The working directory of the current process.</summary>
    public static Place CurrentDirectory
    {
        get
        {
            Place own = Process.Current != null ? FileContext.WorkingDirectoryOf(Process.Current) : default;
            return own.Inode != null ? own : CurrentRoot;
        }
    }

    /// <summary>Opens /dev/console as descriptors 0, 1 and 2 of the first process.</summary>
    public static void OpenConsole(FileTable* table)
    {
        File* file = Files.Allocate(Terminal.Operations, OpenFlags.RDWR);
        if (file == null)
            return;
        Terminal.Attach(ConsoleTerminal.Terminal, file);
        fixed (byte* name = "console"u8)
        {
            DirectoryEntry* entry = Directories.Find(DeviceRoot, name, 7);
            file->Inode = entry != null ? Hold(entry->Inode) : null;
        }

        for (int descriptor = 0; descriptor < 3; descriptor++)
            if (!FileTable.Put(table, descriptor, Files.Hold(file), false))
                Files.Release(file);
        Files.Release(file);
    }

    /// <summary>
    /// The path of a place as the current process sees it, zero-terminated: its length without the zero, or -errno
    /// (ERANGE, ENOENT).
    /// </summary>
    public static long PathOf(in Place place, byte* to, int capacity)
    {
        Inode* inode = place.Inode;
        Mount* mount = place.Mount;
        if (mount == null || inode->IsNameless)
            return Errno.ENOENT;
        if (capacity < 2)
            return Errno.ERANGE;
        Place root = CurrentRoot;
        int at = capacity - 1;
        while (!root.Is(new Place(inode, mount)) && (inode != mount->Root || mount != Mounts.First))
        {
            if (inode == mount->Root)
            {
                inode = mount->Point;
                mount = mount->Parent;
                if (mount == null)
                    return Errno.ENOENT;
                continue;
            }

            inode = StepUp(inode, to, ref at);
            if (inode == null)
                return at < 0 ? Errno.ERANGE : Errno.ENOENT;
        }

        return End(to, at, capacity);
    }

    /// <summary>
    /// The path of a directory or file from the root of its own file system, zero-terminated: its length without the
    /// zero, or ERANGE.
    /// </summary>
    public static long PathInVolume(Inode* inode, byte* to, int capacity)
    {
        int at = capacity - 1;
        Inode* above = StepUp(inode, to, ref at);
        while (above != null)
        {
            inode = above;
            above = StepUp(inode, to, ref at);
        }

        return at < 0 ? Errno.ERANGE : End(to, at, capacity);
    }

    /// <summary>
    /// The directory above in the same file system, and a slash and the name before <paramref name="at"/>, which they
    /// move. Null: there is none, or, with a negative <paramref name="at"/>, no room.
    /// </summary>
    private static Inode* StepUp(Inode* inode, byte* to, ref int at)
    {
        InodeOperations* operations = inode->Operations;
        byte* inside = stackalloc byte[InodeOperations.MaxText];
        byte* name = inside;
        int length;
        Inode* above;
        if (operations->PathInside != null)
        {
            above = operations->Root();
            if (inode == above)
                return null;
            length = operations->PathInside(inode, inside);
        }
        else
        {
            if (inode->Home == null)
                return null;
            name = inode->Home->Name;
            length = inode->Home->NameLength;
            above = inode->Home->Directory;
        }

        at -= length + 1;
        if (at < 0)
            return null;
        to[at] = (byte)'/';
        Memory.Copy(to + at + 1, name, (ulong)length);
        return above;
    }

    /// <summary>What ends at the end of the buffer, nothing being the root, moves to its begin.</summary>
    private static long End(byte* to, int at, int capacity)
    {
        to[capacity - 1] = 0;
        if (at == capacity - 1)
        {
            at--;
            to[at] = (byte)'/';
        }

        Memory.Copy(to, to + at, (ulong)(capacity - at));
        return capacity - at - 1;
    }
}
