using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>All open files, and what may be done to them: each operation goes to the file's kind.</summary>
public static unsafe class Files
{
    /// <summary>Open files in the whole system (fs.file-max): as many as a tenth of memory could hold at 1 KiB each. Beyond is ENFILE.</summary>
    public static int Capacity => (int)Math.Max(Frames.Total * (Frames.Size / 1024) / 10, 1024);

    /// <summary>The last of them are for the superuser, as Linux lets CAP_SYS_ADMIN past its limit, so that a guest that is full obeys.</summary>
    public const int Reserve = 64;

    private static File* s_first;
    private static Slab<File> s_slab;
    public static int InUse;

    /// <summary>A new open file with one reference; null: ENFILE.</summary>
    public static File* Allocate(FileKind kind, uint flags)
    {
        if (InUse >= Limit)
            return null;
        File* file = s_slab.Allocate();
        if (file == null)
            return null;
        file->References = 1;
        file->Kind = kind;
        file->Flags = flags & ~(OpenFlags.CloseOnExec | OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.Truncate | OpenFlags.NoControllingTerminal);
        InUse++;
        file->Next = s_first;
        if (s_first != null)
            s_first->Previous = file;
        s_first = file;
        return file;
    }

    private static int Limit => Scheduler.Current == null || Scheduler.Current->EffectiveUserId == 0 ? Capacity : Capacity - Reserve;

    public static File* Hold(File* file)
    {
        file->References++;
        return file;
    }

    /// <summary>Whoever has this file open may write to its inode, which no program can be made of meanwhile.</summary>
    public static void CountWriter(File* file)
    {
        file->CountedAsWriter = true;
        file->Inode->Writers++;
    }

    /// <summary>Gives one reference up; the last closes the file.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Release(File* file)
    {
        if (file != null && --file->References == 0)
            Close(file);
    }

    private static void Close(File* file)
    {
        EpollSets.Forget(file);
        switch (file->Kind)
        {
            case FileKind.Pipe: PipeFile.Release(file); break;
            case FileKind.Proc: ProcText.Release(file); break;
            case FileKind.Epoll: EpollSets.Release(file); break;
            case FileKind.Event: EventCounter.Release(file); break;
            case FileKind.Socket: SocketFile.Release(file); break;
            case FileKind.Checkpoint: CheckpointDevice.Release(file); break;
        }

        FileLocks.FileClosed(file);
        if (file->CountedAsWriter)
            file->Inode->Writers--;
        Vfs.Release(file->Inode);
        Forget(file);
    }

    /// <summary>Frees a file that never became anything, without closing it. Null is nothing.</summary>
    public static void Forget(File* file)
    {
        if (file == null)
            return;
        if (file->Previous != null)
            file->Previous->Next = file->Next;
        else
            s_first = file->Next;
        if (file->Next != null)
            file->Next->Previous = file->Previous;
        InUse--;
        s_slab.Free(file);
    }

    public static bool AnyOpenOn(byte volume)
    {
        for (File* file = s_first; file != null; file = file->Next)
            if (file->Inode != null && file->Inode->Volume == volume)
                return true;
        return false;
    }

    /// <summary>read(2) at the file's position.</summary>
    public static long Read(File* file, ref Transfer to)
    {
        if (!file->MayRead)
            return Errno.BadDescriptor;
        switch (file->Kind)
        {
            case FileKind.Regular:
            case FileKind.Proc:
                SleepLock.Take(&file->PositionLock);
                long count = ReadAt(file, file->Position, ref to);
                if (count > 0)
                    file->Position += (ulong)count;
                SleepLock.Release(&file->PositionLock);
                return count;
            case FileKind.Directory: return Errno.IsDirectory;
            case FileKind.Pipe: return PipeFile.Read(file, ref to);
            case FileKind.Terminal: return Terminal.Read(file, ref to);
            case FileKind.Device: return Devices.Read(file, ref to);
            case FileKind.Event: return EventCounter.Read(file, ref to);
            case FileKind.Socket: return SocketFile.Read(file, ref to);
            case FileKind.Checkpoint: return CheckpointDevice.Read(file, ref to);
            default: return Errno.Invalid;
        }
    }

    /// <summary>write(2) at the file's position, or at the end with O_APPEND.</summary>
    public static long Write(File* file, ref Transfer from)
    {
        if (!file->MayWrite)
            return Errno.BadDescriptor;
        switch (file->Kind)
        {
            case FileKind.Regular:
                SleepLock.Take(&file->PositionLock);
                ulong position = file->Position;
                long count = WriteContent(file, ref position, ref from);
                if (count > 0)
                    file->Position = position + (ulong)count;
                SleepLock.Release(&file->PositionLock);
                return count;
            case FileKind.Pipe: return PipeFile.Write(file, ref from);
            case FileKind.Terminal: return Terminal.Write(file, ref from);
            case FileKind.Device: return Devices.Write(file, ref from);
            case FileKind.Proc: return ProcText.Write(file, ref from);
            case FileKind.Event: return EventCounter.Write(file, ref from);
            case FileKind.Socket: return SocketFile.Write(file, ref from);
            case FileKind.Checkpoint: return CheckpointDevice.Write(file, ref from);
            default: return Errno.Invalid;
        }
    }

    /// <summary>pread(2): files with positions only, else ESPIPE.</summary>
    public static long ReadAt(File* file, ulong offset, ref Transfer to)
    {
        if (!file->MayRead)
            return Errno.BadDescriptor;
        switch (file->Kind)
        {
            case FileKind.Regular: return FileContent.Read(file->Inode, offset, ref to);
            case FileKind.Proc: return ProcText.Read(file, offset, ref to);
            case FileKind.Directory: return Errno.IsDirectory;
            case FileKind.Device: return Devices.Read(file, ref to);
            default: return Errno.IllegalSeek;
        }
    }

