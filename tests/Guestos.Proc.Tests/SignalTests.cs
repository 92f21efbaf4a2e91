using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Xunit;

namespace Guestos.Proc.Tests;

public sealed unsafe class SignalTests
{
    private const ulong Millisecond = 1_000_000;

    private static Signal Of(int number)
    {
        Assert.True(Signal.TryMake((ulong)number, out Signal signal));
        return signal;
    }

    /// <summary>As the model says: one of each below 32, of the others each with what was said of it, in order.</summary>
    [Fact]
    public void What_is_pending_is_a_queue_of_the_real_time_ones_and_a_set_of_the_others() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[1, 64], Gen.ULong).Array[1, 150].Sample(steps => Simulation.Run(() =>
        {
            PendingSignals pending = default;
            Process* owner = Process.Current;
            int before = owner->QueuedSignals;
            List<(int Number, ulong Value)> model = [];
            foreach ((int what, int drawn, ulong value) in steps)
            {
                int number = drawn % 7 == 0 ? drawn : 30 + drawn % 6;   // few numbers, so that they meet
                if (number is 0)
                    continue;
                if (what <= 2)
                {
                    Assert.True(PendingSignals.Add(&pending, owner, Of(number), new SignalInformation { Code = -1, Second = value }));
                    if (number >= 32 || model.All(one => one.Number != number))
                        model.Add((number, value));
                }
                else if (what <= 4)
                {
                    int at = model.FindIndex(one => one.Number == number);
                    ulong expected = at < 0 ? 0 : model[at].Value;
                    Assert.Equal(expected, PendingSignals.Take(&pending, owner, Of(number)).Second);
                    if (at >= 0)
                        model.RemoveAt(at);
                }
                else
                {
                    ulong set = value & value >> 3;
                    PendingSignals.Forget(&pending, owner, set);
                    model.RemoveAll(one => Of(one.Number).IsIn(set));
                }
                Assert.Equal(model.Aggregate(0ul, (set, one) => set | Of(one.Number).Bit), pending.Set);
                Assert.Equal(model.Count, owner->QueuedSignals - before);
            }
            PendingSignals.Forget(&pending, owner, ulong.MaxValue);
            Assert.Equal(before, owner->QueuedSignals);
        }), iter: 200, threads: 1);

    [Fact]
    public void RLIMIT_SIGPENDING_bounds_the_real_time_ones()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Process* self = Process.Current;
                Thread.Current->BlockedSignals = ulong.MaxValue;
                ResourceLimits.Set(self, Resource.PendingSignals, 3, 3);
                for (int i = 0; i < 3; i++)
                    Assert.True(Signals.Send(self, Of(40), new SignalInformation { Code = -1, Second = (ulong)i }));
                Assert.False(Signals.Send(self, Of(40), new SignalInformation { Code = -1, Second = 9 }));
                // kill(2) does not fail for it, and others wait all the same.
                Assert.True(Signals.Send(self, Of(41), new SignalInformation { Code = SignalCode.User }));
                Assert.True(Signals.Send(self, Of(10), new SignalInformation { Code = -1, Second = 9 }));
                Assert.Equal(Of(40).Bit | Of(41).Bit | Of(10).Bit, self->Pending.Set);
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    private enum Default
    {
        Ends,
        Dumps,
        Stops,
        Nothing,
    }

    /// <summary>signal(7), "Standard signals".</summary>
    private static Default DefaultOf(int number) => number switch
    {
        3 or 4 or 5 or 6 or 7 or 8 or 11 or 24 or 25 or 31 => Default.Dumps,
        17 or 18 or 23 or 28 => Default.Nothing,
        19 or 20 or 21 or 22 => Default.Stops,
        _ => Default.Ends,
    };

    [Fact]
    public void Every_signal_has_its_default_action()
    {
        for (int number = 1; number <= 64; number++)
        {
            int drawn = number;
            Simulation.Run(() =>
            {
                // A session of its own with a parent in it, so that its group is no orphan and may be stopped.
                int parent = Simulation.Fork(() =>
                {
                    Assert.True(ProcessCalls.Setsid() > 0);
                    int child = Simulation.Fork(() =>
                    {
                        ProcessCalls.Setpgid(0, 0);
                        Simulation.Sleep(10 * Millisecond);
                        Simulation.Pass();
                        Simulation.Exit(5);
                    });
                    Simulation.Sleep(Millisecond);
                    Signals.Send(ProcessTable.Find(child), Of(drawn));
                    (int id, int status) = Simulation.Wait(options: 2);
                    Assert.Equal(child, id);
                    switch (DefaultOf(drawn))
                    {
                        case Default.Ends:
                            Assert.Equal(drawn, status);
                            return;
                        case Default.Dumps:
                            Assert.Equal(drawn | 0x80, status);
                            return;
                        case Default.Nothing:
                            Assert.Equal(5 << 8, status);
                            return;
                        default:
                            Assert.Equal(drawn << 8 | 0x7f, status);
                            Signals.Send(ProcessTable.Find(child), Signal.Kill);
                            Assert.Equal((child, 9), Simulation.Wait());
                            return;
                    }
                });
                Assert.Equal((parent, 0), Simulation.Wait());
            });
        }
    }

    /// <summary>The first process ends by nothing that it has not asked for.</summary>
    [Fact]
    public void The_first_process_is_protected()
    {
        Simulation.Run(() =>
        {
            for (int number = 1; number <= 64; number++)
                Signals.Send(Process.Current, Of(number));
            Simulation.Pass();
            Assert.Equal(0ul, Signals.PendingOf(Thread.Current));
            Assert.Equal(1, Process.Current->Id);
        });
    }

    [Fact]
    public void A_blocked_signal_waits_until_it_is_let_through()
    {
        Simulation.Run(() =>
        {
            int reached = 0;
            int child = Simulation.Fork(() =>
            {
                Thread.Current->BlockedSignals = Of(15).Bit | Of(10).Bit;
                Simulation.Sleep(10 * Millisecond);
                Simulation.Pass();
                reached = 1;
                Thread.Current->BlockedSignals = 0;
                Simulation.Pass();
                reached = 2;
            });
            Simulation.Sleep(Millisecond);
            Signals.Send(ProcessTable.Find(child), Of(15));
            Signals.Send(ProcessTable.Find(child), Of(10));
            // The lower number comes first.
            Assert.Equal((child, 10), Simulation.Wait());
            Assert.Equal(1, reached);
        });
    }

    [Theory]
    [InlineData(9)]
    [InlineData(19)]
    public void Neither_SIGKILL_nor_SIGSTOP_can_be_blocked_or_caught(int number)
    {
        Simulation.Run(() =>
        {
            UserMemory.Write(UserMemory.Words, new SignalAction { Handler = 0x1000, Flags = SignalAction.Restorer });
            Assert.Equal(Errno.EINVAL, SignalCalls.RtSigaction((ulong)number, UserMemory.Words, 0, 8));
            UserMemory.Write(UserMemory.Words, ulong.MaxValue);
            Assert.Equal(0, SignalCalls.RtSigprocmask(0, UserMemory.Words, 0, 8));
            Assert.False(Of(number).IsIn(Thread.Current->BlockedSignals));
            Signals.ReplaceMask(ulong.MaxValue);
            Assert.False(Of(number).IsIn(Thread.Current->BlockedSignals));
            Thread.Current->RestoreMask = false;
            Thread.Current->BlockedSignals = 0;
        });
    }

    [Fact]
    public void What_is_ignored_is_dropped_even_when_it_waits_already()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Process* self = Process.Current;
                Thread.Current->BlockedSignals = Of(15).Bit;
                Signals.Send(self, Of(15));
                Assert.Equal(Of(15).Bit, self->Pending.Set);
                UserMemory.Write(UserMemory.Words, new SignalAction { Handler = SignalAction.Ignore });
                Assert.Equal(0, SignalCalls.RtSigaction(15, UserMemory.Words, 0, 8));
                Assert.Equal(0ul, self->Pending.Set);
                Thread.Current->BlockedSignals = 0;
                Signals.Send(self, Of(15));
                Assert.Equal(0ul, self->Pending.Set);
                Simulation.Pass();
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    [Fact]
    public void A_stopped_process_is_told_of_goes_on_and_is_told_of_again()
    {
        Simulation.Run(() =>
        {
            ulong ran = 0;
            int child = Simulation.Fork(() =>
            {
                for (int i = 0; i < 50; i++)
                {
                    Simulation.Compute(Millisecond);
                    ran = Clock.Monotonic;
                }
            });
            Simulation.Sleep(5 * Millisecond);
            Signals.Send(ProcessTable.Find(child), Signal.Stop);
            Assert.Equal((child, 19 << 8 | 0x7f), Simulation.Wait(options: 2));
            Assert.Equal(ProcessState.Stopped, ProcessTable.Find(child)->State);
            ulong stopped = Clock.Monotonic;
            // What comes meanwhile waits, but for what continues or ends it.
            Signals.Send(ProcessTable.Find(child), Signal.WindowChange);
            Simulation.Sleep(100 * Millisecond);
            Assert.True(ran <= stopped);
            Assert.Equal((0, 0), Simulation.Wait(options: 1 | 2 | 8));
            Signals.Send(ProcessTable.Find(child), Signal.Continue);
            Assert.Equal((child, 0xffff), Simulation.Wait(options: 8));
            Assert.Equal((child, 0), Simulation.Wait());
            Assert.True(ran > stopped + 100 * Millisecond);
        });
    }

    [Fact]
    public void SIGKILL_ends_a_stopped_process()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() => Simulation.Compute(1_000 * Millisecond));
            Simulation.Sleep(Millisecond);
            Signals.Send(ProcessTable.Find(child), Signal.Stop);
            Simulation.Wait(options: 2);
            Signals.Send(ProcessTable.Find(child), Signal.Terminate);
            Simulation.Sleep(Millisecond);
            Assert.Equal(ProcessState.Stopped, ProcessTable.Find(child)->State);
            Signals.Send(ProcessTable.Find(child), Signal.Kill);
            Assert.Equal((child, 9), Simulation.Wait());
        });
    }

    /// <summary>POSIX, sigaction(): "SIGCONT … any pending stop signals shall be discarded", and the other way round.</summary>
    [Fact]
    public void Stopping_and_continuing_cancel_each_other()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Process* self = Process.Current;
                Thread.Current->BlockedSignals = ulong.MaxValue;
                Signals.Send(self, Signal.TerminalStop);
                Signals.Send(Thread.Current, Signal.TerminalInput, default);
                Signals.Send(self, Signal.Continue);
                Assert.Equal(Signal.Continue.Bit, Signals.PendingOf(Thread.Current));
                Signals.Send(self, Signal.TerminalOutput);
                Assert.Equal(Signal.TerminalOutput.Bit, Signals.PendingOf(Thread.Current));
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    private static void Handle(Signal signal, ulong flags = 0, ulong mask = 0, ulong handler = 0x40_0000) =>
        *SignalActions.Of(Process.Current->Actions, signal) =
            new SignalAction { Handler = handler, Flags = flags | SignalAction.Restorer, RestorerAddress = 0x40_1000, Mask = mask };

    private static TrapFrame* FrameOnStack()
    {
        TrapFrame* frame = Thread.Current->UserFrame;
        *frame = default;
        frame->Rsp = UserMemory.StackTop - 256;
        frame->Rip = 0x1234;
        frame->Rbx = 77;
        frame->Cs = Descriptors.UserCode;
        frame->Flags = FlagsRegister.Interrupt | FlagsRegister.AlwaysOne | FlagsRegister.Direction;
        return frame;
    }

    [Fact]
    public void A_handler_gets_the_signal_and_returns_to_where_it_was()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Thread* thread = Thread.Current;
                Handle(Of(10), mask: Of(12).Bit);
                TrapFrame* frame = FrameOnStack();
                TrapFrame before = *frame;
                Signals.Send(Process.Current, Of(10), new SignalInformation { Code = -1, First = 5, Second = 6 });
                Simulation.Pass();
                Assert.Equal(0x40_0000ul, frame->Rip);
                Assert.Equal(10ul, frame->Rdi);
                Assert.Equal(0ul, frame->Flags & FlagsRegister.Direction);
                Assert.Equal(8ul, frame->Rsp & 15);
                Assert.Equal(0x40_1000ul, UserMemory.Read<ulong>(frame->Rsp));
                Assert.Equal(10, UserMemory.Read<int>(frame->Rsi));
                Assert.Equal(-1, UserMemory.Read<int>(frame->Rsi + 8));
                Assert.Equal(Of(10).Bit | Of(12).Bit, thread->BlockedSignals);
                frame->Rbx = 1;
                frame->Rsp += 8;        // RET has taken the address of the restorer
                Assert.Equal(0, SignalCalls.RtSigreturn());
                Assert.Equal(before.Rip, frame->Rip);
                Assert.Equal(before.Rsp, frame->Rsp);
                Assert.Equal(77ul, frame->Rbx);
                Assert.Equal(0ul, thread->BlockedSignals);
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    /// <summary>User mode may not hand the kernel flags, segments or addresses that IRETQ or the kernel itself would fall over.</summary>
    [Fact]
    public void A_forged_frame_gives_nothing_that_user_mode_must_not_have()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                TrapFrame* frame = FrameOnStack();
                SignalFrame forged = default;
                forged.Context.Flags = ulong.MaxValue;
                forged.Context.Cs = 0x10;
                forged.Context.Rip = 0x4000;
                forged.Mask = ulong.MaxValue;
                UserMemory.Write(UserMemory.Words, forged);
                frame->Rsp = UserMemory.Words + 8;
                Assert.True(Signals.Return(Thread.Current, frame));
                Assert.Equal(Descriptors.UserCode, frame->Cs);
                Assert.Equal(FlagsRegister.UserSettable | FlagsRegister.Interrupt | FlagsRegister.AlwaysOne, frame->Flags);
                Assert.Equal(0ul, Thread.Current->BlockedSignals & Signals.KillAndStop);
                forged.Context.Rip = 1UL << 47;
                UserMemory.Write(UserMemory.Words, forged);
                frame->Rsp = UserMemory.Words + 8;
                Assert.False(Signals.Return(Thread.Current, frame));
                frame->Rsp = 8;
                Assert.False(Signals.Return(Thread.Current, frame));
                Thread.Current->BlockedSignals = 0;
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    [Fact]
    public void Without_a_stack_for_the_handler_it_is_a_segmentation_fault()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Handle(Of(10));
                FrameOnStack()->Rsp = 0x9000;
                Signals.Send(Process.Current, Of(10));
                Simulation.Pass();
            });
            Assert.Equal((child, 11 | 0x80), Simulation.Wait());
        });
    }

    [Theory]
    [InlineData(SignalAction.NoDefer, 0ul, true)]
    [InlineData(SignalAction.ResetHandler, 1ul << 9, false)]
    [InlineData(SignalAction.OnStack, 1ul << 9, true)]
    public void The_flags_of_an_action_hold(ulong flags, ulong blocked, bool kept)
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Thread* thread = Thread.Current;
                thread->AlternateStack = UserMemory.At + 0x4000;
                thread->AlternateStackSize = 0x2000;
                Handle(Of(10), flags);
                TrapFrame* frame = FrameOnStack();
                Signals.Send(Process.Current, Of(10));
                Simulation.Pass();
                Assert.Equal(blocked, thread->BlockedSignals);
                Assert.Equal(kept, SignalActions.Of(Process.Current->Actions, Of(10))->Handler != SignalAction.Default);
                Assert.Equal((flags & SignalAction.OnStack) != 0, Signals.IsOnAlternateStack(thread, frame->Rsp));
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    /// <summary>
    /// signal(7), and what Linux does (tests/Guestos.Tests/programs/restarts.c asks it): what waits for files, sockets, locks, children and a futex begins anew
    /// behind a handler with SA_RESTART; what waits for a time, for several descriptors, for signals or for System V's objects does not.
    /// </summary>
    [Fact]
    public void Only_calls_that_Linux_restarts_begin_anew()
    {
        string[] expected =
        [
            "Accept", "Accept4", "Clone", "Connect", "Creat", "Fcntl", "Flock", "Futex", "Ioctl", "MqTimedreceive", "MqTimedsend", "Open", "Openat", "Openat2", "Pread64", "Preadv", "Preadv2", "Pwrite64",
            "Pwritev", "Pwritev2", "Read", "Readv", "Recvfrom", "Recvmmsg", "Recvmsg", "Sendfile", "Sendmmsg", "Sendmsg", "Sendto", "Splice", "Tee", "Vmsplice",
            "Wait4", "Waitid", "Write", "Writev",
        ];
        SystemCall[] restarted = [.. Enum.GetValues<SystemCall>().Where(call => Signals.IsRestartable((long)call))];
        Assert.Equal(expected, restarted.Select(call => call.ToString()).Order(StringComparer.Ordinal));
    }

    /// <summary>
    /// signal(7): read begins anew with SA_RESTART and returns EINTR without; nanosleep, and what has waited with a time limit, returns EINTR; without a handler
    /// all go on.
    /// </summary>
    [Theory]
    [InlineData(SystemCall.Read, SignalAction.Restart, true)]
    [InlineData(SystemCall.Read, 0ul, false)]
    [InlineData(SystemCall.Read, SignalAction.Restart, false, 1000ul)]
    [InlineData(SystemCall.Futex, SignalAction.Restart, false, 1000ul)]
    [InlineData(SystemCall.Futex, null, true, 1000ul)]
    [InlineData(SystemCall.Nanosleep, SignalAction.Restart, false)]
    [InlineData(SystemCall.Nanosleep, null, true)]
    public void An_interrupted_call_begins_anew_or_ends(SystemCall call, ulong? flags, bool anew, ulong deadline = ulong.MaxValue)
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Thread* thread = Thread.Current;
                if (flags is ulong given)
                    Handle(Of(10), given);
                TrapFrame* frame = FrameOnStack();
                frame->Vector = TrapFrame.Syscall;
                frame->Rax = unchecked((ulong)Signals.Interrupted(deadline));
                thread->CurrentCall = (long)call;
                Signal signal = flags == null ? Signal.Urgent : Of(10);
                thread->Pending = default;
                PendingSignals.Add(&thread->Pending, Process.Current, signal, default);
                Simulation.Pass();
                ulong rip = frame->Rip, rax = frame->Rax;
                if (flags != null)
                {
                    frame->Rsp += 8;
                    SignalCalls.RtSigreturn();
                    (rip, rax) = (frame->Rip, frame->Rax);
                }
                Assert.Equal(anew ? 0x1232ul : 0x1234ul, rip);
                Assert.Equal(anew ? (ulong)call : unchecked((ulong)Errno.EINTR), rax);
                Assert.Equal(flags == null, thread->Restarted);
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    /// <summary>A fault that is blocked or ignored ends the process; one that is handled comes before what else is pending.</summary>
    [Fact]
    public void A_fault_is_never_put_off()
    {
        Simulation.Run(() =>
        {
            int blocked = Simulation.Fork(() =>
            {
                Thread.Current->BlockedSignals = Signal.SegmentationFault.Bit;
                Handle(Signal.SegmentationFault);
                FrameOnStack();
                Signals.Fault(Thread.Current, Signal.SegmentationFault, SignalCode.NotMapped, 0x77);
                Simulation.Pass();
            });
            Assert.Equal((blocked, 11 | 0x80), Simulation.Wait());
            int handled = Simulation.Fork(() =>
            {
                Handle(Of(1));
                Handle(Signal.SegmentationFault);
                TrapFrame* frame = FrameOnStack();
                Thread.Current->BlockedSignals = 0;
                Signals.Send(Thread.Current, Of(1), default);
                Signals.Fault(Thread.Current, Signal.SegmentationFault, SignalCode.NotMapped, 0x77);
                Simulation.Pass();
                // The frame of the fault was made first: that of the other one lies below and is entered first.
                Assert.Equal(1ul, frame->Rdi);
                frame->Rsp += 8;
                SignalCalls.RtSigreturn();
                Assert.Equal(11ul, frame->Rdi);
                Assert.Equal(0x77ul, UserMemory.Read<ulong>(frame->Rsi + 16));
            });
            Assert.Equal((handled, 0), Simulation.Wait());
        });
    }

    [Fact]
    public void Sigsuspend_lets_through_what_it_says_and_puts_the_mask_back()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Thread* thread = Thread.Current;
                Handle(Of(10));
                TrapFrame* frame = FrameOnStack();
                thread->BlockedSignals = Of(10).Bit | Of(12).Bit;
                UserMemory.Write(UserMemory.Words, Of(12).Bit);
                Assert.Equal(Errno.EINTR, SignalCalls.RtSigsuspend(UserMemory.Words, 8));
                Simulation.Pass();
                Assert.Equal(10ul, frame->Rdi);
                frame->Rsp += 8;
                SignalCalls.RtSigreturn();
                Assert.Equal(Of(10).Bit | Of(12).Bit, thread->BlockedSignals);
                thread->BlockedSignals = 0;
            });
            Simulation.Sleep(Millisecond);
            Signals.Send(ProcessTable.Find(child), Of(10));
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    [Fact]
    public void Sigtimedwait_takes_what_is_blocked_waits_for_it_and_gives_up()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Thread.Current->BlockedSignals = Of(10).Bit | Of(40).Bit;
                UserMemory.Write(UserMemory.Words, Of(10).Bit | Of(40).Bit);
                UserMemory.Write(UserMemory.Words + 16, new TimeCalls.TimeSpec { Nanoseconds = 2_000_000 });
                Assert.Equal(Errno.EAGAIN, SignalCalls.RtSigtimedwait(UserMemory.Words, 0, UserMemory.Words + 16, 8));
                Assert.Equal(10, SignalCalls.RtSigtimedwait(UserMemory.Words, UserMemory.Words + 64, 0, 8));
                Assert.Equal(10, UserMemory.Read<int>(UserMemory.Words + 64));
                Assert.Equal(40, SignalCalls.RtSigtimedwait(UserMemory.Words, 0, 0, 8));
                // What is ignored, too, but not, as on Linux, what is not blocked.
                SignalActions.Of(Process.Current->Actions, Of(10))->Handler = SignalAction.Ignore;
                Assert.Equal(10, SignalCalls.RtSigtimedwait(UserMemory.Words, 0, 0, 8));
                Thread.Current->BlockedSignals = 0;
                UserMemory.Write(UserMemory.Words + 16, new TimeCalls.TimeSpec { Nanoseconds = 20_000_000 });
                Assert.Equal(Errno.EAGAIN, SignalCalls.RtSigtimedwait(UserMemory.Words, 0, UserMemory.Words + 16, 8));
            });
            for (int i = 0; i < 4; i++)
            {
                Simulation.Sleep(5 * Millisecond);
                Signals.Send(ProcessTable.Find(child), Of(i == 1 ? 40 : 10));
            }
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    [Fact]
    public void The_parent_is_told_of_the_end_unless_it_does_not_want_to_know()
    {
        Simulation.Run(() =>
        {
            SignalAction* action = SignalActions.Of(Process.Current->Actions, Signal.Child);
            Thread.Current->BlockedSignals = Signal.Child.Bit;
            action->Handler = 0x1000;
            int child = Simulation.Fork(() => Simulation.Exit(3));
            Simulation.Sleep(Millisecond);
            Assert.Equal(Signal.Child.Bit, Process.Current->Pending.Set);
            byte* information = stackalloc byte[128];
            Signals.Take(Thread.Current, Signal.Child, information);
            Assert.Equal(SignalCode.Exited, ((int*)information)[2]);
            Assert.Equal(child, ((int*)information)[4]);
            Assert.Equal(3, ((int*)information)[6]);
            Assert.Equal((child, 3 << 8), Simulation.Wait());
            action->Handler = SignalAction.Ignore;
            Simulation.Fork(() => { });
            Simulation.Sleep(Millisecond);
            Assert.Equal((int)Errno.ECHILD, Simulation.Wait().Id);
            action->Handler = SignalAction.Default;
            action->Flags = SignalAction.NoChildWait;
            Simulation.Fork(() => { });
            Simulation.Sleep(Millisecond);
            Assert.Equal((int)Errno.ECHILD, Simulation.Wait().Id);
            action->Flags = 0;
            Thread.Current->BlockedSignals = 0;
        });
    }

    /// <summary>kill(2): a process, a group, all that one may.</summary>
    [Fact]
    public void Kill_reaches_whom_it_says()
    {
        Simulation.Run(() =>
        {
            int leader = Simulation.Fork(() =>
            {
                ProcessCalls.Setsid();
                for (int i = 0; i < 2; i++)
                    Simulation.Fork(() => Simulation.Compute(1_000 * Millisecond));
                int other = Simulation.Fork(() =>
                {
                    ProcessCalls.Setpgid(0, 0);
                    Simulation.Sleep(20 * Millisecond);
                });
                Simulation.Sleep(Millisecond);
                SignalActions.Of(Process.Current->Actions, Signal.Terminate)->Handler = SignalAction.Ignore;
                Assert.Equal(0, SignalCalls.Kill(0, 15));
                Assert.Equal(15, Simulation.Wait().Status);
                Assert.Equal(15, Simulation.Wait().Status);
                Assert.Equal((other, 0), Simulation.Wait());
                Assert.Equal(Errno.ESRCH, SignalCalls.Kill(unchecked((ulong)-other), 0));
                Assert.Equal(Errno.ESRCH, SignalCalls.Kill((ulong)other, 0));
                Assert.Equal(Errno.EINVAL, SignalCalls.Kill(0, 65));
            });
            Assert.Equal((leader, 0), Simulation.Wait());
        });
    }
}
