using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>How processes begin, stop and end. Interrupts are off.</summary>
public static unsafe partial class Processes
{
    // clone flags (include/uapi/linux/sched.h)
    private const ulong ExitSignalMask = 0xff;
    private const ulong CloneVm = 0x100;
    private const ulong CloneFileSystem = 0x200;
    private const ulong CloneFiles = 0x400;
    public const ulong CloneSignalHandlers = 0x800;
    private const ulong ClonePidFile = 0x1000;
    private const ulong CloneTraced = 0x2000;
    private const ulong CloneVfork = 0x4000;
    private const ulong CloneParent = 0x8000;
    private const ulong CloneThread = 0x10000;
    /// <summary>CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.</summary>
    private const ulong CloneNamespaces = 0x7e020000;
    private const ulong CloneSetTls = 0x80000;
    private const ulong CloneParentSetId = 0x100000;
    private const ulong CloneChildClearId = 0x200000;
    private const ulong CloneUntraced = 0x800000;
    private const ulong CloneChildSetId = 0x1000000;

    /// <summary>CLONE_CLEAR_SIGHAND, of clone3(2): no handler of the cloner's; what is ignored stays so.</summary>
    public const ulong CloneClearHandlers = 0x1_0000_0000;

    /// <summary>What wait4 reports of a process that goes on.</summary>
    public const int ContinuedStatus = 0xffff;

    /// <summary>What wait4 reports of a stopped process, beside the signal in bits 8–15.</summary>
    public const int StoppedStatus = 0x7f;

    /// <summary>What clone(2) has been asked for.</summary>
    private struct Request
    {
        public ulong Flags;

        /// <summary>The new stack pointer; 0 for the cloner's.</summary>
        public ulong Stack;
        public UserPointer<uint> ParentId;
        public UserPointer<uint> ChildId;
        public SegmentBase ThreadBase;

        /// <summary>Where the descriptor of CLONE_PIDFD is told.</summary>
        public UserPointer<int> PidFile;

        public readonly bool Has(ulong flag) => (Flags & flag) != 0;
    }

    /// <summary>
    /// Whether the end of what is cloned with these flags is told as something else's, or not at all: then there is no
    /// signal to ask for (clone3(2)).
    /// </summary>
    public static bool TellsOthers(ulong flags) => (flags & (CloneParent | CloneThread)) != 0;

    /// <summary>fork, vfork and clone. Returns the child's id, or that of a new thread, or -errno.</summary>
    /// <param name="stack">The child's stack pointer; 0 for the parent's.</param>
    public static long Clone(
        ulong flags, ulong stack, UserPointer<uint> parentId, UserPointer<uint> childId, ulong tls,
        UserPointer<int> pidFile = default)
    {
        // As Linux says that is built without namespaces.
        if ((flags & CloneNamespaces) != 0 || (flags & CloneSignalHandlers) != 0 && (flags & CloneVm) == 0)
            return Errno.EINVAL;
        var request = new Request
        {
            Flags = flags,
            Stack = stack,
            ParentId = parentId,
            ChildId = childId,
            PidFile = pidFile,
        };
        if (request.Has(CloneSetTls) && !SegmentBase.TryMake(tls, out request.ThreadBase))
            return Errno.EPERM;
        Process* parent = Process.Current;
        ulong most = ResourceLimits.Of(parent, Resource.Processes);
        uint user = Credentials.Current.RealUserId;
        if (user != 0 && (ulong)ProcessTable.CountOf(user) >= most
            && !Permissions.Has(Capability.SYS_RESOURCE) && !Permissions.Has(Capability.SYS_ADMIN))
            return Errno.EAGAIN;
        return request.Has(CloneThread) ? AddThread(request) : CloneProcess(request);
    }

    private static long CloneProcess(in Request request)
    {
        Thread* cloner = Thread.Current;
        Process* parent = cloner->Process;
        ulong flags = request.Flags;
        Process* child = ProcessTable.Create();
        if (child == null)
            return Errno.EAGAIN;
        Thread* thread = child->FirstThread;
        InheritThread(cloner, thread, flags);
        if (!Inherit(parent, child, flags))
        {
            Abandon(child);
            return Errno.ENOMEM;
        }
        long error = request.Has(ClonePidFile) ? TellPidFile(child, request.PidFile) : 0;
        if (error < 0)
        {
            Abandon(child);
            return error;
        }
        Prepare(cloner, thread, request);
        int id = child->Id;
        bool vfork = request.Has(CloneVfork);
        child->SharesParentSpace = vfork;
        int happening = HappeningOf(vfork, child->ExitSignal);
        BeginTracing(cloner, thread, happening, request);
        Scheduler.RunFirst(thread);
        if (!request.Has(CloneUntraced))
            Tracing.Happened(cloner, happening, (ulong)id);
        if (vfork)
        {
            AwaitVfork(parent, child, id);
            Tracing.Happened(cloner, Tracing.EventVforkDone, (ulong)id);
        }
        return id;
    }

