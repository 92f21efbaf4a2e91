namespace Guestos;

/// <summary>What a guest does to the machine it finds itself on: processor tables, interrupt controllers, timer, console.</summary>
internal static unsafe class Machine
{
    /// <summary>
    /// After a move: control registers, MSRs, GDT, IDT, TSS (available again), the kernel's page tables, local APIC, I/O APIC, UART, timer; no
    /// interrupt is registered afterwards but the console's. Interrupts stay off.
    /// </summary>
    public static void Resume() { }

    /// <summary>Puts a process's address space and kernel stack in force, as a switch to it would, without switching.</summary>
    public static void Enter(Process* process) { }
}
