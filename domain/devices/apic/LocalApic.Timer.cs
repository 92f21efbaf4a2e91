using System;

namespace Domain.Devices;

/// <summary>
/// The APIC timer (SDM vol. 3, 12.5.4): counts at 1 GHz before the divider, one-shot or periodic, or waits for the TSC.
/// </summary>
public sealed partial class LocalApic
{
    /// <summary>No timer is running.</summary>
    public const ulong Never = ulong.MaxValue;

    // A shorter period than this would leave the guest no time between two interrupts.
    private const ulong MinPeriod = 20_000;

    // Bits 18 and 17 of the timer's vector: 0 one-shot, 1 periodic, 2 TSC deadline; with the higher bit the lower means
    // nothing.
    private const uint TimerPeriodic = 1 << 17, TimerDeadline = 1 << 18, TimerModes = TimerPeriodic | TimerDeadline;

    private readonly Func<ulong> clock;
    private uint initialCount, divideConfiguration;
    private ulong started, tscDeadline, tscOffset;

    // The instant at which the count is zero or the counter at its deadline, masked or not.
    private ulong due = Never;

    public LocalApic() : this(static () => Clock.Nanoseconds)
    {
    }

    internal LocalApic(Func<ulong> clock) => this.clock = clock;

    /// <summary>Called when <see cref="Deadline"/> may have moved.</summary>
    public Action? TimerChanged { get; set; }

    /// <summary>
    /// The instant (<see cref="Clock"/>) at which the timer wants <see cref="Expire"/> to be called, or
    /// <see cref="Never"/>.
    /// </summary>
    public ulong Deadline => (localVectors[0] & Masked) == 0 ? due : Never;

    /// <summary>IA32_TSC_DEADLINE. In the other modes it reads as zero and takes nothing (12.5.4.1).</summary>
    public ulong TscDeadline
    {
        get
        {
            Expire(clock());
            return tscDeadline;
        }
        set
        {
            if (!WaitsForTsc)
                return;
            ulong now = clock();
            Expire(now);
            tscDeadline = value;
            WaitForTsc(now);
        }
    }

    public ulong TscOffset
    {
        set
        {
            ulong now = clock();
            Expire(now);
            tscOffset = value;
            if (WaitsForTsc)
                WaitForTsc(now);
        }
    }

    private int DivideShift
    {
        get
        {
            // Bits 3, 1, 0: 000 divides by 2, 001 by 4 … 110 by 128, 111 by 1.
            int code = (int)(divideConfiguration & 3 | divideConfiguration >> 1 & 4);
            return code == 7 ? 0 : code + 1;
        }
    }

    private bool Periodic => (localVectors[0] & TimerModes) == TimerPeriodic;

    private bool WaitsForTsc => (localVectors[0] & TimerDeadline) != 0;

    private ulong Period
    {
        get
        {
            ulong period = (ulong)initialCount << DivideShift;
            return Periodic ? Math.Max(period, MinPeriod) : period;
        }
    }

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

    /// <summary>Raises the timer's interrupt if its instant has come.</summary>
    public void Expire(ulong now)
    {
        if (now < due)
            return;
        if (Periodic)
        {
            // Interrupts that were due while the guest did not run become one, as in hardware.
            due += Period * ((now - due) / Period + 1);
        }
        else
        {
            due = Never;
            tscDeadline = 0;
        }
        if ((localVectors[0] & Masked) != 0)
            return;
        Metrics.TimerInterrupts++;
        Accept((int)(localVectors[0] & 0xff), false);
    }

    private void StartTimer(uint count)
    {
        if (WaitsForTsc)
            return;
        ulong now = clock();
        Expire(now);
        initialCount = count;
        started = now;
        due = count == 0 ? Never : now + Period;
        TimerChanged?.Invoke();
    }

    /// <remarks>A write that changes the mode disarms the timer (12.5.4.1).</remarks>
    private void WriteTimerVector(uint value)
    {
        Expire(clock());
        if (((value ^ localVectors[0]) & TimerModes) != 0)
        {
            initialCount = 0;
            tscDeadline = 0;
            due = Never;
        }
        localVectors[0] = (value & (TimerModes | Masked | 0xff)) | ((spurious & SoftwareEnable) == 0 ? Masked : 0);
        TimerChanged?.Invoke();
    }

    private void WriteDivide(uint value)
    {
        ulong now = clock();
        Expire(now);
        uint remaining = CurrentCount;
        divideConfiguration = value & 0xb;
        // The count goes on from where it stands at the new rate.
        if (remaining == 0)
            return;
        started = now - ((ulong)(initialCount - remaining) << DivideShift);
        due = started + Period;
        TimerChanged?.Invoke();
    }

    /// <summary>Finds the instant at which the counter will be at its deadline; one that has passed is now.</summary>
    private void WaitForTsc(ulong now)
    {
        ulong counter = now + tscOffset, left = tscDeadline > counter ? tscDeadline - counter : 0;
        due = tscDeadline == 0 || left >= Never - now ? Never : now + left;
        Expire(now);
        TimerChanged?.Invoke();
    }
}