    private static int HappeningOf(bool vfork, Signal exitSignal)
    {
        if (vfork)
            return Tracing.EventVfork;
        return exitSignal == Signal.Child ? Tracing.EventFork : Tracing.EventClone;
    }

    private static void BeginTracing(Thread* cloner, Thread* thread, int happening, in Request request)
    {
        if (cloner->Trace.IsTrapFlagOurs)
            thread->UserFrame->Flags &= ~FlagsRegister.Trap;
        bool isAsked = request.Has(CloneTraced);
        if (isAsked || !request.Has(CloneUntraced))
            Tracing.Begin(cloner, thread, happening, isAsked);
    }

    /// <summary>The registers and thread ids of a new thread, whose process has its memory.</summary>
    private static void Prepare(Thread* cloner, Thread* thread, in Request request)
    {
        TrapFrame* frame = thread->UserFrame;
        FloatState.Save(cloner->UserFrame);
        *frame = *cloner->UserFrame;
        FloatState.CopyUpper(frame, cloner->UserFrame);
        frame->Rax = 0;
        if (request.Stack != 0)
            frame->Rsp = request.Stack;
        if (request.Has(CloneSetTls))
            thread->FsBase = request.ThreadBase;
        Threads.PrepareFirstSwitch(thread);
        if (request.Has(CloneParentSetId))
            request.ParentId.TryPut((uint)thread->Id);
        if (request.Has(CloneChildClearId))
            thread->ClearThreadId = request.ChildId;
        if (request.Has(CloneChildSetId))
            PutInSpace(thread->Process->Space, request.ChildId, (uint)thread->Id);
    }

    /// <summary>A descriptor of the cloner's that means the child: 0, or -errno.</summary>
    private static long TellPidFile(Process* child, UserPointer<int> at)
    {
        // What cannot be written to is found out before there is a descriptor.
        if (!at.TryPut(-1))
            return Errno.EFAULT;
        long descriptor = ProcessFiles.Operations.OpenProcess(child, false);
        return descriptor < 0 || at.TryPut((int)descriptor) ? Math.Min(descriptor, 0) : Errno.EFAULT;
    }

    /// <summary>Until the child has let go of the parent's memory, or is no longer there or no longer his.</summary>
    private static void AwaitVfork(Process* parent, Process* child, int id)
    {
        while (ProcessTable.Find(id) == child && child->SharesParentSpace && child->ParentId == parent->Id)
            Scheduler.SleepOn(&parent->VforkDone);
    }

    private static void InheritThread(Thread* from, Thread* to, ulong flags)
    {
        to->FsBase = from->FsBase;
        to->GsBase = from->GsBase;
        bool isReset = from->ResetsOnFork;
        bool isRealTime = from->RealTimePriority > 0;
        to->Policy = isReset && isRealTime ? (byte)0 : from->Policy;
        to->RealTimePriority = isReset ? (byte)0 : from->RealTimePriority;
        to->Precedence = to->RealTimePriority;
        to->NiceValue = isReset && (isRealTime || from->NiceValue < 0) ? 0 : from->NiceValue;
        to->Weight = Nice.WeightOf(to);
        to->IoPriority = from->IoPriority;
        to->Credentials = from->Credentials;
        to->BlockedSignals = from->BlockedSignals;
        if ((flags & CloneVm) == 0 || (flags & CloneVfork) != 0)
        {
            to->AlternateStack = from->AlternateStack;
            to->AlternateStackSize = from->AlternateStackSize;
        }
        Unsafe.CopyBlock(to->Name, from->Name, Thread.NameLength);
    }

