using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>Locks on files: flock(2), and the lock commands of fcntl(2).</summary>
internal static unsafe class LockCalls
{
    /// <summary>
    /// F_GETLK, F_SETLK, F_SETLKW, and the same for open file descriptions (include/uapi/asm-generic/fcntl.h).
    /// </summary>
    public const ulong Get = 5;
    public const ulong Set = 6;
    public const ulong SetWait = 7;
    public const ulong GetDescription = 36;
    public const ulong SetDescription = 37;
    public const ulong SetDescriptionWait = 38;

    private const short ReadLock = 0;
    private const short WriteLock = 1;
    private const short Unlock = 2;

    /// <summary>struct flock.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Request
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int ProcessId;
        private readonly int pad;
    }

    public static bool IsLockCommand(ulong command) =>
        command is Get or Set or SetWait or GetDescription or SetDescription or SetDescriptionWait;

    public static long Fcntl(Descriptor descriptor, ulong command, UserPointer<Request> argument)
    {
        File* file = descriptor.File;
        bool ofDescription = command >= GetDescription;
        if (!argument.TryGet(out Request request))
            return Errno.EFAULT;
        if (ofDescription && request.ProcessId != 0)
            return Errno.EINVAL;
        if (command is Get or GetDescription && request.Type is not (ReadLock or WriteLock))
            return Errno.EINVAL;
        long error = RangeOf(file, request, out FileLock range);
        if (error < 0)
            return error;
        range.Kind = ofDescription ? LockKind.Description : LockKind.Record;
        range.Owner = ofDescription ? file : FileContext.TableOf(Process.Current);
        range.ProcessId = ofDescription ? -1 : Process.Current->Id;
        range.Exclusive = request.Type == WriteLock;
        if (file->Inode == null)
            return Errno.ENOLCK;
        if (command is Get or GetDescription)
            return GetConflict(file, argument, request, range);
        switch (request.Type)
        {
            case Unlock:
                return Drop(file, range);
            case ReadLock when !file->MayRead:
            case WriteLock when !file->MayWrite:
                return Errno.EBADF;
            case ReadLock or WriteLock: break;
            default: return Errno.EINVAL;
        }

        Files.Hold(file);
        error = FileLocks.Take(file->Inode, range, command is SetWait or SetDescriptionWait, descriptor);
        Files.Release(file);
        return error;
    }

    /// <summary>
    /// EINVAL for a range that begins before the file, EOVERFLOW for one that passes the last byte there can be.
    /// </summary>
    private static long RangeOf(File* file, in Request request, out FileLock range)
    {
        range = default;
        long from;
        switch (request.Whence)
        {
            case 0:
                from = 0;
                break;
            case 1:
                from = (long)file->Position;
                break;
            case 2:
                from = file->Inode != null ? (long)file->Inode->Size : 0;
                break;
            default: return Errno.EINVAL;
        }

        if (request.Start > long.MaxValue - from)
            return Errno.EOVERFLOW;
        long start = from + request.Start;
        if (start < 0)
            return Errno.EINVAL;
        long end = long.MaxValue;
        if (request.Length > 0)
        {
            if (request.Length - 1 > long.MaxValue - start)
                return Errno.EOVERFLOW;
            end = start + request.Length - 1;
        }
        else if (request.Length < 0)
        {
            if (start + request.Length < 0)
                return Errno.EINVAL;
            end = start - 1;
            start += request.Length;
        }

        range.Start = (ulong)start;
        range.End = (ulong)end;
        return 0;
    }

    /// <summary>F_GETLK: F_UNLCK when the lock could be taken, or else the lock that is in the way.</summary>
    private static long GetConflict(File* file, UserPointer<Request> argument, Request request, in FileLock wanted)
    {
        Files.Hold(file);
        bool found = FileLocks.TryFindConflict(file->Inode, wanted, out FileLock held);
        Files.Release(file);
        if (!found)
        {
            request.Type = Unlock;
            return argument.Put(request);
        }
        request.Type = held.Exclusive ? WriteLock : ReadLock;
        request.Whence = 0;
        request.Start = (long)held.Start;
        request.Length = held.End == FileLock.LastByte ? 0 : (long)(held.End - held.Start + 1);
        request.ProcessId = held.ProcessId;
        return argument.Put(request);
    }

    private static long Drop(File* file, in FileLock range)
    {
        Files.Hold(file);
        long error = FileLocks.Drop(file->Inode, range);
        Files.Release(file);
        return error;
    }

    /// <summary>flock(2): belongs to the open file. A lock that is converted is released first.</summary>
    public static long Flock(ulong descriptor, ulong operation)
    {
        const uint shared = 1;
        const uint exclusive = 2;
        const uint nonBlocking = 4;
        const uint unlock = 8;
        uint kind = (uint)operation & ~nonBlocking;
        if (kind is not (shared or exclusive or unlock))
            return Errno.EINVAL;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || file->IsPath)
            return Errno.EBADF;
        if (file->Inode == null)
            return kind == unlock ? 0 : Errno.ENOLCK;
        var whole = new FileLock
        {
            Kind = LockKind.Whole,
            Owner = file,
            End = FileLock.LastByte,
            Exclusive = kind == exclusive,
            ProcessId = -1,
        };
        if (kind == unlock)
            return Drop(file, whole);
        Files.Hold(file);
        long error = 0;
        if (!FileLocks.Holds(file->Inode, whole))
        {
            error = FileLocks.Drop(file->Inode, whole);
            if (error == 0)
                error = FileLocks.Take(file->Inode, whole, (operation & nonBlocking) == 0, default);
        }
        Files.Release(file);
        return error;
    }
}
