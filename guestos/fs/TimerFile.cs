using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>
/// timerfd_create(2): a timer whose expirations are read as a number. An interval is armed again when it is read, and
/// what passed meanwhile is counted then: a period too short to be served costs nothing.
/// </summary>
public static unsafe class TimerFile
{
    private static FileOperations s_operations;

    private static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init()
    {
        s_operations = new FileOperations
        {
            Name = &Name,
            Release = &Release,
            Read = &Read,
            Poll = &Poll,
            QueueOf = &QueueOf,
        };
        Clock.WasSet = &ClockWasSet;
    }

    public static bool Is(File* file) => file->Operations == Operations;

    private static ReadOnlySpan<byte> Name() => "anon_inode:[timerfd]"u8;

    private struct State
    {
        public WaitQueue Queue;
        public Timer Timer;

        /// <summary>Nanoseconds; 0: it expires once.</summary>
        public ulong Interval;

        /// <summary>Not read yet; the last of them when an interval has not been armed again.</summary>
        public ulong Expirations;
        public bool Expired;

        /// <summary>Of wall time, and set to a moment of it: when the clock is set, the deadline is another.</summary>
        public bool IsRealtime;
        public bool FollowsClock;
        public ulong Moment;

        /// <summary>TFD_TIMER_CANCEL_ON_SET, and the clock has been set since.</summary>
        public bool CancelsOnSet;
        public bool Canceled;
        public State* Next;
        public State* Previous;
    }

    /// <summary>All of them.</summary>
    private static State* s_first;

    /// <summary>A new open file; null: ENFILE.</summary>
    public static File* Create(bool isRealtime, uint flags)
    {
        State* state = Objects.Allocate<State>();
        if (state == null)
            return null;
        File* file = Files.Allocate(Operations, OpenFlags.RDWR | flags & OpenFlags.NONBLOCK);
        if (file == null)
        {
            Objects.Free(state);
            return null;
        }

        state->IsRealtime = isRealtime;
        state->Timer.Owner = state;
        state->Timer.Callback = &Expire;
        state->Next = s_first;
        if (s_first != null)
            s_first->Previous = state;
        s_first = state;
        file->Object = state;
        return file;
    }

    /// <summary>How a timer is set: nanoseconds, a value of 0 ends it.</summary>
    public struct Setting
    {
        public ulong Value;
        public ulong Interval;

        /// <summary>The value is a moment of the timer's clock.</summary>
        public bool IsAbsolute;
        public bool CancelsOnSet;
    }

    public static void Set(File* file, in Setting setting)
    {
        var state = (State*)file->Object;
        Timers.Cancel(&state->Timer);
        state->Expired = false;
        state->Expirations = 0;
        state->Interval = setting.Interval;
        state->Canceled = false;
        state->CancelsOnSet = setting.CancelsOnSet && setting.IsAbsolute && state->IsRealtime;
        state->FollowsClock = setting.IsAbsolute && state->IsRealtime && setting.Value != 0;
        state->Moment = setting.Value;
        if (state->FollowsClock)
            Arm(state, DeadlineOf(state));
        else if (setting.Value != 0)
            Arm(state, setting.IsAbsolute ? setting.Value : Scheduler.DeadlineAfter(setting.Value));
    }

    private static void Arm(State* state, ulong deadline) => Timers.Arm(&state->Timer, Math.Max(deadline, 1));

    /// <summary>Of a moment of wall time; one before boot has passed.</summary>
    private static ulong DeadlineOf(State* state)
    {
        ulong offset = Clock.Realtime - Clock.Monotonic;
        return state->Moment > offset ? state->Moment - offset : 1;
    }

    /// <summary>What is left until it expires next, 0 when it is not set, and the interval.</summary>
    public static void Get(File* file, out ulong left, out ulong interval)
    {
        var state = (State*)file->Object;
        Renew(state);
        interval = state->Interval;
        ulong now = Clock.Monotonic;
        left = state->Timer.Armed ? Math.Max(state->Timer.Deadline, now + 1) - now : 0;
    }

    /// <summary>Counts the expirations of an interval since it was served, and arms it again.</summary>
    private static void Renew(State* state)
    {
        if (!state->Expired || state->Interval == 0)
            return;
        state->Expired = false;
        ulong deadline = state->Timer.Deadline;
        Timers.Arm(&state->Timer, Timers.NextOf(deadline, state->Interval, Clock.Monotonic, out ulong missed));
        state->Expirations += missed;
    }

    private static void Expire(Timer* timer)
    {
        var state = (State*)timer->Owner;
        state->Expired = true;
        state->Expirations++;
        Readiness.Changed(&state->Queue, PollEvents.In);
    }

    /// <summary>Wall time has jumped.</summary>
    private static void ClockWasSet()
    {
        for (State* state = s_first; state != null; state = state->Next)
        {
            if (state->CancelsOnSet)
            {
                state->Canceled = true;
                Readiness.Changed(&state->Queue, PollEvents.In);
            }

            if (state->FollowsClock && state->Timer.Armed)
                Arm(state, DeadlineOf(state));
        }
    }

    private static long Read(File* file, ref Transfer to)
    {
        var state = (State*)file->Object;
        if (to.Count < sizeof(ulong))
            return Errno.EINVAL;
        while (state->Expirations == 0 && !state->Canceled)
        {
            if (file->NonBlocking)
                return Errno.EAGAIN;
            if (Readiness.Wait(&state->Queue, PollEvents.In, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }

        if (state->Canceled)
        {
            state->Canceled = false;
            return Errno.ECANCELED;
        }

        Renew(state);
        ulong count = state->Expirations;
        state->Expirations = 0;
        if (!to.TryFill(sizeof(ulong), out Span<byte> into))
            return Errno.EFAULT;
        BinaryPrimitives.WriteUInt64LittleEndian(into, count);
        return sizeof(ulong);
    }

    private static uint Poll(File* file)
    {
        var state = (State*)file->Object;
        return state->Expirations != 0 || state->Canceled ? PollEvents.In : 0;
    }

    private static WaitQueue* QueueOf(File* file) => &((State*)file->Object)->Queue;

    private static void Release(File* file)
    {
        var state = (State*)file->Object;
        Timers.Cancel(&state->Timer);
        if (state->Previous != null)
            state->Previous->Next = state->Next;
        else
            s_first = state->Next;
        if (state->Next != null)
            state->Next->Previous = state->Previous;
        Objects.Free(state);
    }
}
