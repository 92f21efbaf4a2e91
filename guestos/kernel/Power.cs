using System.Diagnostics.CodeAnalysis;
using Board;

namespace Guestos;

/// <summary>
/// How the guest ends its machine (docs/architecture.md, "How a guest ends its machine"). None of these returns.
/// </summary>
internal static class Power
{
    /// <summary>pvpanic: the port, what it reads as where there is none, and the events.</summary>
    private const ushort Device = 0x505;
    private const byte Absent = 0xff;
    private const byte Panicked = 1;
    private const byte ShutDown = 4;

    /// <summary>The kernel cannot go on.</summary>
    [DoesNotReturn]
    public static void Panic()
    {
        Tell(Panicked);
        Reset();
    }

    [DoesNotReturn]
    public static void Off()
    {
        Tell(ShutDown);
        Reset();
    }

    [DoesNotReturn]
    public static void Reset()
    {
        while (true)
            Processor.Reset();
    }

    /// <summary>Tells the machine, if it knows the event; then most often nothing comes after this.</summary>
    private static void Tell(byte what)
    {
        byte known = Port.In8(Device);
        if (known != Absent && (known & what) != 0)
            Port.Out8(Device, what);
    }
}
