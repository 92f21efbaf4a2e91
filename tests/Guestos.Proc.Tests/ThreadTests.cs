using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Xunit;

namespace Guestos.Proc.Tests;

public sealed unsafe class ThreadTests
{
    private const ulong Millisecond = 1_000_000;
    private const ulong Flags = 0x10f00;                // CLONE_VM, FS, FILES, SIGHAND, THREAD
    private const ulong Word = UserMemory.Words;

    /// <summary>Another thread of the current process: its id.</summary>
    private static int Begin(Action body) => Simulation.Thread(body, Flags);

    private static List<int> Ids(Process* process)
    {
        List<int> ids = [];
        for (Thread* thread = process->FirstThread; thread != null; thread = thread->Next)
            ids.Add(thread->Id);
        return ids;
    }

    /// <summary>Runs a process of its own; its status.</summary>
    private static void Apart(Action body, int status) => Simulation.Run(() =>
    {
        int child = Simulation.Fork(body);
        Assert.Equal((child, status), Simulation.Wait());
    });

    [Fact]
    public void Threads_share_their_process_and_have_ids_of_their_own() => Apart(() =>
    {
        Process* process = Process.Current;
        List<int> made = [process->Id];
        for (int i = 0; i < 3; i++)
            made.Add(Begin(() =>
            {
                Assert.True(Process.Current == process);
                Assert.NotEqual(process->Id, Thread.Current->Id);
                Simulation.Sleep(5 * Millisecond);
            }));
        Assert.Equal(made, Ids(process));
        Assert.Equal(4, process->ThreadCount);
        Assert.Equal(1, SchedulerThreads(process->Id));
        Simulation.Sleep(10 * Millisecond);
        Assert.Equal([process->Id], Ids(process));
        Assert.Equal(1, process->ThreadCount);
    }, 0);

    private static int SchedulerThreads(int id)
    {
        int count = 0;
        for (Thread* thread = Threads.First; thread != null; thread = Threads.After(thread))
            count += thread->Id == id ? 1 : 0;
        return count;
    }

    [Theory]
    [InlineData(0x10000ul)]
    [InlineData(0x10800ul)]
    [InlineData(0x10900ul)]
    [InlineData(0x10b00ul)]
    [InlineData(0x14f00ul)]
    public void A_thread_with_things_of_its_own_is_refused(ulong flags) =>
        Simulation.Run(() => Assert.Equal(Errno.EINVAL, Processes.Clone(flags, 0, 0, 0, 0)));

    [Fact]
    public void RLIMIT_NPROC_counts_threads() => Apart(() =>
    {
        Process.Current->Credentials.RealUserId = 1234;
        Process.Current->Credentials.Capabilities.Effective = 0;
        ResourceLimits.Set(Process.Current, Resource.Processes, 3, 3);
        Begin(() => Simulation.Sleep(Millisecond));
        Begin(() => Simulation.Sleep(Millisecond));
        Assert.Equal(Errno.EAGAIN, Processes.Clone(Flags, 0, 0, 0, 0));
        Assert.Equal(Errno.EAGAIN, Processes.Clone(17, 0, 0, 0, 0));
        Simulation.Sleep(5 * Millisecond);
        Begin(() => { });
    }, 0);

    /// <summary>pthread_join: the word of CLONE_CHILD_CLEARTID is cleared and woken at the end of a thread, not only of a process.</summary>
    [Fact]
    public void The_end_of_a_thread_wakes_who_waits_for_its_word() => Apart(() =>
    {
        UserMemory.Write(Word, 7u);
        Simulation.Thread(() => Simulation.Sleep(3 * Millisecond), Flags | 0x200000, Word);
        ulong begin = Clock.Monotonic;
        Assert.Equal(0, FutexCalls.Call(Word, 0x80, 7, 0, 0, 0));
        Assert.Equal(0u, UserMemory.Read<uint>(Word));
        Assert.InRange(Clock.Monotonic - begin, 2 * Millisecond, 4 * Millisecond);
    }, 0);