    /// <summary>False without memory.</summary>
    private static bool Inherit(Process* parent, Process* child, ulong flags)
    {
        child->ParentThreadId = Thread.Current->Id;
        child->ParentId = (flags & CloneParent) != 0 ? parent->ParentId : parent->Id;
        child->ProcessGroupId = parent->ProcessGroupId;
        child->SessionId = parent->SessionId;
        child->Umask = parent->Umask;
        child->RunsSecurely = parent->RunsSecurely;
        child->IsUndumpable = parent->IsUndumpable;
        child->Personality = parent->Personality;
        child->Limits = parent->Limits;
        // A sibling's end is told as the cloner's own will be: nobody chooses a signal for his parent. Otherwise
        // clone(2) takes any number here; one that is no signal's is not sent, as on Linux.
        child->ExitSignal = parent->ExitSignal;
        if ((flags & CloneParent) == 0)
            Signal.TryMake(flags & ExitSignalMask, out child->ExitSignal);
        if ((flags & CloneSignalHandlers) != 0)
        {
            child->Actions = parent->Actions;
            child->Actions->References++;
        }
        else
            child->Actions = SignalActions.Fork(parent->Actions);
        if (child->Actions != null && (flags & CloneClearHandlers) != 0)
            SignalActions.Clear(child->Actions);
        if (child->Actions == null
            || !ProcessFiles.Operations.Inherit(parent, child, (flags & CloneFiles) != 0))
            return false;
        if ((flags & CloneVm) != 0)
        {
            child->Space = parent->Space;
            child->Space->References++;
        }
        else
            child->Space = AddressSpace.Fork(parent->Space);
        return child->Space != null;
    }

    /// <summary>Frees a child that never ran.</summary>
    private static void Abandon(Process* child)
    {
        if (child->Space != null)
            AddressSpace.Release(child->Space);
        ProcessFiles.Operations.Release(child);
        if (child->Actions != null)
            SignalActions.Release(child->Actions);
        ProcessTable.Free(child);
    }

    /// <summary>Stores a number in an address space that is not loaded, or shared with the one that is.</summary>
    internal static void PutInSpace(AddressSpace* space, UserPointer<uint> word, uint value)
    {
        ulong address = word.Address;
        if ((address & 3) != 0 || address >= AddressSpace.End
            || AddressSpace.Resolve(space, address, Access.Write, Frames.UserFloor) != FaultResult.Resolved)
            return;
        // SAFETY: an aligned word lies in one page, and that is there now.
        ulong* entry = PageTable.Find(space->Root, address);
        *(uint*)DirectMap.At((*entry & PageTable.AddressMask) + (address & (Frames.Size - 1))) = value;
    }

    /// <summary>The memory is the parent's own again: execve and exit of a vfork child.</summary>
    internal static void ReleaseVforkParent(Process* child)
    {
        if (!child->SharesParentSpace)
            return;
        child->SharesParentSpace = false;
        Process* parent = ProcessTable.Find(child->ParentId);
        if (parent != null)
            Scheduler.Wake(&parent->VforkDone);
    }

    /// <summary>
    /// exit_group(2): ends the current process. Its other threads end on their way to user mode, and the last of all
    /// gives up what the process has. Does not return.
    /// </summary>
    /// <param name="status">As wait4 reports it. That of the first call counts.</param>
    public static void Exit(int status)
    {
        Thread* thread = Thread.Current;
        Process* process = thread->Process;
        Tracing.Ends(thread, status);
        bool isReplaced = process->Survivor != null && process->Survivor != thread;
        if (!process->Exiting && !isReplaced)
        {
            if (process->Id == 1)
                EndMachine(status);
            process->Exiting = true;
            process->ExitStatus = status;
            process->State = ProcessState.Live;
            EndOthers(thread);
        }
        if (process->ThreadCount > 1)
            LeaveProcess(thread, process->Exiting ? process->ExitStatus : status);
        EndThread(thread);
        Timers.Cancel(&process->Alarm);
        PosixTimers.DeleteAll(process);
        process->FollowsProcessorTime = false;
        if (process->SemaphoreUndo != null)
            ProcessFiles.Operations.UndoSemaphores(process);
        ProcessFiles.Operations.Release(process);
        AddressSpace* space = process->Space;
        process->Space = null;
        Scheduler.LoadSpace(thread);
        AddressSpace.Release(space);
        ProcessFiles.Operations.SpaceReleased();
        OutOfMemory.Freed(process);
        ReleaseVforkParent(process);
        SignalActions* actions = process->Actions;
        OrphanChildren(process);
        if (process->SessionId == process->Id)
            ProcessFiles.Operations.SessionEnded(process->SessionId);
        process->State = ProcessState.Zombie;
        thread->State = ThreadState.Ended;
        ProcessFiles.Operations.Ended(process);
        SignalActions.Release(actions);
        process->Actions = null;
        if (thread != process->FirstThread)
            Tracing.StaysForTracer(thread, process->ExitStatus);
        if (Tracing.IsParentTold(process))
            TellParentOfEnd(process);
        Scheduler.Schedule();
        Panic.Stop("an ended process ran"u8);
    }

