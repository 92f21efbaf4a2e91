namespace Guestos;

/// <summary>What the current thread has the right to do, and who may do something to another's process.</summary>
public static unsafe class Permissions
{
    /// <summary>
    /// capabilities(7), of the current thread; the kernel's own work before the first one may do all.
    /// </summary>
    public static bool Has(Capability capability)
    {
        Thread* thread = Thread.Current;
        return thread == null || thread->Credentials.Capabilities.Has(capability);
    }

    /// <summary>
    /// kill(2): the sender has CAP_KILL, or its real or effective user is the target's real or saved one. Of a process,
    /// as everywhere here, the target is its first thread.
    /// </summary>
    public static bool MaySignal(Thread* sender, Thread* target)
    {
        ref Credentials of = ref sender->Credentials;
        return of.Capabilities.Has(Capability.KILL) || Any(of.EffectiveUserId, target) || Any(of.RealUserId, target);
    }

    private static bool Any(uint user, Thread* target) =>
        user == target->Credentials.RealUserId || user == target->Credentials.SavedUserId;

    /// <summary>
    /// prlimit(2): all of the other's identities are the real ones of the caller, or CAP_SYS_RESOURCE.
    /// </summary>
    public static bool MayControl(Thread* caller, Thread* target) =>
        AreSame(caller->Credentials, target->Credentials)
        || caller->Credentials.Capabilities.Has(Capability.SYS_RESOURCE);

    private static bool AreSame(in Credentials caller, in Credentials target) =>
        caller.RealUserId == target.RealUserId
        && caller.RealUserId == target.EffectiveUserId
        && caller.RealUserId == target.SavedUserId
        && caller.RealGroupId == target.RealGroupId
        && caller.RealGroupId == target.EffectiveGroupId
        && caller.RealGroupId == target.SavedGroupId;

    /// <summary>
    /// ptrace(2), "Ptrace access mode checking": its own process, with CAP_SYS_PTRACE, or all identities of the other
    /// are the caller's real ones, its capabilities no more than the caller's, and it shows itself.
    /// </summary>
    public static bool MayTrace(Thread* caller, Thread* target)
    {
        ref Credentials of = ref caller->Credentials;
        return caller->Process == target->Process
            || of.Capabilities.Has(Capability.SYS_PTRACE)
            || AreSame(of, target->Credentials) && ShowsItselfToItsUser(target)
                && (target->Credentials.Capabilities.Permitted & ~of.Capabilities.Permitted) == 0;
    }

    /// <summary>
    /// proc(5), ptrace(2) "Ptrace access mode checking": a process shows what it has in memory and open to processes of
    /// its user only while it has no other identity to give away and has not forbidden it (PR_SET_DUMPABLE). To itself
    /// always.
    /// </summary>
    public static bool ShowsItselfToItsUser(Thread* target)
    {
        ref Credentials of = ref target->Credentials;
        return target->Process == Process.Current
            || !target->Process->IsUndumpable
            && of.RealUserId == of.EffectiveUserId && of.RealUserId == of.SavedUserId
            && of.RealGroupId == of.EffectiveGroupId && of.RealGroupId == of.SavedGroupId;
    }

    /// <summary>
    /// A thread of the process has changed its user or group (commit_creds of Linux): until the next execve(2) its
    /// memory, which may hold secrets of the former one, is not shown to others (PR_SET_DUMPABLE), and its parent's end
    /// sends it no signal (PR_SET_PDEATHSIG).
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
    public static bool MaySchedule(Thread* caller, Thread* target)
    {
        uint user = caller->Credentials.EffectiveUserId;
        return caller->Credentials.Capabilities.Has(Capability.SYS_NICE)
            || user == target->Credentials.RealUserId
            || user == target->Credentials.EffectiveUserId;
    }
}
