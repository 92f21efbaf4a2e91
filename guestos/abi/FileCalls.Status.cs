using System;

namespace Guestos;

/// <summary>What is known about files: stat, access, directories, links, file system sizes; and changing it: modes, owners, times.</summary>
public static unsafe partial class FileCalls
{
    private static ulong Here => unchecked((ulong)UserPath.CurrentDirectory);

    public static long Stat(ulong path, ulong buffer) => Newfstatat(Here, path, buffer, 0);

    public static long Lstat(ulong path, ulong buffer) => Newfstatat(Here, path, buffer, UserPath.NoFollow);

    public static long Fstat(ulong descriptor, ulong buffer)
    {
        File* file = Get(descriptor);
        if (file == null)
            return Errno.BadDescriptor;
        FileStatus.Of(file, out FileStatus status);
        return Give(buffer, status);
    }

    public static long Newfstatat(ulong directory, ulong path, ulong buffer, ulong flags)
    {
        long error = StatusOf(directory, path, flags, out FileStatus status);
        return error < 0 ? error : Give(buffer, status);
    }

    private static long StatusOf(ulong directory, ulong path, ulong flags, out FileStatus status)
    {
        status = default;
        if ((flags & UserPath.EmptyPath) != 0 && (path == 0 || UserMemory.Readable(path, 1) && *(byte*)path == 0) && (int)directory != UserPath.CurrentDirectory)
        {
            File* file = Get(directory);
            if (file == null)
                return Errno.BadDescriptor;
            FileStatus.Of(file, out status);
            return 0;
        }

        long error = UserPath.Find(directory, path, Options(flags), out Inode* inode);
        if (error < 0)
            return error;
        FileStatus.Of(inode, out status);
        Vfs.Release(inode);
        return 0;
    }

    private static WalkOptions Options(ulong flags) =>
        ((flags & UserPath.NoFollow) == 0 ? WalkOptions.Follow : WalkOptions.None) | ((flags & UserPath.EmptyPath) != 0 ? WalkOptions.AllowEmpty : WalkOptions.None);

    private static long Give(ulong buffer, in FileStatus status)
    {
        if (!UserMemory.Writable(buffer, FileStatus.Length))
            return Errno.Fault;
        *(FileStatus*)buffer = status;
        return 0;
    }

    /// <summary>statx(2); struct statx of include/uapi/linux/stat.h, 256 bytes.</summary>
    public static long Statx(ulong directory, ulong path, ulong flags, ulong mask, ulong buffer)
    {
        const uint basicStatistics = 0x7ff;
        long error = StatusOf(directory, path, flags, out FileStatus status);
        if (error < 0)
            return error;
        if (!UserMemory.Writable(buffer, 256))
            return Errno.Fault;
        // SAFETY: 256 bytes were made writable; offsets are those of struct statx.
        byte* at = (byte*)buffer;
        Memory.Clear(at, 256);
        *(uint*)at = basicStatistics;
        *(uint*)(at + 4) = (uint)status.BlockSize;
        *(uint*)(at + 16) = (uint)status.Links;
        *(uint*)(at + 20) = status.UserId;
        *(uint*)(at + 24) = status.GroupId;
        *(ushort*)(at + 28) = (ushort)status.Mode;
        *(ulong*)(at + 32) = status.Number;
        *(long*)(at + 40) = status.Size;
        *(long*)(at + 48) = status.Blocks;
        *(ulong*)(at + 64) = status.AccessSeconds;
        *(uint*)(at + 72) = (uint)status.AccessNanoseconds;
        *(ulong*)(at + 96) = status.ChangeSeconds;
        *(uint*)(at + 104) = (uint)status.ChangeNanoseconds;
        *(ulong*)(at + 112) = status.ModifySeconds;
        *(uint*)(at + 120) = (uint)status.ModifyNanoseconds;
        *(uint*)(at + 128) = (uint)(status.DeviceNumber >> 8);
        *(uint*)(at + 132) = (uint)status.DeviceNumber & 0xff;
        *(uint*)(at + 140) = (uint)status.Device;
        return 0;
    }

