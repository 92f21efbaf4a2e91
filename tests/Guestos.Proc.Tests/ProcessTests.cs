using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Xunit;

namespace Guestos.Proc.Tests;

public sealed unsafe class ProcessTests
{
    private const ulong Millisecond = 1_000_000;

    private static List<int> Ids()
    {
        List<int> ids = [];
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
            ids.Add(process->Id);
        return ids;
    }

    /// <summary>The model is a set of those that live. Ids ascend in the table, and a new one is nobody's.</summary>
    [Fact]
    public void The_table_holds_those_that_were_made_and_not_reaped() =>
        Gen.Select(Gen.Int[0, 2], Gen.Int[0, 1000]).Array[1, 60].Sample(steps => Simulation.Run(() =>
        {
            SortedSet<int> model = [1];
            foreach ((int what, int drawn) in steps)
            {
                if (what > 0 && model.Count < 30)
                    Assert.True(model.Add(Simulation.Fork(() => Simulation.Sleep(1_000_000 * Millisecond))));
                else if (model.Count > 1)
                {
                    int id = model.Skip(1).ElementAt(drawn % (model.Count - 1));
                    Signals.Send(ProcessTable.Find(id), Signal.Kill);
                    Assert.Equal((id, 9), Simulation.Wait(id));
                    model.Remove(id);
                }
                Assert.Equal(model, Ids());
                Assert.Equal(model.Count, ProcessTable.Count);
                Assert.Equal(model.Where(id => id > drawn).FirstOrDefault(), ProcessTable.FirstAfter(drawn) == null ? 0 : ProcessTable.FirstAfter(drawn)->Id);
                Assert.Equal(model.Contains(drawn), ProcessTable.Find(drawn) != null);
            }
            foreach (int id in model.Skip(1))
            {
                Signals.Send(ProcessTable.Find(id), Signal.Kill);
                Assert.Equal((id, 9), Simulation.Wait(id));
            }
        }), iter: 25, threads: 1);

    /// <summary>An id of a group or session that still has members is not given to a process: it would be their leader.</summary>
    [Fact]
    public void The_id_of_a_group_is_not_given_again()
    {
        Simulation.Run(() =>
        {
            int member = 0;
            int leader = Simulation.Fork(() =>
            {
                ProcessCalls.Setsid();
                member = Simulation.Fork(() => Simulation.Sleep(10 * Millisecond));
            });
            Assert.Equal((leader, 0), Simulation.Wait(leader));
            for (int round = 0; round < 33_000; round++)
            {
                Process* made = ProcessTable.Create();
                Assert.NotEqual(leader, made->Id);
                bool isRound = made->Id < leader && made->Id > 1 && round > 100;
                made->ParentId = 1;
                ProcessTable.Free(made);
                if (isRound && round > 32_800)
                    break;
            }
            Assert.Equal((member, 0), Simulation.Wait(member));
        });
    }

    [Fact]
    public void Orphans_become_the_first_processs_and_are_reaped_by_it()
    {
        Simulation.Run(() =>
        {
            int grandchild = 0;
            int child = Simulation.Fork(() =>
            {
                grandchild = Simulation.Fork(() =>
                {
                    Simulation.Sleep(5 * Millisecond);
                    Assert.Equal(1, ProcessCalls.Getppid());
                    Simulation.Exit(7);
                });
                Simulation.Sleep(Millisecond);
            });
            Assert.Equal((child, 0), Simulation.Wait());
            Assert.Equal((grandchild, 7 << 8), Simulation.Wait());
            Assert.Equal((int)Errno.ECHILD, Simulation.Wait().Id);
        });
    }

    [Fact]
    public void A_child_may_ask_to_be_told_of_its_parents_end()
    {
        Simulation.Run(() =>
        {
            int grandchild = 0;
            int child = Simulation.Fork(() =>
            {
                grandchild = Simulation.Fork(() =>
                {
                    Process.Current->DeathSignal = Signal.User2;
                    Simulation.Compute(50 * Millisecond);
                });
                Simulation.Sleep(5 * Millisecond);
            });
            Assert.Equal((child, 0), Simulation.Wait());
            Assert.Equal((grandchild, 12), Simulation.Wait());
        });
    }

