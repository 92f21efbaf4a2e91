using System;
using Board;

namespace Cstrap;

/// <summary>One line per event on the UART.</summary>
internal static class Log
{
    public static void Line(ReadOnlySpan<byte> text)
    {
        Begin(text);
        End();
    }

    public static void Begin(ReadOnlySpan<byte> text)
    {
        Uart.Write("cstrap: "u8);
        Uart.Write(text);
    }

    public static void End() => Uart.Write((byte)'\n');

    public static void Address(uint address)
    {
        for (int shift = 24; shift >= 0; shift -= 8)
        {
            Uart.WriteDecimal(address >> shift & 255);
            if (shift > 0)
                Uart.Write((byte)'.');
        }
    }
}
