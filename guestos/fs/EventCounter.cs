using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>eventfd(2): a 64-bit counter as a file.</summary>
public static unsafe class EventCounter
{
    private const ulong MaxValue = ulong.MaxValue - 1;

    private static FileOperations s_operations;

    private static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Name = &Name,
        Release = &Release,
        Read = &Read,
        Write = &Write,
        Poll = &Poll,
        QueueOf = &QueueOf,
    };

    private static ReadOnlySpan<byte> Name() => "anon_inode:[eventfd]"u8;

    private struct Counter
    {
        public WaitQueue Queue;
        public ulong Value;
        public bool Semaphore;
    }

    /// <summary>A new open file; null without memory.</summary>
    public static File* Create(ulong initial, uint flags, bool semaphore)
    {
        Counter* counter = Objects.Allocate<Counter>();
        File* file = counter != null
            ? Files.Allocate(Operations, OpenFlags.RDWR | flags & OpenFlags.NONBLOCK)
            : null;
        if (file == null)
        {
            if (counter != null)
                Objects.Free(counter);
            return null;
        }

        counter->Value = initial;
        counter->Semaphore = semaphore;
        file->Object = counter;
        return file;
    }

    public static bool Is(File* file) => file->Operations == Operations;

    /// <summary>A request that was to be told to it is done (eventfd_signal of Linux). Never waits.</summary>
    public static void Add(File* file)
    {
        var counter = (Counter*)file->Object;
        if (counter->Value < MaxValue)
            counter->Value++;
        Readiness.Changed(&counter->Queue, PollEvents.In);
    }

    private static long Read(File* file, ref Transfer to)
    {
        var counter = (Counter*)file->Object;
        if (to.Count < 8)
            return Errno.EINVAL;
        while (counter->Value == 0)
        {
            if (file->NonBlocking)
                return Errno.EAGAIN;
            if (Readiness.Wait(&counter->Queue, PollEvents.In, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }

        if (!to.TryFill(8, out Span<byte> into))
            return Errno.EFAULT;
        ulong value = counter->Semaphore ? 1 : counter->Value;
        BinaryPrimitives.WriteUInt64LittleEndian(into, value);
        counter->Value -= value;
        Readiness.Changed(&counter->Queue, PollEvents.Out);
        return 8;
    }

    private static long Write(File* file, ref Transfer from)
    {
        var counter = (Counter*)file->Object;
        if (from.Count != 8)
            return Errno.EINVAL;
        if (!from.TryTake(8, out ReadOnlySpan<byte> bytes))
            return Errno.EFAULT;
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        if (value == ulong.MaxValue)
            return Errno.EINVAL;
        while (value > MaxValue - counter->Value)
        {
            if (file->NonBlocking)
                return Errno.EAGAIN;
            if (Readiness.Wait(&counter->Queue, PollEvents.Out, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }

        counter->Value += value;
        Readiness.Changed(&counter->Queue, PollEvents.In);
        return 8;
    }

    /// <summary>As eventfd(2) has it: without the "normal" bits.</summary>
    private static uint Poll(File* file)
    {
        var counter = (Counter*)file->Object;
        uint events = counter->Value > 0 ? PollEvents.In : 0;
        return counter->Value < MaxValue ? events | PollEvents.Out : events;
    }

    private static WaitQueue* QueueOf(File* file) => &((Counter*)file->Object)->Queue;

    private static void Release(File* file) => Objects.Free((Counter*)file->Object);
}
