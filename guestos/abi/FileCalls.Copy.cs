using System;

namespace Guestos;

/// <summary>Moving bytes between descriptors without user memory: sendfile, splice, copy_file_range.</summary>
public static unsafe partial class FileCalls
{
    private const int Piece = 4096;

    public static long Sendfile(ulong to, ulong from, UserPointer<ulong> offset, ulong count)
    {
        File* target = Descriptor.FileOf(to);
        File* source = Descriptor.FileOf(from);
        if (target == null || source == null || !target->MayWrite || !source->MayRead)
            return Errno.EBADF;
        if (Appends(target) || PassesEnd(source, offset, count) || PassesEnd(target, 0, count))
            return Errno.EINVAL;
        Files.Hold(target);
        Files.Hold(source);
        long result;
        if (HandsOver(source, target))
            result = offset.IsNull ? source->Operations->SendTo(source, target, count) : Errno.ESPIPE;
        else if ((source->Operations->Traits & FileTraits.Sendable) != 0)
            result = Pump(source, offset, target, 0, count);
        else
            result = Errno.EINVAL;
        Files.Release(source);
        Files.Release(target);
        return result;
    }

    /// <summary>splice(2): at least one side is a pipe, or the checkpoint goes to a socket.</summary>
    public static long Splice(ulong from, UserPointer<ulong> fromOffset, ulong to, UserPointer<ulong> toOffset,
        ulong count, ulong flags)
    {
        const uint move = 1;
        const uint nonBlocking = 2;
        const uint more = 4;
        const uint gift = 8;
        File* source = Descriptor.FileOf(from);
        File* target = Descriptor.FileOf(to);
        if (!CallFlags.TryMake(flags, move | nonBlocking | more | gift, out CallFlags how))
            return Errno.EINVAL;
        if (target == null || source == null || !target->MayWrite || !source->MayRead)
            return Errno.EBADF;
        if (HandsOver(source, target))
            return Sendfile(to, from, fromOffset, count);
        bool isOnePipe = PipeFile.Is(source) && PipeFile.Is(target) && source->Inode == target->Inode;
        if (isOnePipe || !PipeFile.Is(source) && !PipeFile.Is(target))
            return Errno.EINVAL;
        if (Appends(target))
            return Errno.EINVAL;
        if (PipeFile.Is(source) && !fromOffset.IsNull || PipeFile.Is(target) && !toOffset.IsNull)
            return Errno.ESPIPE;
        if (PassesEnd(source, fromOffset, count) || PassesEnd(target, toOffset, count))
            return Errno.EINVAL;
        if (how.Has(nonBlocking)
            && ((Files.Poll(source) & PollEvents.In) == 0 || (Files.Poll(target) & PollEvents.Out) == 0))
            return (Files.Poll(source) & PollEvents.HangUp) != 0 ? 0 : Errno.EAGAIN;
        Files.Hold(target);
        Files.Hold(source);
        ulong most = PipeFile.CapacityOf(PipeFile.Is(target) ? target : source);
        long result = Pump(source, fromOffset, target, toOffset, Math.Min(count, most));
        Files.Release(source);
        Files.Release(target);
        return result;
    }

    // SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT
    private const uint SpliceNonBlocking = 2;
    private const uint SpliceFlags = 15;

