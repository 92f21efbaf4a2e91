using System;

namespace Domain.Devices;

/// <summary>The sleep control and sleep status registers of a hardware-reduced platform (ACPI 6.5, 4.8.3.7).</summary>
/// <remarks>
/// Soft off is the only state, so there is no wake-up, and the status register always reads as zero.
/// </remarks>
internal sealed class SleepRegisters(Action poweredOff) : IDevice
{
    /// <summary>The control register; the status register follows.</summary>
    public const ushort Port = 0x600, PortCount = 2;

    /// <summary>SLP_TYP of soft off: what the object \_S5 in the DSDT says.</summary>
    public const byte SoftOff = 5;

    private const ulong Control = 0;
    private const int TypeShift = 2, TypeMask = 7;
    private const byte Enable = 1 << 5;

    public ulong Read(ulong offset, int size) => 0;

    public void Write(ulong offset, int size, ulong value)
    {
        if (offset == Control && (value & Enable) != 0 && ((int)value >> TypeShift & TypeMask) == SoftOff)
            poweredOff();
    }
}
