using System;

namespace Packetd;

/// <summary>What the node answers, or passes on to all, each kind with its own allowance.</summary>
public enum AnswerKind
{
    Arp,
    Echo,
    Refusal,
    Group,

    /// <summary>A line in the log about a refusal, whoever was refused.</summary>
    Line,
}

/// <summary>
/// Bounds the answers per source and kind in each tenth of a second. It never stands between a token and its check: who
/// floods in the name of a customer cannot keep the customer out. Sources that share a bucket share the allowance.
/// </summary>
/// <param name="spent"><see cref="Size"/> zeros.</param>
public ref struct Limiter(Span<ushort> spent)
{
    public const int Buckets = 256, Kinds = 5, Size = Buckets * Kinds;

    private static ReadOnlySpan<ushort> Allowances => [100, 50_000, 10, 10, 10]; // in the order of AnswerKind

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
        ref ushort bucket = ref spent[(int)kind * Buckets + (int)(source * 0x9E3779B1 >> 24)];
        bool allowed = bucket < Allowances[(int)kind];
        bucket += (ushort)(allowed ? 1 : 0);
        return allowed;
    }
}
