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
/// the name of a customer does not keep the customer out. Sources that share a bucket share the allowance; which ones
/// do is known to nobody, and is drawn anew each time, so that nobody can spend another's.
/// </summary>
/// <param name="spent"><see cref="Size"/> zeros.</param>
/// <param name="secret">Any number that only the node knows.</param>
public ref struct Limiter(Span<ushort> spent, uint secret)
{
    public const int Buckets = 256;
    public const int Kinds = 5;
    public const int Size = Buckets * Kinds;

    /// <summary>Odd, with a period of 2^30: 2^32 divided by the golden ratio.</summary>
    private const uint Step = 0x9E3779B5;

    /// <summary>In the order of <see cref="AnswerKind"/>.</summary>
    private static ReadOnlySpan<ushort> Allowances => [100, 50_000, 10, 10, 10];

    private readonly Span<ushort> spent = spent;
    private ulong tenth;
    private uint multiplier = secret | 1;

    /// <summary>Tells the time, in tenths of a second since any moment: a new one renews every allowance.</summary>
    public void Tick(ulong now)
    {
        if (tenth == now)
            return;
        tenth = now;
        spent.Clear();
        multiplier *= Step;
    }

    public readonly bool Allows(AnswerKind kind, uint source)
    {
        // Multiplicative hashing: the upper bits of the product with an odd number (Knuth, vol. 3, section 6.4).
        ref ushort bucket = ref spent[(int)kind * Buckets + (int)(source * multiplier >> 24)];
        if (bucket >= Allowances[(int)kind])
            return false;
        bucket++;
        return true;
    }
}
