using System;

namespace Wire;

/// <summary>
/// The one-way chain of thesis §8.2: s_{i+1} = f(s_i) with f = SHA-1. The broker sells elements backwards from s_n,
/// and a node needs only hash forward to the last element that it knows.
/// </summary>
public static class HashChain
{
    public const int ElementSize = Sha1.DigestSize;

    /// <summary>Replaces <paramref name="element"/> by the element <paramref name="steps"/> further on.</summary>
    public static void Advance(Span<byte> element, uint steps)
    {
        for (; steps > 0; steps--)
            Sha1.Hash(element, element);
    }

    /// <summary>
    /// Whether <paramref name="known"/> lies exactly <paramref name="steps"/> after <paramref name="element"/>.
    /// </summary>
    public static bool Leads(in Digest element, in Digest known, uint steps)
    {
        Digest at = element;
        Advance(at.Room, steps);
        return at.Is(in known);
    }
}
