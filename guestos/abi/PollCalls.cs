using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>
/// System calls that wait for several files. poll and select look at all they were given, and then sleep until one of those changes
/// (<see cref="Poller"/>); epoll keeps watching between the calls (<see cref="EpollSets"/>).
/// </summary>
public static unsafe class PollCalls
{
    private const ulong MostDescriptors = 1024;
    private const ulong Never = ulong.MaxValue;

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public ushort Events;
        public ushort Result;
    }

    private static FileTable* Table => Scheduler.Current->Files;

    public static long Poll(ulong descriptors, ulong count, ulong milliseconds) => Wait(descriptors, count, AfterMilliseconds((int)milliseconds));

    public static long Ppoll(ulong descriptors, ulong count, ulong timeout, ulong mask)
    {
        long error = AfterTime(timeout, out ulong deadline);
        if (error < 0)
            return error;
        error = SetMask(mask);
        return error < 0 ? error : Wait(descriptors, count, deadline);
    }

    private static long Wait(ulong descriptors, ulong count, ulong deadline)
    {
        if (count > MostDescriptors)
            return Errno.Invalid;
        Poller poller = default;
        long ready = Look(descriptors, count, deadline == 0 ? null : &poller);
        while (ready == 0 && deadline != 0)
        {
            WaitResult result = Poller.Sleep(&poller, deadline);
            ready = result == WaitResult.Interrupted ? Errno.Interrupted : LookAgain(descriptors, count, &poller);
            if (result == WaitResult.TimedOut)
                break;
        }

        Poller.End(&poller);
        return ready;
    }

    /// <summary>How many are ready, or -errno. While none is, those looked at are watched by <paramref name="poller"/>, where there is one.</summary>
    private static long Look(ulong descriptors, ulong count, Poller* poller)
    {
        if (!UserMemory.Writable(descriptors, count * (ulong)sizeof(PollDescriptor)))
            return Errno.Fault;
        var entries = (PollDescriptor*)descriptors;
        long ready = 0;
        for (int i = 0; i < (int)count; i++)
        {
            entries[i].Result = 0;
            if (entries[i].Descriptor < 0)
                continue;
            File* file = FileTable.Get(Table, (uint)entries[i].Descriptor);
            uint asked = entries[i].Events | PollEvents.Error | PollEvents.HangUp | PollEvents.Invalid;
            uint events = file == null ? PollEvents.Invalid : Files.Poll(file) & asked;
            entries[i].Result = (ushort)events;
            if (events != 0)
                ready++;
            else if (ready == 0 && poller != null && !Poller.Add(poller, file, i, asked))
                return Errno.NoMemory;
        }

        return ready;
    }

    private static long LookAgain(ulong descriptors, ulong count, Poller* poller)
    {
        if (!UserMemory.Writable(descriptors, count * (ulong)sizeof(PollDescriptor)))
            return Errno.Fault;
        long ready = 0;
        for (Poller.Item* item = poller->First; item != null; item = item->Next)
        {
            uint events = Files.Poll(item->File) & item->Events;
            ((PollDescriptor*)descriptors)[item->Index].Result = (ushort)events;
            if (events != 0)
                ready++;
        }

        return ready;
    }

    /// <summary>select(2): the time left is written back, as Linux does.</summary>
    public static long Select(ulong count, ulong read, ulong write, ulong except, ulong timeout)
    {
        ulong deadline = Never;
        if (timeout != 0)
        {
            if (!UserMemory.Readable(timeout, 16))
                return Errno.Fault;
            long* time = (long*)timeout;
            if (time[0] < 0 || time[1] < 0)
                return Errno.Invalid;
            ulong nanoseconds = (ulong)Math.Min(time[0], 1L << 33) * 1_000_000_000 + (ulong)Math.Min(time[1], 1L << 40) * 1000;
            deadline = nanoseconds == 0 ? 0 : Scheduler.DeadlineAfter(nanoseconds);
        }

        long result = Wait(count, read, write, except, deadline);
        if (timeout != 0 && UserMemory.Writable(timeout, 16))
        {
            ulong now = Clock.Monotonic;
            ulong left = deadline > now ? deadline - now : 0;
            ((ulong*)timeout)[0] = left / 1_000_000_000;
            ((ulong*)timeout)[1] = left % 1_000_000_000 / 1000;
        }

        return result;
    }

    /// <summary>pselect6(2): the last argument points to {mask address, mask size}.</summary>
    public static long Pselect6(ulong count, ulong read, ulong write, ulong except, ulong timeout, ulong mask)
    {
        long error = AfterTime(timeout, out ulong deadline);
        if (error < 0)
            return error;
        if (mask != 0)
        {
            if (!UserMemory.Readable(mask, 16))
                return Errno.Fault;
            error = SetMask(*(ulong*)mask);
            if (error < 0)
                return error;
        }

        return Wait(count, read, write, except, deadline);
    }

    private const int SetWords = FileTable.Capacity / 64;

    /// <summary>What select's three sets ask for: readable, writable, exceptional.</summary>
    private static uint EventsOf(int set) => set switch
    {
        0 => PollEvents.Readable | PollEvents.HangUp | PollEvents.Error,
        1 => PollEvents.Writable | PollEvents.Error,
        _ => PollEvents.Priority,
    };

    private static long Wait(ulong count, ulong read, ulong write, ulong except, ulong deadline)
    {
        if ((int)count < 0)
            return Errno.Invalid;
        count = Math.Min((uint)count, FileTable.Capacity);  // Linux: what lies beyond the table is not looked at
        int used = (int)(count + 63) / 64;
        ulong* sets = stackalloc ulong[6 * SetWords];  // three asked for, three answered
        ulong* users = stackalloc ulong[3];
        users[0] = read;
        users[1] = write;
        users[2] = except;
        for (int i = 0; i < 6 * SetWords; i++)
            sets[i] = 0;
        for (int set = 0; set < 3; set++)
        {
            if (users[set] == 0)
                continue;
            if (!UserMemory.Readable(users[set], (ulong)used * 8))
                return Errno.Fault;
            for (int i = 0; i < used; i++)
                sets[set * SetWords + i] = ((ulong*)users[set])[i];
        }

        Poller poller = default;
        long ready = Look(sets, (int)count, deadline == 0 ? null : &poller);
        while (ready == 0 && deadline != 0)
        {
            WaitResult result = Poller.Sleep(&poller, deadline);
            if (result == WaitResult.Interrupted)
            {
                ready = Errno.Interrupted;
                break;
            }

            for (Poller.Item* item = poller.First; item != null; item = item->Next)
                ready += Answer(sets, item->Index, Files.Poll(item->File));
            if (result == WaitResult.TimedOut)
                break;
        }

        Poller.End(&poller);
        for (int set = 0; set < 3 && ready >= 0; set++)
        {
            if (users[set] == 0)
                continue;
            if (!UserMemory.Writable(users[set], (ulong)used * 8))
                return Errno.Fault;
            for (int i = 0; i < used; i++)
                ((ulong*)users[set])[i] = sets[(3 + set) * SetWords + i];
        }

        return ready;
    }

    /// <summary>How many of the bits asked for hold, or -errno. While none does, what was looked at is watched.</summary>
    private static long Look(ulong* sets, int count, Poller* poller)
    {
        long ready = 0;
        for (int descriptor = 0; descriptor < count; descriptor++)
        {
            int word = descriptor / 64;
            if (((sets[word] | sets[SetWords + word] | sets[2 * SetWords + word]) >> descriptor % 64 & 1) == 0)
                continue;
            File* file = FileTable.Get(Table, (ulong)descriptor);
            if (file == null)
                return Errno.BadDescriptor;
            ready += Answer(sets, descriptor, Files.Poll(file));
            if (ready == 0 && poller != null && !Poller.Add(poller, file, descriptor, 0))
                return Errno.NoMemory;
        }

        return ready;
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

    public static long EpollCreate(ulong size) => (int)size <= 0 ? Errno.Invalid : EpollCreate1(0);

    public static long EpollCreate1(ulong flags)
    {
        if ((flags & ~(ulong)OpenFlags.CloseOnExec) != 0)
            return Errno.Invalid;
        return Install(EpollSets.Create(), flags);
    }

    public static long EpollCtl(ulong epoll, ulong operation, ulong descriptor, ulong wanted)
    {
        EpollEvent value = default;
        if ((uint)operation != EpollSets.Delete && !UserMemory.Get(wanted, out value))
            return Errno.Fault;
        File* set = FileTable.Get(Table, (uint)epoll);
        File* file = FileTable.Get(Table, (uint)descriptor);
        if (set == null || file == null || set->Kind == FileKind.Path || file->Kind == FileKind.Path)
            return Errno.BadDescriptor;
        return EpollSets.Control(set, (uint)operation, (int)descriptor, file, value);
    }

    public static long EpollWait(ulong epoll, ulong events, ulong most, ulong milliseconds) =>
        EpollWaitUntil(epoll, events, most, AfterMilliseconds((int)milliseconds));

    private static long EpollWaitUntil(ulong epoll, ulong events, ulong most, ulong deadline)
    {
        if ((int)most is <= 0 or > int.MaxValue / EpollEvent.Length)
            return Errno.Invalid;
        File* set = FileTable.Get(Table, (uint)epoll);
        if (set == null)
            return Errno.BadDescriptor;
        if (set->Kind != FileKind.Epoll)
            return Errno.Invalid;
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
                result = Errno.Interrupted;
                break;
            }

            timedOut = woken == WaitResult.TimedOut;
        }

        Files.Release(set);
        return result;
    }

    public static long EpollPwait(ulong epoll, ulong events, ulong most, ulong milliseconds, ulong mask)
    {
        long error = SetMask(mask);
        return error < 0 ? error : EpollWait(epoll, events, most, milliseconds);
    }

    /// <summary>epoll_pwait2(2): the time as a struct timespec.</summary>
    public static long EpollPwait2(ulong epoll, ulong events, ulong most, ulong timeout, ulong mask)
    {
        long error = AfterTime(timeout, out ulong deadline);
        if (error == 0)
            error = SetMask(mask);
        return error < 0 ? error : EpollWaitUntil(epoll, events, most, deadline);
    }

    public static long Eventfd(ulong initial) => Eventfd2(initial, 0);

    public static long Eventfd2(ulong initial, ulong flags)
    {
        const ulong semaphore = 1;
        if ((flags & ~(semaphore | OpenFlags.NonBlocking | OpenFlags.CloseOnExec)) != 0)
            return Errno.Invalid;
        return Install(EventCounter.Create((uint)initial, (uint)flags, (flags & semaphore) != 0), flags);
    }

    private static long Install(File* file, ulong flags)
    {
        if (file == null)
            return Errno.TooManyFiles;
        long descriptor = FileTable.Install(Table, file, (flags & OpenFlags.CloseOnExec) != 0);
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }

    /// <summary>A deadline; 0 for "do not wait", negative for never.</summary>
    private static ulong AfterMilliseconds(int milliseconds) =>
        milliseconds == 0 ? 0 : milliseconds < 0 ? Never : Scheduler.DeadlineAfter((ulong)milliseconds * 1_000_000);

    /// <summary>struct timespec, null for never.</summary>
    private static long AfterTime(ulong address, out ulong deadline)
    {
        deadline = Never;
        if (address == 0)
            return 0;
        if (!UserMemory.Readable(address, 16))
            return Errno.Fault;
        long* time = (long*)address;
        if (time[0] < 0 || time[1] is < 0 or >= 1_000_000_000)
            return Errno.Invalid;
        ulong nanoseconds = (ulong)Math.Min(time[0], 1L << 33) * 1_000_000_000 + (ulong)time[1];
        deadline = nanoseconds == 0 ? 0 : Scheduler.DeadlineAfter(nanoseconds);
        return 0;
    }

    /// <summary>The signal mask for the time of the call; the way back to user mode restores the old one.</summary>
    private static long SetMask(ulong address)
    {
        if (address == 0)
            return 0;
        if (!UserMemory.Readable(address, 8))
            return Errno.Fault;
        Process* process = Scheduler.Current;
        process->SavedMask = process->BlockedSignals;
        process->RestoreMask = true;
        process->BlockedSignals = *(ulong*)address & ~(Signal.Kill.Bit | Signal.Stop.Bit);
        return 0;
    }
}
