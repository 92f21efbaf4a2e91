using System;
using System.IO;
using Wire;

namespace Evilman.Tokens;

/// <summary>Secrets and the files that hold them: readable by their owner alone, from the moment they exist.</summary>
public static class Secret
{
    /// <summary>Bytes of a new node secret: as long as the hash, which is what RFC 2104 section 3 advises.</summary>
    public const int KeySize = Sha1.DigestSize;

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

    /// <summary>A node secret: every byte of the file counts.</summary>
    public static byte[] ReadKey(string file)
    {
        var length = File.Exists(file) ? new FileInfo(file).Length : throw new Failure($"{file}: there is no such key file");
        if (length is 0 or > HmacSha1.MaxKeySize)
            throw new Failure($"{file} holds {length} bytes: a node secret has 1 to {HmacSha1.MaxKeySize}");
        return File.ReadAllBytes(file);
    }
}
