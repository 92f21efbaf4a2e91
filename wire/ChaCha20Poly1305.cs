using System;

namespace Wire;

/// <summary>
/// The AEAD of RFC 8439 §2.8, in place, with Noise's nonce: four zero bytes and a 64-bit counter (Noise revision 34,
/// §12.3).
/// </summary>
public static class ChaCha20Poly1305
{
    public const int TagSize = Poly1305.TagSize;

    /// <summary>Encrypts <paramref name="text"/> and writes the tag of 16 bytes.</summary>
    public static void Seal(
        ReadOnlySpan<byte> key, ulong counter, ReadOnlySpan<byte> associated, Span<byte> text, Span<byte> tag)
    {
        Span<byte> nonce = stackalloc byte[ChaCha20.NonceSize]; // zeros
        Bytes.PutLe64(nonce, 4, counter);
        Seal(key, nonce, associated, text, tag);
    }

    public static void Seal(
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> nonce,
        ReadOnlySpan<byte> associated,
        Span<byte> text,
        Span<byte> tag)
    {
        ChaCha20 cipher = new(key, nonce);
        cipher.Apply(text, 1);
        Authenticate(cipher, associated, text, tag);
    }

    /// <summary>
    /// Decrypts <paramref name="text"/> when its tag is right. Otherwise it stays as it is, and the answer is false.
    /// </summary>
    public static bool Open(
        ReadOnlySpan<byte> key, ulong counter, ReadOnlySpan<byte> associated, Span<byte> text, ReadOnlySpan<byte> tag)
    {
        Span<byte> nonce = stackalloc byte[ChaCha20.NonceSize]; // zeros
        Bytes.PutLe64(nonce, 4, counter);
        return Open(key, nonce, associated, text, tag);
    }

    public static bool Open(
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> nonce,
        ReadOnlySpan<byte> associated,
        Span<byte> text,
        ReadOnlySpan<byte> tag)
    {
        ChaCha20 cipher = new(key, nonce);
        Span<byte> right = stackalloc byte[TagSize];
        Authenticate(cipher, associated, text, right);
        if (!Bytes.FixedTimeEquals(right, tag))
            return false;
        cipher.Apply(text, 1);
        return true;
    }

    private static void Authenticate(
        in ChaCha20 cipher, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> text, Span<byte> tag)
    {
        Span<byte> key = stackalloc byte[ChaCha20.BlockSize]; // zeros; §2.6: block 0 of the key stream
        cipher.Apply(key, 0);
        Poly1305 hash = new(key.Slice(0, Poly1305.KeySize));
        hash.Append(associated);
        hash.Append(text);
        Span<byte> lengths = stackalloc byte[Poly1305.BlockSize];
        Bytes.PutLe64(lengths, 0, (uint)associated.Length);
        Bytes.PutLe64(lengths, 8, (uint)text.Length);
        hash.Append(lengths);
        hash.Finish(tag);
    }
}