    /// <summary>exit(2) of the first thread leaves the others; the status is that of the last.</summary>
    [Fact]
    public void The_process_ends_with_its_last_thread() => Apart(() =>
    {
        Begin(() =>
        {
            Simulation.Sleep(5 * Millisecond);
            Assert.Equal(ThreadState.Ended, Process.Current->FirstThread->State);
            Assert.Equal(1, Process.Current->ThreadCount);
            ProcessCalls.Exit(4);
        });
        ProcessCalls.Exit(9);
    }, 4 << 8);

    /// <summary>What the others do, while one of them ends the process.</summary>
    public enum Doing
    {
        Computes,
        Sleeps,
        WaitsForAWord,
        HasNotRun,
        IsStopped,
    }

    private static void Do(Doing what)
    {
        switch (what)
        {
            case Doing.Computes:
                while (true)
                    Simulation.Compute(Millisecond);
            case Doing.WaitsForAWord:
                FutexCalls.Call(Word, 0x80, UserMemory.Read<uint>(Word), 0, 0, 0);
                break;
            default:
                Simulation.Sleep(ulong.MaxValue / 2);
                break;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Ending_the_process_ends_all_of_its_threads(bool first) =>
        Gen.Enum<Doing>().Array[1, 5].Sample(all => Apart(() =>
        {
            void End()
            {
                if (!all.Contains(Doing.HasNotRun))
                    Simulation.Sleep(5 * Millisecond);
                ProcessCalls.ExitGroup(3);
            }
            foreach (Doing what in all)
                Begin(() => Do(what));
            if (first)
                End();
            Begin(End);
            Simulation.Sleep(ulong.MaxValue / 2);
        }, 3 << 8), iter: 15, threads: 1);

    /// <summary>A signal that ends a process ends all of its threads, whoever takes it, stopped ones as well.</summary>
    [Theory]
    [InlineData(15, false)]
    [InlineData(9, true)]
    [InlineData(11, false)]
    public void A_deadly_signal_ends_all_threads(int number, bool stopped) => Simulation.Run(() =>
    {
        int child = Simulation.Fork(() =>
        {
            for (int i = 0; i < 2; i++)
            {
                Begin(() => Do(Doing.Computes));
                Begin(() => Do(Doing.Sleeps));
            }
            Do(Doing.Sleeps);
        });
        Simulation.Sleep(5 * Millisecond);
        if (stopped)
        {
            Signals.Send(ProcessTable.Find(child), Signal.Stop);
            Assert.Equal((child, 19 << 8 | 0x7f), Simulation.Wait(options: 2));
        }
        Assert.True(Signal.TryMake((ulong)number, out Signal signal));
        Signals.Send(ProcessTable.Find(child), signal);
        Assert.Equal((child, number == 11 ? 11 | 0x80 : number), Simulation.Wait());
    });

    [Fact]
    public void A_stop_stops_all_threads_and_SIGCONT_continues_them() => Simulation.Run(() =>
    {
        ulong[] last = new ulong[3];
        int child = Simulation.Fork(() =>
        {
            void Work(int number)
            {
                while (true)
                {
                    Simulation.Compute(Millisecond);
                    last[number] = Clock.Monotonic;
                }
            }
            Array.Fill(last, Clock.Monotonic);
            Begin(() => Work(1));
            Begin(() => Work(2));
            Work(0);
        });
        Simulation.Sleep(20 * Millisecond);
        Signals.Send(ProcessTable.Find(child), Signal.Stop);
        Assert.Equal((child, 19 << 8 | 0x7f), Simulation.Wait(options: 2));
        Simulation.Sleep(Millisecond);
        ulong[] before = [.. last];
        Simulation.Sleep(50 * Millisecond);
        Assert.Equal(before, last);
        for (Thread* thread = ProcessTable.Find(child)->FirstThread; thread != null; thread = thread->Next)
            Assert.Equal(ThreadState.Stopped, thread->State);
        Signals.Send(ProcessTable.Find(child), Signal.Continue);
        Simulation.Sleep(5 * Scheduler.Quantum);
        for (int i = 0; i < 3; i++)
            Assert.True(last[i] > before[i]);
        Signals.Send(ProcessTable.Find(child), Signal.Kill);
        Assert.Equal((child, 9), Simulation.Wait());
    });

    /// <summary>The model: a signal of the process goes to a thread that does not block it, one of a thread to nobody else.</summary>
    [Fact]
    public void A_signal_of_the_process_wakes_a_thread_that_listens() =>
        Gen.Bool.Array[2, 5].Sample(listening => Apart(() =>
        {
            List<int> woken = [];
            Thread.Current->BlockedSignals = Signal.User1.Bit;
            SignalActions.Of(Process.Current->Actions, Signal.User1)->Handler = SignalAction.Ignore + 1;
            Thread*[] made = new Thread*[listening.Length];
            for (int i = 0; i < listening.Length; i++)
            {
                int number = i;
                int id = Begin(() =>
                {
                    Thread.Current->BlockedSignals = listening[number] ? 0 : Signal.User1.Bit;
                    WaitQueue nobody = default;
                    if (Scheduler.Sleep(&nobody, Clock.Monotonic + 20 * Millisecond) == WaitResult.Interrupted)
                        woken.Add(number);
                    byte* information = stackalloc byte[128];
                    if (Signals.Pending)
                        Signals.Take(Thread.Current, Signal.User1, information);
                });
                made[i] = Threads.Find(id);
            }
            Simulation.Sleep(5 * Millisecond);
            Signals.Send(Process.Current, Signal.User1);
            Simulation.Sleep(Millisecond);
            Assert.Equal(listening.Contains(true) ? [Array.IndexOf(listening, true)] : [], woken);
            woken.Clear();
            Signals.Send(made[^1], Signal.User1, default);
            Simulation.Sleep(Millisecond);
            bool stillThere = listening[^1] && Array.IndexOf(listening, true) != listening.Length - 1;
            Assert.Equal(stillThere ? [listening.Length - 1] : [], woken);
            Simulation.Sleep(40 * Millisecond);
            PendingSignals.Forget(&Process.Current->Pending, Process.Current, ulong.MaxValue);
            Thread.Current->BlockedSignals = 0;
        }, 0), iter: 30, threads: 1);

    /// <summary>The thread that was to take a signal ends first: another one that listens wakes for it.</summary>
    [Fact]
    public void A_signal_outlives_the_thread_that_was_to_take_it() => Apart(() =>
    {
        SignalActions.Of(Process.Current->Actions, Signal.User1)->Handler = SignalAction.Ignore + 1;
        Thread.Current->BlockedSignals = Signal.User1.Bit;
        Begin(() =>
        {
            Simulation.Sleep(5 * Millisecond);
            Thread.Current->BlockedSignals = 0;
            Signals.Send(Process.Current, Signal.User1);
            ProcessCalls.Exit(0);
        });
        WaitResult result = WaitResult.Woken;
        Begin(() =>
        {
            WaitQueue nobody = default;
            Thread.Current->BlockedSignals = 0;
            result = Scheduler.Sleep(&nobody, Clock.Monotonic + 100 * Millisecond);
            byte* information = stackalloc byte[128];
            Signals.Take(Thread.Current, Signal.User1, information);
        });
        Simulation.Sleep(10 * Millisecond);
        Assert.Equal(WaitResult.Interrupted, result);
        Thread.Current->BlockedSignals = 0;
    }, 0);

    /// <summary>execve(2): the thread that calls it is alone afterwards, with the id of the process.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public void Who_executes_stays_alone_with_the_id_of_the_process(bool isFirst, bool firstHasEnded)
    {
        int id = 0;
        Apart(() =>
        {
            id = Process.Current->Id;
            foreach (Doing what in new[] { Doing.Computes, Doing.Sleeps, Doing.WaitsForAWord })
                Begin(() => Do(what));
            void Execute()
            {
                Simulation.Sleep(5 * Millisecond);
                Assert.True(Processes.KeepOnlyCurrentThread());
                Assert.Equal([id], Ids(Process.Current));
                Assert.True(Process.Current->FirstThread == Thread.Current);
                Assert.Equal(1, Process.Current->ThreadCount);
                Assert.Equal(id, Thread.Current->Id);
                // It is a process like any other afterwards.
                Begin(() => Simulation.Sleep(Millisecond));
                Simulation.Sleep(5 * Millisecond);
                ProcessCalls.ExitGroup(6);
            }
            if (isFirst)
                Execute();
            Begin(Execute);
            if (firstHasEnded)
                ProcessCalls.Exit(0);
            Do(Doing.Sleeps);
        }, 6 << 8);
    }

    [Fact]
    public void Of_two_that_execute_one_ends() => Apart(() =>
    {
        int kept = 0;
        void Execute()
        {
            if (!Processes.KeepOnlyCurrentThread())
                return;
            kept++;
            Simulation.Sleep(Millisecond);
            Assert.Equal(1, kept);
            ProcessCalls.ExitGroup(2);
        }
        Begin(() => Do(Doing.Computes));
        Begin(Execute);
        Begin(Execute);
        Do(Doing.Sleeps);
    }, 2 << 8);

    /// <summary>fork(2) takes the calling thread along, and no other.</summary>
    [Fact]
    public void A_forked_process_has_one_thread() => Apart(() =>
    {
        Begin(() => Simulation.Sleep(20 * Millisecond));
        Begin(() =>
        {
            Thread.Current->BlockedSignals = Signal.User2.Bit;
            int child = Simulation.Fork(() =>
            {
                Assert.Equal([Process.Current->Id], Ids(Process.Current));
                Assert.Equal(Signal.User2.Bit, Thread.Current->BlockedSignals);
                Simulation.Exit(5);
            });
            Assert.Equal((child, 5 << 8), Simulation.Wait());
        });
        Simulation.Sleep(30 * Millisecond);
    }, 0);

    /// <summary>Processor time is each thread's own, and all of it the process's.</summary>
    [Fact]
    public void Time_is_counted_by_thread() => Apart(() =>
    {
        ulong[] used = new ulong[2];
        for (int i = 0; i < 2; i++)
        {
            int number = i;
            Begin(() =>
            {
                Simulation.Compute((10 + 20 * (ulong)number) * Millisecond);
                used[number] = Thread.Current->UserTime;
            });
        }
        Simulation.Sleep(200 * Millisecond);
        Assert.Equal([10 * Millisecond, 30 * Millisecond], used);
        Assert.Equal(40 * Millisecond, Process.Current->UserTime);
    }, 0);

    /// <summary>FUTEX_WAKE_OP, written down a second time (futex(2)).</summary>
    [Fact]
    public void The_operation_on_the_second_word_is_that_of_the_manual() =>
        Gen.Select(Gen.UInt, Gen.OneOf(Gen.UInt, Gen.UInt[0, 4000])).Sample((operation, old) =>
        {
            int Signed(uint twelve) => twelve >= 2048 ? (int)twelve - 4096 : (int)twelve;
            int operand = Signed(operation >> 12 & 0xfff), compared = Signed(operation & 0xfff);
            uint kind = operation >> 28 & 7, comparison = operation >> 24 & 15;
            if (operation >> 31 != 0)
                operand = 1 << operand;
            uint[] results = [(uint)operand, old + (uint)operand, old | (uint)operand, old & ~(uint)operand, old ^ (uint)operand];
            bool[] answers = [(int)old == compared, (int)old != compared, (int)old < compared, (int)old <= compared, (int)old > compared, (int)old >= compared];
            bool isOne = kind < 5 && comparison < 6;
            Assert.Equal(isOne, FutexOperation.TryApply(operation, old, out uint changed, out bool holds));
            if (isOne)
                Assert.Equal((results[kind], answers[comparison]), (changed, holds));
        }, iter: 5000, threads: 1);
}
