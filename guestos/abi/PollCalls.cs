using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>
/// System calls that wait for several files. poll and select look at all they were given, and then sleep until one of
/// those changes (<see cref="Poller"/>); epoll keeps watching between the calls (<see cref="EpollSets"/>).
/// </summary>
public static unsafe class PollCalls
{
    private const ulong Never = ulong.MaxValue;

    /// <summary>STICKY_TIMEOUTS of personality(2): what is left of a time is not told.</summary>
    private static bool KeepsTimeouts => (Process.Current->Personality & 0x4000000) != 0;

    /// <summary>What poll(2) tells of whether it was asked for or not.</summary>
    private const uint Unasked = PollEvents.Error | PollEvents.HangUp | PollEvents.Invalid;

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public ushort Events;
        public ushort Result;
    }

    /// <summary>struct timespec or struct timeval.</summary>
    public struct Time
    {
        public long Seconds;
        public long Part;
    }

    public static long Poll(UserPointer<PollDescriptor> descriptors, ulong count, ulong milliseconds) =>
        Wait(descriptors, (uint)count, AfterMilliseconds((int)milliseconds));

    public static long Ppoll(UserPointer<PollDescriptor> descriptors, ulong count, UserPointer<Time> timeout,
        UserPointer<ulong> mask, ulong maskSize)
    {
        long error = AfterTime(timeout, out ulong deadline);
        if (error < 0)
            return error;
        error = SetMask(mask, maskSize);
        if (error < 0)
            return error;
        long ready = Wait(descriptors, (uint)count, deadline);
        TellTimeLeft(timeout, deadline);
        return ready;
    }

    /// <summary>
    /// What is left of a struct timespec, however the call has ended. A time of 0 stays, and memory that cannot be
    /// written to is no error, as on Linux (fs/select.c, poll_select_finish).
    /// </summary>
    private static void TellTimeLeft(UserPointer<Time> timeout, ulong deadline)
    {
        if (timeout.IsNull || deadline is 0 or Never || KeepsTimeouts)
            return;
        ulong left = deadline - Math.Min(deadline, Clock.Monotonic);
        timeout.TryPut(new Time { Seconds = (long)(left / 1_000_000_000), Part = (long)(left % 1_000_000_000) });
    }

    private static long Wait(UserPointer<PollDescriptor> descriptors, ulong count, ulong deadline)
    {
        if (count > FileTable.Limit)
            return Errno.EINVAL;
        long ready = Look(descriptors, count);
        if (ready != 0 || deadline == 0)
            return ready;
        Poller poller = default;
        ready = Begin(descriptors, count, &poller);
        while (ready == 0)
        {
            WaitResult result = Poller.Sleep(&poller, deadline);
            ready = result == WaitResult.Interrupted ? Errno.EINTR : LookAgain(descriptors, count, &poller);
            if (result == WaitResult.TimedOut)
                break;
        }

        Poller.End(&poller);
        return ready;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryBegin(UserPointer<PollDescriptor> descriptors, ulong count, out PollDescriptor* entries)
    {
        bool present = UserRange.TryMake(descriptors.Address, count * (ulong)sizeof(PollDescriptor),
            out UserRange range)
            & range.TryBegin(Access.Write, out byte* first);
        // SAFETY: all of them are writable until the process sleeps.
        entries = (PollDescriptor*)first;
        return present;
    }

    /// <summary>How many are ready, or -errno.</summary>
    private static long Look(UserPointer<PollDescriptor> descriptors, ulong count)
    {
        if (!TryBegin(descriptors, count, out PollDescriptor* entries))
            return Errno.EFAULT;
        long ready = 0;
        for (int i = 0; i < (int)count; i++)
        {
            entries[i].Result = 0;
            if (entries[i].Descriptor < 0)
                continue;
            File* file = Descriptor.FileOf((uint)entries[i].Descriptor);
            uint events = file == null ? PollEvents.Invalid : Files.Poll(file) & (entries[i].Events | Unasked);
            entries[i].Result = (ushort)events;
            if (events != 0)
                ready++;
        }

        return ready;
    }

    /// <summary>Nothing is ready: all are watched from now on. 0, or -errno.</summary>
    private static long Begin(UserPointer<PollDescriptor> descriptors, ulong count, Poller* poller)
    {
        if (!TryBegin(descriptors, count, out PollDescriptor* entries))
            return Errno.EFAULT;
        for (int i = 0; i < (int)count; i++)
        {
            // Negative numbers are passed over: they are no descriptors.
            File* file = Descriptor.FileOf((uint)entries[i].Descriptor);
            if (file != null && !Poller.Add(poller, file, i, entries[i].Events | Unasked, (int)count - i))
                return Errno.ENOMEM;
        }

        return 0;
    }

    /// <summary>How many of those that have changed are ready, or -errno.</summary>
    private static long LookAgain(UserPointer<PollDescriptor> descriptors, ulong count, Poller* poller)
    {
        if (!TryBegin(descriptors, count, out PollDescriptor* entries))
            return Errno.EFAULT;
        long ready = 0;
        for (Poller.Item* item = Poller.TakeChanged(poller); item != null; item = Poller.TakeChanged(poller))
        {
            uint events = Files.Poll(item->File) & item->Watch.Events;
            entries[item->Index].Result = (ushort)events;
            if (events != 0)
                ready++;
        }

        return ready;
    }

    /// <summary>select(2): the time left is written back, as Linux does.</summary>
    public static long Select(ulong count, UserPointer<ulong> read, UserPointer<ulong> write, UserPointer<ulong> except,
        UserPointer<Time> timeout)
    {
        ulong deadline = Never;
        if (!timeout.IsNull)
        {
            if (!timeout.TryGet(out Time time))
                return Errno.EFAULT;
            if (time.Seconds < 0 || time.Part < 0)
                return Errno.EINVAL;
            ulong nanoseconds = (ulong)Math.Min(time.Seconds, 1L << 33) * 1_000_000_000 + (ulong)Math.Min(time.Part,
                1L << 40) * 1000;
            deadline = nanoseconds == 0 ? 0 : Scheduler.DeadlineAfter(nanoseconds);
        }

        long result = Wait(count, read, write, except, deadline);
        if (!timeout.IsNull && !KeepsTimeouts)
        {
            ulong now = Clock.Monotonic;
            ulong left = deadline > now ? deadline - now : 0;
            timeout.TryPut(new Time { Seconds = (long)(left / 1_000_000_000),
                Part = (long)(left % 1_000_000_000 / 1000) });
        }

        return result;
    }

    /// <summary>The last argument of pselect6(2).</summary>
    public struct MaskArgument
    {
        public UserPointer<ulong> Mask;
        public ulong Size;
    }

    public static long Pselect6(ulong count, UserPointer<ulong> read, UserPointer<ulong> write,
        UserPointer<ulong> except, UserPointer<Time> timeout,
        UserPointer<MaskArgument> mask)
    {
        long error = AfterTime(timeout, out ulong deadline);
        if (error < 0)
            return error;
        if (!mask.IsNull)
        {
            if (!mask.TryGet(out MaskArgument argument))
                return Errno.EFAULT;
            error = SetMask(argument.Mask, argument.Size);
            if (error < 0)
                return error;
        }

        long ready = Wait(count, read, write, except, deadline);
        TellTimeLeft(timeout, deadline);
        return ready;
    }

    private const int SetWords = FileTable.Capacity / 64;

    /// <summary>What select's three sets ask for: readable, writable, exceptional.</summary>
    private static uint EventsOf(int set) => set switch
    {
        0 => PollEvents.Readable | PollEvents.HangUp | PollEvents.Error,
        1 => PollEvents.Writable | PollEvents.Error,
        _ => PollEvents.Priority,
    };

    private static long Wait(ulong count, UserPointer<ulong> read, UserPointer<ulong> write, UserPointer<ulong> except,
        ulong deadline)
    {
        if ((int)count < 0)
            return Errno.EINVAL;
        count = Math.Min((uint)count, FileContext.TableOf(Process.Current)->Size);
        int used = (int)(count + 63) / 64;
        ulong* sets = stackalloc ulong[6 * SetWords];  // three asked for, three answered
        UserPointer<ulong>* users = stackalloc UserPointer<ulong>[3];
        users[0] = read;
        users[1] = write;
        users[2] = except;
        for (int i = 0; i < 6 * SetWords; i++)
            sets[i] = 0;
        for (int set = 0; set < 3; set++)
        {
            if (!users[set].IsNull && !users[set].TryGetAll(new Span<ulong>(sets + set * SetWords, used)))
                return Errno.EFAULT;
        }

        long ready = Look(sets, (int)count);
        Poller poller = default;
        if (ready == 0 && deadline != 0)
            ready = Begin(sets, (int)count, &poller);
        while (ready == 0 && deadline != 0)
        {
            WaitResult result = Poller.Sleep(&poller, deadline);
            if (result == WaitResult.Interrupted)
            {
                ready = Errno.EINTR;
                break;
            }

            for (Poller.Item* item = Poller.TakeChanged(&poller); item != null; item = Poller.TakeChanged(&poller))
                ready += Answer(sets, item->Index, Files.Poll(item->File));
            if (result == WaitResult.TimedOut)
                break;
        }

        Poller.End(&poller);
        for (int set = 0; set < 3 && ready >= 0; set++)
        {
            if (!users[set].IsNull && !users[set].TryPutAll(new ReadOnlySpan<ulong>(sets + (3 + set) * SetWords, used)))
                return Errno.EFAULT;
        }

        return ready;
    }

    /// <summary>How many of the bits asked for hold, or -errno.</summary>
    private static long Look(ulong* sets, int count)
    {
        long ready = 0;
        for (int descriptor = 0; descriptor < count; descriptor++)
        {
            if (!IsAsked(sets, descriptor))
                continue;
            File* file = Descriptor.FileOf((uint)descriptor);
            if (file == null)
                return Errno.EBADF;
            ready += Answer(sets, descriptor, Files.Poll(file));
        }

        return ready;
    }

    /// <summary>None of them holds: all that are asked for are watched from now on. 0, or -errno.</summary>
    private static long Begin(ulong* sets, int count, Poller* poller)
    {
        for (int descriptor = 0; descriptor < count; descriptor++)
        {
            if (!IsAsked(sets, descriptor))
                continue;
            File* file = Descriptor.FileOf((uint)descriptor);
            if (!Poller.Add(poller, file, descriptor, AskedOf(sets, descriptor), count - descriptor))
                return Errno.ENOMEM;
        }

        return 0;
    }

    /// <summary>The descriptor is in one of the three sets.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsAsked(ulong* sets, int descriptor)
    {
        int word = descriptor / 64;
        return ((sets[word] | sets[SetWords + word] | sets[2 * SetWords + word]) >> descriptor % 64 & 1) != 0;
    }

    /// <summary>The events that the three sets ask for of one descriptor.</summary>
    private static uint AskedOf(ulong* sets, int descriptor)
    {
        uint asked = 0;
        for (int set = 0; set < 3; set++)
            if ((sets[set * SetWords + descriptor / 64] >> descriptor % 64 & 1) != 0)
                asked |= EventsOf(set);
        return asked;
    }

    /// <summary>Sets the bits of one descriptor that were asked for and hold: how many.</summary>
    private static long Answer(ulong* sets, int descriptor, uint events)
    {
        long count = 0;
        ulong bit = 1UL << descriptor % 64;
        for (int set = 0; set < 3; set++)
        {
            int word = set * SetWords + descriptor / 64;
            if ((sets[word] & bit) == 0 || (events & EventsOf(set)) == 0)
                continue;
            sets[3 * SetWords + word] |= bit;
            count++;
        }

        return count;
    }

    public static long EpollCreate(ulong size) => (int)size <= 0 ? Errno.EINVAL : EpollCreate1(0);

    public static long EpollCreate1(ulong flags)
    {
        if (!CallFlags.TryMake(flags, OpenFlags.CLOEXEC, out CallFlags how))
            return Errno.EINVAL;
        return Install(EpollSets.Create(), how);
    }

    public static long EpollCtl(ulong epoll, ulong operation, ulong descriptor, UserPointer<EpollEvent> wanted)
    {
        EpollEvent value = default;
        if ((uint)operation != EpollSets.Delete && !wanted.TryGet(out value))
            return Errno.EFAULT;
        File* set = Descriptor.FileOf(epoll);
        File* file = Descriptor.FileOf(descriptor);
        if (set == null || file == null || set->IsPath || file->IsPath)
            return Errno.EBADF;
        return EpollSets.Control(set, (uint)operation, (int)descriptor, file, value);
    }

    public static long EpollWait(ulong epoll, UserPointer<EpollEvent> events, ulong most, ulong milliseconds) =>
        EpollWaitUntil(epoll, events, most, AfterMilliseconds((int)milliseconds));

    private static long EpollWaitUntil(ulong epoll, UserPointer<EpollEvent> events, ulong most, ulong deadline)
    {
        if ((int)most is <= 0 or > int.MaxValue / EpollEvent.Length)
            return Errno.EINVAL;
        File* set = Descriptor.FileOf(epoll);
        if (set == null)
            return Errno.EBADF;
        if (!EpollSets.Is(set))
            return Errno.EINVAL;
        Files.Hold(set);
        bool timedOut = false;
        long result;
        while (true)
        {
            result = EpollSets.Collect(set, events, (int)most);
            if (result != 0 || timedOut || deadline == 0)
                break;
            WaitResult woken = Scheduler.Sleep(EpollSets.QueueOf(set), deadline);
            if (woken == WaitResult.Interrupted)
            {
                result = Errno.EINTR;
                break;
            }

            timedOut = woken == WaitResult.TimedOut;
        }

        Files.Release(set);
        return result;
    }

    public static long EpollPwait(ulong epoll, UserPointer<EpollEvent> events, ulong most, ulong milliseconds,
        UserPointer<ulong> mask, ulong maskSize)
    {
        long error = SetMask(mask, maskSize);
        return error < 0 ? error : EpollWait(epoll, events, most, milliseconds);
    }

    /// <summary>epoll_pwait2(2): the time as a struct timespec.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]      // FileDispatch would clear its locals at every call
    public static long EpollPwait2(ulong epoll, UserPointer<EpollEvent> events, ulong most, UserPointer<Time> timeout,
        UserPointer<ulong> mask, ulong maskSize)
    {
        long error = AfterTime(timeout, out ulong deadline);
        if (error == 0)
            error = SetMask(mask, maskSize);
        return error < 0 ? error : EpollWaitUntil(epoll, events, most, deadline);
    }

    public static long Eventfd(ulong initial) => Eventfd2(initial, 0);

    public static long Eventfd2(ulong initial, ulong flags)
    {
        const uint semaphore = 1;
        if (!CallFlags.TryMake(flags, semaphore | OpenFlags.NONBLOCK | OpenFlags.CLOEXEC, out CallFlags how))
            return Errno.EINVAL;
        return Install(EventCounter.Create((uint)initial, (uint)flags, how.Has(semaphore)), how);
    }

    private static long Install(File* file, CallFlags flags)
    {
        if (file == null)
            return Errno.ENFILE;
        long descriptor = FileTable.Install(FileContext.TableOf(Process.Current), file, flags.Has(OpenFlags.CLOEXEC));
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }

    /// <summary>A deadline; 0 for "do not wait", negative for never.</summary>
    private static ulong AfterMilliseconds(int milliseconds)
    {
        if (milliseconds < 0)
            return Never;
        return milliseconds == 0 ? 0 : Scheduler.DeadlineAfter((ulong)milliseconds * 1_000_000);
    }

    /// <summary>struct timespec, null for never.</summary>
    internal static long AfterTime(UserPointer<Time> timeout, out ulong deadline)
    {
        deadline = Never;
        if (timeout.IsNull)
            return 0;
        if (!timeout.TryGet(out Time time))
            return Errno.EFAULT;
        if (time.Seconds < 0 || time.Part is < 0 or >= 1_000_000_000)
            return Errno.EINVAL;
        ulong nanoseconds = (ulong)Math.Min(time.Seconds, 1L << 33) * 1_000_000_000 + (ulong)time.Part;
        deadline = nanoseconds == 0 ? 0 : Scheduler.DeadlineAfter(nanoseconds);
        return 0;
    }

    /// <summary>The signal mask for the time of the call; the way back to user mode restores the old one.</summary>
    internal static long SetMask(UserPointer<ulong> wanted, ulong size)
    {
        if (wanted.IsNull)
            return 0;
        if (size != sizeof(ulong))
            return Errno.EINVAL;
        if (!wanted.TryGet(out ulong mask))
            return Errno.EFAULT;
        Signals.ReplaceMask(mask);
        return 0;
    }
}
