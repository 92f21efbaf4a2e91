using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using CsCheck;
using Xunit;

namespace Guestos.Proc.Tests;

public sealed unsafe class TimerTests
{
    private const ulong Millisecond = 1_000_000;
    private static readonly List<int> s_called = [];

    private static void Called(Timer* timer) => s_called.Add((int)(nint)timer->Owner);

    /// <summary>The model sorts them by deadline, those of the same by when they were set.</summary>
    [Fact]
    public void Timers_come_in_the_order_of_their_deadlines() =>
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 9], Gen.ULong[0, 20]).Array[1, 80].Sample(steps => Simulation.Run(() =>
        {
            const int count = 10;
            Timer* timers = (Timer*)NativeMemory.AllocZeroed(count, (nuint)sizeof(Timer));
            List<(int Number, ulong Deadline)> model = [];
            List<int> expected = [];
            s_called.Clear();
            foreach ((int what, int number, ulong after) in steps)
            {
                if (what < 2)
                {
                    timers[number].Callback = &Called;
                    timers[number].Owner = (void*)number;
                    Timers.Arm(&timers[number], Clock.Monotonic + after);
                    model.RemoveAll(one => one.Number == number);
                    model.Add((number, Clock.Monotonic + after));
                }
                else if (what == 2)
                {
                    Timers.Cancel(&timers[number]);
                    model.RemoveAll(one => one.Number == number);
                }
                else
                {
                    Clock.Monotonic += after;
                    Timers.RunDue();
                    var due = model.Where(one => one.Deadline <= Clock.Monotonic).OrderBy(one => one.Deadline).ToArray();
                    expected.AddRange(due.Select(one => one.Number));
                    model.RemoveAll(due.Contains);
                }
                Assert.Equal(expected, s_called);
                for (int i = 0; i < count; i++)
                    Assert.Equal(model.Any(one => one.Number == i), timers[i].Armed);
            }
            for (int i = 0; i < count; i++)
                Timers.Cancel(&timers[i]);
            NativeMemory.Free(timers);
        }), iter: 100, threads: 1);

    [Theory]
    [InlineData(100, 10, 95, 110, 0)]
    [InlineData(100, 10, 100, 110, 0)]
    [InlineData(100, 10, 109, 110, 0)]
    [InlineData(100, 10, 110, 120, 1)]
    [InlineData(100, 10, 155, 160, 5)]
    public void A_period_counts_what_it_has_missed(ulong deadline, ulong interval, ulong now, ulong next, ulong missed)
    {
        Assert.Equal(next, Timers.NextOf(deadline, interval, now, out ulong counted));
        Assert.Equal(missed, counted);
    }

    /// <summary>RLIMIT_SIGPENDING is of a user, however many processes it has.</summary>
    [Fact]
    public void Timers_of_all_processes_of_a_user_are_counted() => Simulation.Run(() =>
    {
        int made = 0;
        for (int i = 0; i < 3; i++)
            Simulation.Fork(() =>
            {
                for (; PosixTimers.Create(Process.Current, TimerClock.Monotonic, Signal.None, 0) != null; made++)
                    ;
                Simulation.Sleep(Millisecond);
            });
        for (int i = 0; i < 3; i++)
            Simulation.Wait();
        Assert.Equal(1024, made);
        PosixTimer* again = PosixTimers.Create(Process.Current, TimerClock.Monotonic, Signal.None, 0);
        Assert.True(again != null, "those of processes that have ended count no more");
        PosixTimers.Delete(again);
    }, mayKeepFrames: true);

    private static int s_networkCalls;
    private static ulong s_networkDeadline;

    private static ulong NetworkDeadline() => s_networkDeadline;

    private static void NetworkDue()
    {
        s_networkCalls++;
        s_networkDeadline = ulong.MaxValue;
    }

    [Fact]
    public void The_network_is_served_in_time()
    {
        Simulation.Run(() =>
        {
            var (deadline, due) = ((nint)Timers.NetworkDeadline, (nint)Timers.NetworkDue);
            Timers.NetworkDeadline = &NetworkDeadline;
            Timers.NetworkDue = &NetworkDue;
            s_networkDeadline = Clock.Monotonic + 3 * Millisecond;
            Simulation.Compute(2 * Millisecond);
            Assert.Equal(0, s_networkCalls);
            Simulation.Compute(2 * Millisecond);
            Assert.Equal(1, s_networkCalls);
            Timers.NetworkDeadline = (delegate*<ulong>)deadline;
            Timers.NetworkDue = (delegate*<void>)due;
        });
    }

    /// <summary>After a move the timer of the other machine is not waited for.</summary>
    [Fact]
    public void A_machine_that_has_forgotten_its_timer_sets_it_again()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                AlarmTimer.Set(Process.Current, 20 * Millisecond, 0);
                Simulation.Pass();
                Simulation.TimerAt = ulong.MaxValue;
                Timers.ForgetHardware();
                Simulation.Compute(25 * Millisecond);
            });
            Assert.Equal((child, 14), Simulation.Wait());
        });
    }

    [Fact]
    public void The_alarm_comes_again_when_it_has_been_taken()
    {
        Simulation.Run(() =>
        {
            int taken = 0;
            int child = Simulation.Fork(() =>
            {
                Process* self = Process.Current;
                Thread.Current->BlockedSignals = Signal.Alarm.Bit;
                Assert.Equal(0ul, AlarmTimer.Set(self, 5 * Millisecond, 10 * Millisecond));
                byte* information = stackalloc byte[128];
                ulong end = Clock.Monotonic + 96 * Millisecond;
                while (Clock.Monotonic < end)
                {
                    Simulation.Compute(Millisecond);
                    if (!Signal.Alarm.IsIn(self->Pending.Set))
                        continue;
                    Signals.Take(Thread.Current, Signal.Alarm, information);
                    taken++;
                }
                // 100 ms without a look at it: one signal, and the next at the next full period.
                Simulation.Compute(100 * Millisecond);
                Assert.False(self->Alarm.Armed);
                Signals.Take(Thread.Current, Signal.Alarm, information);
                Assert.InRange(AlarmTimer.Set(self, 0, 0), 1ul, 10 * Millisecond);
                Simulation.Compute(50 * Millisecond);
                Assert.Equal(0ul, self->Pending.Set);
                // Nobody listens: looked at again after a while.
                Thread.Current->BlockedSignals = 0;
                SignalActions.Of(self->Actions, Signal.Alarm)->Handler = SignalAction.Ignore;
                AlarmTimer.Set(self, Millisecond, Millisecond);
                Simulation.Compute(5 * Millisecond);
                Assert.True(self->Alarm.Armed);
            });
            Assert.Equal((child, 0), Simulation.Wait());
            Assert.Equal(10, taken);
        });
    }

    [Fact]
    public void Other_parts_of_proc_are_what_they_say()
    {
        HostName.Set("name"u8);
        Assert.Equal("name"u8, HostName.Text);
        SupplementaryGroups groups = default;
        groups.Add(5);
        groups.Add(6);
        Assert.Equal((2, 5u, 6u), (groups.Count, groups.At(0), groups.At(1)));
        Assert.False(Signal.TryMake(65, out _));
        Assert.True(Signal.TryMakeOrNone(0, out Signal none) && none.IsNone);
    }
}
