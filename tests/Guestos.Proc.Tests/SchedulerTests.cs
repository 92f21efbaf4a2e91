using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Xunit;

namespace Guestos.Proc.Tests;

public sealed unsafe class SchedulerTests
{
    private const ulong Millisecond = 1_000_000;

    /// <summary>Has processes of these nice values compute until the time is over: the share of each.</summary>
    private static double[] Shares(int[] nice, ulong time)
    {
        ulong[] used = new ulong[nice.Length];
        Simulation.Run(() =>
        {
            ulong end = Clock.Monotonic + time;
            for (int i = 0; i < nice.Length; i++)
            {
                int number = i;
                Simulation.Fork(() =>
                {
                    Thread* thread = Thread.Current;
                    thread->NiceValue = nice[number];
                    thread->Weight = Nice.WeightOf(nice[number]);
                    while (Clock.Monotonic < end)
                        Simulation.Compute(Millisecond);
                    used[number] = thread->Process->UserTime;
                });
            }
            for (int i = 0; i < nice.Length; i++)
                Simulation.Wait();
        });
        return [.. used.Select(one => one / (double)time)];
    }

    /// <summary>The model is a fluid: each has the processor at all times in proportion to its weight.</summary>
    [Fact]
    public void Whoever_computes_gets_its_share_by_weight() =>
        Gen.Int[-5, 5].Array[1, 6].Sample(nice =>
        {
            const ulong time = 1_000 * Millisecond;
            double[] weights = [.. nice.Select(one => Math.Pow(1.25, -one))];
            double[] shares = Shares(nice, time);
            for (int i = 0; i < nice.Length; i++)
                Assert.InRange(shares[i], weights[i] / weights.Sum() - 0.04, weights[i] / weights.Sum() + 0.04);
            Assert.InRange(shares.Sum(), 0.98, 1.02);
        }, iter: 12, threads: 1);

    [Fact]
    public void Nice_values_weigh_a_quarter_more_or_less()
    {
        for (int nice = Nice.Min; nice < Nice.Max; nice++)
            Assert.InRange(Nice.WeightOf(nice) / (double)Nice.WeightOf(nice + 1), 1.2, 1.35);
        Assert.Equal(1024u, Nice.WeightOf(0));
        Assert.Equal(3_000ul, Nice.Scale(3_000, 1024));
        Assert.Equal(6_000ul, Nice.Scale(3_000, 512));
    }

    /// <summary>Beside hogs, one that sleeps most of the time runs the moment that its timer comes.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Who_wakes_is_served_at_once(int hogs)
    {
        ulong longest = 0;
        Simulation.Run(() =>
        {
            ulong end = Clock.Monotonic + 600 * Millisecond;
            for (int i = 0; i < hogs; i++)
                Simulation.Fork(() =>
                {
                    while (Clock.Monotonic < end)
                        Simulation.Compute(7 * Millisecond);
                });
            Simulation.Fork(() =>
            {
                while (Clock.Monotonic < end)
                {
                    ulong due = Clock.Monotonic + 20 * Millisecond;
                    Simulation.Sleep(20 * Millisecond);
                    longest = Math.Max(longest, Clock.Monotonic - due);
                    Simulation.Compute(Millisecond / 4);
                }
            });
            for (int i = 0; i <= hogs; i++)
                Simulation.Wait();
        });
        Assert.True(longest <= 2 * Millisecond, $"{longest} ns late");
    }

    [Fact]
    public void A_long_sleep_is_not_made_up_for()
    {
        ulong alone = 0;
        Simulation.Run(() =>
        {
            ulong other = 0;
            bool over = false;
            Simulation.Fork(() =>
            {
                while (!over)
                {
                    Simulation.Compute(Millisecond);
                    other = Clock.Monotonic;
                }
            });
            Simulation.Fork(() =>
            {
                Simulation.Sleep(900 * Millisecond);
                ulong begin = Clock.Monotonic;
                for (int i = 0; i < 100; i++)
                {
                    Simulation.Compute(Millisecond);
                    if (other < begin)
                        alone += Millisecond;
                }
                over = true;
            });
            Simulation.Wait();
            Simulation.Wait();
        });
        Assert.InRange(alone, 9 * Millisecond, 22 * Millisecond);
    }