    /// <summary>
    /// A process has ended that only its parent may wait for: it is told, or the process goes when it does not want to
    /// know.
    /// </summary>
    internal static void TellParentOfEnd(Process* process)
    {
        Process* parent = ProcessTable.Find(process->ParentId);
        bool isAwaited = parent != null && !WantsNoZombies(parent, process);
        if (parent != null)
        {
            Signals.Send(parent, process->ExitSignal, EndOf(process, process->ExitStatus));
            Scheduler.Wake(&parent->ChildChanged);
        }
        if (!isAwaited)
            ProcessTable.FreeLater(process);
    }

    /// <summary>What the first process's end is: the machine's.</summary>
    private static void EndMachine(int status)
    {
        Console.Write("guestos: the first process has ended, status "u8);
        Console.WriteHex((ulong)status);
        Console.Write("\n"u8);
        if (status != 0)
            Panic.Stop("nothing runs without the first process"u8);
        Power.Off();
    }

    /// <summary>What the current thread leaves in the memory that it shares, while that is still there.</summary>
    private static void EndThread(Thread* thread)
    {
        AddressSpace* space = thread->Process->Space;
        Tracing.TracerEnds(thread);
        PriorityLocks.OwnerEnds(thread);
        Futex.FreeRobustLocks(thread);
        bool isShared = space->References > 1 || thread->Process->ThreadCount > 1;
        if (!thread->ClearThreadId.IsNull && isShared && thread->ClearThreadId.TryPut(0))
            Futex.WakeWord(space, thread->ClearThreadId, 1);
    }

    /// <summary>The same of a thread that goes on with other memory (execve(2)).</summary>
    private static void LeaveMemory(Thread* thread)
    {
        PriorityLocks.OwnerEnds(thread);
        thread->LocksGiven = false;
        Futex.FreeRobustLocks(thread);
    }

    /// <summary>
    /// The parent ignores SIGCHLD, or has said SA_NOCLDWAIT: its children go without being waited for.
    /// </summary>
    private static bool WantsNoZombies(Process* parent, Process* child)
    {
        if (child->ExitSignal != Signal.Child || parent->Actions == null)
            return false;
        SignalAction* action = SignalActions.Of(parent->Actions, Signal.Child);
        return action->Handler == SignalAction.Ignore || (action->Flags & SignalAction.NoChildWait) != 0;
    }

    /// <summary>SIGCHLD's siginfo_t of an end.</summary>
    internal static SignalInformation EndOf(Process* process, int status)
    {
        int signal = status & 0x7f;
        if (signal == 0)
            return SignalInformation.About(process, SignalCode.Exited, (ulong)(status >> 8 & 0xff));
        bool isDumped = (status & 0x80) != 0;
        return SignalInformation.About(process, isDumped ? SignalCode.Dumped : SignalCode.Killed, (ulong)signal);
    }

    /// <summary>
    /// Children of an ending process become those of the first process; stopped orphans are told (POSIX _exit).
    /// </summary>
    private static void OrphanChildren(Process* parent)
    {
        Process* adopter = AdopterOf(parent);
        bool zombies = false;
        for (Process* child = ProcessTable.First; child != null; child = child->Next)
        {
            if (child->ParentId != parent->Id || child == parent)
                continue;
            bool mattered = WasHeldBy(child, parent);
            child->ParentId = adopter->Id;
            child->ExitSignal = Signal.Child;
            Signals.Send(child, child->DeathSignal);
            if (child->State == ProcessState.Zombie)
                zombies = true;
            else if (mattered)
                HangUpIfOrphaned(child->ProcessGroupId);
        }
        Process* grandparent = ProcessTable.Find(parent->ParentId);
        if (grandparent != null && WasHeldBy(parent, grandparent))
            HangUpIfOrphaned(parent->ProcessGroupId);
        if (zombies)
        {
            Signals.Send(adopter, Signal.Child);
            Scheduler.Wake(&adopter->ChildChanged);
        }
    }

