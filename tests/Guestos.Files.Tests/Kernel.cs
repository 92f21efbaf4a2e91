// What the file side of the kernel stands on besides mm, as ordinary .NET: one process, and a sleep that runs what the test has prepared.
// Physical memory and what the machine gives is in testing/kernel.

using System;
using System.Collections.Generic;
using Guestos.Tests;

#pragma warning disable CS8500

namespace Board
{
    internal static partial class Processor
    {
        public static unsafe void CpuId(uint leaf, uint subleaf, uint* result) => new Span<uint>(result, 4).Clear();
    }

    internal static class Port
    {
        public static byte In8(ushort port) => 0;
        public static void Out8(ushort port, byte value) { }
    }

    internal static class Uart
    {
        public static readonly List<byte> Written = [];
        public static void Write(ReadOnlySpan<byte> text) => Written.AddRange(text.ToArray());
    }
}

namespace Guestos
{
    public readonly unsafe partial struct UserRange
    {
        /// <summary>Memory of the process, for the kernel: only <see cref="UserMemory"/>.</summary>
        private static bool MakePresent(ulong from, ulong to, Access access) => UserMemory.Holds(from, to);
    }

    internal static unsafe class Vdso
    {
        public static bool Is(Inode* file) => false;
    }

    public static partial class Clock
    {
        public static ulong Realtime = 1_700_000_000_000_000_000;
        public static unsafe delegate*<void> WasSet;
    }

    public static class Console
    {
        public static string Text = "";
        public static void Write(ReadOnlySpan<byte> text) => Text += System.Text.Encoding.ASCII.GetString(text);
        public static void WriteDecimal(ulong value) => Text += value;
    }

    public static unsafe class Interrupts
    {
        public static void Register(int gsi, delegate*<void> handler) { }
    }

    public static class HostName
    {
        public const int MaxLength = 64;
        public static ReadOnlySpan<byte> Text => "guest"u8;
        public static ReadOnlySpan<byte> Domain => "(none)"u8;
        public static void Set(ReadOnlySpan<byte> name) { }
        public static void SetDomain(ReadOnlySpan<byte> name) { }
    }

    internal static class CommandLine
    {
        public static ReadOnlySpan<byte> Text => "words"u8;
    }

    public static class Randomness
    {
        public static void Fill(Span<byte> into) => new Random(1).NextBytes(into);
    }

    public enum ProcessState : byte { Live, Stopped, Zombie }

    public enum ThreadState : byte { Unused, New, Runnable, Sleeping, Stopped, Ended, Traced }

    public struct PendingSignals
    {
        public ulong Set;
    }

    public unsafe struct Thread
    {
        public const int NameLength = 16;
        public static Thread* Current => Guestos.Process.Current != null ? Guestos.Process.Current->FirstThread : null;
        public Credentials Credentials;
        public ThreadState State;
        public int Id;
        public Process* Process;
        public Thread* Next;
        public ulong UserTime, KernelTime;
        public fixed byte Name[NameLength];
        public PendingSignals Pending;
        public ulong BlockedSignals;
        public byte Policy, RealTimePriority, Precedence;
        public int NiceValue;
    }

    public unsafe struct Process
    {
        public static Process* Current;
        public Thread* FirstThread;
        public int ThreadCount;
        public int Id, ParentId, ProcessGroupId, SessionId;
        public Signal ExitSignal, DeathSignal;
        public ProcessState State;
        public AddressSpace* Space;
        public ProcessFiles Files;
        public uint Umask, Personality;
        public ulong UserTime, KernelTime, ChildrenUserTime, ChildrenKernelTime, StartTime, Faults, ChildrenFaults, VoluntarySwitches, InvoluntarySwitches;
        public bool IsUndumpable;
        public readonly ref Credentials Credentials => ref FirstThread->Credentials;
        public PendingSignals Pending;
    }

    public static unsafe class Tracing
    {
        public static int TracerIdOf(Thread* thread) => 0;
    }

    public static unsafe class ProcessTable
    {
        public static ulong Created;
        public static Process* Find(int id) => Process.Current != null && Process.Current->Id == id ? Process.Current : null;
        public static Process* FirstAfter(int id) => Process.Current != null && Process.Current->Id > id ? Process.Current : null;
    }

    public static unsafe class Threads
    {
        public static Thread* Find(int id) => null;
    }

    public struct SignalInformation
    {
        public int Code;
        public ulong First;
        public ulong Second;
    }

    public static class Processes
    {
        public static bool IsOrphanedGroup(int group) => false;
    }

    public static unsafe class Scheduler
    {
        public static int RunnableCount = 1;
        public static ulong IdleTime, UserTime, KernelTime, Switches, Load1, Load5, Load15;

