using System;
using Wire;

namespace Packetd;

/// <summary>A token that was honoured; one that expires at 0 was not.</summary>
public struct UsedToken
{
    public Digest ChainEnd;
    public ulong Expires;
}

/// <summary>
/// The tokens that were honoured, by chain end, until they expire: each buys one domain. Forgetting follows the clock,
/// and clocks step back; so a token that expires no later than one that was forgotten counts as expired for good.
/// </summary>
/// <param name="tokens">All zero: free.</param>
public ref struct UsedTokens(Span<UsedToken> tokens)
{
    private readonly Span<UsedToken> tokens = tokens;

    /// <summary>The latest expiry time that was ever forgotten.</summary>
    public ulong Forgotten { get; private set; }

    public readonly bool Contains(in Digest end)
    {
        for (int i = 0; i < tokens.Length; i++)
            if (tokens[i].Expires != 0 && tokens[i].ChainEnd.Is(in end))
                return true;
        return false;
    }

    /// <summary>A place to <see cref="Add"/> to, free or of a token that has expired; -1 when there is none.</summary>
    public int Reserve(ulong now)
    {
        for (int i = 0; i < tokens.Length; i++)
            if (tokens[i].Expires <= now)
            {
                Forgotten = Math.Max(Forgotten, tokens[i].Expires);
                return i;
            }
        return -1;
    }

    public readonly void Add(int place, BootToken token)
    {
        tokens[place].ChainEnd = token.ChainEnd;
        tokens[place].Expires = token.Expires;
    }
}
