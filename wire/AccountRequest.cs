using System;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// The body of a magic ping that asks for a machine's <see cref="Statement"/>: a query, or a refund. It is as long as
/// what it is answered with, so that nobody gains by reflecting it.
/// </summary>
public static class AccountRequest
{
    public const int Size = MagicReply.Size + Statement.Size - MagicPing.HeaderSize;

    /// <summary>How many bytes prove that a refund is the customer's.</summary>
    public const int SecretSize = 20;

    /// <summary>The machine's name: the chain end of the boot token that started it.</summary>
    public static ref readonly Digest Machine(ReadOnlySpan<byte> body) => ref MemoryMarshal.AsRef<Digest>(body);

    /// <summary>What the refund hash of the boot token is made of. A query has padding there.</summary>
    public static ReadOnlySpan<byte> Secret(ReadOnlySpan<byte> body) => body.Slice(HashChain.ElementSize, SecretSize);

    /// <param name="secret">Empty for a query.</param>
    public static void Emit(Span<byte> to, ReadOnlySpan<byte> machine, ReadOnlySpan<byte> secret)
    {
        to.Slice(0, Size).Clear();
        machine.Slice(0, HashChain.ElementSize).CopyTo(to);
        secret.CopyTo(to.Slice(HashChain.ElementSize));
    }
}