        /// <summary>What others do while the process sleeps, one step after the other, until it is woken.</summary>
        public static readonly Queue<Func<WaitResult>> WhileAsleep = new();

        /// <summary>How often a sleep has ended because the process was woken.</summary>
        public static int Wakes;

        private static WaitQueue* s_sleepsOn;
        private static uint s_sleepsFor;

        public static ulong DeadlineAfter(ulong nanoseconds) => Clock.Monotonic + nanoseconds;

        public static void Wake(WaitQueue* queue) => Wake(queue, uint.MaxValue);

        public static void Wake(WaitQueue* queue, uint events)
        {
            if (queue != s_sleepsOn || (s_sleepsFor & events) == 0)
                return;
            s_sleepsOn = null;
            Wakes++;
        }

        /// <summary>There is no other process to run.</summary>
        static Scheduler()
        {
            Preemption.Yield = &Stay;
            SleepLock.Sleep = &SleepOn;
            SleepLock.Wake = &Wake;
        }

        private static void Stay()
        {
        }

        public static void SleepOn(WaitQueue* queue) => throw new InvalidOperationException("sleeps for ever");

        public static WaitResult Sleep(WaitQueue* queue, ulong deadline) => Sleep(queue, deadline, uint.MaxValue);

        public static WaitResult Sleep(WaitQueue* queue, ulong deadline, uint events)
        {
            s_sleepsOn = queue;
            s_sleepsFor = events;
            while (WhileAsleep.Count > 0)
            {
                WaitResult result = WhileAsleep.Dequeue()();
                if (result == WaitResult.Woken && s_sleepsOn != null)
                    continue;
                s_sleepsOn = null;
                return result;
            }

            s_sleepsOn = null;
            if (deadline == ulong.MaxValue)
                throw new InvalidOperationException("sleeps for ever");
            Clock.Monotonic = deadline;
            return WaitResult.TimedOut;
        }
    }

    public unsafe struct Timer
    {
        public ulong Deadline;
        public bool Armed;
        public delegate*<Timer*, void> Callback;
        public void* Owner;
    }

    public static unsafe class Timers
    {
        public static void Arm(Timer* timer, ulong deadline)
        {
            timer->Deadline = deadline;
            timer->Armed = true;
        }

        public static void Cancel(Timer* timer) => timer->Armed = false;

        public static ulong NextOf(ulong deadline, ulong interval, ulong now, out ulong missed)
        {
            missed = now > deadline ? (now - deadline) / interval : 0;
            return deadline + (missed + 1) * interval;
        }
    }

    public static unsafe class Signals
    {
        public static readonly List<Signal> Sent = [];
        public static bool Pending => false;
        public static bool Killed => false;
        public static void Send(Process* process, Signal signal) => Sent.Add(signal);
        public static void Send(Process* process, Signal signal, in SignalInformation information) => Sent.Add(signal);
        public static void Send(Thread* thread, Signal signal, in SignalInformation information) => Sent.Add(signal);
        public static ulong PendingOf(Thread* thread) => 0;
        public static delegate*<Signal, void> Noted;
        public static ulong KillAndStop => Signal.Kill.Bit | Signal.Stop.Bit;
        public static long Interrupted(ulong deadline) => Errno.EINTR;
        public static void Take(Thread* thread, Signal signal, byte* information) => new Span<byte>(information, 128).Clear();
        public static void ReplaceMask(ulong mask)
        {
        }
        public static int SendGroup(int group, Signal signal)
        {
            Sent.Add(signal);
            return 1;
        }

        public static bool IsBlockedOrIgnored(Thread* thread, Signal signal) => false;
    }

    public enum Resource
    {
        ProcessorTime, FileSize, Data, Stack, Core, ResidentSet, Processes, OpenFiles, LockedMemory, AddressSpace, Locks, PendingSignals,
        MessageQueues, Nice, RealTimePriority, RealTimeRun,
    }

    public static unsafe class ResourceLimits
    {
        public const ulong Infinity = ulong.MaxValue;
        public const int MaxOpenFiles = 4096;

        public static bool TryMake(ulong number, out Resource resource)
        {
            resource = (Resource)number;
            return number < 16;
        }

        public static ulong Of(Process* process, Resource resource) => Infinity;
        public static ulong HardOf(Process* process, Resource resource) => Infinity;
        public static long FileTooLarge() => Errno.EFBIG;
    }

    public static unsafe class SocketCalls
    {
        public static long Vectored(File* file, UserPointer<UserVector> vectors, ulong count, bool write) => Errno.EBADF;
    }

    internal static class InterfaceIoctl
    {
        public static long Call(uint request, ulong argument) => Errno.ENOTTY;
    }

    public static unsafe class SocketFile
    {
        public static bool Is(File* file) => false;
    }
}
