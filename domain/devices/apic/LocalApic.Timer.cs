using System;

namespace Domain.Devices;

/// <summary>The APIC timer (SDM vol. 3, 12.5.4): counts at 1 GHz before the divider, one-shot or periodic.</summary>
public sealed partial class LocalApic
{
    /// <summary>No timer is running.</summary>
    public const ulong Never = ulong.MaxValue;

    // A shorter period than this would leave the guest no time between two interrupts.
    private const ulong ShortestPeriod = 20_000;

    private const uint TimerPeriodic = 1 << 17;

    private readonly Func<ulong> clock;
    private uint initialCount, divideConfiguration;
    private ulong started;

    public LocalApic() : this(static () => Clock.Nanoseconds)
    {
    }

    internal LocalApic(Func<ulong> clock) => this.clock = clock;

    /// <summary>Called when <see cref="Deadline"/> may have moved.</summary>
    public Action? TimerChanged { get; set; }

    /// <summary>The instant (<see cref="Clock"/>) at which the timer wants <see cref="Expire"/> to be called, or <see cref="Never"/>.</summary>
    public ulong Deadline { get; private set; } = Never;

    private int DivideShift
    {
        get
        {
            // Bits 3, 1, 0: 000 divides by 2, 001 by 4 … 110 by 128, 111 by 1.
            int code = (int)(divideConfiguration & 3 | divideConfiguration >> 1 & 4);
            return code == 7 ? 0 : code + 1;
        }
    }

    private bool Periodic => (localVectors[0] & TimerPeriodic) != 0;

    private uint CurrentCount
    {
        get
        {
            if (initialCount == 0)
                return 0;
            ulong elapsed = (clock() - started) >> DivideShift;
            if (elapsed < initialCount)
                return initialCount - (uint)elapsed;
            return Periodic ? initialCount - (uint)(elapsed % initialCount) : 0;
        }
    }

    /// <summary>Raises the timer's interrupt if its deadline has come.</summary>
    public void Expire(ulong now)
    {
        if (now < Deadline)
            return;
        Metrics.TimerInterrupts++;
        Accept((int)(localVectors[0] & 0xff), false);
        if (Periodic)
        {
            // Interrupts that were due while the guest could not run are one interrupt, as on the real part.
            ulong period = Math.Max((ulong)initialCount << DivideShift, ShortestPeriod);
            Deadline += period * ((now - Deadline) / period + 1);
        }
        else
        {
            Deadline = Never;
        }
    }

    private void StartTimer(uint count)
    {
        initialCount = count;
        started = clock();
        Schedule();
        // So short that it is over already: it is due, not past.
        if (Deadline == Never && count != 0 && (localVectors[0] & Masked) == 0)
        {
            Deadline = started;
            TimerChanged?.Invoke();
        }
    }

    private void WriteTimerVector(uint value)
    {
        bool wasPeriodic = Periodic;
        localVectors[0] = (value & 0x3_00ff) | ((spurious & SoftwareEnable) == 0 ? Masked : 0);
        if (Periodic != wasPeriodic && initialCount != 0)
            started = clock();
        Schedule();
    }

    private void WriteDivide(uint value)
    {
        uint remaining = CurrentCount;
        divideConfiguration = value & 0xb;
        // The count goes on from where it stands at the new rate.
        if (initialCount != 0)
            started = clock() - ((ulong)(initialCount - remaining) << DivideShift);
        Schedule();
    }

    private void Schedule()
    {
        Deadline = Never;
        if (initialCount != 0 && (localVectors[0] & Masked) == 0)
        {
            ulong period = (ulong)initialCount << DivideShift, elapsed = clock() - started;
            if (Periodic)
                Deadline = started + Math.Max(period, ShortestPeriod) * (elapsed / Math.Max(period, ShortestPeriod) + 1);
            else if (elapsed < period)
                Deadline = started + period;
        }
        TimerChanged?.Invoke();
    }
}
