using System;
using Wire;

namespace Packetd;

/// <summary>Whether a magic ping gets what it asks for (thesis §8.2). The order of the checks is that of <see cref="Refusal"/>.</summary>
public ref partial struct Node<THost>
{
    /// <param name="boot">The token's boot address, once it could be read.</param>
    private Refusal Admit(ReadOnlySpan<byte> payload, out MagicKind kind, out uint boot)
    {
        boot = 0;
        Refusal refusal = MagicPing.Parse(payload, out kind, out ReadOnlySpan<byte> body);
        if (refusal != Refusal.None)
            return refusal;
        if (kind == MagicKind.Payment)
            return Refusal.NoSuchDomain;
        if (!BootToken.TryParse(body, out BootToken token))
            return Refusal.Malformed;
        boot = token.BootAddress;
        refusal = Check(token);
        return refusal == Refusal.None ? Boot(token) : refusal;
    }

    /// <summary>Whether the token is good: the signature comes last of what everybody can try, because it costs most.</summary>
    private readonly Refusal Check(BootToken token) =>
        token.Node != limits.Address ? Refusal.WrongNode
        : token.Issued > Host.Now ? Refusal.TooEarly
        : token.Expires <= Host.Now || token.Expires <= used.Forgotten ? Refusal.Expired
        : token.Issued < limits.Started ? Refusal.IssuedBeforeStart
        : token.MemoryMiB > limits.MaxMemoryMiB ? Refusal.MemoryTooLarge
        : token.TokenCount > limits.ChainSteps ? Refusal.ChainTooLong
        : !token.SignedWith(in limits.Key) ? Refusal.BadSignature
        : used.Contains(token.ChainEnd) ? Refusal.Replayed
        : !token.ChainHolds() ? Refusal.ChainBroken
        : Refusal.None;

    /// <summary>Starts a domain for a good token, once.</summary>
    private Refusal Boot(BootToken token)
    {
        if (!Domain.TryMake(token, limits.Address, out Domain domain))
            return Refusal.AddressNotAllowed;
        int free = -1;
        for (int slot = Domains.Length - 1; slot >= 0; slot--)
        {
            if (Domains[slot].Owns(domain.Boot) || domain.Owns(Domains[slot].Boot))
                return Refusal.AddressInUse;
            free = Domains[slot].Boot == 0 ? slot : free;
        }
        if (free < 0)
            return Refusal.TooManyDomains;
        int place = used.Reserve(Host.Now);
        if (place < 0)
            return Refusal.TooManyTokens;
        if (!Host.Start(free, token))
            return Refusal.StartFailed;
        used.Add(place, token);
        Domains[free] = domain;
        return Refusal.None;
    }
}
