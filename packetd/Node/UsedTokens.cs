using System;
using Wire;

namespace Packetd;

/// <summary>
/// The tokens that were honoured, by chain end, until they expire: each buys one domain. Forgetting follows the clock,
/// and clocks step back; so a token that expires no later than one that was forgotten counts as expired for good.
/// </summary>
/// <param name="ends">Room for as many chain ends as there are <paramref name="expiries"/>.</param>
/// <param name="expiries">All zero: free.</param>
public ref struct UsedTokens(Span<byte> ends, Span<ulong> expiries)
{
    private readonly Span<byte> ends = ends;
    private readonly Span<ulong> expiries = expiries;

    /// <summary>The latest expiry time that was ever forgotten.</summary>
    public ulong Forgotten { get; private set; }

    public readonly bool Contains(ReadOnlySpan<byte> end)
    {
        for (int i = 0; i < expiries.Length; i++)
            if (expiries[i] != 0 && Bytes.Le32(End(i), 0) == Bytes.Le32(end, 0) && Bytes.FixedTimeEquals(End(i), end))
                return true;
        return false;
    }

    /// <summary>A place to <see cref="Add"/> to, free or of a token that has expired; -1 when there is none.</summary>
    public int Reserve(ulong now)
    {
        for (int i = 0; i < expiries.Length; i++)
            if (expiries[i] <= now)
            {
                if (expiries[i] > Forgotten)
                    Forgotten = expiries[i];
                return i;
            }
        return -1;
    }

    public readonly void Add(int place, BootToken token)
    {
        token.ChainEnd.CopyTo(End(place));
        expiries[place] = token.Expires;
    }

    private readonly Span<byte> End(int place) => ends.Slice(place * HashChain.ElementSize, HashChain.ElementSize);
}
