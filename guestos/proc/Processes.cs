using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>How processes begin and end.</summary>
public static unsafe class Processes
{
    // clone flags (include/uapi/linux/sched.h)
    private const ulong ExitSignalMask = 0xff, CloneVm = 0x100, CloneFiles = 0x400, CloneSignalHandlers = 0x800, CloneVfork = 0x4000, CloneThread = 0x10000,
        CloneSetTls = 0x80000, CloneParentSetId = 0x100000, CloneChildClearId = 0x200000, CloneChildSetId = 0x1000000;

    /// <summary>fork, vfork and clone of processes. Returns the child's id or -errno.</summary>
    /// <param name="stack">The child's stack pointer; 0 for the parent's.</param>
    public static long Clone(ulong flags, ulong stack, UserPointer<uint> parentId, UserPointer<uint> childId, ulong tls)
    {
        if ((flags & CloneThread) != 0 || (flags & CloneSignalHandlers) != 0 && (flags & CloneVm) == 0)
            return Errno.EINVAL;
        SegmentBase threadBase = default;
        if ((flags & CloneSetTls) != 0 && !SegmentBase.TryMake(tls, out threadBase))
            return Errno.EPERM;
        Process* parent = Process.Current;
        if (parent->UserId != 0 && (ulong)ProcessTable.CountOf(parent->UserId) >= ResourceLimits.Of(parent, Resource.Processes))
            return Errno.EAGAIN;
        Process* child = ProcessTable.Create();
        if (child == null)
            return Errno.EAGAIN;
        if (!Inherit(parent, child, flags))
        {
            Abandon(child);
            return Errno.ENOMEM;
        }
        TrapFrame* frame = child->UserFrame;
        *frame = *parent->UserFrame;
        frame->Rax = 0;
        if (stack != 0)
            frame->Rsp = stack;
        if ((flags & CloneSetTls) != 0)
            child->FsBase = threadBase;
        PrepareFirstSwitch(child);
        if ((flags & CloneParentSetId) != 0)
            parentId.TryPut((uint)child->Id);
        if ((flags & CloneChildClearId) != 0)
            child->ClearThreadId = childId;
        if ((flags & CloneChildSetId) != 0)
            PutInSpace(child->Space, childId, (uint)child->Id);
        int id = child->Id;
        bool vfork = (flags & CloneVfork) != 0;
        child->SharesParentSpace = vfork;
        Scheduler.RunFirst(child);
        if (vfork)
        {
            while (true)
            {
                Process* running = ProcessTable.Find(id);
                if (running != child || !child->SharesParentSpace || child->ParentId != parent->Id)
                    break;
                Scheduler.SleepOn(&parent->VforkDone);
            }
        }
        return id;
    }