    /// <summary>pwrite(2). With O_APPEND the offset does not count (pwrite(2), "Bugs").</summary>
    public static long WriteAt(File* file, ulong offset, ref Transfer from)
    {
        if (!file->MayWrite)
            return Errno.BadDescriptor;
        if (file->Kind == FileKind.Device)
            return Devices.Write(file, ref from);
        return file->Kind != FileKind.Regular ? Errno.IllegalSeek : WriteContent(file, ref offset, ref from);
    }

    /// <summary>One write at a time, so that one goes behind the other with O_APPEND, where <paramref name="offset"/> becomes the end.</summary>
    private static long WriteContent(File* file, ref ulong offset, ref Transfer from)
    {
        SleepLock.Take(&file->Inode->ContentLock);
        if ((file->Flags & OpenFlags.Append) != 0)
            offset = file->Inode->Size;
        long count = WriteContent(file, offset, ref from);
        SleepLock.Release(&file->Inode->ContentLock);
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long WriteContent(File* file, ulong offset, ref Transfer from)
    {
        if (Mounts.IsReadOnly(file->Inode->Volume))
            return Errno.ReadOnly;
        ulong limit = ResourceLimits.Of(Scheduler.Current, Resource.FileSize);
        if (offset >= limit && from.Count > 0)
            return ResourceLimits.FileTooLarge();
        from.Limit(limit - Math.Min(limit, offset));
        long count = FileContent.Write(file->Inode, offset, ref from);
        if (count > 0)
        {
            Directories.Touch(file->Inode);
            if (!FileRights.IsSuperuser)
                FileRights.DropSetId(file->Inode);
        }

        return count;
    }

    /// <summary><see cref="PollEvents"/> that hold now.</summary>
    public static uint Poll(File* file)
    {
        switch (file->Kind)
        {
            case FileKind.Pipe: return PipeFile.Poll(file);
            case FileKind.Terminal: return Terminal.Poll();
            case FileKind.Epoll: return EpollSets.Poll(file);
            case FileKind.Event: return EventCounter.Poll(file);
            case FileKind.Socket: return SocketFile.Poll(file);
            case FileKind.Checkpoint: return CheckpointDevice.Poll(file);
            case FileKind.Path: return PollEvents.Invalid;
            default: return PollEvents.In | PollEvents.Out | PollEvents.ReadNormal | PollEvents.WriteNormal;
        }
    }

    /// <summary>Its readiness comes and goes, so that epoll takes it; the rest is always ready (EPERM).</summary>
    public static bool CanWatch(File* file) =>
        file->Kind == FileKind.Checkpoint || QueueOf(file) != null || file->Kind == FileKind.Device && Devices.CanWatch(file);

    /// <summary>The queue that <see cref="Readiness.Changed"/> is called with when its readiness changes; null when it never does.</summary>
    public static WaitQueue* QueueOf(File* file) => file->Kind switch
    {
        FileKind.Pipe => PipeFile.QueueOf(file),
        FileKind.Terminal => Terminal.Queue,
        FileKind.Epoll => EpollSets.QueueOf(file),
        FileKind.Event => EventCounter.QueueOf(file),
        FileKind.Socket => SocketFile.QueueOf(file),
        _ => null,
    };

    public static long Ioctl(File* file, uint request, ulong argument)
    {
        const uint BytesReadable = 0x541b; // FIONREAD
        const uint SetNonBlocking = 0x5421; // FIONBIO
        switch (request)
        {
            case SetNonBlocking:
                if (!((UserPointer<int>)argument).TryGet(out int on))
                    return Errno.Fault;
                if (on != 0)
                    file->Flags |= OpenFlags.NonBlocking;
                else
                    file->Flags &= ~OpenFlags.NonBlocking;
                return 0;
            case BytesReadable when file->Kind is FileKind.Pipe or FileKind.Regular:
                ulong available = file->Kind == FileKind.Pipe ? PipeFile.Available(file)
                    : file->Inode->Size > file->Position ? Math.Min(file->Inode->Size - file->Position, int.MaxValue) : 0;
                return ((UserPointer<int>)argument).TryPut((int)available) ? 0 : Errno.Fault;
        }

        return file->Kind switch
        {
            FileKind.Terminal => Terminal.Ioctl(file, request, argument),
            FileKind.Socket => SocketFile.Ioctl(file, request, argument),
            FileKind.Checkpoint => CheckpointDevice.Ioctl(file, request, argument),
            FileKind.Path => Errno.BadDescriptor,
            _ => Errno.NotTerminal,
        };
    }

    /// <summary>lseek(2) for kinds that have a position.</summary>
    public static long Seek(File* file, long offset, uint whence)
    {
        if (file->Kind is FileKind.Pipe or FileKind.Socket or FileKind.Terminal or FileKind.Epoll or FileKind.Event or FileKind.Checkpoint)
            return Errno.IllegalSeek;
        if (file->Kind == FileKind.Path)
            return Errno.BadDescriptor;
        if (file->Kind == FileKind.Device)
            return 0;
        long size = (long)file->Inode->Size;
        long position;
        switch (whence)
        {
            case 0: position = offset; break;
            case 1: position = (long)file->Position + offset; break;
            case 2: position = size + offset; break;
            case 3:     // SEEK_DATA: no hole is told apart
                if (offset < 0 || offset >= size)
                    return Errno.NoDevice;
                position = offset;
                break;
            case 4:     // SEEK_HOLE: the end
                if (offset < 0 || offset >= size)
                    return Errno.NoDevice;
                position = size;
                break;
            default: return Errno.Invalid;
        }

        if (position < 0)
            return Errno.Invalid;
        file->Position = (ulong)position;
        return position;
    }
}
