using System;

namespace Launcher;

/// <summary>
/// A machine's user has no process but the machine's: one that has could end this one and look into it. Two nodes of one host whose
/// ranges of users overlap would run such machines.
/// </summary>
internal static class SoleUser
{
    private const int CloneVfork = 0x4000, SigChild = 17, Again = -11, Attempts = 200;
    private const ulong Pause = 10_000_000; // nanoseconds

    /// <summary>
    /// False when another process of this user goes on running, and that has been said. What is left of a machine that has just been
    /// killed gets two seconds to go. Root's processes are not counted (setrlimit(2)), and are more than machines.
    /// </summary>
    public static bool Await()
    {
        if (Kernel.Do(Call.GetUid) == 0)
            return true;
        // The kernel counts by user and over all namespaces: with room for this process and one more, a third keeps the one more away.
        if (!Limits.SetProcesses(2))
            return false;
        int child = Again;
        for (int attempt = 0; attempt < Attempts && child == Again; attempt++)
        {
            if (attempt > 0)
                Kernel.Do(Call.Ppoll, 0, 0, Kernel.At(stackalloc ulong[] { 0, Pause })); // struct timespec
            child = Kernel.Do(Call.Clone, CloneVfork | SigChild);
            if (child == 0)
                Kernel.Do(Call.ExitGroup);
        }
        if (child < 0)
            Failure.Say(Failure.NotStarted, "another process of this user goes on running"u8, ""u8, child == Again ? 0 : child);
        else
            Kernel.Do(Call.Wait4, child);
        return child > 0;
    }
}
