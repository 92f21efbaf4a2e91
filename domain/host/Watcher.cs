using System;
using System.Threading;
using Domain.Linux;

namespace Domain.Host;

/// <summary>Interrupts a processor that computes when the host has something for it.</summary>
/// <remarks>
/// A halted processor waits in ppoll itself; only one that runs on needs this thread. So the thread is <em>parked</em>
/// until the processor has run for a while (<see cref="Resume"/> sets a timer, <see cref="Pause"/> takes it back), then
/// <em>watches</em> the descriptors and the next deadline, raises attention once, and parks again until the processor
/// has looked. A guest that answers packets and sleeps never wakes it.
/// </remarks>
internal sealed unsafe class Watcher
{
    /// <summary>How long the processor runs unwatched after a halt or after attention.</summary>
    private const long UnwatchedNanoseconds = 150_000;

    private readonly WatchList list;
    private readonly Action raise;
    private readonly int kick;
    private readonly PollDescriptor[] polled = GC.AllocateArray<PollDescriptor>(WatchList.MaxDescriptors + 1, pinned: true);

    // Written by one thread, read by the other, with full barriers between (a store here must be seen before the load
    // there).
    private volatile bool parked = true, halted;
    private ulong deadline = ulong.MaxValue;
    private bool armed, stale;

    public Watcher(WatchList list, Action raise)
    {
        this.list = list;
        this.raise = raise;
        kick = Libc.timerfd_create(Libc.CLOCK_MONOTONIC, Libc.TFD_NONBLOCK | Libc.O_CLOEXEC);
        if (kick < 0)
            throw new InvalidOperationException($"cannot create a timer: {LinuxError.Describe(Libc.Errno)}");
    }

    public int Descriptor => kick;

    /// <summary>Starts the thread, which lives as long as the process.</summary>
    public void Start() => new Thread(Run, 256 * 1024) { IsBackground = true, Name = "watcher" }.Start();

    /// <summary>CPU thread: the processor goes on running.</summary>
    public void Resume()
    {
        halted = false;
        Interlocked.MemoryBarrier();
        if (parked && !armed)
        {
            armed = true;
            Arm(UnwatchedNanoseconds);
        }
        else if (stale && !parked)
        {
            Arm(1);
        }
        stale = false;
    }

    /// <summary>CPU thread: attention was raised and served.</summary>
    public void Served()
    {
        armed = false;
        Resume();
    }

    /// <summary>CPU thread: the processor halts and waits by itself.</summary>
    public void Pause()
    {
        halted = true;
        if (!armed)
            return;
        // The thread may have read the timer already, and then finds a halted processor: the next Resume sets it again.
        armed = false;
        if (parked)
            Arm(0);
    }

    /// <summary>CPU thread: the deadline or what is to be watched changed.</summary>
    public void Update(ulong newDeadline, bool watchMore)
    {
        bool sooner = newDeadline < deadline;
        Volatile.Write(ref deadline, newDeadline);
        Interlocked.MemoryBarrier();
        if ((!sooner && !watchMore) || parked)
            return;
        // A halted processor polls the new descriptors itself; when it runs again, the thread has to poll them, too.
        if (halted)
            stale = true;
        else
            Arm(1);
    }

    private void Arm(long nanoseconds)
    {
        var value = new TimerSpecification { Value = new TimeSpecification { Nanoseconds = nanoseconds } };
        _ = Libc.timerfd_settime(kick, 0, &value, null);
    }

    private void Run()
    {
        fixed (PollDescriptor* descriptors = polled)
        {
            for (;;)
            {
                descriptors[0] = new PollDescriptor { Descriptor = kick, Events = Libc.POLLIN };
                _ = Libc.ppoll(descriptors, 1, null, null);
                Drain();
                parked = false;
                Interlocked.MemoryBarrier();
                Watch(descriptors);
                parked = true;
                Interlocked.MemoryBarrier();
                if (!halted)
                    raise();
            }
        }
    }

    private void Watch(PollDescriptor* descriptors)
    {
        for (;;)
        {
            int count = list.Fill(new Span<PollDescriptor>(descriptors + 1, WatchList.MaxDescriptors));
            ulong until = Volatile.Read(ref deadline), now = Clock.Nanoseconds;
            if (until <= now)
                return;
            var timeout = TimeSpecification.FromNanoseconds(until - now);
            descriptors[0].Returned = 0;
            int ready = Libc.ppoll(descriptors, (nuint)(count + 1), until == ulong.MaxValue ? null : &timeout, null);
            if (descriptors[0].Returned != 0)
            {
                Drain();
                ready--;
            }
            if (ready > 0)
                return;
        }
    }

    private void Drain()
    {
        ulong expirations;
        _ = Libc.read(kick, &expirations, 8);
    }
}
