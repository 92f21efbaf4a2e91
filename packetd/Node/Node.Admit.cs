using System;
using System.Runtime.CompilerServices;
using Wire;

namespace Packetd;

/// <summary>
/// Whether a magic ping gets what it asks for (thesis §8.2). The order is that of docs/protocols.md.
/// </summary>
public ref partial struct Node<THost>
{
    /// <param name="boot">The boot address of the token, or of the domain that is asked about, once known.</param>
    /// <param name="statement">Room for one, which is written when a query or a refund is not refused.</param>
    private Refusal Admit(ReadOnlySpan<byte> payload, out MagicKind kind, out uint boot, scoped Span<byte> statement)
    {
        boot = 0;
        Refusal refusal = MagicPing.Parse(payload, out kind, out ReadOnlySpan<byte> body);
        if (refusal != Refusal.None)
            return refusal;
        if (kind == MagicKind.End)
            return End(body, ref boot);
        if (kind == MagicKind.Payment)
            return Pay(body, ref boot);
        if (kind == MagicKind.Continuation)
            return Continue(body, ref boot);
        if (kind != MagicKind.Boot)
            return State(kind, body, ref boot, statement);
        if (!BootToken.TryParse(body, out BootToken token))
            return Refusal.Malformed;
        boot = token.BootAddress;
        refusal = Check(token);
        return refusal == Refusal.None ? Boot(token) : refusal;
    }

    /// <summary>The largest CPU share that a node gives.</summary>
    private const ushort WholeProcessor = 100;

    /// <summary>
    /// Whether the token is good. The signature costs most of what everybody can have checked, so it comes behind what
    /// needs no hashing; what writes, or tells what the node has seen, comes after it.
    /// </summary>
    private readonly Refusal Check(BootToken token)
    {
        if (token.Node != limits.Address)
            return Refusal.WrongNode;
        if (token.Issued > Host.Now)
            return Refusal.TooEarly;
        if (token.Expires <= Host.Now || token.Expires <= used.Forgotten)
            return Refusal.Expired;
        if (token.Issued < used.Since)
            return Refusal.IssuedBeforeStart;
        if (token.MemoryMiB > limits.MaxMemoryMiB)
            return Refusal.MemoryTooLarge;
        if (token.DiskMiB != 0)
            return Refusal.DiskNotGiven;
        if (token.CpuPercent < limits.MinCpuShare || token.CpuPercent > WholeProcessor)
            return Refusal.CpuShareNotGiven;
        if (token.ElementCount > limits.ChainSteps)
            return Refusal.ChainTooLong;
        if (!IsSigned(token, in limits.Key) && !(limits.HasFormerKey && IsSigned(token, in limits.FormerKey)))
            return Refusal.BadSignature;
        if (used.Contains(in token.ChainEnd) || accounts.Find(in token.ChainEnd) >= 0)
            return Refusal.Replayed;
        return Refusal.None;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsSigned(BootToken token, in HmacSha1 key) => token.SignedWith(in key);

    /// <summary>
    /// Starts a domain for a signed token, once. Of what is checked after the signature the chain costs most, so it
    /// comes last: a token that cannot start anything, however often it is repeated, makes the node hash no chain.
    /// </summary>
    private Refusal Boot(BootToken token)
    {
        if (!Domain.TryMake(token, limits.Address, out Domain domain))
            return Refusal.AddressNotAllowed;
        int free = -1;
        for (int slot = Domains.Length - 1; slot >= 0; slot--)
        {
            for (int i = 0; i <= BootToken.MaxGuests; i++)
                if (Domains[slot].Owns(domain.Addresses[i]))
                    return Refusal.AddressInUse;
            if (Domains[slot].Boot == 0)
                free = slot;
        }
        if (free < 0)
            return Refusal.TooManyDomains;
        work = token.ElementCount;
        if (!token.ChainHolds())
            return Refusal.ChainBroken;
        ref readonly HmacSha1 key = ref IsSigned(token, in limits.Key) ? ref limits.Key : ref limits.FormerKey;
        MachineRecord record = new(in key, token.AsSpan());
        MachineKey.EndProof(record.Key.Bytes, domain.EndProof.Room);
        // This takes milliseconds: the clock is read again before the next packet of the port.
        work = Share * StepsPerWeight;
        if (!Host.Start(free, token, record.Bytes))
            return Refusal.StartFailed;
        if (token.Prices.IsAny)
        {
            int account = accounts.Reserve(Host.Uptime / 1000);
            domain.Account = account + 1;
            accounts[account].Open(token, Host.Uptime, Host.Now);
        }
        used.Add(token, Host.Now);
        Domains[free] = domain;
        return Refusal.None;
    }

    /// <summary>Ends the domain that the proof is for. Until its end has been seen it can be asked for again.</summary>
    private Refusal End(ReadOnlySpan<byte> body, ref uint boot)
    {
        if (!EndRequest.TryParse(body, out Digest proof))
            return Refusal.Malformed;
        for (int slot = 0; slot < Domains.Length; slot++)
            if (Domains[slot].Boot != 0 && Domains[slot].EndProof.Is(in proof))
            {
                boot = Domains[slot].Boot;
                Close(slot);
                Host.Kill(slot);
            }
        return boot == 0 ? Refusal.NoSuchDomain : Refusal.None;
    }
}
