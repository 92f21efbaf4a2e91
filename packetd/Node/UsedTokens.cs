using System;
using Wire;

namespace Packetd;

/// <summary>A token that was honoured. Where <see cref="Expires"/> is 0 the place is free.</summary>
public struct UsedToken
{
    public Digest ChainEnd;
    public ulong Issued;
    public ulong Expires;
}

/// <summary>
/// The tokens that were honoured, by chain end, until they expire: each buys one domain. Forgetting follows the clock,
/// and clocks step back; so a token that expires no later than one that was forgotten counts as expired for good. When
/// too many are valid at a time the one that was issued first is forgotten, and counts as too old with all that were
/// issued no later: whoever spends many tokens makes others' old ones worthless, and never keeps new ones out.
/// </summary>
/// <param name="tokens">All zero: free.</param>
public ref struct UsedTokens(Span<UsedToken> tokens)
{
    private readonly Span<UsedToken> tokens = tokens;

    /// <summary>The latest expiry time that was ever forgotten.</summary>
    public ulong Forgotten { get; private set; }

    /// <summary>Unix seconds: tokens that were issued before are refused. At first the node's start.</summary>
    public ulong Since { get; set; }

    public readonly bool Contains(in Digest end)
    {
        for (int i = 0; i < tokens.Length; i++)
            if (tokens[i].Expires != 0 && tokens[i].ChainEnd.Is(in end))
                return true;
        return false;
    }

    /// <summary>Remembers a token, in the place of one that has expired, or of the one that was issued first.</summary>
    public void Add(BootToken token, ulong now)
    {
        int place = 0;
        for (int i = 0; i < tokens.Length && tokens[place].Expires > now; i++)
            if (tokens[i].Expires <= now || tokens[i].Issued < tokens[place].Issued)
                place = i;
        if (tokens[place].Expires > now)
            Since = Math.Max(Since, tokens[place].Issued + 1);
        else
            Forgotten = Math.Max(Forgotten, tokens[place].Expires);
        tokens[place].ChainEnd = token.ChainEnd;
        tokens[place].Issued = token.Issued;
        tokens[place].Expires = token.Expires;
    }
}
