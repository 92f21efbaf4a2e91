using System;

namespace Wire;

/// <summary>
/// HMAC-SHA-256 (RFC 2104) with a key of at most a block, and the HKDF of Noise (revision 34, §4.3; RFC 5869 with an
/// empty info).
/// </summary>
public static class HmacSha256
{
    /// <summary>Writes the 32-byte tag of <paramref name="message"/>. The tag may take the message's place.</summary>
    public static void Sign(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, Span<byte> tag)
    {
        Span<byte> block = stackalloc byte[Sha256.BlockSize]; // zeros
        key.CopyTo(block);
        for (int i = 0; i < block.Length; i++)
            block[i] ^= 0x36;
        Sha256 inner = Sha256.Start();
        Sha256 outer = inner;
        inner.Append(block);
        inner.Finish(message, tag);
        for (int i = 0; i < block.Length; i++)
            block[i] ^= 0x36 ^ 0x5c;
        outer.Append(block);
        outer.Finish(tag.Slice(0, Sha256.DigestSize), tag);
    }

    /// <summary>
    /// Keys of 32 bytes, one after the other in <paramref name="keys"/>, from a chaining key and what is mixed into it.
    /// </summary>
    public static void Derive(ReadOnlySpan<byte> chainingKey, ReadOnlySpan<byte> input, Span<byte> keys)
    {
        Span<byte> secret = stackalloc byte[Sha256.DigestSize];
        Span<byte> message = stackalloc byte[Sha256.DigestSize + 1];
        Sign(chainingKey, input, secret);
        int length = 0; // of the previous key, with which the input of the next begins (RFC 5869 §2.3)
        for (byte number = 1; keys.Length > 0; number++)
        {
            message[length] = number;
            Sign(secret, message.Slice(0, length + 1), message);
            length = Sha256.DigestSize;
            message.Slice(0, length).CopyTo(keys);
            keys = keys.Slice(length);
        }
    }
}
