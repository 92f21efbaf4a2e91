using Board;

namespace Guestos;

/// <summary>Device interrupts by I/O APIC input, and the local APIC's timer.</summary>
public static unsafe class Interrupts
{
    /// <summary>The inputs of one I/O APIC.</summary>
    public const int Inputs = 24;

    /// <summary>The first serial port.</summary>
    public const int UartInput = 4;

    internal const int FirstVector = 0x20;
    private const byte TimerVector = 0x40;
    private const byte SpuriousVector = 0xff;

    private struct HandlerTable
    {
        public fixed ulong Entries[Inputs];
    }

    private static HandlerTable s_handlers;

    /// <summary>The local APIC's timer has come. Registered at boot, as the inputs' handlers are.</summary>
    public static delegate*<void> TimerHandler;

    internal static LocalApic Local;
    private static IoApic s_io;

    /// <summary>
    /// Turns the controllers on, everything masked; on arrival on another machine too, followed by <see
    /// cref="KeepOnly"/>.
    /// </summary>
    internal static void Start()
    {
        Local = new LocalApic(DirectMap.At(LocalApic.Physical));
        s_io = new IoApic(DirectMap.At(IoApic.Physical));
        Local.Enable(SpuriousVector);
        s_io.MaskAll();
    }

    /// <summary>
    /// Routes an input (level-triggered, active high) to a handler, which runs with interrupts off and must not sleep.
    /// </summary>
    public static void Register(int gsi, delegate*<void> handler)
    {
        if ((uint)gsi >= Inputs)
            return;
        s_handlers.Entries[gsi] = (ulong)handler;
        s_io.Route(gsi, (byte)(FirstVector + gsi), Local.Identity, level: true);
    }

    /// <summary>
    /// Forgets every handler but one input's, which is routed again: what was registered belonged to another machine.
    /// </summary>
    internal static void KeepOnly(int input)
    {
        for (int gsi = 0; gsi < Inputs; gsi++)
            if (gsi != input)
                s_handlers.Entries[gsi] = 0;
            else if (s_handlers.Entries[gsi] != 0)
                s_io.Route(gsi, (byte)(FirstVector + gsi), Local.Identity, level: true);
    }

    internal static void StartTimer(uint ticks) => Local.StartTimer(TimerVector, ticks);

    internal static void Dispatch(int vector)
    {
        if (vector == SpuriousVector)
            return;
        if (vector == TimerVector)
            TimerHandler();
        else if (vector - FirstVector < Inputs && s_handlers.Entries[vector - FirstVector] != 0)
            ((delegate*<void>)s_handlers.Entries[vector - FirstVector])();
        Local.EndOfInterrupt();
    }
}
