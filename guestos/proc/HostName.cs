using System;

namespace Guestos;

/// <summary>The machine's name, as uname and sethostname know it.</summary>
public static unsafe class HostName
{
    public const int MaxLength = 64;

    private struct Buffer
    {
        public fixed byte Bytes[MaxLength];
    }

    private static Buffer s_name;
    private static int s_length;

    public static ReadOnlySpan<byte> Text
    {
        get
        {
            // SAFETY: a static of the image does not move.
            fixed (byte* bytes = s_name.Bytes)
                return s_length == 0 ? "guest"u8 : new ReadOnlySpan<byte>(bytes, s_length);
        }
    }

    /// <summary>At most <see cref="MaxLength"/> bytes; empty is the name at boot.</summary>
    public static void Set(ReadOnlySpan<byte> name)
    {
        s_length = Math.Min(name.Length, MaxLength);
        fixed (byte* bytes = s_name.Bytes)
            name.Slice(0, s_length).CopyTo(new Span<byte>(bytes, MaxLength));
    }
}
