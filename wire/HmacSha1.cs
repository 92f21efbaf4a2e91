using System;

namespace Wire;

/// <summary>
/// A key of HMAC-SHA1 (RFC 2104) with 1 to 64 bytes, as the two states that hashing its padded block leaves behind:
/// what remains to be done for each message does not depend on the key (RFC 2104 §4).
/// </summary>
public readonly struct HmacSha1
{
    public const int MaxKeySize = Sha1.BlockSize;

    private readonly Sha1 inner;
    private readonly Sha1 outer;

    /// <summary>
    /// A key longer than <see cref="MaxKeySize"/> fails its bounds check: RFC 2104 would hash it first, and whoever
    /// reads key files refuses it.
    /// </summary>
    public HmacSha1(ReadOnlySpan<byte> key)
    {
        inner = Padded(key, 0x36);
        outer = Padded(key, 0x5C);
    }

    /// <summary>Writes the 20-byte tag of <paramref name="message"/>.</summary>
    public void Sign(ReadOnlySpan<byte> message, Span<byte> tag)
    {
        Sha1 hash = inner;
        hash.Finish(message, tag);
        hash = outer;
        hash.Finish(tag.Slice(0, Sha1.DigestSize), tag);
    }

    /// <summary>Whether the tag is right, in a time that does not depend on where it is wrong.</summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> tag)
    {
        Span<byte> right = stackalloc byte[Sha1.DigestSize];
        Sign(message, right);
        return Bytes.FixedTimeEquals(right, tag);
    }

    private static Sha1 Padded(ReadOnlySpan<byte> key, byte pad)
    {
        Span<byte> block = stackalloc byte[Sha1.BlockSize]; // zeros
        key.CopyTo(block);
        for (int i = 0; i < block.Length; i++)
            block[i] ^= pad;
        Sha1 hash = Sha1.Start();
        hash.Append(block);
        return hash;
    }
}
