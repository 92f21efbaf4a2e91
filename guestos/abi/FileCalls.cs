using System;

namespace Guestos;

/// <summary>
/// System calls on files and names. Arguments as user mode passed them; results 0 or more, or -errno. Here: moving
/// bytes.
/// </summary>
public static unsafe partial class FileCalls
{
    /// <summary>UIO_MAXIOV.</summary>
    internal const ulong MaxVectors = 1024;

    /// <summary>What one read or write may move at most (MAX_RW_COUNT).</summary>
    internal const ulong MaxTransfer = 0x7ffff000;

    public static long Read(ulong descriptor, ulong buffer, ulong count)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || !file->MayRead)
            return Errno.EBADF;
        if (!UserRange.TryMake(buffer, count, out UserRange range))
            return Errno.EFAULT;
        Files.Hold(file);
        Transfer to = Transfer.Of(range.To(MaxTransfer));
        long result = Files.Read(file, ref to);
        Files.Release(file);
        return result;
    }

    public static long Write(ulong descriptor, ulong buffer, ulong count)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || !file->MayWrite)
            return Errno.EBADF;
        if (!UserRange.TryMake(buffer, count, out UserRange range))
            return Errno.EFAULT;
        Files.Hold(file);
        Transfer from = Transfer.Of(range.To(MaxTransfer));
        long result = Files.Write(file, ref from);
        Files.Release(file);
        return result;
    }

    public static long Readv(ulong descriptor, UserPointer<UserVector> vectors, ulong count) =>
        Vectored(descriptor, vectors, count, ulong.MaxValue, false);

    public static long Writev(ulong descriptor, UserPointer<UserVector> vectors, ulong count) =>
        Vectored(descriptor, vectors, count, ulong.MaxValue, true);

    public static long Pread64(ulong descriptor, ulong buffer, ulong count, ulong offset)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if ((long)offset < 0)
            return Errno.EINVAL;
        if (file->Operations->ReadAt == null && !file->IsPath)
            return Errno.ESPIPE;
        if (!file->MayRead)
            return Errno.EBADF;
        if (!UserRange.TryMake(buffer, count, out UserRange range))
            return Errno.EFAULT;
        if (PassesEnd(offset, count))
            return Errno.EINVAL;
        Files.Hold(file);
        Transfer to = Transfer.Of(range.To(MaxTransfer));
        long result = Files.ReadAt(file, offset, ref to);
        Files.Release(file);
        return result;
    }

    public static long Pwrite64(ulong descriptor, ulong buffer, ulong count, ulong offset)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if ((long)offset < 0)
            return Errno.EINVAL;
        if (file->Operations->WriteAt == null && !file->IsPath)
            return Errno.ESPIPE;
        if (!file->MayWrite)
            return Errno.EBADF;
        if (!UserRange.TryMake(buffer, count, out UserRange range))
            return Errno.EFAULT;
        if (PassesEnd(offset, count))
            return Errno.EINVAL;
        Files.Hold(file);
        Transfer from = Transfer.Of(range.To(MaxTransfer));
        long result = Files.WriteAt(file, offset, ref from);
        Files.Release(file);
        return result;
    }

    /// <summary>It would end behind the last byte that a file could have (EINVAL).</summary>
    private static bool PassesEnd(ulong offset, ulong count) =>
        count > long.MaxValue || offset > long.MaxValue - count;

    public static long Preadv(ulong descriptor, UserPointer<UserVector> vectors, ulong count, ulong offset) =>
        (long)offset < 0 ? Errno.EINVAL : Vectored(descriptor, vectors, count, offset, false);

    public static long Pwritev(ulong descriptor, UserPointer<UserVector> vectors, ulong count, ulong offset) =>
        (long)offset < 0 ? Errno.EINVAL : Vectored(descriptor, vectors, count, offset, true);

    /// <summary>
    /// Piece after piece; a short piece ends the call, an error only when nothing has moved. Offset ulong.MaxValue: the
    /// file's position.
    /// </summary>
    internal static long Vectored(ulong descriptor, UserPointer<UserVector> vectors, ulong count, ulong offset,
        bool write)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if (count > MaxVectors)
            return Errno.EINVAL;
        bool hasPosition = write ? file->Operations->WriteAt != null : file->Operations->ReadAt != null;
        if (offset != ulong.MaxValue && !hasPosition && !file->IsPath)
            return Errno.ESPIPE;
        if (write ? !file->MayWrite : !file->MayRead)
            return Errno.EBADF;
        if (SocketFile.Is(file) && offset == ulong.MaxValue)
            return SocketCalls.Vectored(file, vectors, count, write);
        if (LocalSocketFile.Is(file) && offset == ulong.MaxValue)
            return LocalCalls.Vectored(file, vectors, count, write);
        Files.Hold(file);
        ulong done = 0;
        long result = 0;
        for (ulong i = 0; i < count; i++)
        {
            // Read anew each time: a sleep may have changed the memory under it.
            result = UserVector.Get(vectors.At(i), out UserRange range);
            if (result < 0)
                break;
            Transfer transfer = Transfer.Of(range.To(MaxTransfer - done));
            if (transfer.Count == 0)
                continue;
            if (done > 0 && !write && IsStream(file) && (Files.Poll(file) & PollEvents.In) == 0)
                break;  // what has come is delivered; a further piece must not wait
            result = offset == ulong.MaxValue
                ? Move(file, ref transfer, write)
                : MoveAt(file, offset + done, ref transfer, write);
            if (result < 0)
                break;
            done += (ulong)result;
            if ((ulong)result < range.Length)
                break;
        }

        Files.Release(file);
        return done > 0 ? (long)done : result;
    }

    private static long Move(File* file, ref Transfer transfer, bool write) =>
        write ? Files.Write(file, ref transfer) : Files.Read(file, ref transfer);

    private static long MoveAt(File* file, ulong offset, ref Transfer transfer, bool write) =>
        write ? Files.WriteAt(file, offset, ref transfer) : Files.ReadAt(file, offset, ref transfer);

    public static long Lseek(ulong descriptor, ulong offset, ulong whence)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        Files.Hold(file);
        SleepLock.Take(&file->PositionLock);
        long result = Files.Seek(file, (long)offset, (uint)whence);
        SleepLock.Release(&file->PositionLock);
        Files.Release(file);
        return result;
    }

    public static long Truncate(UserString path, ulong length)
    {
        if ((long)length < 0)
            return Errno.EINVAL;
        long error = UserPath.Find(unchecked((ulong)UserPath.CurrentDirectory), path, WalkOptions.Follow,
            out Place place);
        if (error < 0)
            return error;
        bool isFile = place.Inode->Type == InodeType.REG;
        long result = isFile ? FileRights.Check(place.Inode, FileRights.Write) : 0;
        if (result == 0)
            result = isFile && place.IsReadOnly ? Errno.EROFS : Cut(place.Inode, length);
        place.Drop();
        return result;
    }

    public static long Ftruncate(ulong descriptor, ulong length)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if ((long)length < 0 || !file->MayWrite || !RegularFile.Is(file))
            return Errno.EINVAL;
        Files.Hold(file);
        long result = Cut(file->Inode, length);
        Files.Release(file);
        return result;
    }

    private static long Cut(Inode* inode, ulong length)
    {
        if (inode->Type == InodeType.DIR)
            return Errno.EISDIR;
        if (inode->Type != InodeType.REG || !inode->IsInMemory)
            return Errno.EINVAL;
        if (Mounts.IsReadOnly(inode->Volume))
            return Errno.EROFS;
        if (inode->Object.Executions > 0)
            return Errno.ETXTBSY;
        if (Seals.ForbidSize(inode, length))
            return Errno.EPERM;
        if (length > inode->Size && length > ResourceLimits.Of(Process.Current, Resource.FileSize))
            return ResourceLimits.FileTooLarge();
        SleepLock.Take(&inode->ContentLock);
        long error = FileContent.Truncate(inode, length);
        SleepLock.Release(&inode->ContentLock);
        if (error < 0)
            return error;
        Directories.Touch(inode);
        FileRights.ContentChanged(inode);
        Inotify.Report(inode, FileEvent.Modify);
        return 0;
    }

    /// <summary>fallocate(2): page frames are taken now, so that a write finds them.</summary>
    public static long Fallocate(ulong descriptor, ulong mode, ulong offset, ulong length)
    {
        const uint keepSize = 1;
        const uint punchHole = 2;
        const uint zeroRange = 16;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if ((long)offset < 0 || (long)length <= 0)
            return Errno.EINVAL;
        if (!CallFlags.TryMake(mode, keepSize | punchHole | zeroRange, out CallFlags flags))
            return Errno.EOPNOTSUPP;
        if (!file->MayWrite)
            return Errno.EBADF;
        if (PipeFile.Is(file))
            return Errno.ESPIPE;
        if (!RegularFile.Is(file))
            return Errno.ENODEV;
        if (offset + length > FileContent.MaxSize)
            return Errno.EFBIG;
        Inode* inode = file->Inode;
        bool grows = !flags.Has(keepSize) && offset + length > inode->Size;
        if (flags.Has(punchHole | zeroRange) && Seals.ForbidWriting(inode)
            || grows && Seals.ForbidSize(inode, offset + length))
            return Errno.EPERM;
        if (grows && offset + length > ResourceLimits.Of(Process.Current, Resource.FileSize))
            return ResourceLimits.FileTooLarge();
        Files.Hold(file);
        SleepLock.Take(&inode->ContentLock);
        long error = flags.Has(punchHole | zeroRange)
            ? FileContent.Zero(inode, offset, length)
            : FileContent.Allocate(inode, offset, length);
        if (error == 0 && !flags.Has(keepSize) && offset + length > inode->Size)
            error = FileContent.Truncate(inode, offset + length);
        SleepLock.Release(&inode->ContentLock);
        if (error == 0)
        {
            FileRights.ContentChanged(inode);
            Inotify.Report(inode, FileEvent.Modify);
        }
        Files.Release(file);
        return error;
    }

    /// <summary>Files and directories are always as good as written; of others EINVAL.</summary>
    public static long Fsync(ulong descriptor)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || file->IsPath)
            return Errno.EBADF;
        bool isKept = file->Inode != null && file->Inode->Type is InodeType.REG or InodeType.DIR;
        return isKept ? 0 : Errno.EINVAL;
    }

    public static long Fdatasync(ulong descriptor) => Fsync(descriptor);

    public static long Sync() => 0;

    public static long Syncfs(ulong descriptor)
    {
        File* file = Descriptor.FileOf(descriptor);
        return file == null || file->IsPath ? Errno.EBADF : 0;
    }

    /// <summary>posix_fadvise(2): advice is checked, and not needed.</summary>
    public static long Fadvise64(ulong descriptor, ulong offset, ulong length, ulong advice)
    {
        const ulong maxAdvice = 5;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || file->IsPath)
            return Errno.EBADF;
        if (PipeFile.Is(file))
            return Errno.ESPIPE;
        return (long)length >= 0 && (uint)advice <= maxAdvice ? 0 : Errno.EINVAL;
    }

    /// <summary>readahead(2): all that can be read is in memory.</summary>
    public static long Readahead(ulong descriptor, ulong offset, ulong count)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || !file->MayRead)
            return Errno.EBADF;
        return RegularFile.Is(file) && (long)offset >= 0 && (long)count >= 0 ? 0 : Errno.EINVAL;
    }

    /// <summary>sync_file_range(2): nothing waits to be written.</summary>
    public static long SyncFileRange(ulong descriptor, ulong offset, ulong count, ulong flags)
    {
        const uint known = 7;
        if (!CallFlags.TryMake(flags, known, out _) || (long)offset < 0 || (long)(offset + count) < 0)
            return Errno.EINVAL;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || file->IsPath)
            return Errno.EBADF;
        return RegularFile.Is(file) || file->Inode != null && file->Inode->Type == InodeType.DIR ? 0 : Errno.ESPIPE;
    }

    /// <summary>
    /// preadv2(2), of an offset of −1 the file's position. Flags: RWF_HIPRI, RWF_DSYNC and RWF_SYNC have no effect;
    /// RWF_NOWAIT and RWF_APPEND are not there.
    /// </summary>
    public static long Preadv2(ulong descriptor, UserPointer<UserVector> vectors, ulong count, ulong offset,
        ulong flags) => Vectored2(descriptor, vectors, count, offset, flags, false);

    public static long Pwritev2(ulong descriptor, UserPointer<UserVector> vectors, ulong count, ulong offset,
        ulong flags) => Vectored2(descriptor, vectors, count, offset, flags, true);

    private static long Vectored2(ulong descriptor, UserPointer<UserVector> vectors, ulong count, ulong offset,
        ulong flags, bool write)
    {
        const uint withoutEffect = 7;
        if ((long)offset < -1)
            return Errno.EINVAL;
        return CallFlags.TryMake(flags, withoutEffect, out _)
            ? Vectored(descriptor, vectors, count, offset, write)
            : Errno.EOPNOTSUPP;
    }
}
