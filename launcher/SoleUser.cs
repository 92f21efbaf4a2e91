using System.Linux;
using static System.Linux.Uapi;

namespace Launcher;

/// <summary>
/// A machine's user has no process but the machine's: one that has could end this one and look into it. Two nodes of
/// one host whose ranges of users overlap would run such machines.
/// </summary>
internal static class SoleUser
{
    private const int Attempts = 500;

    /// <summary>Nanoseconds between two of them.</summary>
    private const ulong Pause = 10_000_000;

    /// <summary>
    /// False when another process of this user goes on running, and that has been said. What is left of a machine that
    /// has just been killed, until its parent has waited for it, gets five seconds to go. Root's processes are not
    /// counted (setrlimit(2)), and are more than machines.
    /// </summary>
    public static bool Await()
    {
        if (Syscall.Call(CallNumber.GetUid) == 0)
            return true;
        // The kernel counts the processes of a user in all namespaces. With a limit of two, this process can start
        // another one only while the user has no third.
        if (!Limits.SetProcesses(2))
            return false;
        int child = EAGAIN;
        for (int attempt = 0; attempt < Attempts && child == EAGAIN; attempt++)
        {
            Timespec pause = new() { Nanoseconds = Pause };
            if (attempt > 0)
                Syscall.Call(CallNumber.Ppoll, 0, 0, Syscall.AddressOf(ref pause));
            child = Syscall.Call(CallNumber.Clone, CLONE_VFORK | SIGCHLD);
            if (child == 0)
                Syscall.Exit(0);
        }
        if (child < 0)
            Failure.Say(
                Failure.NotStarted,
                "another process of this user goes on running"u8,
                ""u8,
                child == EAGAIN ? 0 : child);
        else
            Syscall.Call(CallNumber.Wait4, child);
        return child > 0;
    }
}
