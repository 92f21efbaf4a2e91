using System;

namespace Packetd;

/// <summary>What the node answers, or passes on to all, each kind with its own allowance.</summary>
public enum AnswerKind
{
    Arp,
    Echo,
    Refusal,
    Group,

    /// <summary>A line in the log about a refusal; one allowance for all sources.</summary>
    Line,
}

/// <summary>
/// Bounds the answers per source and kind in each tenth of a second. No token is kept from its check by it: a flood in
/// the name of a customer does not keep the customer out. Sources that share a bucket share the allowance.
/// </summary>
/// <param name="spent"><see cref="Size"/> zeros.</param>
public ref struct Limiter(Span<ushort> spent)
{
    public const int Buckets = 256;
    public const int Kinds = 5;
    public const int Size = Buckets * Kinds;

    /// <summary>In the order of <see cref="AnswerKind"/>.</summary>
    private static ReadOnlySpan<ushort> Allowances => [100, 50_000, 10, 10, 10];

    private readonly Span<ushort> spent = spent;
    private ulong tenth;

    /// <summary>Tells the time, in tenths of a second since any moment: a new one renews every allowance.</summary>
    public void Tick(ulong now)
    {
        if (tenth != now)
            spent.Clear();
        tenth = now;
    }

    public readonly bool Allows(AnswerKind kind, uint source)
    {
        // Fibonacci hashing: the upper bits of a product with 2^32 divided by the golden ratio.
        ref ushort bucket = ref spent[(int)kind * Buckets + (int)(source * 0x9E3779B1 >> 24)];
        if (bucket >= Allowances[(int)kind])
            return false;
        bucket++;
        return true;
    }
}
