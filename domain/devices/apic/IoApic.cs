namespace Domain.Devices;

/// <summary>
/// The I/O APIC at 0xfec00000: 24 inputs, each with a redirection entry (Intel 82093AA data sheet, §3).
/// </summary>
public sealed class IoApic : IDevice
{
    public const ulong Address = 0xfec0_0000, Length = 0x1000;
    public const int PinCount = 24;

    // Version 0x20 has the EOI register at 0x40.
    private const uint VersionRegister = (PinCount - 1) << 16 | 0x20;
    private const uint LogicalDestination = 1 << 11, RemoteRequest = 1 << 14, LevelTriggered = 1 << 15,
        Masked = 1 << 16;
    private const uint ReadOnlyBits = 1 << 12 | RemoteRequest;

    private readonly LocalApic processor;
    private readonly uint[] low = new uint[PinCount];
    private readonly uint[] high = new uint[PinCount];
    private readonly bool[] asserted = new bool[PinCount];

    // An edge that comes while its input is masked is kept, as other monitors do (the original part forgets it): a
    // driver that starts its device before it routes the interrupt would otherwise wait for ever.
    private readonly bool[] latched = new bool[PinCount];
    private uint select, identifier;

    public IoApic(LocalApic processor)
    {
        this.processor = processor;
        processor.EndOfLevelInterrupt = EndOfInterrupt;
        for (int pin = 0; pin < PinCount; pin++)
            low[pin] = Masked;
    }

    /// <summary>The wire into input <paramref name="pin"/>.</summary>
    public IInterruptLine Line(int pin) => new Pin(this, pin);

    public ulong Read(ulong offset, int size) => offset switch
    {
        0x00 => select,
        0x10 => ReadSelected(),
        _ => 0,
    };

    public void Write(ulong offset, int size, ulong value)
    {
        if (offset == 0x00)
            select = (byte)value;
        else if (offset == 0x10)
            WriteSelected((uint)value);
        else if (offset == 0x40)
            EndOfInterrupt((byte)value);
    }

    private uint ReadSelected()
    {
        if (select is 0 or 2)
            return identifier;
        if (select == 1)
            return VersionRegister;
        uint pin = (select - 0x10) >> 1;
        return pin >= PinCount ? 0 : (select & 1) == 0 ? low[pin] : high[pin];
    }

    private void WriteSelected(uint value)
    {
        if (select == 0)
            identifier = value & 0x0f00_0000;
        uint pin = (select - 0x10) >> 1;
        if (pin >= PinCount)
            return;
        if ((select & 1) != 0)
        {
            high[pin] = value;
            return;
        }
        uint kept = (value & LevelTriggered) != 0 ? low[pin] & RemoteRequest : 0;
        low[pin] = value & 0x1_ffff & ~ReadOnlyBits | kept;
        if ((value & LevelTriggered) != 0)
            DeliverLevel((int)pin);
        else
            DeliverEdge((int)pin);
    }

    private void Set(int pin, bool highLevel)
    {
        asserted[pin] = highLevel;
        if (!highLevel)
            return;
        latched[pin] = true;
        if ((low[pin] & LevelTriggered) != 0)
            DeliverLevel(pin);
        else
            DeliverEdge(pin);
    }

    private void DeliverEdge(int pin)
    {
        if (!latched[pin] || (low[pin] & Masked) != 0)
            return;
        latched[pin] = false;
        Deliver(pin, false);
    }

    private void DeliverLevel(int pin)
    {
        if (!asserted[pin] || (low[pin] & (Masked | RemoteRequest)) != 0)
            return;
        latched[pin] = false;
        if (Deliver(pin, true))
            low[pin] |= RemoteRequest;
    }

    private bool Deliver(int pin, bool level)
    {
        const uint LowestPriority = 1;
        if (((low[pin] >> 8) & 7) > LowestPriority
            || !processor.Matches(high[pin] >> 24, (low[pin] & LogicalDestination) != 0))
            return false;
        processor.Accept((int)(low[pin] & 0xff), level);
        return true;
    }

    private void EndOfInterrupt(int vector)
    {
        for (int pin = 0; pin < PinCount; pin++)
        {
            if ((low[pin] & 0xff) != vector || (low[pin] & LevelTriggered) == 0)
                continue;
            low[pin] &= ~RemoteRequest;
            DeliverLevel(pin);
        }
    }

    private sealed class Pin(IoApic owner, int number) : IInterruptLine
    {
        public void Set(bool high) => owner.Set(number, high);
    }
}
