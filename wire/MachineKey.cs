using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

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
        MachineRecord record = new(in secret, token);
        record.Key.Bytes.CopyTo(key);
    }

    /// <summary>What ends the machine, whoever sends it.</summary>
    public static void EndProof(ReadOnlySpan<byte> machineKey, Span<byte> proof) =>
        new HmacSha1(machineKey).Sign("EvilEnd1"u8, proof);

    /// <summary>What commands the guest that was started in the machine, wherever it has moved to.</summary>
    public static void GuestKey(ReadOnlySpan<byte> machineKey, Span<byte> key) =>
        new HmacSha1(machineKey).Sign("EvilGKey"u8, key);
}

/// <summary>What a machine is told: its token and its machine key, which is made of what stands before it.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct MachineRecord
{
    public const int Size = BootToken.Size + MachineKey.Size;

    private const ulong Label = 0x79654B4D6C697645; // "EvilMKey": no token begins like this, so no signature is a key

    private ulong label;
    private BootTokenFields token;
    private Digest key;

    public MachineRecord(in HmacSha1 secret, ReadOnlySpan<byte> token)
    {
        label = Label;
        Span<byte> all = MemoryMarshal.AsBytes(new Span<MachineRecord>(ref this));
        token.CopyTo(all.Slice(sizeof(ulong)));
        secret.Sign(all.Slice(0, sizeof(ulong) + BootToken.Size), key.Room);
    }

    [UnscopedRef]
    public readonly ref readonly Digest Key => ref key;

    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Bytes =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<MachineRecord>(in this)).Slice(sizeof(ulong));
}
