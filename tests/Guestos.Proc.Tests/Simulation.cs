using System;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Guestos.Mm.Tests;
using Xunit;

namespace Guestos.Proc.Tests;

/// <summary>
/// The machine that processes run on. Each thread of the guest is a thread of the host that runs while the guest's scheduler says so, and what it
/// runs is a function of a test: it is in the kernel, in the midst of a system call, but for <see cref="Compute"/>. The idle loop is on the
/// test's own thread, and ends when nobody runs and no timer is set.
/// </summary>
internal static unsafe class Simulation
{
    /// <summary>What the guest takes for a kernel stack: a thread of the host that waits for its turn.</summary>
    private sealed class Stack(ulong number)
    {
        /// <summary>What the scheduler keeps as stack pointer.</summary>
        public readonly ulong Number = number;
        public readonly System.Threading.AutoResetEvent Turn = new(false);

        /// <summary>Null of the idle loop.</summary>
        public Guestos.Thread* Thread;
    }

    private sealed class Ended : Exception;

    private sealed class Quiet : Exception;

    private static readonly Dictionary<ulong, Stack> s_stacks = [];
    private static readonly Dictionary<nint, Action> s_bodies = [];
    private static readonly Stack s_idle = new(2);
    private static Stack s_running = s_idle;
    private static ulong s_lastNumber = 2;

    /// <summary>What FXSAVE finds and FXRSTOR leaves.</summary>
    public static readonly byte* Floats = (byte*)NativeMemory.AllocZeroed(512);

    private static Action? s_next;
    private static Action? s_task;
    private static Exception? s_failure;
    private static WaitQueue* s_work;
    private static int s_halts;

    /// <summary>So often the timer comes and nobody runs, the load average's every 5 s among it: then all is quiet.</summary>
    private const int MaxHalts = 50;
    private static bool s_started;

    /// <summary>When the timer's interrupt comes; ulong.MaxValue for never.</summary>
    public static ulong TimerAt = ulong.MaxValue;

    public static Process* Init => ProcessTable.Find(1);

    /// <summary>Not by a static constructor, which other threads would wait for.</summary>
    private static void Start()
    {
        SimulatedMachine.Require();
        Scheduler.Register();
        Timers.NetworkDeadline = &Never;
        Timers.NetworkDue = &Nothing;
        ProcessFiles.Operations.Inherit = &InheritFiles;
        ProcessFiles.Operations.Release = &ReleaseFiles;
        ProcessFiles.Operations.SpaceReleased = &Nothing;
        ProcessFiles.Operations.SessionEnded = &SessionEnded;
        ProcessFiles.Operations.Ended = &ReleaseFiles;
        Clock.Monotonic = 1_000_000_000;
        LogicalProcessor.First->Self = LogicalProcessor.First;
        s_stacks[s_idle.Number] = s_idle;
        Process* init = Processes.CreateFirst();
        Assert.True(PageRange.TryMake(UserMemory.At, UserMemory.Length, out PageRange pages));
        Assert.True(AddressSpace.Add(init->Space, pages, Protection.READ | Protection.WRITE, AreaFlags.None) != null);
        s_work = (WaitQueue*)System.Runtime.InteropServices.NativeMemory.AllocZeroed((nuint)sizeof(WaitQueue));
        s_next = Serve;
        Processes.Begin(init);
        Idle();
    }

    private static ulong Never() => ulong.MaxValue;

    private static void Nothing()
    {
    }

    private static bool InheritFiles(Process* parent, Process* child, bool share) => true;

    private static void ReleaseFiles(Process* process)
    {
    }

    private static void SessionEnded(int session)
    {
    }

    /// <summary>What the first process does: what tests ask for.</summary>
    private static void Serve()
    {
        while (true)
        {
            Scheduler.SleepOn(s_work);
            Action? task = s_task;
            s_task = null;
            try
            {
                task?.Invoke();
            }
            catch (Exception failure)
            {
                s_failure ??= failure;
                EndAll();
            }
            Pass();
        }
    }

    /// <summary>So that what a failed test has begun does not run on.</summary>
    private static void EndAll()
    {
        for (Process* process = Init->Next; process != null; process = process->Next)
            Signals.Send(process, Signal.Kill);
        while (Wait().Id > 0)
        {
        }
    }

    /// <summary>Has the first process do something, until all is quiet. All that it has begun must have ended, and memory be free again.</summary>
    public static void Run(Action task, bool mayKeepFrames = false)
    {
        if (!s_started)
        {
            s_started = true;
            Start();
            Run(FillSlabs, mayKeepFrames: true);
        }
        ulong free = Frames.Free;
        s_task = task;
        Scheduler.Wake(s_work);
        s_failure = null;
        Idle();
        if (s_failure != null)
            ExceptionDispatchInfo.Throw(s_failure);
        Assert.True(s_task == null, "the first process never came to it");
        Assert.Equal(1, ProcessTable.Count);
        Assert.Equal(0, Scheduler.RunnableCount);
        // Slabs keep a frame or take one; a kernel stack has more.
        Assert.True(Math.Abs((long)(free - Frames.Free)) < Guestos.Thread.KernelStackFrames || mayKeepFrames, $"{free - Frames.Free} frames are not free again");
    }

