namespace Guestos;

/// <summary>All processes, by ascending start. /proc walks it.</summary>
public static unsafe partial class ProcessTable
{
    /// <summary>The process with this id, zombies included, or null.</summary>
    public static Process* Find(int id) => null;

    /// <summary>The process with the lowest id above <paramref name="id"/>, or null: FirstAfter(0) begins a walk that survives changes.</summary>
    public static Process* FirstAfter(int id) => null;
}
