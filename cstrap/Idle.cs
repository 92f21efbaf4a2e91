using Board;

namespace Cstrap;

/// <summary>Sleeping without losing a wake-up: interrupts are on only inside <see cref="Sleep"/>.</summary>
internal static unsafe class Idle
{
    private const byte WakeVector = 0x40;
    private const byte SpuriousVector = 0xff;
    private const int Vectors = 256;
    private const int GateSize = 16;
    private const int CodeSelector = 8;

    public static LocalApic Apic;
    public static TimeSource Time;

    public static ulong Now => Time.Nanoseconds;

    /// <param name="table">4 KiB for the interrupt descriptor table.</param>
    public static void Init(byte* table)
    {
        ulong* gates = (ulong*)table;
        for (int vector = 0; vector < Vectors; vector++)
        {
            ulong handler = vector switch
            {
                < 32 => Native.ExceptionHandler(),
                SpuriousVector => Native.SpuriousHandler(),
                _ => Native.WakeHandler(),
            };
            // 64-bit interrupt gate, present, ring 0 (Intel SDM vol. 3A §6.14.1).
            gates[2 * vector] = handler & 0xffff | CodeSelector << 16 | 0x8e00UL << 32 | (handler & 0xffff0000) << 32;
            gates[2 * vector + 1] = handler >> 32;
        }
        byte* pointer = stackalloc byte[10];
        *(ushort*)pointer = Vectors * GateSize - 1;
        *(ulong*)(pointer + 2) = (ulong)table;
        Processor.LoadIdt(pointer);

        new IoApic((byte*)IoApic.Physical).MaskAll();
        Apic = new LocalApic((byte*)LocalApic.Physical);
        Apic.Enable(SpuriousVector);
        Time = TimeSource.Measure(Apic);
    }

    /// <summary>Lets a device line end sleeps.</summary>
    public static bool WakeOn(int input) =>
        new IoApic((byte*)IoApic.Physical).Route(input, WakeVector, Apic.Identity, level: false);

    /// <summary>
    /// Sleeps until an interrupt, at the latest at <paramref name="deadline"/> (or earlier: look again).
    /// </summary>
    public static void Sleep(ulong deadline)
    {
        ulong now = Now;
        if (deadline <= now)
            return;
        Apic.StartTimer(WakeVector, Time.ToTimerTicks(deadline - now));
        Processor.EnableInterruptsAndHalt();
        Processor.DisableInterrupts();
        Apic.StopTimer();
    }

    public static void Stop()
    {
        Apic.StopTimer();
        new IoApic((byte*)IoApic.Physical).MaskAll();
    }
}
