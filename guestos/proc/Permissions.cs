namespace Guestos;

/// <summary>What the current process has the right to do, and who may do something to another's process.</summary>
public static unsafe class Permissions
{
    /// <summary>
    /// capabilities(7), of the current process; the kernel's own work before the first one may do all.
    /// </summary>
    public static bool Has(Capability capability)
    {
        Process* process = Process.Current;
        return process == null || process->Capabilities.Has(capability);
    }

    /// <summary>
    /// kill(2): the sender has CAP_KILL, or its real or effective user is the target's real or saved one.
    /// </summary>
    public static bool MaySignal(Process* sender, Process* target) =>
        sender->Capabilities.Has(Capability.KILL)
        || Any(sender->EffectiveUserId, target) || Any(sender->RealUserId, target);

    private static bool Any(uint user, Process* target) => user == target->RealUserId || user == target->SavedUserId;

    /// <summary>
    /// prlimit(2): all of the other's identities are the real ones of the caller, or CAP_SYS_RESOURCE.
    /// </summary>
    public static bool MayControl(Process* caller, Process* target) =>
        AreSame(caller, target) || caller->Capabilities.Has(Capability.SYS_RESOURCE);

    private static bool AreSame(Process* caller, Process* target) =>
        caller->RealUserId == target->RealUserId
        && caller->RealUserId == target->EffectiveUserId
        && caller->RealUserId == target->SavedUserId
        && caller->RealGroupId == target->RealGroupId
        && caller->RealGroupId == target->EffectiveGroupId
        && caller->RealGroupId == target->SavedGroupId;

    /// <summary>
    /// ptrace(2), "Ptrace access mode checking": itself, with CAP_SYS_PTRACE, or all identities of the other are the
    /// caller's real ones, its capabilities no more than the caller's, and it shows itself.
    /// </summary>
    public static bool MayTrace(Process* caller, Process* target) =>
        caller == target
        || caller->Capabilities.Has(Capability.SYS_PTRACE)
        || AreSame(caller, target) && ShowsItselfToItsUser(target)
            && (target->Capabilities.Permitted & ~caller->Capabilities.Permitted) == 0;

    /// <summary>
    /// proc(5), ptrace(2) "Ptrace access mode checking": a process shows what it has in memory and open to processes of
    /// its user only while it has no other identity to give away and has not forbidden it (PR_SET_DUMPABLE). To itself
    /// always.
    /// </summary>
    public static bool ShowsItselfToItsUser(Process* target) =>
        target == Process.Current
        || !target->IsUndumpable
        && target->RealUserId == target->EffectiveUserId && target->RealUserId == target->SavedUserId
        && target->RealGroupId == target->EffectiveGroupId && target->RealGroupId == target->SavedGroupId;

    /// <summary>
    /// The process has changed its user or group (commit_creds of Linux): until the next execve(2) its memory, which
    /// may hold secrets of the former one, is not shown to others (PR_SET_DUMPABLE), and its parent's end sends it no
    /// signal (PR_SET_PDEATHSIG).
    /// </summary>
    public static void IdentityChanged(Process* process)
    {
        process->IsUndumpable = true;
        process->DeathSignal = default;
    }

    /// <summary>
    /// setpriority(2), sched_setscheduler(2): the caller's effective user is the other's real or effective one, or
    /// CAP_SYS_NICE.
    /// </summary>
    public static bool MaySchedule(Process* caller, Process* target) =>
        caller->Capabilities.Has(Capability.SYS_NICE)
        || caller->EffectiveUserId == target->RealUserId
        || caller->EffectiveUserId == target->EffectiveUserId;
}
