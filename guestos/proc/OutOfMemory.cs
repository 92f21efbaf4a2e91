namespace Guestos;

/// <summary>
/// What happens when a page cannot be had: a process ends and the console names it. It is the one that takes most of
/// the memory, page tables included, ordinary users' before the superuser's, and the first process only when there is
/// no other.
/// </summary>
public static unsafe class OutOfMemory
{
    /// <summary>
    /// An ordinary user's process with fewer frames than this is not worth its end: 12 are tables that each one has.
    /// </summary>
    private const ulong WorthEnding = 28;

    /// <summary>
    /// Nanoseconds that the one that was chosen has to give its memory back before another is chosen.
    /// </summary>
    private const ulong Patience = 1_000_000_000;

    private static int s_victim;
    private static ulong s_chosenAt;

    /// <summary>
    /// True when what is reserved for the kernel's own work and for the superuser may be used: in interrupts, for the
    /// first process, for processes of the superuser, and for whoever is ending, who gives memory back.
    /// </summary>
    public static bool MayUseReserve()
    {
        Process* process = Process.Current;
        return process == null || Permissions.Has(Capability.SYS_ADMIN) || process->Id == 1
            || process->Exiting || process->KilledForMemory;
    }

    /// <summary>
    /// Sees to it that memory becomes free. False when it is the current process that ends; otherwise its access is
    /// worth another try once others have run. Nothing sleeps here.
    /// </summary>
    public static bool Relieve()
    {
        Process* victim = ProcessTable.Find(s_victim);
        bool isEnding = victim != null && victim->KilledForMemory && Clock.Monotonic - s_chosenAt < Patience;
        if (!isEnding)
        {
            victim = Choose();
            s_victim = victim->Id;
            s_chosenAt = Clock.Monotonic;
            Kill(victim);
        }
        return victim != Process.Current;
    }

    /// <summary>
    /// The memory of a process that ends is free, which takes it some time with others between: only now another may be
    /// chosen.
    /// </summary>
    public static void Freed(Process* process)
    {
        if (process->Id == s_victim)
            s_victim = 0;
    }

    /// <summary>The process to end. The current one when there is no better.</summary>
    private static Process* Choose()
    {
        Process* ordinary = null;
        Process* privileged = null;
        for (Process* process = ProcessTable.First; process != null; process = process->Next)
        {
            if (process->Space == null || process->Exiting || process->KilledForMemory || process->Id == 1)
                continue;
            if (!process->Credentials.Capabilities.Has(Capability.SYS_ADMIN))
                ordinary = Larger(ordinary, process);
            else
                privileged = Larger(privileged, process);
        }
        if (ordinary != null && (ordinary->Space->HeldFrames >= WorthEnding || privileged == null))
            return ordinary;
        return privileged != null ? privileged : Process.Current;
    }

    private static Process* Larger(Process* best, Process* process) =>
        best == null || process->Space->HeldFrames > best->Space->HeldFrames ? process : best;

    private static void Kill(Process* process)
    {
        if (process->KilledForMemory)
            return;
        process->KilledForMemory = true;
        Console.Write("guestos: out of memory: process "u8);
        Console.WriteDecimal((ulong)process->Id);
        Console.Write(" ("u8);
        Console.Write(process->NameText);
        Console.Write(") killed, resident pages "u8);
        Console.WriteDecimal(process->Space->ResidentPages);
        Console.Write(", page tables "u8);
        Console.WriteDecimal(process->Space->TablePages);
        Console.Write("\n"u8);
        Signals.Send(process, Signal.Kill);
    }
}