    /// <summary>vmsplice(2): memory is copied into a pipe, or out of one.</summary>
    public static long Vmsplice(ulong descriptor, UserPointer<UserVector> vectors, ulong count, ulong flags)
    {
        if (!CallFlags.TryMake(flags, SpliceFlags, out CallFlags how))
            return Errno.EINVAL;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || !PipeFile.Is(file))
            return Errno.EBADF;
        if (count > MaxVectors)
            return Errno.EINVAL;
        bool waits = !how.Has(SpliceNonBlocking);
        if (!file->MayWrite)
        {
            const uint ready = PollEvents.In | PollEvents.HangUp;
            return count > 0 && !waits && (Files.Poll(file) & ready) == 0
                ? Errno.EAGAIN
                : Vectored(descriptor, vectors, count, ulong.MaxValue, false);
        }
        Files.Hold(file);
        long done = 0;
        long result = 0;
        for (ulong i = 0; i < count && result >= 0; i++)
        {
            result = UserVector.Get(vectors.At(i), out UserRange range);
            Transfer from = Transfer.Of(range.To(MaxTransfer));
            if (result < 0 || from.Count == 0)
                continue;
            // Who has put something in does not wait for more room.
            result = PipeFile.WriteSome(file, ref from, waits && done == 0);
            done += Math.Max(result, 0);
            if (from.Count > 0)
                break;
        }
        Files.Release(file);
        return done > 0 ? done : result;
    }

    /// <summary>tee(2): what waits in one pipe is put into another, too.</summary>
    public static long Tee(ulong from, ulong to, ulong count, ulong flags)
    {
        if (!CallFlags.TryMake(flags, SpliceFlags, out CallFlags how))
            return Errno.EINVAL;
        File* source = Descriptor.FileOf(from);
        File* target = Descriptor.FileOf(to);
        if (source == null || target == null || !source->MayRead || !target->MayWrite)
            return Errno.EBADF;
        if (!PipeFile.Is(source) || !PipeFile.Is(target) || source->Inode == target->Inode)
            return Errno.EINVAL;
        if (count == 0)
            return 0;
        Files.Hold(source);
        Files.Hold(target);
        long result = PipeFile.Duplicate(source, target, count, how.Has(SpliceNonBlocking));
        Files.Release(target);
        Files.Release(source);
        return result;
    }

    public static long CopyFileRange(ulong from, UserPointer<ulong> fromOffset, ulong to, UserPointer<ulong> toOffset,
        ulong count, ulong flags)
    {
        File* source = Descriptor.FileOf(from);
        File* target = Descriptor.FileOf(to);
        if (target == null || source == null || !target->MayWrite || !source->MayRead)
            return Errno.EBADF;
        if (Appends(target))
            return Errno.EBADF;
        if ((uint)flags != 0 || !RegularFile.Is(source) || !RegularFile.Is(target))
            return Errno.EINVAL;
        Files.Hold(target);
        Files.Hold(source);
        long result = source->Inode == target->Inode
            ? Errno.EINVAL
            : Pump(source, fromOffset, target, toOffset, count);
        Files.Release(source);
        Files.Release(target);
        return result;
    }

    /// <summary>
    /// Where the bytes of a file begin that are read or written there is told, or its position; from there on it cannot
    /// have as many.
    /// </summary>
    private static bool PassesEnd(File* file, UserPointer<ulong> offset, ulong count)
    {
        ulong from = file->Position;
        if (!offset.IsNull && !offset.TryGet(out from))
            return false;   // who reads it next says so
        return RegularFile.Is(file) && PassesEnd(from, count);
    }

    /// <summary>These calls name a place in the target, which O_APPEND takes away.</summary>
    private static bool Appends(File* target) => RegularFile.Is(target) && (target->Flags & OpenFlags.APPEND) != 0;

    /// <summary>The source gives its bytes to the target's connection without copying.</summary>
    private static bool HandsOver(File* source, File* target) =>
        source->Operations->SendTo != null && SocketFile.Is(target);

    private static bool IsStream(File* file) => (file->Operations->Traits & FileTraits.Stream) != 0;

    /// <summary>
    /// Reads and writes through one page. An offset address (0: the file's own position) is read first and set last. A
    /// source that is a stream gives what it has; bytes read and not written are put back where the source has a
    /// position, and stay in a pipe. A signal ends it early.
    /// </summary>
    private static long Pump(File* source, UserPointer<ulong> sourceOffset, File* target,
        UserPointer<ulong> targetOffset, ulong count)
    {
        ulong from = 0;
        ulong to = 0;
        if (!sourceOffset.IsNull && !sourceOffset.TryGet(out from)
            || !targetOffset.IsNull && !targetOffset.TryGet(out to))
            return Errno.EFAULT;
        if ((long)from < 0 || (long)to < 0)
            return Errno.EINVAL;
        byte* page = (byte*)Objects.Allocate(Piece);
        if (page == null)
            return Errno.ENOMEM;
        bool streams = IsStream(source);
        ulong done = 0;
        long error = 0;
        count = Math.Min(count, MaxTransfer);
        while (done < count)
        {
            Transfer into = Transfer.Of(page, Math.Min(count - done, Piece));
            bool isPipe = PipeFile.Is(source);
            ulong mark = 0;
            long got;
            if (isPipe)
                got = PipeFile.Peek(source, ref into, out mark);
            else
                got = !sourceOffset.IsNull ? Files.ReadAt(source, from, ref into) : Files.Read(source, ref into);
            if (got <= 0)
            {
                error = got;
                break;
            }

            Transfer outOf = Transfer.Of(page, (ulong)got);
            long put = !targetOffset.IsNull ? Files.WriteAt(target, to, ref outOf) : Files.Write(target, ref outOf);
            long moved = Math.Max(put, 0);
            from += (ulong)moved;
            to += (ulong)moved;
            done += (ulong)moved;
            if (isPipe)
                PipeFile.Drop(source, mark, (ulong)moved);
            else if (moved < got && sourceOffset.IsNull && !streams)
                source->Position -= (ulong)(got - moved);
            if (put < got)
            {
                error = put < 0 ? put : 0;
                break;
            }

            if (streams && (Files.Poll(source) & PollEvents.In) == 0)
                break;
            Preemption.Point();
            if (Signals.Pending)
                break;
        }

        Objects.Free(page, Piece);
        if (done == 0)
            return error;
        if (!sourceOffset.TryPutIfAsked(from) || !targetOffset.TryPutIfAsked(to))
            return Errno.EFAULT;
        return (long)done;
    }
}
