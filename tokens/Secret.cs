using System;
using System.IO;
using System.Runtime.InteropServices;
using Wire;

namespace Tokens;

/// <summary>Secrets as bytes; the files that hold them are their owners'.</summary>
public static partial class Secret
{
    /// <summary>What a node takes for a secret: anything shorter is too easy to guess.</summary>
    public const int MinNodeKeySize = 16;

    public const int MaxNodeKeySize = HmacSha1.MaxKeySize;

    /// <summary>
    /// Bytes that nobody can guess, from the kernel; at most 256. Not from RandomNumberGenerator, which loads OpenSSL:
    /// a program that is linked statically cannot do that safely.
    /// </summary>
    /// <exception cref="IOException">The kernel gives none.</exception>
    public static unsafe byte[] Random(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 256);
        byte[] bytes = new byte[count];
        // SAFETY: the kernel writes at most count bytes into the pinned array. Up to 256 bytes it never stops half way
        // (getrandom(2)).
        fixed (byte* start = bytes)
        {
            if (getrandom(start, (nuint)count, 0) != count)
                throw new IOException($"the kernel gives no random bytes: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        return bytes;
    }

    /// <summary>
    /// A node's secret as the file has it that packetd reads: the bytes before the first newline, or before the end.
    /// Null when they are too few or too many.
    /// </summary>
    public static byte[]? NodeKeyOf(ReadOnlySpan<byte> file)
    {
        int newline = file.IndexOf((byte)'\n');
        int length = newline >= 0 ? newline : file.Length;
        return length is >= MinNodeKeySize and <= MaxNodeKeySize ? file.Slice(0, length).ToArray() : null;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint getrandom(byte* buffer, nuint length, uint flags);
}
