using System;
using Wire;

namespace Packetd;

/// <summary>Whether a magic ping gets what it asks for (thesis §8.2). The order of the checks is that of <see cref="Refusal"/>.</summary>
public ref partial struct Node<THost>
{
    /// <param name="boot">The token's boot address, once it could be read.</param>
    /// <param name="limit">The limit that was exceeded.</param>
    private Refusal Admit(ReadOnlySpan<byte> payload, out MagicKind kind, out uint boot, out uint limit)
    {
        boot = 0;
        limit = 0;
        Refusal refusal = MagicPing.Parse(payload, out kind, out ReadOnlySpan<byte> body);
        if (refusal != Refusal.None)
            return refusal;
        if (kind == MagicKind.Payment)
            return Refusal.NoSuchDomain;
        if (!BootToken.TryParse(body, out BootToken token))
            return Refusal.Malformed;
        boot = token.BootAddress;
        refusal = Check(token, out limit);
        return refusal == Refusal.None ? Boot(token, out limit) : refusal;
    }

    /// <summary>What can be said about a token without looking at the node's domains; the signature last, because it costs most.</summary>
    private Refusal Check(BootToken token, out uint limit)
    {
        limit = 0;
        if (token.Node != limits.Address)
            return Refusal.WrongNode;
        ulong now = Host.Now;
        if (token.Issued > now)
            return Refusal.TooEarly;
        if (token.Expires <= now || token.Expires <= used.Forgotten)
            return Refusal.Expired;
        if (token.Issued < limits.Started)
            return Refusal.IssuedBeforeStart;
        limit = limits.MaxMemoryMiB;
        if (token.MemoryMiB > limit)
            return Refusal.MemoryTooLarge;
        limit = limits.ChainSteps;
        if (token.TokenCount > limit)
            return Refusal.ChainTooLong;
        limit = 0;
        return token.SignedWith(in limits.Key) ? Refusal.None : Refusal.BadSignature;
    }

    /// <summary>Starts a domain for a token that the broker did sign, once.</summary>
    private Refusal Boot(BootToken token, out uint limit)
    {
        limit = 0;
        if (used.Contains(token.ChainEnd))
            return Refusal.Replayed;
        if (!token.ChainHolds())
            return Refusal.ChainBroken;
        Domain domain = Domain.Of(token);
        if (!MayHave(in domain, token.GuestCount))
            return Refusal.AddressNotAllowed;
        for (int slot = 0; slot < domains.Length; slot++)
            if (domains[slot].Owns(domain.Boot) || domain.Owns(domains[slot].Boot))
                return Refusal.AddressInUse;
        int free = 0;
        while (free < domains.Length && domains[free].Boot != 0)
            free++;
        if (free == domains.Length)
        {
            limit = (uint)free;
            return Refusal.TooManyDomains;
        }
        int place = used.Reserve(Host.Now);
        if (place < 0)
            return Refusal.TooManyTokens;
        if (!Host.Start(free, token))
            return Refusal.StartFailed;
        used.Add(place, token);
        domains[free] = domain;
        return Refusal.None;
    }

    private readonly bool MayHave(in Domain domain, int guests)
    {
        for (int i = 0; i <= guests; i++)
            if (!Packet.IsHost(domain.Addresses[i]) || domain.Addresses[i] == limits.Address)
                return false;
        return true;
    }
}
