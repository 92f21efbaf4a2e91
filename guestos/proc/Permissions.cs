namespace Guestos;

/// <summary>Who may do something to another's process.</summary>
public static unsafe class Permissions
{
    /// <summary>
    /// kill(2): the sender is the superuser, or its real or effective user is the target's real or saved one.
    /// </summary>
    public static bool MaySignal(Process* sender, Process* target) =>
        sender->EffectiveUserId == 0 || Any(sender->EffectiveUserId, target) || Any(sender->RealUserId, target);

    private static bool Any(uint user, Process* target) => user == target->RealUserId || user == target->SavedUserId;

    /// <summary>prlimit(2): all of the other's identities are the real ones of the caller.</summary>
    public static bool MayControl(Process* caller, Process* target) =>
        caller->EffectiveUserId == 0
        || caller->RealUserId == target->RealUserId
        && caller->RealUserId == target->EffectiveUserId
        && caller->RealUserId == target->SavedUserId
        && caller->RealGroupId == target->RealGroupId
        && caller->RealGroupId == target->EffectiveGroupId
        && caller->RealGroupId == target->SavedGroupId;

    /// <summary>
    /// proc(5), ptrace(2) "Ptrace access mode checking": a process shows what it has in memory and open to processes of
    /// its user only while it has no other identity to give away and has not forbidden it (PR_SET_DUMPABLE). To the
    /// superuser and to itself always.
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
    /// setpriority(2), sched_setscheduler(2): the caller's effective user is the other's real or effective one.
    /// </summary>
    public static bool MaySchedule(Process* caller, Process* target) =>
        caller->EffectiveUserId == 0
        || caller->EffectiveUserId == target->RealUserId
        || caller->EffectiveUserId == target->EffectiveUserId;
}
