namespace Guestos;

/// <summary>
/// A real-time signal behind another of its number (POSIX.1 §2.4.1: each one sent is delivered, in order). The oldest
/// of a number lies in <see cref="SignalInformation"/>; the queue holds the others.
/// </summary>
public unsafe struct QueuedSignal
{
    private Signal signal;
    private int code;
    private ulong first, second;
    private QueuedSignal* next;

    private static Slab<QueuedSignal> s_slab;

    /// <summary>False when the process has as many as RLIMIT_SIGPENDING allows, or without memory.</summary>
    internal static bool Append(Process* process, Signal signal, int code, ulong first, ulong second)
    {
        if ((ulong)process->QueuedCount >= ResourceLimits.Of(process, Resource.PendingSignals))
            return false;
        QueuedSignal* added = s_slab.Allocate();
        if (added == null)
            return false;
        *added = new QueuedSignal { signal = signal, code = code, first = first, second = second };
        QueuedSignal** end = &process->Queued;
        while (*end != null)
            end = &(*end)->next;
        *end = added;
        process->QueuedCount++;
        return true;
    }

    /// <summary>Moves the next of a number to where the oldest lies. False: there is none.</summary>
    internal static bool Next(Process* process, Signal signal)
    {
        for (QueuedSignal** link = &process->Queued; *link != null; link = &(*link)->next)
        {
            QueuedSignal* found = *link;
            if (found->signal != signal)
                continue;
            ulong* information = SignalInformation.Of(process->Information, signal);
            information[0] = (ulong)(uint)found->code;
            information[1] = found->first;
            information[2] = found->second;
            Free(process, link);
            return true;
        }
        return false;
    }

    /// <summary>Drops those of a set of numbers.</summary>
    internal static void Forget(Process* process, ulong set)
    {
        for (QueuedSignal** link = &process->Queued; *link != null;)
            if ((*link)->signal.IsIn(set))
                Free(process, link);
            else
                link = &(*link)->next;
    }

    private static void Free(Process* process, QueuedSignal** link)
    {
        QueuedSignal* gone = *link;
        *link = gone->next;
        process->QueuedCount--;
        s_slab.Free(gone);
    }
}
