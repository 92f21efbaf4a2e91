using System;

namespace Domain.Devices;

/// <summary>
/// A 16550A serial port at I/O port 0x3f8, interrupt 4 (National Semiconductor PC16550D data sheet, §8).
/// </summary>
/// <remarks>
/// Transmission takes no time, so the transmit holding register is always empty. Modem lines say that a terminal is
/// there. The baud rate is stored and has no effect.
/// </remarks>
public sealed class Uart(IConsole console, IInterruptLine interrupt) : IDevice
{
    public const ushort Port = 0x3f8, PortCount = 8;
    public const int Irq = 4;

    private const byte InterruptOnReceive = 1, InterruptOnTransmit = 2;
    private const byte NoInterrupt = 0x01, TransmitEmptyInterrupt = 0x02, ReceivedDataInterrupt = 0x04,
        FifosEnabled = 0xc0;
    private const byte DivisorLatch = 0x80, Loopback = 0x10;
    private const byte DataReady = 0x01, Overrun = 0x02, TransmitHoldingEmpty = 0x20, TransmitterEmpty = 0x40;
    private const byte ClearToSend = 0x10, DataSetReady = 0x20, CarrierDetect = 0x80;

    // Deeper than the 16 bytes of the real part: the host reads the terminal in larger pieces.
    private readonly byte[] received = new byte[64];
    private int head, count;

    private byte interruptEnable, lineControl, modemControl, scratch, fifoControl;
    private byte lineErrors;
    private ushort divisor = 12;
    private bool transmitInterrupt, asserted;

    public UartMetrics Metrics;

    /// <summary>Called when the guest has read everything: there is room again.</summary>
    public Action? Drained { get; set; }

    /// <summary>How many characters <see cref="Receive"/> would take now.</summary>
    public int Room => received.Length - count;

    /// <summary>Whether the guest has asked to be interrupted for input: it reads this port.</summary>
    public bool Listening => (interruptEnable & InterruptOnReceive) != 0;

    /// <summary>Characters typed on the host.</summary>
    public void Receive(ReadOnlySpan<byte> text)
    {
        foreach (byte character in text)
            Enqueue(character);
        // New input is a new event even when the guest has left earlier input lying.
        asserted = false;
        Update();
    }

    public ulong Read(ulong offset, int size)
    {
        bool latch = (lineControl & DivisorLatch) != 0;
        switch (offset)
        {
            case 0:
                return latch ? (byte)divisor : Dequeue();
            case 1:
                return latch ? (byte)(divisor >> 8) : interruptEnable;
            case 2:
                return IdentifyInterrupt();
            case 3:
                return lineControl;
            case 4:
                return modemControl;
            case 5:
                byte status = (byte)(TransmitHoldingEmpty | TransmitterEmpty | lineErrors
                    | (count > 0 ? DataReady : 0));
                lineErrors = 0;
                return status;
            case 6:
                return ModemStatus();
            default:
                return scratch;
        }
    }

    public void Write(ulong offset, int size, ulong value)
    {
        byte data = (byte)value;
        bool latch = (lineControl & DivisorLatch) != 0;
        switch (offset)
        {
            case 0 when latch:
                divisor = (ushort)(divisor & 0xff00 | data);
                break;
            case 0:
                Transmit(data);
                break;
            case 1 when latch:
                divisor = (ushort)(divisor & 0x00ff | data << 8);
                break;
            case 1:
                // Enabling the transmit interrupt while the register is empty raises it at once (§8.4).
                if ((data & InterruptOnTransmit) != 0 && (interruptEnable & InterruptOnTransmit) == 0)
                    transmitInterrupt = true;
                interruptEnable = (byte)(data & 0x0f);
                break;
            case 2:
                fifoControl = data;
                if ((data & 2) != 0)
                    head = count = 0;
                break;
            case 3:
                lineControl = data;
                break;
            case 4:
                modemControl = (byte)(data & 0x1f);
                break;
            case 7:
                scratch = data;
                break;
        }
        Update();
    }

    private void Transmit(byte data)
    {
        if ((modemControl & Loopback) != 0)
        {
            Enqueue(data);
        }
        else
        {
            Metrics.Transmitted++;
            console.Write([data]);
        }
        transmitInterrupt = true;
    }

    private void Enqueue(byte character)
    {
        if (count == received.Length)
        {
            lineErrors |= Overrun;
            Metrics.Overruns++;
            return;
        }
        received[(head + count++) % received.Length] = character;
        Metrics.Received++;
    }

    private byte Dequeue()
    {
        if (count == 0)
            return 0;
        byte character = received[head];
        head = (head + 1) % received.Length;
        count--;
        Update();
        if (count == 0)
            Drained?.Invoke();
        return character;
    }

    private byte IdentifyInterrupt()
    {
        byte fifo = (fifoControl & 1) != 0 ? FifosEnabled : (byte)0;
        if ((interruptEnable & InterruptOnReceive) != 0 && count > 0)
            return (byte)(fifo | ReceivedDataInterrupt);
        if ((interruptEnable & InterruptOnTransmit) != 0 && transmitInterrupt)
        {
            // Reading the source of a transmit interrupt takes it back (§8.5).
            transmitInterrupt = false;
            Update();
            return (byte)(fifo | TransmitEmptyInterrupt);
        }
        return (byte)(fifo | NoInterrupt);
    }

    private byte ModemStatus()
    {
        if ((modemControl & Loopback) == 0)
            return ClearToSend | DataSetReady | CarrierDetect;
        // In loopback the outputs DTR, RTS, OUT1 and OUT2 come back as DSR, CTS, RI and DCD (§8.6.7).
        return (byte)((modemControl & 1) << 5 | (modemControl & 2) << 3 | (modemControl & 4) << 4
            | (modemControl & 8) << 4);
    }

    private void Update()
    {
        bool high = ((interruptEnable & InterruptOnReceive) != 0 && count > 0)
            || ((interruptEnable & InterruptOnTransmit) != 0 && transmitInterrupt);
        if (high == asserted)
            return;
        asserted = high;
        interrupt.Set(high);
    }
}
