using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>32 bytes: a key or a hash.</summary>
[InlineArray(Size)]
public struct Bytes32
{
    public const int Size = 32;

    private byte first;
}

/// <summary>
/// The handshake <c>Noise_NNpsk0_25519_ChaChaPoly_SHA256</c> (Noise, revision 34): two messages of an ephemeral key and
/// an encrypted payload each, between two who know the same 32-byte key. Who does not know it cannot make either
/// message; who records them and learns it later cannot read what followed.
/// </summary>
public struct NoiseHandshake
{
    /// <summary>A message without its payload: key and tag.</summary>
    public const int Overhead = X25519.KeySize + ChaCha20Poly1305.TagSize;

    private Bytes32 chainingKey;
    private Bytes32 hash;
    private Bytes32 cipherKey;
    private Bytes32 ephemeral;
    private Bytes32 remote;
    private ulong nonce;

    /// <param name="prologue">What both sides know to have been said before.</param>
    /// <param name="ephemeralSecret">32 bytes that nobody can guess, for this handshake only.</param>
    public static NoiseHandshake Start(
        ReadOnlySpan<byte> prologue, ReadOnlySpan<byte> preSharedKey, ReadOnlySpan<byte> ephemeralSecret)
    {
        NoiseHandshake state = default;
        Sha256.Hash("Noise_NNpsk0_25519_ChaChaPoly_SHA256"u8, state.hash);
        state.chainingKey = state.hash;
        state.MixHash(prologue);
        ephemeralSecret.Slice(0, Bytes32.Size).CopyTo(state.ephemeral);
        // The token psk of the first message (§9.2: MixKeyAndHash), which both sides do first.
        Span<byte> keys = stackalloc byte[3 * Bytes32.Size];
        HmacSha256.Derive(state.chainingKey, preSharedKey, keys);
        keys.Slice(0, Bytes32.Size).CopyTo(state.chainingKey);
        state.MixHash(keys.Slice(Bytes32.Size, Bytes32.Size));
        keys.Slice(2 * Bytes32.Size).CopyTo(state.cipherKey);
        return state;
    }

    /// <summary>The initiator's message, -> psk, e: payload and <see cref="Overhead"/>.</summary>
    public void WriteFirst(ReadOnlySpan<byte> payload, Span<byte> message)
    {
        WriteKey(message);
        WritePayload(payload, message.Slice(X25519.KeySize));
    }

    /// <summary>
    /// False when the sender does not know the key, or the message was changed. Costs no multiplication.
    /// </summary>
    public bool ReadFirst(ReadOnlySpan<byte> message, Span<byte> payload)
    {
        if (message.Length < Overhead)
            return false;
        ReadKey(message);
        return ReadPayload(message.Slice(X25519.KeySize), payload);
    }

    /// <summary>
    /// The responder's message, &lt;- e, ee. False when the initiator's key is a point of small order, which no correct
    /// client sends.
    /// </summary>
    public bool WriteSecond(ReadOnlySpan<byte> payload, Span<byte> message)
    {
        WriteKey(message);
        if (!MixAgreement())
            return false;
        WritePayload(payload, message.Slice(X25519.KeySize));
        return true;
    }

    public bool ReadSecond(ReadOnlySpan<byte> message, Span<byte> payload)
    {
        if (message.Length < Overhead)
            return false;
        ReadKey(message);
        return MixAgreement() && ReadPayload(message.Slice(X25519.KeySize), payload);
    }

    /// <summary>Keys for what follows (§5.2, Split). The handshake is over, and its secrets are gone.</summary>
    /// <param name="fromInitiator">32 bytes: the key of what the initiator sends.</param>
    public void Split(Span<byte> fromInitiator, Span<byte> fromResponder, Span<byte> handshakeHash = default)
    {
        Span<byte> keys = stackalloc byte[2 * Bytes32.Size];
        HmacSha256.Derive(chainingKey, default, keys);
        keys.Slice(0, Bytes32.Size).CopyTo(fromInitiator);
        keys.Slice(Bytes32.Size).CopyTo(fromResponder);
        keys.Clear();
        if (handshakeHash.Length > 0)
            ((ReadOnlySpan<byte>)hash).CopyTo(handshakeHash);
        this = default;
    }

    private void WriteKey(Span<byte> message)
    {
        Span<byte> key = message.Slice(0, X25519.KeySize);
        X25519.PublicKey(ephemeral, key);
        MixHash(key);
        MixKey(key); // with a psk, an ephemeral key is mixed into both (§9.2)
    }

    private void ReadKey(ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<byte> key = message.Slice(0, X25519.KeySize);
        key.CopyTo(remote);
        MixHash(key);
        MixKey(key);
    }

    private bool MixAgreement()
    {
        Span<byte> shared = stackalloc byte[X25519.KeySize];
        bool isGood = X25519.Agree(ephemeral, remote, shared);
        MixKey(shared);
        shared.Clear();
        return isGood;
    }

    private void WritePayload(ReadOnlySpan<byte> payload, Span<byte> to)
    {
        Span<byte> text = to.Slice(0, payload.Length);
        Span<byte> tag = to.Slice(payload.Length, ChaCha20Poly1305.TagSize);
        payload.CopyTo(text);
        ChaCha20Poly1305.Seal(cipherKey, nonce, hash, text, tag);
        nonce++;
        MixHash(to.Slice(0, payload.Length + ChaCha20Poly1305.TagSize));
    }

    private bool ReadPayload(ReadOnlySpan<byte> from, Span<byte> payload)
    {
        int length = from.Length - ChaCha20Poly1305.TagSize;
        Span<byte> text = payload.Slice(0, length);
        Bytes32 before = hash;
        MixHash(from);
        from.Slice(0, length).CopyTo(text);
        bool isGood = ChaCha20Poly1305.Open(cipherKey, nonce, before, text, from.Slice(length));
        nonce++;
        return isGood;
    }

    private void MixKey(ReadOnlySpan<byte> input)
    {
        Span<byte> keys = stackalloc byte[2 * Bytes32.Size];
        HmacSha256.Derive(chainingKey, input, keys);
        keys.Slice(0, Bytes32.Size).CopyTo(chainingKey);
        keys.Slice(Bytes32.Size).CopyTo(cipherKey);
        nonce = 0;
    }

    /// <summary>hash = SHA-256(hash ‖ data).</summary>
    private void MixHash(ReadOnlySpan<byte> data)
    {
        Span<byte> block = stackalloc byte[Sha256.BlockSize];
        ((ReadOnlySpan<byte>)hash).CopyTo(block);
        int begun = Math.Min(data.Length, Sha256.BlockSize - Bytes32.Size);
        data.Slice(0, begun).CopyTo(block.Slice(Bytes32.Size));
        Sha256 sum = Sha256.Start();
        if (Bytes32.Size + begun < Sha256.BlockSize)
        {
            sum.Finish(block.Slice(0, Bytes32.Size + begun), hash);
            return;
        }
        sum.Append(block);
        sum.Finish(data.Slice(begun), hash);
    }
}
