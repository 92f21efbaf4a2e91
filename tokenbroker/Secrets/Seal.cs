using System;
using System.Security.Cryptography;
using System.Text;

namespace Tokenbroker.Secrets;

/// <summary>
/// AES-256-GCM (NIST SP 800-38D) with random nonces: version 1, nonce of 12 bytes, ciphertext, tag of 16. What is
/// sealed is bound to where it
/// belongs, and opens nowhere else.
/// </summary>
internal sealed class Seal(byte[] key) : IDisposable
{
    private const byte Version = 1;
    private const int NonceSize = 12, TagSize = 16, Overhead = 1 + NonceSize + TagSize;

    // Not safe for several threads at once, and dear to make.
    private readonly System.Threading.ThreadLocal<AesGcm> cipher = new(() => new AesGcm(key, TagSize),
        trackAllValues: true);

    internal byte[] Close(ReadOnlySpan<byte> secret, string place)
    {
        byte[] closed = new byte[secret.Length + Overhead];
        closed[0] = Version;
        Span<byte> nonce = closed.AsSpan(1, NonceSize);
        RandomNumberGenerator.Fill(nonce);
        cipher.Value!.Encrypt(nonce, secret, closed.AsSpan(1 + NonceSize, secret.Length),
            closed.AsSpan(closed.Length - TagSize), Encoding.UTF8.GetBytes(place));
        return closed;
    }

    internal byte[] Open(ReadOnlySpan<byte> closed, string place)
    {
        if (closed.Length < Overhead || closed[0] != Version)
            throw new Problem(500, "sealed", $"the secret of {place} is damaged");
        byte[] secret = new byte[closed.Length - Overhead];
        try
        {
            cipher.Value!.Decrypt(closed.Slice(1, NonceSize), closed.Slice(1 + NonceSize, secret.Length),
                closed.Slice(closed.Length - TagSize), secret, Encoding.UTF8.GetBytes(place));
        }
        catch (CryptographicException)
        {
            throw new Problem(500, "sealed", $"the secret of {place} is damaged");
        }
        return secret;
    }

    public void Dispose()
    {
        foreach (AesGcm cipher in cipher.Values)
            cipher.Dispose();
        cipher.Dispose();
    }
}
