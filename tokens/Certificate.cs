using System;
using System.Collections.Generic;
using Wire;

namespace Tokens;

/// <summary>What a redemption certificate says: the machine of that name has ended with so many units unused.</summary>
/// <param name="Elements">Of the chain that it was paid with last, those that the node was paid.</param>
/// <param name="Used">Of each <see cref="Resource"/>, in their order, in the units of their prices.</param>
public sealed record Certificate(byte[] Name, long Unused, long Elements, IReadOnlyList<ulong> Used)
{
    /// <summary>Null when the bytes are no certificate; says nothing about who signed it.</summary>
    public static Certificate? Read(ReadOnlySpan<byte> bytes) =>
        Statement.TryParse(bytes, out Statement statement) && statement.State == AccountState.Refunded
        && statement.Unused <= long.MaxValue
            ? new Certificate(statement.Machine.Bytes.ToArray(), (long)statement.Unused, statement.Count,
                [statement.Used(Resource.Cpu), statement.Used(Resource.Memory), statement.Used(Resource.Network),
                    statement.Used(Resource.Existence)]) : null;

    /// <summary>Whether the node with this secret has made the statement, a certificate or another.</summary>
    public static bool IsSigned(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> nodeKey) =>
        Statement.TryParse(bytes, out Statement statement) && statement.SignedWith(new HmacSha1(nodeKey));

    /// <summary>Units; what does not fit is the largest that does.</summary>
    /// <param name="prices">Of one unit of each <see cref="Resource"/>, in their order.</param>
    public long Spent(IReadOnlyList<uint> prices)
    {
        UInt128 spent = 0;
        for (int i = 0; i < prices.Count; i++)
            spent += (UInt128)prices[i] * Used[i];
        return (long)UInt128.Min(spent, long.MaxValue);
    }
}