    private static bool Inherit(Process* parent, Process* child, ulong flags)
    {
        child->ParentId = parent->Id;
        child->GroupId = parent->GroupId;
        child->SessionId = parent->SessionId;
        child->Umask = parent->Umask;
        child->UserId = parent->UserId;
        child->EffectiveUserId = parent->EffectiveUserId;
        child->SavedUserId = parent->SavedUserId;
        child->GroupIdReal = parent->GroupIdReal;
        child->EffectiveGroupId = parent->EffectiveGroupId;
        child->SavedGroupId = parent->SavedGroupId;
        child->FsBase = parent->FsBase;
        child->GsBase = parent->GsBase;
        child->Groups = parent->Groups;
        child->IsUndumpable = parent->IsUndumpable;
        child->NoNewPrivileges = parent->NoNewPrivileges;
        child->Policy = parent->Policy;
        child->NiceValue = parent->NiceValue;
        child->Weight = parent->Weight;
        child->Limits = parent->Limits;
        child->BlockedSignals = parent->BlockedSignals;
        // clone(2) takes any number here; one that is no signal's is not sent, as on Linux.
        Signal.TryMake(flags & ExitSignalMask, out child->ExitSignal);
        if ((flags & CloneVm) == 0 || (flags & CloneVfork) != 0)
        {
            child->AlternateStack = parent->AlternateStack;
            child->AlternateStackSize = parent->AlternateStackSize;
        }
        Unsafe.CopyBlock(child->Name, parent->Name, Process.NameLength);
        if ((flags & CloneSignalHandlers) != 0)
        {
            child->Actions = parent->Actions;
            child->Actions->References++;
        }
        else if ((child->Actions = SignalActions.Fork(parent->Actions)) == null)
            return false;
        if (!ProcessFiles.Operations.Inherit(parent, child, (flags & CloneFiles) != 0))
            return false;
        if ((flags & CloneVm) != 0)
        {
            child->Space = parent->Space;
            child->Space->References++;
        }
        else if ((child->Space = AddressSpace.Fork(parent->Space)) == null)
            return false;
        return true;
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

    /// <summary>
    /// Lays out the kernel stack so that the first switch to the process leaves the kernel through its user frame.
    /// </summary>
    internal static void PrepareFirstSwitch(Process* process)
    {
        ulong* stack = (ulong*)process->UserFrame;
        *--stack = Symbols.FirstReturn();
        for (int i = 0; i < 6; i++)     // rbx, rbp, r12 to r15
            *--stack = 0;
        process->SavedStackPointer = (ulong)stack;
    }

    /// <summary>Stores a number in an address space that is not loaded, or shared with the one that is.</summary>
    private static void PutInSpace(AddressSpace* space, UserPointer<uint> word, uint value)
    {
        ulong address = word.Address;
        if ((address & 3) != 0 || address >= AddressSpace.End
            || AddressSpace.Resolve(space, address, Access.Write, Frames.UserFloor) != FaultResult.Resolved)
            return;
        // SAFETY: an aligned word lies in one page, and that is there now.
        ulong* entry = PageTable.Find(space->Root, address, false);
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

    /// <summary>Ends the current process. Does not return.</summary>
    /// <param name="status">As wait4 reports it.</param>
    public static void Exit(Process* process, int status)
    {
        if (process->Id == 1)
        {
            Console.Write("guestos: the first process has ended, status "u8);
            Console.WriteHex((ulong)status);
            Console.Write("\n"u8);
            if (status != 0)
                Panic.Stop("nothing runs without the first process"u8);
            Power.Off();
        }
        process->Exiting = true;
        process->ExitStatus = status;
        Futex.FreeRobustLocks(process);
        if (!process->ClearThreadId.IsNull && process->Space->References > 1 && process->ClearThreadId.TryPut(0))
            Futex.WakeWord(process->Space, process->ClearThreadId, 1);
        Timers.Cancel(&process->Alarm);
        ProcessFiles.Operations.Release(process);
        AddressSpace* space = process->Space;
        process->Space = null;
        Scheduler.LoadSpace(process);
        AddressSpace.Release(space);
        ProcessFiles.Operations.SpaceReleased();
        ReleaseVforkParent(process);
        SignalActions* actions = process->Actions;
        OrphanChildren(process);
        if (process->SessionId == process->Id)
            ProcessFiles.Operations.SessionEnded(process->SessionId);
        process->State = ProcessState.Zombie;
        Process* parent = ProcessTable.Find(process->ParentId);
        SignalAction* onChild = parent != null && parent->Actions != null ? SignalActions.Of(parent->Actions, Signal.Child) : null;
        bool unattended = parent == null || process->ExitSignal == Signal.Child && onChild != null
            && (onChild->Handler == SignalAction.Ignore || (onChild->Flags & SignalAction.NoChildWait) != 0);
        SignalActions.Release(actions);
        process->Actions = null;
        if (parent != null)
        {
            Signals.Send(parent, process->ExitSignal,
                (status & 0x7f) == 0 ? SignalCode.Exited : (status & 0x80) != 0 ? SignalCode.Dumped : SignalCode.Killed,
                (ulong)(uint)process->Id | (ulong)process->UserId << 32, (ulong)((status & 0x7f) == 0 ? status >> 8 & 0xff : status & 0x7f));
            Scheduler.Wake(&parent->ChildChanged);
        }
        if (unattended)
            ProcessTable.FreeLater(process);
        Scheduler.Schedule();
        Panic.Stop("an ended process ran"u8);
    }

    /// <summary>
    /// Children of an ending process become those of the first process; stopped orphans are told (POSIX _exit).
    /// </summary>
    private static void OrphanChildren(Process* parent)
    {
        Process* init = ProcessTable.Find(1);
        bool zombies = false;
        for (Process* child = ProcessTable.First; child != null; child = child->Next)
        {
            if (child->ParentId != parent->Id || child == parent)
                continue;
            bool mattered = WasHeldBy(child, parent);
            child->ParentId = 1;
            child->ExitSignal = Signal.Child;
            Signals.Send(child, child->DeathSignal);
            if (child->State == ProcessState.Zombie)
                zombies = true;
            else if (mattered)
                HangUpIfOrphaned(child->GroupId);
        }
        Process* grandparent = ProcessTable.Find(parent->ParentId);
        if (grandparent != null && WasHeldBy(parent, grandparent))
            HangUpIfOrphaned(parent->GroupId);
        if (zombies && init != null)
        {
            Signals.Send(init, Signal.Child);
            Scheduler.Wake(&init->ChildChanged);
        }
    }

    /// <summary>
    /// True when the parent, of another group of the same session, could continue the group of the child.
    /// </summary>
    private static bool WasHeldBy(Process* child, Process* parent) => parent->GroupId != child->GroupId && parent->SessionId == child->SessionId;

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
            stopped = process->GroupId == groupId && process->State == ProcessState.Stopped;
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
            if (process->GroupId != groupId || process->State == ProcessState.Zombie || process->Exiting)
                continue;
            Process* parent = ProcessTable.Find(process->ParentId);
            if (parent != null && parent->GroupId != groupId && parent->SessionId == process->SessionId)
                return false;
        }
        return true;
    }

    /// <summary>Stops the current process until SIGCONT or SIGKILL.</summary>
    internal static void StopCurrent(Signal signal)
    {
        Process* process = Process.Current;
        process->State = ProcessState.Stopped;
        NotifyParent(process, signal.Number << 8 | 0x7f, SignalCode.Stopped, signal);
        Scheduler.Schedule();
    }

    internal static void NotifyParent(Process* process, int status, int code, Signal signal)
    {
        process->StopStatus = status;
        Process* parent = ProcessTable.Find(process->ParentId);
        if (parent == null || parent->Actions == null)
            return;
        if ((SignalActions.Of(parent->Actions, Signal.Child)->Flags & SignalAction.NoChildStop) == 0)
            Signals.Send(parent, Signal.Child, code, (ulong)(uint)process->Id | (ulong)process->UserId << 32,
                (ulong)signal.Number);
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
        process->SessionId = process->GroupId = process->Id;
        process->Umask = 0x12;      // 022
        ResourceLimits.SetFirst(process);
        process->Actions = SignalActions.Create();
        process->Space = AddressSpace.Create();
        if (process->Actions == null || process->Space == null)
            return null;
        Scheduler.Current = process;
        Scheduler.LoadSpace(process);
        return process;
    }

    /// <summary>Its user frame is a program's: it may run.</summary>
    internal static void Begin(Process* process)
    {
        Scheduler.Current = null;
        PrepareFirstSwitch(process);
        Scheduler.MakeRunnable(process);
    }
}