    /// <summary>
    /// Whose children those of an ending process become: of the nearest of its ancestors that has asked for it
    /// (PR_SET_CHILD_SUBREAPER), else of the first process.
    /// </summary>
    private static Process* AdopterOf(Process* parent)
    {
        Process* ancestor = ProcessTable.Find(parent->ParentId);
        while (ancestor != null && ancestor->Id != 1 && (!ancestor->AdoptsOrphans || ancestor->Exiting))
            ancestor = ProcessTable.Find(ancestor->ParentId);
        return ancestor != null ? ancestor : ProcessTable.Find(1);
    }

    /// <summary>
    /// True when the parent, of another group of the same session, could continue the group of the child.
    /// </summary>
    private static bool WasHeldBy(Process* child, Process* parent) =>
        parent->ProcessGroupId != child->ProcessGroupId && parent->SessionId == child->SessionId;

    /// <summary>
    /// A group that nobody can continue any more, with stopped members, is hung up and continued (POSIX _exit); others
    /// are left alone.
    /// </summary>
    private static void HangUpIfOrphaned(int groupId)
    {
        if (!IsOrphanedGroup(groupId))
            return;
        bool stopped = false;
        for (Process* process = ProcessTable.First; process != null && !stopped; process = process->Next)
            stopped = process->ProcessGroupId == groupId && process->State == ProcessState.Stopped;
        if (!stopped)
            return;
        Signals.SendGroup(groupId, Signal.HangUp);
        Signals.SendGroup(groupId, Signal.Continue);
    }

    /// <summary>
    /// True when nobody in the session could continue a stopped member of the group: no member's parent is in another
    /// group of the same session.
    /// </summary>
    public static bool IsOrphanedGroup(int groupId)
    {
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
        {
            if (process->ProcessGroupId != groupId || process->State == ProcessState.Zombie || process->Exiting)
                continue;
            Process* parent = ProcessTable.Find(process->ParentId);
            if (parent != null && parent->ProcessGroupId != groupId && parent->SessionId == process->SessionId)
                return false;
        }
        return true;
    }

    /// <summary>
    /// Stops the current process until SIGCONT or SIGKILL; or, when that has happened already, the current thread
    /// alone.
    /// </summary>
    internal static void StopCurrent(Signal signal)
    {
        Thread* thread = Thread.Current;
        Process* process = thread->Process;
        if (process->State != ProcessState.Stopped)
        {
            process->State = ProcessState.Stopped;
            process->StopSignal = signal;
            StopOthers(thread);
            NotifyParent(process, signal.Number << 8 | StoppedStatus, SignalCode.Stopped, signal);
        }
        StopThread(thread);
    }

    internal static void NotifyParent(Process* process, int status, int code, Signal signal)
    {
        process->StopStatus = status;
        Process* parent = ProcessTable.Find(process->ParentId);
        if (parent == null || parent->Actions == null)
            return;
        if ((SignalActions.Of(parent->Actions, Signal.Child)->Flags & SignalAction.NoChildStop) == 0)
        {
            var information = SignalInformation.About(process, code, (ulong)signal.Number);
            Signals.Send(parent, Signal.Child, information);
        }
        Scheduler.Wake(&parent->ChildChanged);
    }

    /// <summary>
    /// The first process, current while its program is found: without files, and not yet to be run. Null without
    /// memory.
    /// </summary>
    internal static Process* CreateFirst()
    {
        Process* process = ProcessTable.Create();
        if (process == null)
            return null;
        process->SessionId = process->Id;
        process->ProcessGroupId = process->Id;
        process->Umask = 0x12;      // 022
        process->Credentials.Capabilities = CapabilitySets.OfFirst;
        ResourceLimits.SetFirst(process);
        process->Actions = SignalActions.Create();
        process->Space = AddressSpace.Create();
        if (process->Actions == null || process->Space == null)
            return null;
        LogicalProcessor.Current->CurrentThread = process->FirstThread;
        Scheduler.LoadSpace(process->FirstThread);
        return process;
    }

    /// <summary>Its user frame is a program's: it may run.</summary>
    internal static void Begin(Process* process)
    {
        LogicalProcessor.Current->CurrentThread = null;
        Threads.PrepareFirstSwitch(process->FirstThread);
        Scheduler.MakeRunnable(process->FirstThread);
    }
}
