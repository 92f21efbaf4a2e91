using System;

namespace Domain.Devices;

/// <summary>
/// The port by which a guest tells its end to the host (QEMU: docs/specs/pvpanic.rst, the ISA device).
/// </summary>
/// <remarks>Reading gives the events that the device knows; the guest writes the one that has happened.</remarks>
internal sealed class Pvpanic(Action panicked, Action poweredOff) : IDevice
{
    public const ushort Port = 0x505, PortCount = 1;

    private const byte Panicked = 1, Shutdown = 4;

    public ulong Read(ulong offset, int size) => Panicked | Shutdown;

    public void Write(ulong offset, int size, ulong value)
    {
        if ((value & Panicked) != 0)
            panicked();
        else if ((value & Shutdown) != 0)
            poweredOff();
    }
}
