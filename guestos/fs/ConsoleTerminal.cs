using System;
using System.Runtime.InteropServices;
using Board;

namespace Guestos;

/// <summary>
/// The console: a terminal at the 16550 at 0x3f8. /dev/console and /dev/ttyS0 are this one. Input comes by interrupt,
/// output is written at once.
/// </summary>
public static unsafe class ConsoleTerminal
{
    public const uint ConsoleNumber = 0x501;
    public const uint SerialNumber = 0x440;
    private const int InterruptLine = 4;
    private const ushort Data = 0x3f8;
    private const ushort InterruptEnable = 0x3f9;
    private const ushort FifoControl = 0x3fa;
    private const ushort ModemControl = 0x3fc;
    private const ushort LineStatus = 0x3fd;

    /// <summary>struct serial_struct of x86-64 (include/uapi/linux/serial.h); what is not named is 0.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 72)]
    private struct SerialPort
    {
        /// <summary>PORT_16550A.</summary>
        public const int Uart16550A = 4;

        public int Type;
        public int Line;
        public uint Port;
        public int Interrupt;
    }

    private static Terminal s_terminal;

    // SAFETY: non-collected statics never move.
    public static Terminal* Terminal
    {
        get
        {
            fixed (Terminal* terminal = &s_terminal)
                return terminal;
        }
    }

    /// <summary>Its nodes in /dev. A terminal as it is when nobody has said anything.</summary>
    internal static void Register()
    {
        s_terminal = default;
        Guestos.Terminal.Begin(Terminal);
        Terminal->DeviceNumber = SerialNumber;
        Terminal->Put = &Put;
        Terminal->DriverIoctl = &Ioctl;
        Terminal->Window = new Terminal.WindowSize { Rows = 24, Columns = 80 };
        Devices.Register(ConsoleNumber, "console"u8, 0x180, Guestos.Terminal.Operations);
        Devices.Register(SerialNumber, "ttyS0"u8, 0x180, Guestos.Terminal.Operations);
    }

    /// <summary>
    /// Makes the UART interrupt when a byte arrives: at boot, and again on a machine just arrived at.
    /// </summary>
    public static void Start()
    {
        Interrupts.Register(InterruptLine, &Interrupt);
        Port.Out8(FifoControl, 0x07);       // FIFOs on and empty, trigger at one byte
        Port.Out8(ModemControl, 0x0b);      // DTR, RTS, OUT2: the interrupt reaches the controller
        Port.Out8(InterruptEnable, 0x01);   // received data
    }

    private static void Interrupt()
    {
        bool any = false;
        bool wasStopped = Terminal->Line.Stopped;
        while ((Port.In8(LineStatus) & 1) != 0)
        {
            Guestos.Terminal.Type(Terminal, Port.In8(Data));
            any = true;
        }

        if (any)
            Guestos.Terminal.Typed(Terminal, wasStopped);
    }

    private static void Put(Terminal* terminal, ReadOnlySpan<byte> bytes) => Uart.Write(bytes);

    private static long Ioctl(Terminal* terminal, uint request, ulong argument)
    {
        const uint getSerial = 0x541e;
        if (request != getSerial)
            return Errno.ENOTTY;
        // By its line programs find /dev/ttyS0.
        var port = new SerialPort { Type = SerialPort.Uart16550A, Port = Data, Interrupt = InterruptLine };
        return ((UserPointer<SerialPort>)argument).Put(port);
    }
}