    /// <summary>One process after the other, each of which has slept, is no way to more than half of the processor.</summary>
    [Fact]
    public void One_child_after_the_other_has_the_share_of_one()
    {
        ulong hog = 0, time = 1_000 * Millisecond;
        Simulation.Run(() =>
        {
            ulong end = Clock.Monotonic + time;
            Simulation.Fork(() =>
            {
                while (Clock.Monotonic < end)
                    Simulation.Compute(Millisecond);
                hog = Process.Current->UserTime;
            });
            Simulation.Fork(() =>
            {
                while (Clock.Monotonic < end)
                {
                    Simulation.Fork(() => Simulation.Compute(3 * Millisecond));
                    Simulation.Wait();
                }
            });
            Simulation.Wait();
            Simulation.Wait();
        });
        Assert.InRange(hog / (double)time, 0.45, 0.55);
    }

    [Fact]
    public void Who_yields_lets_all_others_run_first()
    {
        List<int> order = [];
        Simulation.Run(() =>
        {
            for (int i = 0; i < 3; i++)
            {
                int number = i;
                Simulation.Fork(() =>
                {
                    for (int turn = 0; turn < 4; turn++)
                    {
                        order.Add(number);
                        Scheduler.Yield();
                    }
                });
            }
            for (int i = 0; i < 3; i++)
                Simulation.Wait();
        });
        for (int turn = 0; turn < 4; turn++)
            Assert.Equal([0, 1, 2], order.Skip(3 * turn).Take(3).Order());
    }

    /// <summary>A new process runs before its parent goes on.</summary>
    [Fact]
    public void The_child_runs_first()
    {
        List<string> order = [];
        Simulation.Run(() =>
        {
            Simulation.Fork(() => order.Add("child"));
            Simulation.Pass();
            order.Add("parent");
            Simulation.Wait();
        });
        Assert.Equal(["child", "parent"], order);
    }

    [Fact]
    public void A_sleep_ends_by_its_deadline_by_waking_or_by_a_signal()
    {
        Simulation.Run(() =>
        {
            WaitQueue queue = default;
            WaitQueue* at = &queue;
            List<WaitResult> results = [];
            int sleeper = Simulation.Fork(() =>
            {
                ulong begin = Clock.Monotonic;
                results.Add(Scheduler.Sleep(at, begin + 5 * Millisecond));
                Assert.Equal(begin + 5 * Millisecond, Clock.Monotonic);
                results.Add(Scheduler.Sleep(at, Clock.Monotonic));
                results.Add(Scheduler.Sleep(at, ulong.MaxValue));
                results.Add(Scheduler.Sleep(at, ulong.MaxValue, 2));
                results.Add(Scheduler.Sleep(at, ulong.MaxValue));
            });
            Simulation.Sleep(20 * Millisecond);
            Scheduler.Wake(at);
            Simulation.Sleep(Millisecond);
            Scheduler.Wake(at, 5);
            Simulation.Sleep(Millisecond);
            Assert.Equal(3, results.Count);
            Scheduler.Wake(at, 3);
            Simulation.Sleep(Millisecond);
            Signals.Send(ProcessTable.Find(sleeper), Signal.Terminate);
            Assert.Equal((sleeper, 15), Simulation.Wait());
            Assert.Equal([WaitResult.TimedOut, WaitResult.TimedOut, WaitResult.Woken, WaitResult.Woken, WaitResult.Interrupted], results);
        });
    }

