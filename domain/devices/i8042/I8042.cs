using System;

namespace Domain.Devices;

/// <summary>The part of the keyboard controller that a PC without a keyboard still has: the reset line.</summary>
/// <remarks>
/// Command 0xfe at port 0x64 pulses output line 0, which is wired to the processor's reset (IBM PC AT technical
/// reference).
/// </remarks>
public sealed class I8042(Action reset) : IDevice
{
    public const ushort Port = 0x60, PortCount = 5;

    /// <summary>Of the command port.</summary>
    public const ushort CommandOffset = 4;

    private const byte PulseReset = 0xfe;

    /// <summary>Both buffers are always empty: a driver that waits for the input buffer goes straight on.</summary>
    public ulong Read(ulong offset, int size) => 0;

    public void Write(ulong offset, int size, ulong value)
    {
        if (offset == CommandOffset && (byte)value == PulseReset)
            reset();
    }
}