    /// <summary>Slabs keep the frames that they have had: as many as any test needs.</summary>
    private static void FillSlabs()
    {
        const int processes = 40, signals = 200;
        for (int i = 0; i < processes; i++)
            Fork(() => Sleep(1_000_000));
        for (int i = 0; i < processes; i++)
            Wait();
        Guestos.Thread* thread = Guestos.Thread.Current;
        Signal.TryMake(40, out Signal signal);
        thread->BlockedSignals = signal.Bit;
        for (int i = 0; i < signals; i++)
            Signals.Send(thread, signal, new SignalInformation { Code = SignalCode.User });
        PendingSignals.Forget(&thread->Pending, thread->Process, ulong.MaxValue);
        thread->BlockedSignals = 0;
    }

    private static void Idle()
    {
        try
        {
            Scheduler.Idle();
        }
        catch (Quiet)
        {
        }
    }

    public static void Halt()
    {
        s_halts++;
        if (TimerAt == ulong.MaxValue || s_halts > MaxHalts)
            throw new Quiet();
        Clock.Monotonic = Math.Max(Clock.Monotonic, TimerAt);
        ServeTimer();
    }

    public static void ServeTimer()
    {
        if (Clock.Monotonic < TimerAt)
            return;
        TimerAt = ulong.MaxValue;
        Timers.Expired();
    }

    public static void Switch(ulong* save, ulong load)
    {
        Stack own = s_running;
        *save = own.Number;
        bool ends = own != s_idle && own.Thread->State == ThreadState.Ended;
        s_halts = 0;
        if (!s_stacks.TryGetValue(load, out Stack? next))
        {
            s_lastNumber++;
            next = new Stack(s_lastNumber);
            s_stacks[next.Number] = next;
            next.Thread = Guestos.Thread.Current;
            s_running = next;
            var thread = new System.Threading.Thread(Begin, 1 << 20) { IsBackground = true };
            thread.Start(next);
        }
        else
        {
            s_running = next;
            next.Turn.Set();
        }
        if (ends)
        {
            s_stacks.Remove(own.Number);
            throw new Ended();
        }
        own.Turn.WaitOne();
        if (own == s_idle && s_failure != null && Guestos.Thread.Current != null)
            ExceptionDispatchInfo.Throw(s_failure);
    }

    /// <summary>Where a thread of the guest begins.</summary>
    private static void Begin(object? stack)
    {
        try
        {
            Scheduler.LeaveKernel(Guestos.Thread.Current->UserFrame);
            Enter();
            nint thread = (nint)Guestos.Thread.Current;
            if (!s_bodies.Remove(thread, out Action? body))
                (body, s_next) = (s_next, null);
            int code = Ends(body!);
            Pass();
            ProcessCalls.Exit((ulong)code);
        }
        catch (Ended)
        {
        }
        catch (Exception failure)
        {
            // Of the kernel itself: nothing can go on.
            s_failure ??= failure;
            s_running = s_idle;
            s_idle.Turn.Set();
        }
    }

    private static int Ends(Action body)
    {
        try
        {
            body();
            return 0;
        }
        catch (Exception failure) when (failure is not Ended)
        {
            s_failure ??= failure;
            return 99;
        }
    }

    // ---- what the functions of tests do ----

    public static void Exit(int code) => ProcessCalls.ExitGroup((ulong)code);

    /// <summary>A child of the current process with a function to run: its id.</summary>
    public static int Fork(Action body, ulong flags = 17)
    {
        s_next = body;
        long id = Processes.Clone(flags, 0, 0, 0, 0);
        if (id > 0 && s_next != null)
            Body((int)id, body);
        Assert.True(id > 0, $"clone: {id}");
        return (int)id;
    }

    /// <summary>What a new process is to do.</summary>
    public static void Body(int id, Action body) => Body(ProcessTable.Find(id)->FirstThread, body);

    /// <summary>What a new thread is to do.</summary>
    public static void Body(Guestos.Thread* thread, Action body)
    {
        s_bodies[(nint)thread] = body;
        s_next = null;
    }

    /// <summary>A thread of the current process with a function to run, behind which it ends alone: its id.</summary>
    public static int Thread(Action body, ulong flags, ulong word = 0)
    {
        long id = Processes.Clone(flags, 0, 0, word, 0);
        Assert.True(id > 0, $"clone: {id}");
        Body(Threads.Find((int)id), body);
        return (int)id;
    }

    /// <summary>Waits for any child; its status word, -errno when there is none. Signals end it.</summary>
    public static (int Id, int Status) Wait(int which = -1, ulong options = 0)
    {
        long id = WaitCalls.Wait4((ulong)which, UserMemory.Status, options, 0);
        return ((int)id, id > 0 ? UserMemory.Read<int>(UserMemory.Status) : 0);
    }

    /// <summary>User mode, for so long of the thread's own time; interrupts come meanwhile.</summary>
    public static void Compute(ulong nanoseconds)
    {
        Leave();
        while (nanoseconds > 0)
        {
            ulong step = Math.Min(nanoseconds, TimerAt > Clock.Monotonic ? TimerAt - Clock.Monotonic : 0);
            Clock.Monotonic += step;
            nanoseconds -= step;
            if (Clock.Monotonic < TimerAt)
                continue;
            Enter();
            ServeTimer();
            Leave();
        }
        Enter();
    }

    /// <summary>The way to user mode, where signals are delivered, and back.</summary>
    public static void Pass()
    {
        Leave();
        Enter();
    }

    private static void Leave() => Scheduler.LeaveKernel(Guestos.Thread.Current->UserFrame);

    private static void Enter() => Scheduler.EnterKernel(LogicalProcessor.Current);

    public static void Sleep(ulong nanoseconds)
    {
        WaitQueue nobody = default;
        Scheduler.Sleep(&nobody, Clock.Monotonic + nanoseconds);
    }
}
