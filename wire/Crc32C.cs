using System;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Wire;

/// <summary>
/// CRC-32C (Castagnoli; RFC 3720 §12.1, appendix B.4): reflected, initial value and final xor all ones.
/// </summary>
public static class Crc32C
{
    /// <summary>The CRC of 4,096 zero bytes.</summary>
    public const uint ZeroPage = 0x98F94189;

    private const uint Polynomial = 0x82F63B78;

    public static uint Of(ReadOnlySpan<byte> bytes) => ~Append(~0u, bytes);

    /// <summary>Takes in more bytes. Start with all ones, complement at the end.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        if (Sse42.X64.IsSupported)
        {
            ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
            ulong wide = crc;
            for (int i = 0; i < words.Length; i++)
                wide = Sse42.X64.Crc32(wide, words[i]);
            crc = (uint)wide;
            bytes = bytes.Slice(words.Length * 8);
        }
        for (int i = 0; i < bytes.Length; i++)
        {
            crc ^= bytes[i];
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (Polynomial & (uint)-(int)(crc & 1));
        }
        return crc;
    }
}
