using System;
using System.Runtime.InteropServices;
using Wire;

namespace Packetd;

/// <summary>
/// Machines that pay (thesis §8.2; docs/protocols.md, "What it costs"): what they use, are paid, and have left.
/// </summary>
public ref partial struct Node<THost>
{
    /// <summary>In milliseconds: what a machine runs unpaid beyond its grace, at most, while packetd runs.</summary>
    private const ulong MeterInterval = 500;

    /// <summary>
    /// Meters every machine that pays, and ends those whose grace is over, if the last time was so long ago. To be
    /// called when what has come before, payments and ends of machines, has been seen.
    /// </summary>
    public void Meter()
    {
        if (Host.Uptime - Metered < MeterInterval)
            return;
        Metered = Host.Uptime;
        for (int slot = 0; slot < Domains.Length; slot++)
        {
            if (Domains[slot].Account == 0)
                continue;
            if (!Measure(slot).IsOver(limits.Grace))
                continue;
            Close(slot);
            Host.Purge(slot);
        }
    }

    /// <summary>
    /// Meters a domain for the last time, if it pays, and leaves its account to itself. To be called before its end,
    /// or while the clock of its process can still be read.
    /// </summary>
    public readonly void Close(int slot)
    {
        if (Domains[slot].Account == 0)
            return;
        Measure(slot).Close(Host.Uptime);
        Domains[slot].Account = 0;
    }

    /// <summary>The account of a domain that has one, as it is now.</summary>
    private readonly ref Account Measure(int slot)
    {
        ref Domain domain = ref Domains[slot];
        ref Account account = ref accounts[domain.Account - 1];
        account.Measure(Host.Uptime, Host.CpuTime(slot), domain.Bytes);
        return ref account;
    }

    /// <summary>The slot of the domain with the name; -1 when none has it, or it is being ended already.</summary>
    private readonly int FindPayer(in Digest machine, ref uint boot)
    {
        for (int slot = 0; slot < Domains.Length; slot++)
            if (Domains[slot].Account != 0 && accounts[Domains[slot].Account - 1].Machine.Is(in machine))
            {
                boot = Domains[slot].Boot;
                return slot;
            }
        return -1;
    }

    private Refusal Pay(ReadOnlySpan<byte> body, ref uint boot)
    {
        if (!Payment.TryParse(body, out Payment payment))
            return Refusal.Malformed;
        int slot = FindPayer(in payment.Machine, ref boot);
        if (slot < 0)
            return Refusal.NoSuchDomain;
        ref Account account = ref Measure(slot);
        uint steps = payment.Count - account.Count;
        if (steps == 0 && account.Last.Is(in payment.Element))
            return Refusal.None;
        if (payment.Count <= account.Count)
            return Refusal.AlreadyPaid;
        if (steps > limits.ChainSteps)
            return Refusal.ChainTooLong;
        work = steps;
        if (!HashChain.Leads(in payment.Element, in account.Last, steps))
            return Refusal.ChainBroken;
        return account.Credit(in payment.Element, steps, payment.Count) ? Refusal.None : Refusal.TooMuchPaid;
    }

    private Refusal Continue(ReadOnlySpan<byte> body, ref uint boot)
    {
        if (!Continuation.TryParse(body, out Continuation token))
            return Refusal.Malformed;
        if (token.Node != limits.Address)
            return Refusal.WrongNode;
        int slot = FindPayer(in token.Machine, ref boot);
        if (slot < 0)
            return Refusal.NoSuchDomain;
        ref Account account = ref Measure(slot);
        if (token.ElementCount > limits.ChainSteps)
            return Refusal.ChainTooLong;
        if (!token.SignedWith(in limits.Key) && !token.SignedWith(in limits.FormerKey))
            return Refusal.BadSignature;
        if (account.Chain.Is(in token.ChainEnd))
            return Refusal.None;
        if (!account.Chain.Is(in token.Former))
            return Refusal.OtherChain;
        work = token.ElementCount;
        if (!token.ChainHolds())
            return Refusal.ChainBroken;
        if (!account.Credit(in token.First, token.ElementCount, token.ElementCount))
            return Refusal.TooMuchPaid;
        account.Chain = token.ChainEnd;
        return Refusal.None;
    }

    /// <summary>A query, or a refund, which ends the machine.</summary>
    /// <param name="statement">Where the node's signed answer is written.</param>
    private Refusal State(MagicKind kind, ReadOnlySpan<byte> body, ref uint boot, scoped Span<byte> statement)
    {
        int place = accounts.Find(in AccountRequest.Machine(body));
        if (place < 0)
            return Refusal.NoSuchDomain;
        ref Account account = ref accounts[place];
        ref StatementFields answer = ref MemoryMarshal.AsRef<StatementFields>(statement);
        int slot = FindPayer(in account.Machine, ref boot);
        answer.State = AccountState.Ended;
        if (slot >= 0)
        {
            Measure(slot);
            answer.State = account.IsPaid ? AccountState.Running : AccountState.Grace;
        }
        if (kind == MagicKind.Refund)
        {
            Digest hash = default;
            Sha1.Hash(AccountRequest.Secret(body), hash.Room);
            if (!hash.Is(in account.RefundHash))
                return Refusal.WrongSecret;
            account.IsRefunded = true;
            if (slot >= 0)
            {
                Close(slot);
                Host.Kill(slot);
            }
        }
        if (account.IsRefunded)
        {
            answer.State = AccountState.Refunded;
            boot = 0;
        }
        answer.Machine = account.Machine;
        answer.Count = account.Count;
        answer.Unused = account.Unused;
        answer.Rate = account.Rate;
        answer.Used = account.Used;
        Statement.Sign(statement, in limits.Key);
        return Refusal.None;
    }
}
