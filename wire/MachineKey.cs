using System;

namespace Wire;

/// <summary>
/// What node and customer of a machine know and nobody else: derived from the node's secret and the machine's boot
/// token, by the node and by whoever minted the token. It is in no packet; what is sent, or given to others, is derived
/// from it (docs/protocols.md).
/// </summary>
public static class MachineKey
{
    public const int Size = Sha1.DigestSize;

    /// <summary>
    /// The key of the machine that a token starts, and is used up by. The token is all of its bytes, signature
    /// included.
    /// </summary>
    public static void Derive(in HmacSha1 secret, ReadOnlySpan<byte> token, Span<byte> key)
    {
        Span<byte> message = stackalloc byte[8 + BootToken.Size];
        "EvilMKey"u8.CopyTo(message); // no token begins like this, so no signature is a key
        token.CopyTo(message.Slice(8));
        secret.Sign(message, key);
    }

    /// <summary>What ends the machine, whoever sends it.</summary>
    public static void EndProof(ReadOnlySpan<byte> machineKey, Span<byte> proof) =>
        new HmacSha1(machineKey).Sign("EvilEnd1"u8, proof);

    /// <summary>What commands the guest that was started in the machine, wherever it has moved to.</summary>
    public static void GuestKey(ReadOnlySpan<byte> machineKey, Span<byte> key) =>
        new HmacSha1(machineKey).Sign("EvilGKey"u8, key);
}
