using System;
using System.Linux;
using System.Runtime;
using Wire;

namespace WireFreestanding;

/// <summary>
/// Hashes messages of every length around the block size, wherever they lie, and writes one digest of 20 bytes in which each of
/// them counts: the element after the tags. The test does the same with another implementation.
/// </summary>
internal static unsafe class Program
{
    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv, byte** envp)
    {
        Span<byte> memory = stackalloc byte[HmacSha1.MaxKeySize + 320], digest = stackalloc byte[Sha1.DigestSize];
        for (int i = 0; i < memory.Length; i++)
            memory[i] = (byte)(i * 37 + (i >> 3));
        for (int length = 0; length <= 300; length++)
        {
            ReadOnlySpan<byte> message = memory.Slice(HmacSha1.MaxKeySize + length % 16, length);
            Sha1.Hash(message, digest);
            digest.CopyTo(memory); // what is hashed becomes part of the key, and what is signed of the messages
            HmacSha1 key = new(memory.Slice(0, 1 + length % HmacSha1.MaxKeySize));
            key.Sign(message, digest);
            if (!key.Verify(message, digest))
                return 1;
            digest.CopyTo(memory.Slice(HmacSha1.MaxKeySize + length % 300));
        }
        HashChain.Advance(digest, 1000);
        fixed (byte* bytes = digest)
            if (Syscall.Invoke(1, 1, (nint)bytes, Sha1.DigestSize) != Sha1.DigestSize)
                return 2;
        return Sealing();
    }

    /// <summary>Seals texts of every length around the block sizes with keys that came of X25519 and of what was sealed before.</summary>
    private static int Sealing()
    {
        Span<byte> memory = stackalloc byte[900], key = stackalloc byte[32], tag = stackalloc byte[16], copy = stackalloc byte[900];
        for (int i = 0; i < memory.Length; i++)
            memory[i] = (byte)(i * 41 + (i >> 4));
        for (int length = 0; length <= 800; length++)
        {
            if (length % 16 == 0)
                X25519.Agree(memory.Slice(0, 32), memory.Slice(40, 32), key);
            Span<byte> text = memory.Slice(length % 16, length);
            ReadOnlySpan<byte> associated = memory.Slice(830, length % 50);
            ChaCha20Poly1305.Seal(key, (ulong)length, associated, text, tag);
            text.CopyTo(copy);
            if (!ChaCha20Poly1305.Open(key, (ulong)length, associated, copy.Slice(0, length), tag))
                return 3;
            tag.CopyTo(memory.Slice(830 + length % 16));
            Sha256.Hash(memory.Slice(0, length), key);
        }
        fixed (byte* bytes = key)
            return Syscall.Invoke(1, 1, (nint)bytes, key.Length) == key.Length ? 0 : 2;
    }
}