    public static long Access(ulong path, ulong mode) => Faccessat2(Here, path, mode, 0);

    public static long Faccessat(ulong directory, ulong path, ulong mode) => Faccessat2(directory, path, mode, 0);

    /// <summary>faccessat2(2): asked for the real user and group, with AT_EACCESS for the effective ones.</summary>
    public static long Faccessat2(ulong directory, ulong path, ulong mode, ulong flags)
    {
        const ulong effective = 0x200;
        if ((mode & ~7UL) != 0 || (flags & ~(effective | UserPath.NoFollow | UserPath.EmptyPath)) != 0)
            return Errno.Invalid;
        Process* process = Scheduler.Current;
        uint user = process->EffectiveUserId, group = process->EffectiveGroupId;
        if ((flags & effective) == 0)
        {
            // The way there is walked as the real user, too.
            process->EffectiveUserId = process->UserId;
            process->EffectiveGroupId = process->GroupIdReal;
        }

        long error = UserPath.Find(directory, path, Options(flags), out Inode* inode);
        if (error == 0)
        {
            bool readOnly = inode->Type is InodeType.Regular or InodeType.Directory or InodeType.Link && Mounts.IsReadOnly(inode->Volume);
            error = readOnly && (mode & FileRights.Write) != 0 ? Errno.ReadOnly : FileRights.Check(inode, (uint)mode);
            Vfs.Release(inode);
        }

        process->EffectiveUserId = user;
        process->EffectiveGroupId = group;
        return error;
    }

    public static long Getdents64(ulong descriptor, ulong buffer, ulong count) => DirectoryCalls.Read(Get(descriptor), buffer, count, false);

    public static long Getdents(ulong descriptor, ulong buffer, ulong count) => DirectoryCalls.Read(Get(descriptor), buffer, count, true);

    public static long Readlink(ulong path, ulong buffer, ulong size) => Readlinkat(Here, path, buffer, size);

    public static long Readlinkat(ulong directory, ulong path, ulong buffer, ulong size)
    {
        if ((long)size <= 0)
            return Errno.Invalid;
        long error = UserPath.Find(directory, path, WalkOptions.AllowEmpty, out Inode* inode);
        if (error < 0)
            return error;
        long result = LinkText(inode, buffer, size);
        Vfs.Release(inode);
        return result;
    }

    private static long LinkText(Inode* inode, ulong buffer, ulong size)
    {
        if (inode->Type != InodeType.Link)
            return Errno.Invalid;
        byte* text = inode->Image;
        long length = (long)inode->ImageLength;
        if (inode->FileSystem == FileSystem.Proc)
        {
            if (!ProcTree.MayFollow(inode))
                return Errno.Access;
            byte* made = stackalloc byte[ProcTree.LongestPath];
            length = ProcTree.LinkText(inode, made, ProcTree.LongestPath);
            if (length < 0)
                return length;
            text = made;
        }

        length = Math.Min(length, (long)size);
        if (!UserMemory.Writable(buffer, (ulong)length))
            return Errno.Fault;
        Memory.Copy((byte*)buffer, text, (ulong)length);
        return length;
    }

    public static long Chmod(ulong path, ulong mode) => Fchmodat(Here, path, mode);

    public static long Fchmod(ulong descriptor, ulong mode)
    {
        File* file = Get(descriptor);
        if (file == null)
            return Errno.BadDescriptor;
        return file->Inode == null ? Errno.Invalid : ChangeMode(file->Inode, mode);
    }

    public static long Fchmodat(ulong directory, ulong path, ulong mode)
    {
        long error = UserPath.Find(directory, path, WalkOptions.Follow, out Inode* inode);
        if (error < 0)
            return error;
        error = ChangeMode(inode, mode);
        Vfs.Release(inode);
        return error;
    }

    private static long MayDescribe(Inode* inode) =>
        inode->FileSystem == FileSystem.Proc ? Errno.NotPermitted : Mounts.IsReadOnly(inode->Volume) ? Errno.ReadOnly : 0;

