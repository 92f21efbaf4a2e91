using System;
using System.IO;
using Wire;

namespace Evilman.Tokens;

/// <summary>Secrets and the files that hold them: readable by their owner alone, from the moment they exist.</summary>
public static class Secret
{
    /// <summary>What a node takes for a secret: anything shorter is too easy to guess.</summary>
    public const int MinimumKeySize = 16;

    /// <summary>
    /// A new node secret as its file holds it: 160 random bits, as long as the hash, which is what RFC 2104 section 3 advises;
    /// written as 40 hexadecimal digits, because a file that people copy around had better be text. The digits are the secret.
    /// </summary>
    public static byte[] NewKey() => System.Text.Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Random(Sha1.DigestSize)) + "\n");

    public static byte[] Random(int count)
    {
        var bytes = new byte[count];
        unsafe
        {
            // Safe: the kernel writes at most count bytes into the pinned array. Up to 256 bytes it never stops half way (getrandom(2)).
            fixed (byte* start = bytes)
            {
                if (Native.getrandom(start, (nuint)count, 0) != count)
                    throw new Failure($"the kernel gives no random bytes: {Native.LastError()}");
            }
        }
        return bytes;
    }

    public static void Write(string file, ReadOnlySpan<byte> bytes, bool replace)
    {
        try
        {
            using var stream = new FileStream(file, new FileStreamOptions
            {
                Mode = replace ? FileMode.Create : FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            stream.Write(bytes);
        }
        catch (IOException) when (!replace && File.Exists(file))
        {
            throw new Failure($"{file} exists already, and a secret is not overwritten");
        }
    }

    /// <summary>A node secret: the file up to its first newline, as packetd reads it.</summary>
    public static byte[] ReadKey(string file)
    {
        if (!File.Exists(file))
            throw new Failure($"{file}: there is no such key file");
        using var stream = File.OpenRead(file);
        Span<byte> start = stackalloc byte[HmacSha1.MaxKeySize + 1];
        var length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        var newline = start[..length].IndexOf((byte)'\n');
        length = newline >= 0 ? newline : length;
        if (length is < MinimumKeySize or > HmacSha1.MaxKeySize)
            throw new Failure($"{file} is no key file: a node secret has {MinimumKeySize} to {HmacSha1.MaxKeySize} bytes before a newline or the end");
        return start[..length].ToArray();
    }
}
