using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// What is known about files: stat, access, directories, links, file system sizes; and changing it: modes, owners,
/// times.
/// </summary>
public static unsafe partial class FileCalls
{
    private static ulong Here => unchecked((ulong)UserPath.CurrentDirectory);

    public static long Stat(UserString path, UserPointer<FileStatus> buffer) => Newfstatat(Here, path, buffer, 0);

    public static long Lstat(UserString path, UserPointer<FileStatus> buffer) =>
        Newfstatat(Here, path, buffer, UserPath.NoFollow);

    [MethodImpl(MethodImplOptions.NoInlining)]      // FileDispatch would clear its locals at every call
    public static long Fstat(ulong descriptor, UserPointer<FileStatus> buffer)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        FileStatus.Of(file, out FileStatus status);
        return buffer.TryPut(status) ? 0 : Errno.EFAULT;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]      // FileDispatch would clear its locals at every call
    public static long Newfstatat(ulong directory, UserString path, UserPointer<FileStatus> buffer, ulong flags)
    {
        long error = StatusOf(directory, path, flags, out FileStatus status);
        return error < 0 ? error : buffer.Put(status);
    }

    private static long StatusOf(ulong directory, UserString path, ulong flags, out FileStatus status)
    {
        status = default;
        if (!CallFlags.TryMake(flags, UserPath.NoFollow | UserPath.EmptyPath | UserPath.OfStatus, out CallFlags how))
            return Errno.EINVAL;
        if (how.Has(UserPath.EmptyPath) && path.IsNullOrEmpty && (int)directory != UserPath.CurrentDirectory)
        {
            File* file = Descriptor.FileOf(directory);
            if (file == null)
                return Errno.EBADF;
            FileStatus.Of(file, out status);
            return 0;
        }

        long error = UserPath.Find(directory, path, Options(how), out Inode* inode);
        if (error < 0)
            return error;
        FileStatus.Of(inode, out status);
        Vfs.Release(inode);
        return 0;
    }

    private static WalkOptions Options(CallFlags flags) =>
        UserPath.OptionsOf(follow: !flags.Has(UserPath.NoFollow), flags.Has(UserPath.EmptyPath));

    /// <summary>statx(2).</summary>
    public static long Statx(ulong directory, UserString path, ulong flags, ulong mask,
        UserPointer<ExtendedStatus> buffer)
    {
        const uint reserved = 0x80000000;
        const uint howToAsk = 0x6000;   // AT_STATX_FORCE_SYNC or AT_STATX_DONT_SYNC, not both
        if ((mask & reserved) != 0 || (flags & howToAsk) == howToAsk)
            return Errno.EINVAL;
        long error = StatusOf(directory, path, flags, out FileStatus status);
        return error < 0 ? error : buffer.Put(new ExtendedStatus(status));
    }

    public static long Access(UserString path, ulong mode) => Faccessat2(Here, path, mode, 0);

    public static long Faccessat(ulong directory, UserString path, ulong mode) => Faccessat2(directory, path, mode, 0);

    /// <summary>faccessat2(2): asked for the real user and group, with AT_EACCESS for the effective ones.</summary>
    public static long Faccessat2(ulong directory, UserString path, ulong mode, ulong flags)
    {
        const uint effective = 0x200;
        if ((mode & ~7UL) != 0
            || !CallFlags.TryMake(flags, effective | UserPath.NoFollow | UserPath.EmptyPath, out CallFlags how))
            return Errno.EINVAL;
        ref Credentials self = ref Credentials.Current;
        uint user = self.FileUserId;
        uint group = self.FileGroupId;
        ulong capabilities = self.Capabilities.Effective;
        if (!how.Has(effective))
        {
            // The way there is walked as the real user, too, with all that is permitted.
            self.FileUserId = self.RealUserId;
            self.FileGroupId = self.RealGroupId;
            self.Capabilities.AskAs(self.RealUserId);
        }

        long error = UserPath.Find(directory, path, Options(how), out Place place);
        if (error == 0)
        {
            Inode* inode = place.Inode;
            bool readOnly = inode->Type is InodeType.REG or InodeType.DIR or InodeType.LNK && place.IsReadOnly;
            error = readOnly && (mode & FileRights.Write) != 0 ? Errno.EROFS : FileRights.Check(inode, (uint)mode);
            if ((mode & FileRights.Execute) != 0 && inode->Type == InodeType.REG && place.Has(Mounts.NoExecute))
                error = Errno.EACCES;
            place.Drop();
        }

        self.FileUserId = user;
        self.FileGroupId = group;
        self.Capabilities.Effective = capabilities;
        return error;
    }

    public static long Getdents64(ulong descriptor, UserPointer<byte> buffer, ulong count) =>
        DirectoryCalls.Read(Descriptor.FileOf(descriptor), buffer, count, false);

    public static long Getdents(ulong descriptor, UserPointer<byte> buffer, ulong count) =>
        DirectoryCalls.Read(Descriptor.FileOf(descriptor), buffer, count, true);

    public static long Readlink(UserString path, UserPointer<byte> buffer, ulong size) =>
        Readlinkat(Here, path, buffer, size);

    public static long Readlinkat(ulong directory, UserString path, UserPointer<byte> buffer, ulong size)
    {
        if ((long)size <= 0)
            return Errno.EINVAL;
        long error = UserPath.Find(directory, path, WalkOptions.AllowEmpty, out Inode* inode);
        if (error < 0)
            return error;
        bool isNoLink = inode->Type != InodeType.LNK && path.IsNullOrEmpty;
        long result = isNoLink ? Errno.ENOENT : LinkText(inode, buffer, size);
        Vfs.Release(inode);
        return result;
    }

    private static long LinkText(Inode* inode, UserPointer<byte> buffer, ulong size)
    {
        if (inode->Type != InodeType.LNK)
            return Errno.EINVAL;
        byte* text = inode->Image;
        long length = (long)inode->ImageLength;
        InodeOperations* operations = inode->Operations;
        if (operations->MayFollow != null && !operations->MayFollow(inode))
            return Errno.EACCES;
        byte* made = stackalloc byte[InodeOperations.MaxText];
        if (operations->LinkText != null)
        {
            length = operations->LinkText(inode, made, InodeOperations.MaxText);
            if (length < 0)
                return length;
            text = made;
        }

        length = Math.Min(length, (long)size);
        return buffer.TryPutAll(new ReadOnlySpan<byte>(text, (int)length)) ? length : Errno.EFAULT;
    }

    public static long Chmod(UserString path, ulong mode) => Fchmodat(Here, path, mode);

    public static long Fchmod(ulong descriptor, ulong mode)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || file->IsPath)
            return Errno.EBADF;
        return file->Inode == null ? ChangeMode(file, mode) : ChangeMode(file->Place, mode);
    }

    /// <summary>Of a file without a name: a pipe's end or a socket.</summary>
    private static long ChangeMode(File* file, ulong mode)
    {
        const uint typeMask = 0xf000;
        const uint permissions = 0xfff;
        FileStatus.Of(file, out FileStatus status);
        uint type = status.Mode & typeMask;
        if (type is not ((uint)InodeType.FIFO or (uint)InodeType.SOCK))
            return Errno.EINVAL;
        file->Mode = type | (uint)mode & permissions;
        return 0;
    }

    public static long Fchmodat(ulong directory, UserString path, ulong mode)
    {
        long error = UserPath.Find(directory, path, WalkOptions.Follow, out Place place);
        if (error < 0)
            return error;
        error = ChangeMode(place, mode);
        place.Drop();
        return error;
    }

    /// <summary>fchmodat2(2). A link's mode cannot be changed.</summary>
    public static long Fchmodat2(ulong directory, UserString path, ulong mode, ulong flags)
    {
        if (!CallFlags.TryMake(flags, UserPath.NoFollow | UserPath.EmptyPath, out CallFlags how))
            return Errno.EINVAL;
        long error = UserPath.Find(directory, path, Options(how), out Place place);
        if (error < 0)
            return error;
        error = place.Inode->Type == InodeType.LNK ? Errno.EOPNOTSUPP : ChangeMode(place, mode);
        place.Drop();
        return error;
    }

    private static long MayDescribe(in Place place)
    {
        if ((place.Inode->Operations->Traits & InodeTraits.Fixed) != 0)
            return Errno.EPERM;
        return place.IsReadOnly ? Errno.EROFS : 0;
    }

    private static long ChangeMode(in Place place, ulong mode)
    {
        Inode* inode = place.Inode;
        long error = MayDescribe(place);
        if (error == 0 && !FileRights.Owns(inode))
            error = Errno.EPERM;
        if (error < 0)
            return error;
        if (!FileRights.MaySetGroupId(inode->GroupId))
            mode &= ~(ulong)FileRights.SetGroup;
        inode->Permissions = (ushort)(mode & 0xfff);
        inode->ChangeTime = Clock.Realtime;
        Inotify.Report(inode, FileEvent.Attributes);
        return 0;
    }

    public static long Chown(UserString path, ulong user, ulong group) => Fchownat(Here, path, user, group, 0);

    public static long Lchown(UserString path, ulong user, ulong group) =>
        Fchownat(Here, path, user, group, UserPath.NoFollow);

    public static long Fchown(ulong descriptor, ulong user, ulong group)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || file->IsPath)
            return Errno.EBADF;
        return file->Inode == null ? Errno.EINVAL : ChangeOwner(file->Place, (uint)user, (uint)group);
    }

    public static long Fchownat(ulong directory, UserString path, ulong user, ulong group, ulong flags)
    {
        if (!CallFlags.TryMake(flags, UserPath.NoFollow | UserPath.EmptyPath, out CallFlags how))
            return Errno.EINVAL;
        long error = UserPath.Find(directory, path, Options(how), out Place place);
        if (error < 0)
            return error;
        error = ChangeOwner(place, (uint)user, (uint)group);
        place.Drop();
        return error;
    }

    private static long ChangeOwner(in Place place, uint user, uint group)
    {
        Inode* inode = place.Inode;
        long error = MayDescribe(place);
        if (error < 0)
            return error;
        bool mayUser = user == uint.MaxValue || Permissions.Has(Capability.CHOWN)
            || FileRights.Owns(inode) && user == inode->UserId;
        bool mayGroup = group == uint.MaxValue || Permissions.Has(Capability.CHOWN)
            || FileRights.Owns(inode) && (group == inode->GroupId || FileRights.IsMember(group));
        if (!mayUser || !mayGroup)
            return Errno.EPERM;
        if (user != uint.MaxValue)
            inode->UserId = user;
        if (group != uint.MaxValue)
            inode->GroupId = group;
        FileRights.OwnerChanged(inode);
        inode->ChangeTime = Clock.Realtime;
        Inotify.Report(inode, FileEvent.Attributes);
        return 0;
    }

    /// <summary>Of access and of modification: seconds, as utime(2) has them, or seconds and a part of one.</summary>
    public struct TwoSeconds
    {
        public ulong Access;
        public ulong Modify;
    }

    public struct TwoTimes
    {
        public ulong AccessSeconds;
        public ulong AccessPart;
        public ulong ModifySeconds;
        public ulong ModifyPart;
    }

    /// <summary>utime(2): struct utimbuf, or null for now.</summary>
    public static long Utime(UserString path, UserPointer<TwoSeconds> times)
    {
        TwoSeconds wanted = default;
        if (!times.IsNull && !times.TryGet(out wanted))
            return Errno.EFAULT;
        ulong access = times.IsNull ? Clock.Realtime : wanted.Access * 1_000_000_000;
        ulong modify = times.IsNull ? Clock.Realtime : wanted.Modify * 1_000_000_000;
        return ChangeTimes(Here, path, access, modify, 0, times.IsNull);
    }

    public static long Utimes(UserString path, UserPointer<TwoTimes> times) => Futimesat(Here, path, times);

    /// <summary>futimesat(2): two struct timeval, or null for now.</summary>
    public static long Futimesat(ulong directory, UserString path, UserPointer<TwoTimes> times)
    {
        TwoTimes wanted = default;
        if (!times.IsNull && !times.TryGet(out wanted))
            return Errno.EFAULT;
        if (wanted.AccessPart >= 1_000_000 || wanted.ModifyPart >= 1_000_000)
            return Errno.EINVAL;
        ulong access = times.IsNull ? Clock.Realtime : wanted.AccessSeconds * 1_000_000_000 + wanted.AccessPart * 1000;
        ulong modify = times.IsNull ? Clock.Realtime : wanted.ModifySeconds * 1_000_000_000 + wanted.ModifyPart * 1000;
        return ChangeTimes(directory, path, access, modify, 0, times.IsNull);
    }

    /// <summary>
    /// utimensat(2): two struct timespec with UTIME_NOW and UTIME_OMIT, or null for now; a null path is the descriptor
    /// itself.
    /// </summary>
    public static long Utimensat(ulong directory, UserString path, UserPointer<TwoTimes> times, ulong flags)
    {
        TwoTimes wanted = default;
        if (!times.IsNull && !times.TryGet(out wanted))
            return Errno.EFAULT;
        ulong access = Clock.Realtime;
        ulong modify = access;
        bool now = times.IsNull;
        if (!times.IsNull)
        {
            now = wanted.AccessPart == Now && wanted.ModifyPart == Now;
            if (!TimeOf(wanted.AccessSeconds, wanted.AccessPart, ref access)
                || !TimeOf(wanted.ModifySeconds, wanted.ModifyPart, ref modify))
                return Errno.EINVAL;
        }

        return ChangeTimes(directory, path, access, modify, flags, now);
    }

    /// <summary>UTIME_NOW; and a time that is not to change.</summary>
    private const ulong Now = 0x3fffffff;
    private const ulong Omitted = ulong.MaxValue;

    private static bool TimeOf(ulong seconds, ulong nanoseconds, ref ulong time)
    {
        const ulong omit = 0x3ffffffe;
        if (nanoseconds == Now)
            return true;
        time = nanoseconds == omit ? Omitted : seconds * 1_000_000_000 + nanoseconds;
        return nanoseconds is omit or < 1_000_000_000;
    }

    /// <summary>The present may be set by whoever may write; any other time by the owner.</summary>
    private static long ChangeTimes(ulong directory, UserString path, ulong access, ulong modify, ulong flags, bool now)
    {
        Place place;
        if (!CallFlags.TryMake(flags, UserPath.NoFollow | UserPath.EmptyPath, out CallFlags how))
            return Errno.EINVAL;
        if (path.IsNull)
        {
            File* file = Descriptor.FileOf(directory);
            if (file == null)
                return Errno.EBADF;
            if (file->Inode == null)
                return Errno.EINVAL;
            place = file->Place.Hold();
        }
        else
        {
            long walked = UserPath.Find(directory, path, Options(how), out place);
            if (walked < 0)
                return walked;
        }

        Inode* inode = place.Inode;
        long error = MayDescribe(place);
        if (error == 0 && (access != Omitted || modify != Omitted) && !FileRights.Owns(inode))
            error = now ? FileRights.Check(inode, FileRights.Write) : Errno.EPERM;
        if (error == 0)
        {
            if (access != Omitted)
                inode->AccessTime = access;
            if (modify != Omitted)
                inode->ModifyTime = modify;
            inode->ChangeTime = Clock.Realtime;
            ReportTimes(inode, access != Omitted, modify != Omitted);
        }

        place.Drop();
        return error;
    }

    /// <summary>Of one time that is set the event is as if the file had been read, or written to.</summary>
    private static void ReportTimes(Inode* inode, bool access, bool modify)
    {
        if (access && modify)
            Inotify.Report(inode, FileEvent.Attributes);
        else if (access)
            Inotify.Report(inode, FileEvent.Access);
        else if (modify)
            Inotify.Report(inode, FileEvent.Modify);
    }

    public static long Statfs(UserString path, UserPointer<FileSystemStatus> buffer)
    {
        long error = UserPath.Find(Here, path, WalkOptions.Follow, out Place place);
        if (error < 0)
            return error;
        error = buffer.Put(new FileSystemStatus(place));
        place.Drop();
        return error;
    }

    /// <summary>struct ustat (include/linux/types.h); the names are empty, as on Linux.</summary>
    public struct SmallFileSystemStatus
    {
        public int FreeBlocks;
        public ulong FreeInodes;
        public ulong Names;
        public uint RestOfNames;
    }

    /// <summary>ustat(2): the file system of a device, as st_dev tells it. EINVAL: there is none, EFAULT.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]      // FileDispatch would clear its locals at every call
    public static long Ustat(ulong device, UserPointer<SmallFileSystemStatus> to)
    {
        if ((uint)device > byte.MaxValue || Volumes.Of((byte)device).Inodes == 0)
            return Errno.EINVAL;
        ulong free = Math.Min(Volumes.Of((byte)device).Room, int.MaxValue);
        return to.Put(new SmallFileSystemStatus
        {
            FreeBlocks = (int)free,
            FreeInodes = (ulong)(Vfs.InodeCapacity - Vfs.InodesInUse),
        });
    }

    public static long Fstatfs(ulong descriptor, UserPointer<FileSystemStatus> buffer)
    {
        File* file = Descriptor.FileOf(descriptor);
        return file == null ? Errno.EBADF : buffer.Put(new FileSystemStatus(file));
    }
}
