using System;
using Board;

namespace Guestos;

/// <summary>Kernel messages, on the UART.</summary>
public static class Console
{
    public static void Write(ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n')
                Uart.Write((byte)'\r');
            Uart.Write(text[i]);
        }
    }

    public static void WriteDecimal(ulong value) => Uart.WriteDecimal(value);

    public static void WriteHex(ulong value) => Uart.WriteHex(value);
}