    [Fact]
    public void A_sleep_on_a_lock_is_not_ended_by_signals()
    {
        Simulation.Run(() =>
        {
            WaitQueue queue = default;
            WaitQueue* at = &queue;
            bool woken = false;
            int sleeper = Simulation.Fork(() =>
            {
                Scheduler.SleepOn(at);
                woken = true;
                Simulation.Pass();
            });
            Simulation.Sleep(Millisecond);
            Signals.Send(ProcessTable.Find(sleeper), Signal.Kill);
            Simulation.Sleep(Millisecond);
            Assert.False(woken);
            Scheduler.Wake(at);
            Assert.Equal((sleeper, 9), Simulation.Wait());
            Assert.True(woken);
        });
    }

    /// <summary>A call that runs for long lets others have their turn at its preemption points, as soon as they are ahead by the granularity.</summary>
    [Fact]
    public void A_long_call_gives_way()
    {
        ulong late = ulong.MaxValue;
        Simulation.Run(() =>
        {
            ulong due = 0;
            Simulation.Fork(() =>
            {
                due = Clock.Monotonic + 5 * Millisecond;
                Simulation.Sleep(5 * Millisecond);
                late = Clock.Monotonic - due;
            });
            Simulation.Fork(() =>
            {
                Simulation.Compute(Millisecond);
                for (int i = 0; i < 500; i++)
                {
                    Clock.Monotonic += Millisecond / 10;
                    Preemption.Point();
                }
            });
            Simulation.Wait();
            Simulation.Wait();
        });
        Assert.InRange(late, 0ul, Millisecond);
    }

    [Fact]
    public void The_load_average_goes_to_the_number_of_those_that_run()
    {
        Simulation.Run(() =>
        {
            ulong end = Clock.Monotonic + 120_000 * Millisecond;
            for (int i = 0; i < 3; i++)
                Simulation.Fork(() =>
                {
                    while (Clock.Monotonic < end)
                        Simulation.Compute(500 * Millisecond);
                });
            for (int i = 0; i < 3; i++)
                Simulation.Wait();
            Assert.InRange(Scheduler.Load1 / 65536.0, 2.4, 3.1);
            Assert.InRange(Scheduler.Load15 / 65536.0, 0.2, 0.8);
            Assert.True(Scheduler.Load5 > Scheduler.Load15 && Scheduler.Load5 < Scheduler.Load1);
        });
    }

    /// <summary>A call begun anew after a stop keeps the end of its time limit; another call has one of its own.</summary>
    [Fact]
    public void The_time_limit_of_a_restarted_call_goes_on()
    {
        Simulation.Run(() =>
        {
            Thread* thread = Thread.Current;
            ulong first = Scheduler.DeadlineAfter(100);
            Clock.Monotonic += 50;
            thread->Restarted = true;
            Assert.Equal(first, Scheduler.DeadlineAfter(100));
            Assert.Equal(first + 50, Scheduler.DeadlineAfter(100));
            Assert.Equal(ulong.MaxValue, Scheduler.DeadlineAfter(ulong.MaxValue));
        });
    }

    /// <summary>Accounting: what each process has used, and the idle time, are all of the time.</summary>
    [Fact]
    public void No_time_is_lost()
    {
        ulong begin = 0, used = 0, idle = 0;
        Simulation.Run(() =>
        {
            begin = Clock.Monotonic;
            ulong childrenBefore = Process.Current->ChildrenUserTime;
            idle = Scheduler.IdleTime;
            used = Scheduler.UserTime + Scheduler.KernelTime;
            for (int i = 0; i < 4; i++)
            {
                int number = i;
                Simulation.Fork(() =>
                {
                    for (int turn = 0; turn < 20; turn++)
                    {
                        Simulation.Compute((ulong)(number + 1) * Millisecond);
                        Clock.Monotonic += 12_345;
                        Simulation.Sleep(3 * Millisecond);
                    }
                });
            }
            for (int i = 0; i < 4; i++)
                Simulation.Wait();
            ulong passed = Clock.Monotonic - begin;
            Assert.Equal(passed, Scheduler.UserTime + Scheduler.KernelTime - used + Scheduler.IdleTime - idle);
            Assert.Equal(200 * Millisecond, Process.Current->ChildrenUserTime - childrenBefore);
        });
    }

}
