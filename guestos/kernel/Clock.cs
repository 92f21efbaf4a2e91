using Board;

namespace Guestos;

/// <summary>Time, in nanoseconds.</summary>
public static class Clock
{
    private static TimeSource s_source;

    /// <summary>
    /// Monotonic time at the time source's origin, and the distance of wall time from monotonic time.
    /// </summary>
    private static ulong s_base;
    private static ulong s_wallOffset;

    /// <summary>Where user mode finds the same; null for nowhere.</summary>
    private static unsafe SharedClock* s_shared;

    /// <summary>Since boot; goes on through a migration.</summary>
    public static ulong Monotonic => s_base + s_source.Nanoseconds;

    /// <summary>Since 1970-01-01 UTC.</summary>
    public static ulong Realtime
    {
        get
        {
            ulong now = Monotonic;
            return now + s_wallOffset + Slewed(now);
        }
    }

    /// <summary>Called when wall time has been set. Registered by the file layer at boot.</summary>
    public static unsafe delegate*<void> WasSet;

    /// <summary>clock_settime, settimeofday.</summary>
    public static unsafe void SetRealtime(ulong nanoseconds)
    {
        s_slewLeft = 0;
        s_wallOffset = nanoseconds - Monotonic;
        Publish();
        if (WasSet != null)
            WasSet();
    }

    /// <summary>At boot. The local APIC's timer is measured, too.</summary>
    internal static void Start(LocalApic local)
    {
        s_source = TimeSource.Measure(local);
        s_wallOffset = CmosClock.ReadUnixSeconds() * 1_000_000_000 - Monotonic;
    }

    /// <summary>
    /// After a move: the machine's clocks are others. Both clocks of the guest go on as if nothing had been: the time
    /// that it stood still is known, up to the hand-over from the machine it left and from there on by the counter of
    /// this one. What this machine's wall clock says differently is made up for slowly.
    /// </summary>
    /// <param name="monotonic">At the fork.</param>
    /// <param name="sinceFork">Nanoseconds from the fork to the middle of the hand-over.</param>
    /// <param name="counter">This machine's time stamp counter then.</param>
    /// <param name="counterKilohertz">How fast it counts, as the firmware says, and</param>
    /// <param name="timerKilohertz">the local APIC timer.</param>
    /// <param name="local">This machine's local APIC.</param>
    public static void Resume(
        ulong monotonic, ulong sinceFork, ulong counter, uint counterKilohertz, uint timerKilohertz, LocalApic local)
    {
        ulong offset = s_wallOffset + Slewed(monotonic);
        s_source = TimeSource.Of(counterKilohertz, timerKilohertz, local);
        ulong sinceHandOver = s_source.Origin > counter ? s_source.ToNanoseconds(s_source.Origin - counter) : 0;
        s_base = monotonic + sinceFork + sinceHandOver;
        s_wallOffset = offset;
        s_slewLeft = 0;
        BeginSlew();
        Publish();
    }

    /// <summary>User mode computes its clocks of this from now on. Called once.</summary>
    internal static unsafe void Share(SharedClock* shared)
    {
        s_shared = shared;
        Publish();
    }

    private static unsafe void Publish()
    {
        if (s_shared == null)
            return;
        s_shared->Version++;
        s_shared->Origin = s_source.Origin;
        s_shared->Scale = s_source.Scale;
        s_shared->Base = s_base;
        s_shared->WallOffset = s_wallOffset;
        s_shared->SlewLeft = s_slewLeft;
        s_shared->SlewStart = s_slewStart;
        s_shared->SlewRate = SlewRate;
    }

    // ---- following the machine's wall clock ----

    /// <summary>
    /// One nanosecond in so many, 500 in a million, as adjtime(3): nobody sees time go backwards or jump.
    /// </summary>
    private const ulong SlewRate = 2000;

    /// <summary>A difference that no drift explains: time has passed unseen, or a clock was set.</summary>
    private const long Jump = 60_000_000_000;

    private static long s_slewLeft;
    private static ulong s_slewStart;

    /// <summary>What of the difference has been made up for at a monotonic time, as a two's complement.</summary>
    private static ulong Slewed(ulong monotonic)
    {
        long most = (long)((monotonic - s_slewStart) / SlewRate);
        return (ulong)(s_slewLeft < 0 ? System.Math.Max(s_slewLeft, -most) : System.Math.Min(s_slewLeft, most));
    }

    /// <summary>The machine's clock shows whole seconds: what lies in the one that it shows is right.</summary>
    private static void BeginSlew()
    {
        const long Second = 1_000_000_000;
        ulong now = Monotonic;
        long late = (long)(CmosClock.ReadUnixSeconds() * (ulong)Second - (now + s_wallOffset));
        long difference = late > 0 ? late : System.Math.Min(late + Second, 0);
        s_slewStart = now;
        if (difference is > Jump or < -Jump)
            s_wallOffset += (ulong)difference;
        else
            s_slewLeft = difference;
    }

    internal static uint ToTimerTicks(ulong nanoseconds) => s_source.ToTimerTicks(nanoseconds);
}
