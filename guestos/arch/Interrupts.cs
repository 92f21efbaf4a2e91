namespace Guestos;

/// <summary>Device interrupts, by I/O APIC input.</summary>
public static unsafe class Interrupts
{
    /// <summary>The inputs of one I/O APIC.</summary>
    public const int Inputs = 24;

    /// <summary>Routes an input (level-triggered, active high) to a handler, which runs with interrupts off and must not sleep.</summary>
    public static void Register(int gsi, delegate*<void> handler) { }
}
