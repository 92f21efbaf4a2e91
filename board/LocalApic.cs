using System;

namespace Board;

/// <summary>
/// The local APIC in xAPIC mode (Intel SDM vol. 3A chapter 11): interrupts in, timer, end of interrupt.
/// </summary>
/// <param name="registers">Where its page is mapped; physically at <see cref="Physical"/>.</param>
public readonly unsafe struct LocalApic(byte* registers)
{
    public const ulong Physical = 0xfee00000;

    // Register offsets, table 11-1.
    private const int Id = 0x020;
    private const int TaskPriority = 0x080;
    private const int EndOfInterruptRegister = 0x0b0;
    private const int SpuriousVector = 0x0f0;
    private const int TimerVector = 0x320;
    private const int Lint0 = 0x350;
    private const int Lint1 = 0x360;
    private const int InitialCount = 0x380;
    private const int CurrentCount = 0x390;
    private const int DivideConfiguration = 0x3e0;

    private const uint Masked = 1 << 16;
    private const uint SoftwareEnable = 1 << 8;
    private const uint DivideBy1 = 0b1011;
    private const uint BaseRegister = 0x1b;     // IA32_APIC_BASE
    private const ulong GlobalEnable = 1 << 11;
    private const ulong X2Apic = 1 << 10;

    private uint Read(int offset) => Mmio.Read32(registers + offset);

    private void Write(int offset, uint value) => Mmio.Write32(registers + offset, value);

    /// <summary>Turns the APIC on with everything masked and the timer stopped.</summary>
    /// <param name="spuriousVector">A vector whose handler does nothing, not even end the interrupt.</param>
    public void Enable(byte spuriousVector)
    {
        Processor.WriteMsr(BaseRegister, (Processor.ReadMsr(BaseRegister) & ~X2Apic) | GlobalEnable);
        Write(TimerVector, Masked);
        Write(Lint0, Masked);
        Write(Lint1, Masked);
        Write(DivideConfiguration, DivideBy1);
        Write(InitialCount, 0);
        Write(TaskPriority, 0);
        Write(SpuriousVector, SoftwareEnable | spuriousVector);
    }

    /// <summary>The identity that the I/O APIC sends to.</summary>
    public byte Identity => (byte)(Read(Id) >> 24);

    /// <summary>
    /// One interrupt at <paramref name="vector"/> after <paramref name="ticks"/> of the timer's clock; 0 ticks stop it.
    /// </summary>
    public void StartTimer(byte vector, uint ticks)
    {
        Write(TimerVector, vector);
        Write(InitialCount, ticks);
    }

    /// <summary>No more timer interrupts; one that is already pending still comes.</summary>
    public void StopTimer()
    {
        Write(TimerVector, Masked);
        Write(InitialCount, 0);
    }

    /// <summary>Counts down from the initial count to 0.</summary>
    public uint TimerCount => Read(CurrentCount);

    /// <summary>Lets the timer count without interrupts, to measure another clock.</summary>
    public void StartCounting()
    {
        Write(TimerVector, Masked);
        Write(InitialCount, uint.MaxValue);
    }

    public void EndOfInterrupt() => Write(EndOfInterruptRegister, 0);
}
