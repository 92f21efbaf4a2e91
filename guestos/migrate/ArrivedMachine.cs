using System;
using Board;

namespace Guestos;

/// <summary>
/// What a guest does to the machine it finds itself on: processor tables, interrupt controllers, timer, console.
/// </summary>
internal static unsafe class ArrivedMachine
{
    /// <summary>CR0: PG, WP, NE, MP, PE; no AM, no EM, no TS.</summary>
    private const ulong ControlZero = 0x80010023;

    /// <summary>CR4: PAE, OSFXSR, OSXMMEXCPT.</summary>
    private const ulong ControlFour = 0x620;

    /// <summary>
    /// After a move: control registers, MSRs, GDT, IDT, TSS (available again), the kernel's page tables, local APIC,
    /// I/O APIC, UART, timer; no interrupt is registered afterwards but the console's. Interrupts stay off.
    /// </summary>
    public static void Resume()
    {
        Processor.WriteCr0(ControlZero);
        Processor.WriteCr4(ControlFour);
        FloatState.Resume();
        PageTable.Load(PageTable.KernelRoot);
        Descriptors.Load(LogicalProcessor.First);
        Interrupts.Start();
        Interrupts.KeepOnly(Interrupts.UartInput);
        Timers.ForgetHardware();
        ConsoleTerminal.Start();
    }

    /// <summary>
    /// Puts a thread's address space, kernel stack and floating point state, which its user frame has, in force, as a
    /// switch to it would, without switching.
    /// </summary>
    public static void Enter(Thread* thread)
    {
        LogicalProcessor.Current->KernelStackTop = thread->StackTop;
        Scheduler.LoadSpace(thread);
        FloatState.Load(thread->UserFrame);
    }
}
