namespace Evilman.Run;

/// <summary>What somebody is told who waits for a program to listen: that it does not yet, after three seconds, and then every ten.</summary>
internal sealed class PortWait(int port, int patienceSeconds)
{
    const int First = 3, Every = 10;

    int next = First;

    /// <summary>What is to be said after so many seconds; null: nothing.</summary>
    internal string? Remark(double seconds)
    {
        if (seconds < next)
            return null;
        var told = next;
        while (next <= seconds)
            next += Every;
        return $"nothing listens on port {port} after {told} s; waiting for it, {patienceSeconds} s at most (--timeout)";
    }
}