    private static long ChangeMode(Inode* inode, ulong mode)
    {
        long error = MayDescribe(inode);
        if (error == 0 && !FileRights.Owns(inode))
            error = Errno.NotPermitted;
        if (error < 0)
            return error;
        if (inode->Type != InodeType.Directory && !FileRights.IsMember(inode->GroupId))
            mode &= ~(ulong)FileRights.SetGroup;
        inode->Permissions = (ushort)(mode & 0xfff);
        inode->ChangeTime = Clock.Realtime;
        return 0;
    }

    public static long Chown(ulong path, ulong user, ulong group) => Fchownat(Here, path, user, group, 0);

    public static long Lchown(ulong path, ulong user, ulong group) => Fchownat(Here, path, user, group, UserPath.NoFollow);

    public static long Fchown(ulong descriptor, ulong user, ulong group)
    {
        File* file = Get(descriptor);
        if (file == null)
            return Errno.BadDescriptor;
        return file->Inode == null ? Errno.Invalid : ChangeOwner(file->Inode, (uint)user, (uint)group);
    }

    public static long Fchownat(ulong directory, ulong path, ulong user, ulong group, ulong flags)
    {
        long error = UserPath.Find(directory, path, Options(flags), out Inode* inode);
        if (error < 0)
            return error;
        error = ChangeOwner(inode, (uint)user, (uint)group);
        Vfs.Release(inode);
        return error;
    }

    private static long ChangeOwner(Inode* inode, uint user, uint group)
    {
        long error = MayDescribe(inode);
        if (error < 0)
            return error;
        bool mayUser = user == uint.MaxValue || FileRights.IsSuperuser || FileRights.Owns(inode) && user == inode->UserId;
        bool mayGroup = group == uint.MaxValue || FileRights.IsSuperuser || FileRights.Owns(inode) && (group == inode->GroupId || FileRights.IsMember(group));
        if (!mayUser || !mayGroup)
            return Errno.NotPermitted;
        if (user != uint.MaxValue)
            inode->UserId = user;
        if (group != uint.MaxValue)
            inode->GroupId = group;
        FileRights.DropSetId(inode);
        inode->ChangeTime = Clock.Realtime;
        return 0;
    }

    /// <summary>utime(2): struct utimbuf, two times in seconds, or null for now.</summary>
    public static long Utime(ulong path, ulong times)
    {
        if (times != 0 && !UserMemory.Readable(times, 16))
            return Errno.Fault;
        ulong access = times == 0 ? Clock.Realtime : ((ulong*)times)[0] * 1_000_000_000;
        ulong modify = times == 0 ? Clock.Realtime : ((ulong*)times)[1] * 1_000_000_000;
        return ChangeTimes(Here, path, access, modify, 0, times == 0);
    }

    public static long Utimes(ulong path, ulong times) => Futimesat(Here, path, times);

    /// <summary>futimesat(2): two struct timeval, or null for now.</summary>
    public static long Futimesat(ulong directory, ulong path, ulong times)
    {
        if (times != 0 && !UserMemory.Readable(times, 32))
            return Errno.Fault;
        ulong* t = (ulong*)times;
        if (times != 0 && (t[1] >= 1_000_000 || t[3] >= 1_000_000))
            return Errno.Invalid;
        ulong access = times == 0 ? Clock.Realtime : t[0] * 1_000_000_000 + t[1] * 1000;
        ulong modify = times == 0 ? Clock.Realtime : t[2] * 1_000_000_000 + t[3] * 1000;
        return ChangeTimes(directory, path, access, modify, 0, times == 0);
    }

    /// <summary>utimensat(2): two struct timespec with UTIME_NOW and UTIME_OMIT, or null for now; a null path is the descriptor itself.</summary>
    public static long Utimensat(ulong directory, ulong path, ulong times, ulong flags)
    {
        if (times != 0 && !UserMemory.Readable(times, 32))
            return Errno.Fault;
        ulong access = Clock.Realtime, modify = access;
        bool now = times == 0;
        if (times != 0)
        {
            ulong* t = (ulong*)times;
            now = t[1] == Now && t[3] == Now;
            if (!TimeOf(t[0], t[1], ref access) || !TimeOf(t[2], t[3], ref modify))
                return Errno.Invalid;
        }

        return ChangeTimes(directory, path, access, modify, flags, now);
    }

