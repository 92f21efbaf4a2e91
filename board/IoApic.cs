using System;

namespace Board;

/// <summary>The I/O APIC (Intel 82093AA data sheet §3): which device line becomes which vector.</summary>
/// <param name="registers">Where its window is mapped; physically at <see cref="Physical"/>.</param>
public readonly unsafe struct IoApic(byte* registers)
{
    public const ulong Physical = 0xfec00000;

    private const int Window = 0x10;
    private const uint VersionRegister = 1;
    private const uint FirstRedirection = 0x10;
    private const uint Masked = 1 << 16;
    private const uint LevelTriggered = 1 << 15;

    private uint Read(uint index)
    {
        Mmio.Write32(registers, index);
        return Mmio.Read32(registers + Window);
    }

    private void Write(uint index, uint value)
    {
        Mmio.Write32(registers, index);
        Mmio.Write32(registers + Window, value);
    }

    /// <summary>Number of inputs.</summary>
    public int Inputs => (int)(Read(VersionRegister) >> 16 & 0xff) + 1;

    /// <summary>Delivers an input to one processor. False when there is no such input.</summary>
    /// <param name="level">Level-triggered; otherwise on the rising edge.</param>
    public bool Route(int input, byte vector, byte destination, bool level)
    {
        if (input < 0 || input >= Inputs)
            return false;
        Write(FirstRedirection + 2 * (uint)input + 1, (uint)destination << 24);
        Write(FirstRedirection + 2 * (uint)input, vector | (level ? LevelTriggered : 0));
        return true;
    }

    /// <summary>Silences every input, and the two legacy 8259 controllers beside it.</summary>
    public void MaskAll()
    {
        for (uint input = 0; input < (uint)Inputs; input++)
            Write(FirstRedirection + 2 * input, Masked);
        Port.Out8(0x21, 0xff);
        Port.Out8(0xa1, 0xff);
    }
}