    /// <summary>wait4(2): one, a group, any; WNOHANG; what children have used adds up.</summary>
    [Fact]
    public void Waiting_finds_whom_it_means()
    {
        Simulation.Run(() =>
        {
            int first = Simulation.Fork(() => Simulation.Exit(1));
            int second = Simulation.Fork(() =>
            {
                ProcessCalls.Setpgid(0, 0);
                Simulation.Compute(20 * Millisecond);
                Simulation.Exit(2);
            });
            Simulation.Sleep(Millisecond);
            ulong used = Process.Current->ChildrenUserTime;
            Assert.Equal((0, 0), Simulation.Wait(second, options: 1));
            Assert.Equal((0, 0), Simulation.Wait(-second, options: 1));
            Assert.Equal((first, 1 << 8), Simulation.Wait(0));
            Assert.Equal((second, 2 << 8), Simulation.Wait(-second));
            Assert.Equal(used + 20 * Millisecond, Process.Current->ChildrenUserTime);
            Assert.Equal((int)Errno.ECHILD, Simulation.Wait(second).Id);
            Assert.Equal(Errno.EINVAL, WaitCalls.Wait4(0, 0, 1 << 20, 0));
        });
    }

    /// <summary>WNOWAIT of waitid(2) leaves the child to be waited for.</summary>
    [Fact]
    public void Waitid_looks_without_reaping()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() => Simulation.Exit(4));
            const ulong exited = 4, noWait = 0x1000000;
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal(0, WaitCalls.Waitid(1, (ulong)child, UserMemory.Words, exited | noWait, 0));
                Assert.Equal(17, UserMemory.Read<int>(UserMemory.Words));
                Assert.Equal(SignalCode.Exited, UserMemory.Read<int>(UserMemory.Words + 8));
                Assert.Equal(child, UserMemory.Read<int>(UserMemory.Words + 16));
                Assert.Equal(4, UserMemory.Read<int>(UserMemory.Words + 24));
            }
            Assert.Equal((child, 4 << 8), Simulation.Wait());
        });
    }

    /// <summary>setpgid(2) and setsid(2): who may go where.</summary>
    [Fact]
    public void Groups_and_sessions_follow_the_rules()
    {
        Simulation.Run(() =>
        {
            int leader = Simulation.Fork(() =>
            {
                int self = Process.Current->Id;
                Assert.Equal(self, ProcessCalls.Setsid());
                Assert.Equal(Errno.EPERM, ProcessCalls.Setsid());
                Assert.Equal(Errno.EPERM, ProcessCalls.Setpgid(0, 0));                  // a session leader
                int child = Simulation.Fork(() =>
                {
                    Simulation.Sleep(5 * Millisecond);
                    Assert.Equal(Process.Current->Id, ProcessCalls.Getpgid(0));
                    Assert.Equal(Errno.EPERM, ProcessCalls.Setsid());                  // a group leader
                    Assert.Equal(0, ProcessCalls.Setpgid(0, (ulong)self));
                    Assert.Equal(Errno.EPERM, ProcessCalls.Setpgid(0, 1));             // a group of another session
                    Assert.Equal(Process.Current->Id, ProcessCalls.Setsid());
                });
                Assert.Equal(self, ProcessCalls.Getpgid((ulong)child));
                Assert.Equal(0, ProcessCalls.Setpgid((ulong)child, 0));
                Assert.Equal(Errno.EINVAL, ProcessCalls.Setpgid((ulong)child, unchecked((ulong)-5)));
                Assert.Equal(Errno.ESRCH, ProcessCalls.Setpgid(1, 0));                 // no child
                ProcessTable.Find(child)->HasExecuted = true;
                Assert.Equal(Errno.EACCES, ProcessCalls.Setpgid((ulong)child, (ulong)self));
                Assert.Equal((child, 0), Simulation.Wait(-1, 0));
                Assert.Equal(Errno.ESRCH, ProcessCalls.Getsid((ulong)child));
            });
            Assert.Equal((leader, 0), Simulation.Wait());
        });
    }

    /// <summary>POSIX, _exit(): a group that becomes orphaned with a stopped member is hung up and continued; others are not.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_stopped_orphaned_group_is_hung_up(bool isStopped)
    {
        Simulation.Run(() =>
        {
            int member = 0;
            int shell = Simulation.Fork(() =>
            {
                ProcessCalls.Setsid();
                member = Simulation.Fork(() =>
                {
                    ProcessCalls.Setpgid(0, 0);
                    Simulation.Compute(20 * Millisecond);
                });
                Simulation.Sleep(2 * Millisecond);
                Assert.False(Processes.IsOrphanedGroup(member));
                if (isStopped)
                    Signals.Send(ProcessTable.Find(member), Signal.TerminalStop);
                Simulation.Sleep(2 * Millisecond);
                Assert.Equal(isStopped, ProcessTable.Find(member)->State == ProcessState.Stopped);
            });
            Assert.Equal((shell, 0), Simulation.Wait(shell));
            Assert.True(Processes.IsOrphanedGroup(member));
            Assert.Equal((member, isStopped ? 1 : 0), Simulation.Wait(member));
        });
    }

    /// <summary>A member of an orphaned group is not stopped by the terminal: nobody could continue it.</summary>
    [Fact]
    public void Nobody_is_stopped_who_could_not_be_continued()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                ProcessCalls.Setsid();
                Signals.Send(Process.Current, Signal.TerminalStop);
                Simulation.Pass();
                Assert.Equal(ProcessState.Live, Process.Current->State);
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    [Fact]
    public void The_parent_of_vfork_waits_until_its_memory_is_its_own_again()
    {
        Simulation.Run(() =>
        {
            ulong ended = 0;
            AddressSpace* space = Process.Current->Space;
            int child = Simulation.Fork(() =>
            {
                Assert.True(Process.Current->Space == space);
                Simulation.Sleep(5 * Millisecond);
                ended = Clock.Monotonic;
            }, 0x4100 | 17);
            Assert.NotEqual(0ul, ended);
            Assert.Equal((child, 0), Simulation.Wait());
            Assert.Equal(1, space->References);
        });
    }

    [Fact]
    public void What_fork_keeps_and_what_it_does_not()
    {
        Simulation.Run(() =>
        {
            int parent = Simulation.Fork(() =>
            {
                Process* self = Process.Current;
                self->Umask = 5;
                self->Credentials.EffectiveUserId = 6;
                self->Credentials.NoNewPrivileges = true;
                ResourceLimits.Set(self, Resource.OpenFiles, 7, 8);
                Thread.Current->BlockedSignals = Signal.User1.Bit;
                SignalActions.Of(self->Actions, Signal.User2)->Handler = SignalAction.Ignore;
                Signals.Send(self, Signal.User1);
                AlarmTimer.Set(self, 1_000 * Millisecond, 0);
                Assert.True(SegmentBase.TryMake(0x5000, out SegmentBase segment));
                Thread.Current->GsBase = segment;
                Simulation.Fork(() =>
                {
                    Process* child = Process.Current;
                    Assert.Equal(5u, child->Umask);
                    Assert.Equal(6u, child->Credentials.EffectiveUserId);
                    Assert.True(child->Credentials.NoNewPrivileges);
                    Assert.Equal(7ul, ResourceLimits.Of(child, Resource.OpenFiles));
                    Assert.Equal(Signal.User1.Bit, Thread.Current->BlockedSignals);
                    Assert.Equal(SignalAction.Ignore, SignalActions.Of(child->Actions, Signal.User2)->Handler);
                    Assert.Equal(0ul, Signals.PendingOf(Thread.Current));
                    Assert.False(child->Alarm.Armed);
                    Assert.Equal(0x5000ul, Thread.Current->GsBase.Address);
                    Assert.Equal(0x5000ul, Descriptors.Gs);
                    SignalActions.Of(child->Actions, Signal.User2)->Handler = SignalAction.Default;
                });
                Simulation.Wait();
                Assert.Equal(SignalAction.Ignore, SignalActions.Of(self->Actions, Signal.User2)->Handler);
                Assert.Equal(0x5000ul, Descriptors.Gs);
                Thread.Current->BlockedSignals = 0;
                SignalActions.Of(self->Actions, Signal.User1)->Handler = SignalAction.Ignore;
            });
            Assert.Equal((parent, 0), Simulation.Wait());
            Assert.Equal(0ul, Descriptors.Gs);
        });
    }

    [Theory]
    [InlineData(0x800ul, Errno.EINVAL)]             // CLONE_SIGHAND without CLONE_VM
    public void Flags_of_clone_that_make_no_sense_are_refused(ulong flags, long error) =>
        Simulation.Run(() => Assert.Equal(error, Processes.Clone(flags | 17, 0, 0, 0, 0)));

    [Fact]
    public void A_thread_base_must_be_a_user_address()
    {
        Simulation.Run(() => Assert.Equal(Errno.EPERM, Processes.Clone(0x80000 | 17, 0, 0, 0, 1UL << 47)));
        Assert.True(SegmentBase.TryMake((1UL << 47) - 4097, out _));
        Assert.False(SegmentBase.TryMake((1UL << 47) - 4096, out _));
    }

    /// <summary>CLONE_CHILD_SETTID, CLONE_PARENT_SETTID; CLONE_CHILD_CLEARTID wakes who waits for the end.</summary>
    [Fact]
    public void Ids_are_stored_where_clone_is_told()
    {
        const ulong parentWord = UserMemory.Words, childWord = UserMemory.Words + 8;
        Simulation.Run(() =>
        {
            UserMemory.Write(childWord, 5u);
            long id = Processes.Clone(0x100 | 0x100000 | 0x200000 | 17, 0, parentWord, childWord, 0);
            Assert.Equal((uint)id, UserMemory.Read<uint>(parentWord));
            Simulation.Body((int)id, () => Simulation.Sleep(3 * Millisecond));
            Assert.Equal(0, FutexCalls.Call(childWord, 0x80, 5, 0, 0, 0));
            Assert.Equal(0u, UserMemory.Read<uint>(childWord));
            Assert.Equal(((int)id, 0), Simulation.Wait());
        });
    }

    // ---- limits ----

    [Fact]
    public void The_last_places_of_the_table_are_the_superusers()
    {
        Simulation.Run(() =>
        {
            List<nint> made = [];
            int child = Simulation.Fork(() =>
            {
                Process.Current->Credentials.EffectiveUserId = 1000;
                Process.Current->Credentials.Capabilities.Effective = 0;
                while (ProcessTable.Create() is var process && process != null)
                    made.Add((nint)process);
                Assert.Equal(ProcessTable.Capacity - ProcessTable.Reserve, ProcessTable.Count);
            });
            Assert.Equal((child, 0), Simulation.Wait(child));
            while (ProcessTable.Create() is var process && process != null)
                made.Add((nint)process);
            Assert.Equal(ProcessTable.Capacity, ProcessTable.Count);
            foreach (nint process in made)
                ProcessTable.Free((Process*)process);
        }, mayKeepFrames: true);
    }

    [Fact]
    public void RLIMIT_NPROC_counts_the_users_processes()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Process.Current->Credentials.RealUserId = 1000;
                Process.Current->Credentials.Capabilities.Effective = 0;
                ResourceLimits.Set(Process.Current, Resource.Processes, 3, 3);
                Simulation.Fork(() => Simulation.Sleep(Millisecond));
                Simulation.Fork(() => Simulation.Sleep(Millisecond));
                Assert.Equal(Errno.EAGAIN, Processes.Clone(17, 0, 0, 0, 0));
                Simulation.Wait();
                Simulation.Fork(() => { });
                Simulation.Wait();
                Simulation.Wait();
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    [Fact]
    public void RLIMIT_CPU_warns_each_second_and_then_ends()
    {
        Simulation.Run(() =>
        {
            int warnings = 0;
            ulong used = 0;
            int child = Simulation.Fork(() =>
            {
                Process* self = Process.Current;
                ResourceLimits.Set(self, Resource.ProcessorTime, 1, 4);
                Thread.Current->BlockedSignals = Signal.CpuLimit.Bit;
                while (true)
                {
                    Simulation.Compute(5 * Millisecond);
                    used = self->UserTime;
                    if (!Signal.CpuLimit.IsIn(self->Pending.Set))
                        continue;
                    warnings++;
                    PendingSignals.Forget(&self->Pending, self, Signal.CpuLimit.Bit);
                }
            });
            Assert.Equal((child, 9), Simulation.Wait());
            Assert.Equal(3, warnings);
            Assert.InRange(used, 3_980 * Millisecond, 4_020 * Millisecond);
        });
    }

    [Fact]
    public void Limits_are_the_users_to_lower_and_the_superusers_to_raise()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Process* self = Process.Current;
                self->Credentials.Capabilities.Effective = 0;
                const ulong at = UserMemory.Words;
                long Set(ulong soft, ulong hard)
                {
                    UserMemory.Write(at, new ProcessCalls.Limit { Soft = soft, Hard = hard });
                    return ProcessCalls.Prlimit64(0, (ulong)Resource.OpenFiles, at, 0);
                }
                Assert.Equal(0, Set(100, 200));
                Assert.Equal(Errno.EPERM, Set(100, 201));
                Assert.Equal(Errno.EINVAL, Set(201, 200));
                Assert.Equal(0, Set(200, 200));
                Assert.Equal(Errno.EINVAL, ProcessCalls.Prlimit64(0, 16, 0, at));
                self->Credentials.Capabilities.Effective = self->Credentials.Capabilities.Permitted;
                Assert.Equal(0, Set(100, 300));
                Assert.Equal(Errno.EPERM, Set(100, ResourceLimits.MaxOpenFiles + 1));
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    [Fact]
    public void Memory_limits_count_pages()
    {
        Simulation.Run(() =>
        {
            int child = Simulation.Fork(() =>
            {
                Process* self = Process.Current;
                AddressSpace* space = self->Space;
                ResourceLimits.Set(self, Resource.AddressSpace, (space->TotalPages + 3) * 4096 + 4095, ulong.MaxValue);
                Assert.True(ResourceLimits.AllowsPages(space, 3, false));
                Assert.False(ResourceLimits.AllowsPages(space, 4, false));
                ResourceLimits.Set(self, Resource.Data, (space->DataPages + 2) * 4096, ulong.MaxValue);
                Assert.True(ResourceLimits.AllowsPages(space, 2, true));
                Assert.False(ResourceLimits.AllowsPages(space, 3, true));
                Assert.True(ResourceLimits.AllowsPages(space, 3, false));
                self->Credentials.Capabilities.Effective = 0;
                ResourceLimits.Set(self, Resource.LockedMemory, 5 * 4096, 5 * 4096);
                Assert.Equal(0, ResourceLimits.MayLock(2, 3, Errno.ENOMEM));
                Assert.Equal(Errno.EAGAIN, ResourceLimits.MayLock(2, 4, Errno.EAGAIN));
                ResourceLimits.Set(self, Resource.Stack, 3 * 4096, ulong.MaxValue);
                Assert.True(ResourceLimits.MayGrowStack(space, 3 * 4096, 1, false));
                Assert.False(ResourceLimits.MayGrowStack(space, 3 * 4096 + 1, 1, false));
                Assert.False(ResourceLimits.MayGrowStack(space, 3 * 4096, 4, false));
                Assert.False(ResourceLimits.MayGrowStack(space, 4096, 6, true));
                ResourceLimits.Set(self, Resource.LockedMemory, 0, 0);
                Assert.Equal(Errno.EPERM, ResourceLimits.MayLock(0, 1, Errno.ENOMEM));
                self->Credentials.Capabilities.Effective = self->Credentials.Capabilities.Permitted;
                Assert.Equal(0, ResourceLimits.MayLock(1 << 30, 1, Errno.ENOMEM));
                Signals.Send(self, Signal.None);
                Thread.Current->BlockedSignals = Signal.FileSize.Bit;
                Assert.Equal(Errno.EFBIG, ResourceLimits.FileTooLarge());
                Assert.Equal(Signal.FileSize.Bit, self->Pending.Set);
            });
            Assert.Equal((child, 0), Simulation.Wait());
        });
    }

    // ---- permissions ----

    /// <summary>kill(2), prlimit(2), setpriority(2) and proc(5), written down a second time.</summary>
    [Fact]
    public void Who_may_what_to_whom() =>
        Gen.Select(Gen.UInt[0, 2].Array[6], Gen.UInt[0, 2].Array[6], Gen.Bool, Gen.Int[0, 11], Gen.ULong[0, 3].Array[2]).Sample((mine, others, undumpable, which, permitted) =>
        {
            static Credentials Of(uint[] ids) => new()
            {
                RealUserId = ids[0], EffectiveUserId = ids[1], SavedUserId = ids[2], RealGroupId = ids[3], EffectiveGroupId = ids[4], SavedGroupId = ids[5],
            };
            Process own = default, other = new() { IsUndumpable = undumpable };
            Thread caller = new() { Process = &own, Credentials = Of(mine) }, target = new() { Process = &other, Credentials = Of(others) };
            Capability[] needed = [Capability.KILL, Capability.SYS_RESOURCE, Capability.SYS_NICE, Capability.SYS_PTRACE];
            Capability? has = which < 4 ? needed[which] : null;
            if (has != null)
                caller.Credentials.Capabilities.Effective = CapabilitySets.BitOf(has.Value);
            caller.Credentials.Capabilities.Permitted = permitted[0];
            target.Credentials.Capabilities.Permitted = permitted[1];
            Assert.Equal(has == Capability.KILL || new[] { mine[0], mine[1] }.Intersect([others[0], others[2]]).Any(), Permissions.MaySignal(&caller, &target));
            bool same = others[..3].All(id => id == mine[0]) && others[3..].All(id => id == mine[3]);
            Assert.Equal(has == Capability.SYS_RESOURCE || same, Permissions.MayControl(&caller, &target));
            Assert.Equal(has == Capability.SYS_NICE || others[..2].Contains(mine[1]), Permissions.MaySchedule(&caller, &target));
            bool isOne = others[..3].Distinct().Count() == 1 && others[3..].Distinct().Count() == 1;
            Assert.Equal(!undumpable && isOne, Permissions.ShowsItselfToItsUser(&target));
            bool mayTrace = has == Capability.SYS_PTRACE || same && !undumpable && isOne && (permitted[1] & ~permitted[0]) == 0;
            Assert.Equal(mayTrace, Permissions.MayTrace(&caller, &target));
            Assert.True(Permissions.MayTrace(&caller, &caller));
            Permissions.IdentityChanged(&other);
            Assert.True(other.IsUndumpable);
        }, iter: 3000, threads: 1);

    // ---- memory ----

    /// <summary>The largest ordinary user's process; the superuser's only when no ordinary one is worth it; never the first process.</summary>
    [Theory]
    [InlineData("", "20 40 30", 1)]
    [InlineData("900", "20 40 30", 1)]
    [InlineData("900 950", "15 3", -2)]
    [InlineData("", "3 7", 1)]
    public void Who_has_the_most_memory_is_ended(string privileged, string ordinary, int chosen)
    {
        Simulation.Run(() =>
        {
            List<int> Begin(string sizes, uint user) => [.. sizes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(size =>
            {
                int id = Simulation.Fork(() => Simulation.Sleep(100_000 * Millisecond));
                ProcessTable.Find(id)->Space->ResidentPages = ulong.Parse(size);
                if (user != 0)
                    ProcessTable.Find(id)->Credentials.Capabilities.Effective = 0;
                return id;
            })];
            List<int> superusers = Begin(privileged, 0), users = Begin(ordinary, 1000);
            Simulation.Sleep(Millisecond);
            int victim = chosen >= 0 ? users[chosen] : superusers[-chosen - 1];
            Console.Text.Clear();
            Assert.True(OutOfMemory.Relieve());
            Assert.StartsWith($"guestos: out of memory: process {victim} ", Console.Text.ToString(), StringComparison.Ordinal);
            // It has a while to end: nobody else is chosen meanwhile.
            Assert.True(OutOfMemory.Relieve());
            foreach (int id in superusers.Concat(users))
                Assert.Equal(id == victim, ProcessTable.Find(id)->KilledForMemory);
            ProcessTable.Find(victim)->Space->ResidentPages = 0;
            foreach (int id in superusers.Concat(users))
            {
                if (id != victim)
                    ProcessTable.Find(id)->Space->ResidentPages = 0;
                Signals.Send(ProcessTable.Find(id), Signal.Kill);
                Assert.Equal((id, 9), Simulation.Wait(id));
            }
        });
    }

    /// <summary>Who ends has no address space while the frames of it are given back, with others between: the next is chosen when that is done.</summary>
    [Fact]
    public void Nobody_else_is_chosen_while_memory_is_being_given_back()
    {
        Simulation.Run(() =>
        {
            int[] ids = new int[2];
            for (int i = 0; i < 2; i++)
            {
                ids[i] = Simulation.Fork(() => Simulation.Sleep(100_000 * Millisecond));
                ProcessTable.Find(ids[i])->Space->ResidentPages = 100 - (ulong)i;
                ProcessTable.Find(ids[i])->Credentials.Capabilities.Effective = 0;
            }
            Simulation.Sleep(Millisecond);
            Assert.True(OutOfMemory.Relieve());
            AddressSpace* space = ProcessTable.Find(ids[0])->Space;
            ProcessTable.Find(ids[0])->Space = null;
            Assert.True(OutOfMemory.Relieve());
            Assert.False(ProcessTable.Find(ids[1])->KilledForMemory);
            space->ResidentPages = 0;
            ProcessTable.Find(ids[0])->Space = space;
            Simulation.Sleep(Millisecond);
            // Nobody has waited for it yet.
            Assert.True(ProcessTable.Find(ids[0])->Space == null);
            Assert.True(OutOfMemory.Relieve());
            Assert.True(ProcessTable.Find(ids[1])->KilledForMemory);
            ProcessTable.Find(ids[1])->Space->ResidentPages = 0;
            foreach (int id in ids)
                Assert.Equal((id, 9), Simulation.Wait(id));
        });
    }

    [Fact]
    public void One_that_does_not_end_is_not_waited_for_for_ever()
    {
        Simulation.Run(() =>
        {
            WaitQueue queue = default;
            WaitQueue* at = &queue;
            int[] ids = new int[2];
            for (int i = 0; i < 2; i++)
            {
                ids[i] = Simulation.Fork(() => Scheduler.SleepOn(at));
                ProcessTable.Find(ids[i])->Space->ResidentPages = 100 - (ulong)i;
                ProcessTable.Find(ids[i])->Credentials.Capabilities.Effective = 0;
            }
            Simulation.Sleep(Millisecond);
            OutOfMemory.Relieve();
            Simulation.Sleep(900 * Millisecond);
            OutOfMemory.Relieve();
            Assert.False(ProcessTable.Find(ids[1])->KilledForMemory);
            Simulation.Sleep(200 * Millisecond);
            OutOfMemory.Relieve();
            Assert.True(ProcessTable.Find(ids[1])->KilledForMemory);
            foreach (int id in ids)
                ProcessTable.Find(id)->Space->ResidentPages = 0;
            Scheduler.Wake(at);
            Assert.Equal(9, Simulation.Wait().Status);
            Assert.Equal(9, Simulation.Wait().Status);
        });
    }
}