    /// <summary>UTIME_NOW; and a time that is not to change.</summary>
    private const ulong Now = 0x3fffffff, Omitted = ulong.MaxValue;

    private static bool TimeOf(ulong seconds, ulong nanoseconds, ref ulong time)
    {
        const ulong omit = 0x3ffffffe;
        if (nanoseconds == Now)
            return true;
        time = nanoseconds == omit ? Omitted : seconds * 1_000_000_000 + nanoseconds;
        return nanoseconds is omit or < 1_000_000_000;
    }

    /// <summary>The present may be set by whoever may write; any other time by the owner.</summary>
    private static long ChangeTimes(ulong directory, ulong path, ulong access, ulong modify, ulong flags, bool now)
    {
        Inode* inode;
        if (path == 0)
        {
            File* file = Get(directory);
            if (file == null)
                return Errno.BadDescriptor;
            if (file->Inode == null)
                return Errno.Invalid;
            inode = Vfs.Hold(file->Inode);
        }
        else
        {
            long walked = UserPath.Find(directory, path, Options(flags), out inode);
            if (walked < 0)
                return walked;
        }

        long error = MayDescribe(inode);
        if (error == 0 && (access != Omitted || modify != Omitted) && !FileRights.Owns(inode))
            error = now ? FileRights.Check(inode, FileRights.Write) : Errno.NotPermitted;
        if (error == 0)
        {
            if (access != Omitted)
                inode->AccessTime = access;
            if (modify != Omitted)
                inode->ModifyTime = modify;
            inode->ChangeTime = Clock.Realtime;
        }

        Vfs.Release(inode);
        return error;
    }

    public static long Statfs(ulong path, ulong buffer)
    {
        long error = UserPath.Find(Here, path, WalkOptions.Follow, out Inode* inode);
        if (error < 0)
            return error;
        error = GiveFileSystem(inode, buffer);
        Vfs.Release(inode);
        return error;
    }

    public static long Fstatfs(ulong descriptor, ulong buffer)
    {
        File* file = Get(descriptor);
        return file == null ? Errno.BadDescriptor : GiveFileSystem(file->Inode, buffer);
    }

    /// <summary>struct statfs (include/uapi/asm-generic/statfs.h), 120 bytes. Null inode: pipes, sockets and the like.</summary>
    private static long GiveFileSystem(Inode* inode, ulong buffer)
    {
        const ulong memoryMagic = 0x01021994, procMagic = 0x9fa0, pipeMagic = 0x50495045;
        if (!UserMemory.Writable(buffer, 120))
            return Errno.Fault;
        // SAFETY: 120 bytes were made writable.
        ulong* at = (ulong*)buffer;
        Memory.Clear((byte*)at, 120);
        at[1] = 4096;
        at[8] = Directories.LongestName;
        at[9] = 4096;
        if (inode == null || inode->FileSystem == FileSystem.Anonymous)
        {
            at[0] = pipeMagic;
        }
        else if (inode->FileSystem == FileSystem.Proc)
        {
            at[0] = procMagic;
        }
        else
        {
            at[0] = memoryMagic;
            ref Volume volume = ref Volumes.Of(inode->Volume);
            at[2] = volume.MostPages != 0 ? volume.MostPages : Frames.Total;
            at[3] = at[4] = volume.Room;
            ulong left = (ulong)(Vfs.InodeCapacity - Vfs.InodesInUse);
            at[5] = volume.MostInodes != 0 ? volume.MostInodes : Vfs.InodeCapacity;
            at[6] = volume.MostInodes != 0 ? Math.Min(volume.MostInodes - volume.Inodes, left) : left;
            at[10] = Mounts.IsReadOnly(inode->Volume) ? 1UL : 0;
        }

        return 0;
    }
}
