using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>mq_open(2) and its relatives.</summary>
public static unsafe class PosixQueueCalls
{
    /// <summary>struct mq_attr.</summary>
    public struct Attributes
    {
        public long Flags;
        public long MaxCount;
        public long MaxSize;
        public long Count;
        public fixed long Free[4];
    }

    /// <summary>The begin of struct sigevent.</summary>
    public struct Event
    {
        public ulong Value;
        public int Signal;
        public int Kind;
    }

    private const uint MaxPriority = 32768;
    private const int BySignal = 0;
    private const int ByNothing = 1;

    /// <summary>A name as C libraries hand it on, without its slash: EACCES with one.</summary>
    private static long Take(UserString name, out byte* path, out ReadOnlySpan<byte> text)
    {
        text = default;
        long error = UserPath.Take(name, out path);
        if (error < 0)
            return error;
        text = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(path);
        if (text.Length == 0)
            error = Errno.ENOENT;
        else if (text.IndexOf((byte)'/') >= 0 || text.SequenceEqual("."u8) || text.SequenceEqual(".."u8))
            error = Errno.EACCES;
        else if (text.Length > PosixQueues.MaxName)
            error = Errno.ENAMETOOLONG;
        if (error < 0)
            PathBuffers.Give(path);
        return error;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long Open(UserString name, ulong flags, ulong mode, UserPointer<Attributes> limits)
    {
        const uint anyMode = 0xfff;
        Attributes asked = default;
        bool isGiven = !limits.IsNull && ((uint)flags & OpenFlags.CREAT) != 0;
        if (isGiven && !limits.TryGet(out asked))
            return Errno.EFAULT;
        long error = Take(name, out byte* path, out ReadOnlySpan<byte> text);
        if (error < 0)
            return error;
        uint permissions = (uint)mode & anyMode & ~Process.Current->Umask;
        // A limit of 0 is none that may be asked for.
        long count = isGiven && asked.MaxCount == 0 ? -1 : asked.MaxCount;
        long size = isGiven && asked.MaxSize == 0 ? -1 : asked.MaxSize;
        error = PosixQueues.Open(text, (uint)flags, permissions, count, size, out File* file);
        PathBuffers.Give(path);
        if (error < 0)
            return error;
        long descriptor = FileTable.Install(FileContext.TableOf(Process.Current), file, closeOnExec: true);
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }

    public static long Unlink(UserString name)
    {
        long error = Take(name, out byte* path, out ReadOnlySpan<byte> text);
        if (error < 0)
            return error;
        error = PosixQueues.Unlink(text);
        PathBuffers.Give(path);
        return error;
    }

    /// <summary>A moment of wall time; null for never. EFAULT, EINVAL.</summary>
    private static long ReadDeadline(UserPointer<TimeCalls.TimeSpec> time, out ulong deadline)
    {
        deadline = ulong.MaxValue;
        if (time.IsNull)
            return 0;
        if (!time.TryGet(out _))
            return Errno.EFAULT;
        if (!TimeCalls.ReadTime(time, out ulong moment))
            return Errno.EINVAL;
        deadline = TimeCalls.MonotonicOf(moment);
        return 0;
    }

    private static File* FileOf(ulong descriptor)
    {
        File* file = Descriptor.FileOf(descriptor);
        return file != null && PosixQueues.Is(file) ? file : null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long Send(
        ulong descriptor, ulong text, ulong length, ulong priority, UserPointer<TimeCalls.TimeSpec> time)
    {
        if ((uint)priority >= MaxPriority)
            return Errno.EINVAL;
        long error = ReadDeadline(time, out ulong deadline);
        if (error < 0)
            return error;
        File* file = FileOf(descriptor);
        if (file == null || !file->MayWrite)
            return Errno.EBADF;
        if (length > PosixQueues.Of(file)->MaxSize)
            return Errno.EMSGSIZE;
        if (!UserRange.TryMake(text, length, out UserRange range))
            return Errno.EFAULT;
        Files.Hold(file);
        long result = PosixQueues.Send(file, range, (uint)priority, deadline);
        Files.Release(file);
        return result;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long Receive(
        ulong descriptor, ulong text, ulong length, UserPointer<uint> priority, UserPointer<TimeCalls.TimeSpec> time)
    {
        long error = ReadDeadline(time, out ulong deadline);
        if (error < 0)
            return error;
        File* file = FileOf(descriptor);
        if (file == null || !file->MayRead)
            return Errno.EBADF;
        if (length < PosixQueues.Of(file)->MaxSize)
            return Errno.EMSGSIZE;
        if (!UserRange.TryMake(text, length, out UserRange range))
            return Errno.EFAULT;
        Files.Hold(file);
        long result = PosixQueues.Receive(file, range, priority, deadline);
        Files.Release(file);
        return result;
    }

    /// <summary>SIGEV_THREAD, which C libraries make of a netlink socket, is not there: EINVAL.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long Notify(ulong descriptor, UserPointer<Event> how)
    {
        Event wanted = default;
        Signal signal = Signal.None;
        if (!how.IsNull)
        {
            if (!how.TryGet(out wanted))
                return Errno.EFAULT;
            if (wanted.Kind is not (BySignal or ByNothing))
                return Errno.EINVAL;
            if (wanted.Kind == BySignal && !Signal.TryMake((uint)wanted.Signal, out signal))
                return Errno.EINVAL;
        }

        File* file = FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        if (!how.IsNull)
            return PosixQueues.Notify(file, signal, wanted.Value);
        PosixQueues.StopNotifying(file);
        return 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long GetSetAttributes(ulong descriptor, UserPointer<Attributes> wanted, UserPointer<Attributes> old)
    {
        Attributes next = default;
        if (!wanted.IsNull && !wanted.TryGet(out next))
            return Errno.EFAULT;
        if ((next.Flags & ~(long)OpenFlags.NONBLOCK) != 0)
            return Errno.EINVAL;
        File* file = FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        PosixQueue* queue = PosixQueues.Of(file);
        var before = new Attributes
        {
            Flags = file->Flags & OpenFlags.NONBLOCK,
            MaxCount = queue->MaxCount,
            MaxSize = queue->MaxSize,
            Count = queue->Count,
        };
        if (!wanted.IsNull)
            file->Flags = file->Flags & ~OpenFlags.NONBLOCK | (uint)next.Flags;
        return old.TryPutIfAsked(before) ? 0 : Errno.EFAULT;
    }
}
