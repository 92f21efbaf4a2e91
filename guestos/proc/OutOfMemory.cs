namespace Guestos;

/// <summary>What happens when a page cannot be had: the process that needs it ends, and says so.</summary>
public static unsafe class OutOfMemory
{
    public static void KillCurrent()
    {
        Process* process = Scheduler.Current;
        if (process->KilledForMemory)
            return;
        process->KilledForMemory = true;
        Console.Write("guestos: out of memory: process "u8);
        Console.WriteDecimal((ulong)process->Id);
        Console.Write(" ("u8);
        Console.Write(process->NameText);
        Console.Write(") killed, resident pages "u8);
        Console.WriteDecimal(process->Space->ResidentPages);
        Console.Write("\n"u8);
        Signals.Send(process, Signal.Kill);
    }
}
