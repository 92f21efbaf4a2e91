using System;

namespace Board;

/// <summary>
/// The frequencies of the machine's clocks, determined as docs/architecture.md, "Time inside a machine", describes, and
/// the time stamp counter in nanoseconds. They differ between machines: a guest determines them again after it has
/// moved.
/// </summary>
public unsafe struct TimeSource
{
    private const uint HypervisorLeaf = 0x40000000;
    private const uint FrequencyLeaf = 0x40000010;
    private const uint Assumed = 1_000_000;

    /// <summary>Time stamp counter, in kHz.</summary>
    public uint CounterKilohertz { get; private set; }

    /// <summary>Local APIC timer undivided, in kHz.</summary>
    public uint TimerKilohertz { get; private set; }

    /// <summary>Counter value that <see cref="Nanoseconds"/> calls 0.</summary>
    public ulong Origin { get; private set; }

    /// <summary>Nanoseconds per counter tick, times 2^32.</summary>
    public ulong Scale { get; private set; }

    /// <param name="apic">Enabled already; its timer is used to measure when the machine does not say.</param>
    public static TimeSource Measure(LocalApic apic)
    {
        TimeSource source = default;
        if (!source.Ask() && !(IsTcg() && source.MeasureAgainstTimer(apic, Assumed))
            && !source.MeasureAgainstCmos(apic))
        {
            source.CounterKilohertz = Assumed;
            source.TimerKilohertz = Assumed;
        }
        source.Begin();
        return source;
    }

    /// <summary>
    /// Takes frequencies in kHz that were measured on this machine before. One out of range is measured again.
    /// </summary>
    /// <param name="apic">As for <see cref="Measure"/>.</param>
    public static TimeSource Of(uint counterKilohertz, uint timerKilohertz, LocalApic apic)
    {
        TimeSource source = default;
        source.CounterKilohertz = counterKilohertz;
        source.TimerKilohertz = timerKilohertz;
        if (!source.IsSane)
            return Measure(apic);
        source.Begin();
        return source;
    }

    /// <summary>Nanoseconds since <see cref="Measure"/> or <see cref="Of"/>.</summary>
    public readonly ulong Nanoseconds => ToNanoseconds(Processor.ReadTimeStampCounter() - Origin);

    /// <summary>A duration in counter ticks as nanoseconds.</summary>
    public readonly ulong ToNanoseconds(ulong ticks) =>
        (ticks >> 32) * Scale
        + ((ticks & uint.MaxValue) * (Scale >> 32) + ((ticks & uint.MaxValue) * (Scale & uint.MaxValue) >> 32));

    /// <summary>
    /// A duration in nanoseconds as ticks of the local APIC timer, rounded up, 1 to the most that it holds.
    /// </summary>
    public readonly uint ToTimerTicks(ulong nanoseconds)
    {
        // At most a second: after a longer sleep the caller finds that its time has not come, and sleeps again.
        ulong ticks = Math.Min(nanoseconds, 1_000_000_000) * TimerKilohertz / 1_000_000 + 1;
        return (uint)Math.Min(ticks, uint.MaxValue);
    }

    private void Begin()
    {
        Scale = (1_000_000UL << 32) / CounterKilohertz;
        Origin = Processor.ReadTimeStampCounter();
    }

    /// <summary>The frequencies that the machine announces in its CPUID leaves for hypervisors.</summary>
    private bool Ask()
    {
        uint* leaf = stackalloc uint[4];
        Processor.CpuId(1, 0, leaf);
        if ((leaf[2] & 1u << 31) == 0)
            return false;
        Processor.CpuId(HypervisorLeaf, 0, leaf);
        if (leaf[0] < FrequencyLeaf || leaf[0] > HypervisorLeaf + 0xffff)
            return false;
        Processor.CpuId(FrequencyLeaf, 0, leaf);
        CounterKilohertz = leaf[0];
        TimerKilohertz = leaf[1];
        return IsSane;
    }

    /// <summary>100 kHz to 20 GHz: outside it a leaf or a measurement is no frequency.</summary>
    private readonly bool IsSane =>
        CounterKilohertz is >= 100 and <= 20_000_000 && TimerKilohertz is >= 100 and <= 20_000_000;

    private static bool IsTcg()
    {
        uint* leaf = stackalloc uint[4];
        Processor.CpuId(1, 0, leaf);
        if ((leaf[2] & 1u << 31) == 0)
            return false;
        Processor.CpuId(HypervisorLeaf, 0, leaf);
        return leaf[1] == 0x54474354 && leaf[2] == 0x43544743 && leaf[3] == 0x47435447; // "TCGTCGTCGTCG"
    }

    private bool MeasureAgainstTimer(LocalApic apic, uint timerKilohertz)
    {
        apic.StartCounting();
        ReadBoth(apic, out uint first, out ulong start);
        for (uint patience = 0; first - apic.TimerCount < timerKilohertz * 10; patience++)
        {
            if (patience == 100_000_000)
                return false;
        }
        ReadBoth(apic, out uint last, out ulong end);
        apic.StopTimer();
        CounterKilohertz = (uint)((end - start) * timerKilohertz / (first - last));
        TimerKilohertz = timerKilohertz;
        return IsSane;
    }

    /// <summary>
    /// Timer and counter at one instant. An emulator may lose its processor between the two: of several readings the
    /// one that took the least time is used.
    /// </summary>
    private static void ReadBoth(LocalApic apic, out uint timer, out ulong counter)
    {
        const int Readings = 8;
        timer = 0;
        counter = 0;
        ulong least = ulong.MaxValue;
        for (int i = 0; i < Readings; i++)
        {
            ulong before = Processor.ReadTimeStampCounter();
            uint now = apic.TimerCount;
            ulong took = Processor.ReadTimeStampCounter() - before;
            if (took >= least)
                continue;
            least = took;
            timer = now;
            counter = before + took / 2;
        }
    }

    /// <summary>Between two ticks of the seconds: takes up to two seconds, once.</summary>
    private bool MeasureAgainstCmos(LocalApic apic)
    {
        if (!AwaitTick())
            return false;
        apic.StartCounting();
        ReadBoth(apic, out uint first, out ulong start);
        if (!AwaitTick())
            return false;
        ReadBoth(apic, out uint last, out ulong end);
        apic.StopTimer();
        CounterKilohertz = (uint)Math.Min((end - start) / 1000, uint.MaxValue);
        TimerKilohertz = (first - last) / 1000;
        return IsSane;
    }

    private static bool AwaitTick()
    {
        byte now = CmosClock.RawSeconds;
        for (uint patience = 0; patience < 50_000_000; patience++)
            if (CmosClock.RawSeconds != now)
                return true;
        return false;
    }
}
