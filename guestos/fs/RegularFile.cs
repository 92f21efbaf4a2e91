using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>Regular files of file systems in memory, as open files.</summary>
public static unsafe class RegularFile
{
    private static FileOperations s_operations;

    public static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Traits = FileTraits.Sendable,
        Read = &Read,
        Write = &Write,
        ReadAt = &ReadAt,
        WriteAt = &WriteAt,
        Seek = &Files.SeekInside,
        Ioctl = &Ioctl,
    };

    public static bool Is(File* file) => file->Operations == Operations;

    private static long Read(File* file, ref Transfer to)
    {
        SleepLock.Take(&file->PositionLock);
        long count = FileContent.Read(file->Inode, file->Position, ref to);
        if (count > 0)
            file->Position += (ulong)count;
        SleepLock.Release(&file->PositionLock);
        return count;
    }

    private static long Write(File* file, ref Transfer from)
    {
        SleepLock.Take(&file->PositionLock);
        ulong position = file->Position;
        long count = WriteContent(file, ref position, ref from);
        if (count > 0)
            file->Position = position + (ulong)count;
        SleepLock.Release(&file->PositionLock);
        return count;
    }

    private static long ReadAt(File* file, ulong offset, ref Transfer to) =>
        FileContent.Read(file->Inode, offset, ref to);

    private static long WriteAt(File* file, ulong offset, ref Transfer from) =>
        WriteContent(file, ref offset, ref from);

    /// <summary>
    /// One write at a time, so that one goes behind the other with O_APPEND, where <paramref name="offset"/> becomes
    /// the end.
    /// </summary>
    private static long WriteContent(File* file, ref ulong offset, ref Transfer from)
    {
        SleepLock.Take(&file->Inode->ContentLock);
        if ((file->Flags & OpenFlags.APPEND) != 0)
            offset = file->Inode->Size;
        long count = WriteContent(file, offset, ref from);
        SleepLock.Release(&file->Inode->ContentLock);
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long WriteContent(File* file, ulong offset, ref Transfer from)
    {
        if (from.Count == 0)
            return 0;
        if (Mounts.IsReadOnly(file->Inode->Volume))
            return Errno.EROFS;
        if (Seals.ForbidWriting(file->Inode))
            return Errno.EPERM;
        ulong allowed = Seals.Allow(file->Inode, offset, from.Count);
        if (allowed == 0)
            return Errno.EPERM;
        from.Limit(allowed);
        ulong limit = ResourceLimits.Of(Process.Current, Resource.FileSize);
        if (offset >= limit)
            return ResourceLimits.FileTooLarge();
        from.Limit(limit - Math.Min(limit, offset));
        long count = FileContent.Write(file->Inode, offset, ref from);
        if (count > 0)
        {
            Directories.Touch(file->Inode);
            FileRights.ContentChanged(file->Inode);
        }

        return count;
    }

    private static long Ioctl(File* file, uint request, ulong argument)
    {
        if (request != FileIoctl.BytesReadable)
            return Errno.ENOTTY;
        ulong left = file->Inode->Size - Math.Min(file->Inode->Size, file->Position);
        return ((UserPointer<int>)argument).TryPut((int)Math.Min(left, int.MaxValue)) ? 0 : Errno.EFAULT;
    }
}
