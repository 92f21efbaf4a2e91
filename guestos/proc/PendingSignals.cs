namespace Guestos;

/// <summary>
/// siginfo_t (include/uapi/asm-generic/siginfo.h): two words of the union are enough for all that is sent here.
/// </summary>
public unsafe struct SignalInformation
{
    /// <summary>si_code, and si_errno, which only a sender may set (rt_sigqueueinfo(2)).</summary>
    public int Code;
    public int Error;

    /// <summary>si_pid | si_uid &lt;&lt; 32, or si_addr.</summary>
    public ulong First;

    /// <summary>si_status or si_value.</summary>
    public ulong Second;

    /// <summary>With si_pid of a process, and si_uid of its thread that runs, else of its first one.</summary>
    public static SignalInformation About(Process* process, int code, ulong second)
    {
        Thread* thread = process == Process.Current ? Thread.Current : process->FirstThread;
        return new SignalInformation
        {
            Code = code,
            First = (ulong)(uint)process->Id | (ulong)thread->Credentials.RealUserId << 32,
            Second = second,
        };
    }
}

/// <summary>
/// Signals that have been sent and not been taken yet, of a thread or of a process (sigpending(2)). One below SIGRTMIN
/// waits once; each real-time one waits for itself, the oldest first (POSIX.1 §2.4.1). All zeros is an empty set.
/// </summary>
public unsafe struct PendingSignals
{
    private struct Entry
    {
        public Signal Signal;
        public SignalInformation Information;
        public Entry* Next;
    }

    private static Slab<Entry> s_entries;

    /// <summary>What is known of them, oldest first.</summary>
    private Entry* first;

    /// <summary>As a sigset_t.</summary>
    public ulong Set { get; private set; }

    /// <summary>
    /// Adds one to a set of this process. False when a real-time signal that carries a value could not be kept: the
    /// process has as many as RLIMIT_SIGPENDING allows, or there is no memory. Any other then waits all the same, with
    /// nothing known of it (kernel/signal.c of Linux, __send_signal_locked).
    /// </summary>
    internal static bool Add(PendingSignals* to, Process* owner, Signal signal, in SignalInformation information)
    {
        if (!signal.IsRealTime && signal.IsIn(to->Set))
            return true;
        bool isAllowed = !signal.IsRealTime
            || (ulong)owner->QueuedSignals < ResourceLimits.Of(owner, Resource.PendingSignals);
        Entry* added = isAllowed ? s_entries.Allocate() : null;
        if (added == null && signal.IsRealTime && information.Code != SignalCode.User)
            return false;
        to->Set |= signal.Bit;
        if (added == null)
            return true;
        added->Signal = signal;
        added->Information = information;
        Entry** end = &to->first;
        while (*end != null)
            end = &(*end)->Next;
        *end = added;
        owner->QueuedSignals++;
        return true;
    }

    /// <summary>Takes the oldest of a number that is in the set. Of one of which nothing is known all is 0.</summary>
    internal static SignalInformation Take(PendingSignals* from, Process* owner, Signal signal)
    {
        SignalInformation information = default;
        Entry** link = Find(&from->first, signal);
        if (*link != null)
        {
            information = (*link)->Information;
            Free(owner, link);
        }
        if (*Find(link, signal) == null)
            from->Set &= ~signal.Bit;
        return information;
    }

    /// <summary>Drops all of these.</summary>
    internal static void Forget(PendingSignals* from, Process* owner, ulong signals)
    {
        from->Set &= ~signals;
        Entry** link = &from->first;
        while (*link != null)
        {
            if ((*link)->Signal.IsIn(signals))
                Free(owner, link);
            else
                link = &(*link)->Next;
        }
    }

    /// <summary>The link to the first of a number from here on, or the last link, which leads nowhere.</summary>
    private static Entry** Find(Entry** link, Signal signal)
    {
        while (*link != null && (*link)->Signal != signal)
            link = &(*link)->Next;
        return link;
    }

    private static void Free(Process* owner, Entry** link)
    {
        Entry* gone = *link;
        *link = gone->Next;
        owner->QueuedSignals--;
        int timer = gone->Information.Code == SignalCode.Timer ? (int)gone->Information.First : -1;
        s_entries.Free(gone);
        if (timer >= 0)
            PosixTimers.SignalGone(owner, timer);
    }
}
