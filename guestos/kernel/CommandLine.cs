using System;
using Board;

namespace Guestos;

/// <summary>What the machine was started with (/proc/cmdline).</summary>
public static unsafe class CommandLine
{
    private const int Capacity = StartInfo.MaxCommandLine;

    private struct Buffer
    {
        public fixed byte Bytes[Capacity];
    }

    private static Buffer s_buffer;
    private static int s_length;

    public static ReadOnlySpan<byte> Text
    {
        get
        {
            // SAFETY: a static of the image does not move.
            fixed (byte* bytes = s_buffer.Bytes)
                return new ReadOnlySpan<byte>(bytes, s_length);
        }
    }

    /// <summary>At boot; what does not fit is cut off.</summary>
    internal static void Keep(ReadOnlySpan<byte> line)
    {
        s_length = Math.Min(line.Length, Capacity);
        fixed (byte* bytes = s_buffer.Bytes)
            line.Slice(0, s_length).CopyTo(new Span<byte>(bytes, Capacity));
    }
}
