namespace Guestos;

/// <summary>Who may do something to another's process.</summary>
public static unsafe class Permissions
{
    /// <summary>kill(2): the superuser, and whose real or effective user is the other's real or saved one.</summary>
    public static bool MaySignal(Process* sender, Process* target) =>
        sender->EffectiveUserId == 0 || Any(sender->EffectiveUserId, target) || Any(sender->UserId, target);

    private static bool Any(uint user, Process* target) => user == target->UserId || user == target->SavedUserId;

    /// <summary>prlimit(2): all of the other's identities are the real ones of the caller.</summary>
    public static bool MayControl(Process* caller, Process* target) =>
        caller->EffectiveUserId == 0
        || caller->UserId == target->UserId && caller->UserId == target->EffectiveUserId && caller->UserId == target->SavedUserId
        && caller->GroupIdReal == target->GroupIdReal && caller->GroupIdReal == target->EffectiveGroupId && caller->GroupIdReal == target->SavedGroupId;

    /// <summary>
    /// setpriority(2), sched_setscheduler(2): the caller's effective user is the other's real or effective one.
    /// </summary>
    public static bool MaySchedule(Process* caller, Process* target) =>
        caller->EffectiveUserId == 0 || caller->EffectiveUserId == target->UserId || caller->EffectiveUserId == target->EffectiveUserId;
}
