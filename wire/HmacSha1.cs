using System;

namespace Wire;

/// <summary>HMAC-SHA1 (RFC 2104) with keys of 1 to 64 bytes, and the comparison that goes with it.</summary>
public static class HmacSha1
{
    public const int MaxKeySize = Sha1.BlockSize;

    /// <summary>
    /// Writes the 20-byte tag of <paramref name="message"/>. A key longer than <see cref="MaxKeySize"/> fails its bounds
    /// check: RFC 2104 would hash it first, and whoever reads key files does that once.
    /// </summary>
    public static void Sign(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, Span<byte> tag)
    {
        Hash(key, 0x36, message, tag);
        Hash(key, 0x5C, tag.Slice(0, Sha1.DigestSize), tag);
    }

    /// <summary>Whether the tag is right, in a time that does not depend on where it is wrong.</summary>
    public static bool Verify(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, ReadOnlySpan<byte> tag)
    {
        Span<byte> right = stackalloc byte[Sha1.DigestSize];
        Sign(key, message, right);
        return FixedTimeEquals(right, tag);
    }

    /// <summary>Equality that looks at every byte; only the lengths may show in its time.</summary>
    public static bool FixedTimeEquals(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        if (left.Length != right.Length)
            return false;
        int difference = 0;
        for (int i = 0; i < left.Length; i++)
            difference |= left[i] ^ right[i];
        return difference == 0;
    }

    private static void Hash(ReadOnlySpan<byte> key, byte pad, ReadOnlySpan<byte> message, Span<byte> digest)
    {
        Span<byte> block = stackalloc byte[Sha1.BlockSize];
        block.Clear();
        key.CopyTo(block);
        for (int i = 0; i < block.Length; i++)
            block[i] ^= pad;
        Sha1 hash = Sha1.Start();
        hash.Append(block);
        hash.Finish(message, digest);
    }
}
