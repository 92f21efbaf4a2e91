using System;

namespace Board;

/// <summary>
/// 16550 UART at 0x3f8, polled: the console of firmware and loaders, and a guest's until it has its own.
/// </summary>
public static class Uart
{
    private const ushort Data = 0x3f8;
    private const ushort LineStatus = 0x3fd;
    private const byte TransmitterEmpty = 0x20;
    private const byte DataReady = 0x01;

    public static void Write(byte value)
    {
        while ((Port.In8(LineStatus) & TransmitterEmpty) == 0)
            Processor.Pause();
        Port.Out8(Data, value);
    }

    public static void Write(ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++)
            Write(text[i]);
    }

    /// <summary>Hexadecimal, 16 digits.</summary>
    public static void WriteHex(ulong value)
    {
        for (int shift = 60; shift >= 0; shift -= 4)
            Write("0123456789abcdef"u8[(int)(value >> shift) & 15]);
    }

    public static void WriteDecimal(ulong value)
    {
        if (value >= 10)
            WriteDecimal(value / 10);
        Write((byte)('0' + value % 10));
    }

    /// <summary>The next byte typed, or −1.</summary>
    public static int Read() => (Port.In8(LineStatus) & DataReady) != 0 ? Port.In8(Data) : -1;
}
