using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>All open files, and what may be done to them: each operation goes to the file's kind.</summary>
public static unsafe class Files
{
    /// <summary>
    /// Open files in the whole system (fs.file-max): as many as a tenth of memory could hold at 1 KiB each. Beyond is
    /// ENFILE.
    /// </summary>
    public static int Capacity => (int)Math.Max(Frames.Total * (Frames.Size / 1024) / 10, 1024);

    /// <summary>
    /// How many of them only the superuser may open (Linux lets CAP_SYS_ADMIN exceed the limit), so that commands can
    /// still be run when ordinary users' programs have opened all others.
    /// </summary>
    public const int Reserve = 64;

    private static FileOperations s_none;
    private static File* s_first;
    private static Slab<File> s_slab;
    public static int InUse;

    /// <summary>Of a file that has not been opened yet: it does nothing.</summary>
    internal static FileOperations* None => FileOperations.At(ref s_none);

    /// <summary>A new open file with one reference; null: ENFILE.</summary>
    public static File* Allocate(FileOperations* operations, uint flags)
    {
        if (InUse >= MaxFiles)
            return null;
        File* file = s_slab.Allocate();
        if (file == null)
            return null;
        file->References = 1;
        file->Operations = operations;
        file->Flags = flags & ~OpenFlags.OfOpenOnly;
        InUse++;
        file->Next = s_first;
        if (s_first != null)
            s_first->Previous = file;
        s_first = file;
        return file;
    }

    private static int MaxFiles =>
        FileRights.IsSuperuser ? Capacity : Capacity - Reserve;

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

    /// <summary>Fills the tables of the kinds of files that are the kernel's own, before the first is opened.</summary>
    internal static void Init()
    {
        RegularFile.Init();
        DirectoryFile.Init();
        PathFile.Init();
        PipeFile.Init();
        EventCounter.Init();
        EpollSets.Init();
        TimerFile.Init();
        SignalFile.Init();
        PidFile.Init();
        Inotify.Init();
        ProcText.Init();
        Terminal.Init();
    }

    /// <summary>Gives one reference up; the last closes the file.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Release(File* file)
    {
        if (file == null)
            return;
        file->References--;
        if (file->References == 0)
            Close(file);
    }

    private static void Close(File* file)
    {
        if (!file->IsPath && file->Operations != None)
            Inotify.Report(file->Inode, file->MayWrite ? FileEvent.CloseWrite : FileEvent.CloseNoWrite);
        EpollSets.Forget(file);
        FileOwner.Forget(file);
        FileLocks.FileClosed(file);
        if (file->Operations->Release != null)
            file->Operations->Release(file);
        if (file->CountedAsWriter)
            file->Inode->Writers--;
        Vfs.Release(file->Inode);
        Mounts.Release(file->Mount);
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

    /// <summary>
    /// read(2) at the file's position. As for the next three, the caller has looked at the access mode (EBADF).
    /// </summary>
    public static long Read(File* file, ref Transfer to)
    {
        long count = file->Operations->Read != null ? file->Operations->Read(file, ref to) : Errno.EINVAL;
        if (count > 0)
            Inotify.Report(file->Inode, FileEvent.Access);
        return count;
    }

    /// <summary>write(2) at the file's position, or at the end with O_APPEND.</summary>
    public static long Write(File* file, ref Transfer from)
    {
        long count = file->Operations->Write != null ? file->Operations->Write(file, ref from) : Errno.EINVAL;
        if (count > 0)
            Inotify.Report(file->Inode, FileEvent.Modify);
        return count;
    }

    /// <summary>pread(2): files with positions only, else ESPIPE.</summary>
    public static long ReadAt(File* file, ulong offset, ref Transfer to)
    {
        long count = file->Operations->ReadAt != null ? file->Operations->ReadAt(file, offset, ref to) : Errno.ESPIPE;
        if (count > 0)
            Inotify.Report(file->Inode, FileEvent.Access);
        return count;
    }

    /// <summary>pwrite(2). With O_APPEND the offset does not count (pwrite(2), "Bugs").</summary>
    public static long WriteAt(File* file, ulong offset, ref Transfer from)
    {
        long count = file->Operations->WriteAt != null
            ? file->Operations->WriteAt(file, offset, ref from)
            : Errno.ESPIPE;
        if (count > 0)
            Inotify.Report(file->Inode, FileEvent.Modify);
        return count;
    }

    /// <summary><see cref="PollEvents"/> that hold now.</summary>
    public static uint Poll(File* file) =>
        file->Operations->Poll != null ? file->Operations->Poll(file) : PollEvents.Readable | PollEvents.Writable;

    /// <summary>Its readiness comes and goes, so that epoll takes it; the rest is always ready (EPERM).</summary>
    public static bool CanWatch(File* file) =>
        file->Operations->QueueOf != null || (file->Operations->Traits & FileTraits.Watchable) != 0;

    /// <summary>
    /// The queue that <see cref="Readiness.Changed"/> is called with when its readiness changes; null when it never
    /// does.
    /// </summary>
    public static WaitQueue* QueueOf(File* file) =>
        file->Operations->QueueOf != null ? file->Operations->QueueOf(file) : null;

    public static long Ioctl(File* file, uint request, ulong argument)
    {
        if (request != FileIoctl.SetNonBlocking)
            return file->Operations->Ioctl != null
                ? file->Operations->Ioctl(file, request, argument)
                : Errno.ENOTTY;
        if (!((UserPointer<int>)argument).TryGet(out int on))
            return Errno.EFAULT;
        if (on != 0)
            file->Flags |= OpenFlags.NONBLOCK;
        else
            file->Flags &= ~OpenFlags.NONBLOCK;
        return 0;
    }

    /// <summary>lseek(2). The caller has the position lock.</summary>
    public static long Seek(File* file, long offset, uint whence) =>
        file->Operations->Seek != null ? file->Operations->Seek(file, offset, whence) : Errno.ESPIPE;

    /// <summary>What lseek(2) answers for files whose inode has a size.</summary>
    internal static long SeekInside(File* file, long offset, uint whence)
    {
        long size = (long)file->Inode->Size;
        long position;
        switch (whence)
        {
            case 0:
                position = offset;
                break;
            case 1:
                position = (long)file->Position + offset;
                break;
            case 2:
                position = size + offset;
                break;
            case 3:     // SEEK_DATA: no hole is told apart
                if (offset < 0 || offset >= size)
                    return Errno.ENXIO;
                position = offset;
                break;
            case 4:     // SEEK_HOLE: the end
                if (offset < 0 || offset >= size)
                    return Errno.ENXIO;
                position = size;
                break;
            default: return Errno.EINVAL;
        }

        if (position < 0)
            return Errno.EINVAL;
        file->Position = (ulong)position;
        return position;
    }
}
