using System;
using System.Collections.Generic;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Evilman.Buying;
using Evilman.Net;
using Wire;

namespace Tokenbroker.Tests;

/// <summary>
/// A node's accounts, as docs/protocols.md says of payments, continuations and refunds; its machines use what a test
/// says. Customers ask it, and the broker for them.
/// </summary>
internal sealed class PayingNode : INodeLink, Market.INodeLink
{
    private sealed class Kept
    {
        internal byte[] ChainEnd = [], Last = [];
        internal uint Count;
        internal long Elements, Value, Spent;
        internal bool IsRefunded;
    }

    private readonly Dictionary<string, Kept> accounts = [];
    private readonly HashSet<string> started = [];
    private readonly Lock gate = new();

    /// <summary>How many elements were paid for a machine; 0 where the node has no such machine.</summary>
    internal long Paid(string name) => accounts.GetValueOrDefault(name)?.Elements ?? 0;

    /// <summary>What it is worth, and how much of that the machine has spent.</summary>
    internal (long Worth, long Spent) Account(string name) =>
        accounts.TryGetValue(name, out Kept? kept) ? (kept.Elements * kept.Value, kept.Spent) : default;

    /// <summary>It is started anew: its machines have ended, and nothing is known of them.</summary>
    internal void Restart() => accounts.Clear();

    /// <summary>What the node has taken of a customer's machines.</summary>
    internal void Boot(Purchase bought) => Boot(bought.Token());

    internal void Boot(byte[] bytes)
    {
        Assert(BootToken.TryParse(bytes, out BootToken token), "a boot token");
        Assert(token.SignedWith(Key()), "the broker's signature");
        // A node starts each token once, and after it was started anew none of those that are older.
        string name = Convert.ToHexStringLower(token.ChainEnd.Bytes);
        if (!started.Add(name))
            return;
        accounts.Add(name, new Kept
        {
            ChainEnd = token.ChainEnd.Bytes.ToArray(), Last = token.First.Bytes.ToArray(), Count = token.ElementCount,
            Elements = token.ElementCount, Value = (long)token.Value,
        });
    }

    public NodeAnswer Ask(IPAddress node, MagicKind kind, byte[] body)
    {
        (Refusal refusal, byte[]? statement) = Answer(kind, body);
        return new NodeAnswer(refusal, IPAddress.Any, DateTimeOffset.UnixEpoch, 0, TimeSpan.Zero, false, statement);
    }

    public Task<(Refusal Refusal, byte[]? Statement)?> Ask(string node, MagicKind kind, byte[] body,
        CancellationToken cancel) => Task.FromResult<(Refusal, byte[]?)?>(Answer(kind, body));

    private (Refusal, byte[]?) Answer(MagicKind kind, byte[] body)
    {
        lock (gate)
        {
            return kind switch
            {
                MagicKind.Payment => (Pay(body), null),
                MagicKind.Continuation => (Continue(body), null),
                MagicKind.Refund => Refund(body),
                MagicKind.Query => Query(body),
                _ => (Refusal.UnknownKind, null),
            };
        }
    }

    private Refusal Pay(byte[] body)
    {
        Assert(Payment.TryParse(body, out Payment payment), "a payment");
        if (Find(payment.Machine.Bytes) is not { IsRefunded: false } account)
            return Refusal.NoSuchDomain;
        bool isLast = payment.Count == account.Count && payment.Element.Bytes.SequenceEqual(account.Last);
        if (isLast)
            return Refusal.None;
        if (payment.Count <= account.Count)
            return Refusal.AlreadyPaid;
        uint steps = payment.Count - account.Count;
        if (!HashChain.Leads(in payment.Element, in Certificates.AsDigest(account.Last), steps))
            return Refusal.ChainBroken;
        (account.Last, account.Count) = (payment.Element.Bytes.ToArray(), payment.Count);
        account.Elements += steps;
        return Refusal.None;
    }

    private Refusal Continue(byte[] body)
    {
        Assert(Continuation.TryParse(body, out Continuation token), "a continuation");
        if (Find(token.Machine.Bytes) is not { IsRefunded: false } account)
            return Refusal.NoSuchDomain;
        if (token.ChainEnd.Bytes.SequenceEqual(account.ChainEnd))
            return Refusal.None;
        Assert(token.SignedWith(Key()), "the broker's signature");
        if (!token.Former.Bytes.SequenceEqual(account.ChainEnd))
            return Refusal.OtherChain;
        if (!token.ChainHolds())
            return Refusal.ChainBroken;
        (account.ChainEnd, account.Last, account.Count) =
            (token.ChainEnd.Bytes.ToArray(), token.First.Bytes.ToArray(), token.ElementCount);
        account.Elements += token.ElementCount;
        return Refusal.None;
    }

    private (Refusal, byte[]?) Refund(byte[] body)
    {
        ReadOnlySpan<byte> name = AccountRequest.Machine(body).Bytes;
        if (Find(name) is not { } account)
            return (Refusal.NoSuchDomain, null);
        account.IsRefunded = true;
        string certificate = Certificates.Refunded(Convert.ToHexStringLower(name), account.Elements * account.Value
            - account.Spent, Shop.Key, account.Count, account.Spent / Shop.Existence);
        return (Refusal.None, Convert.FromHexString(certificate));
    }

    private (Refusal, byte[]?) Query(byte[] body)
    {
        ReadOnlySpan<byte> name = AccountRequest.Machine(body).Bytes;
        if (Find(name) is not { } account)
            return (Refusal.NoSuchDomain, null);
        long left = account.Elements * account.Value - account.Spent;
        StatementFields fields = new()
        {
            State = account.IsRefunded ? AccountState.Refunded : left > 0 ? AccountState.Running : AccountState.Grace,
            Unused = (ulong)Math.Max(0, left), Rate = 1,
        };
        name.CopyTo(fields.Machine.Room);
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<StatementFields>(ref fields));
        Statement.Sign(bytes, Key());
        return (Refusal.None, bytes.ToArray());
    }

    /// <summary>How many units a machine has spent so far; its rate is one a second.</summary>
    internal void Spend(string name, long units) => accounts[name].Spent = units;

    private Kept? Find(ReadOnlySpan<byte> name) => accounts.GetValueOrDefault(Convert.ToHexStringLower(name));

    private static HmacSha1 Key() => new(Encoding.ASCII.GetBytes(Shop.Key));

    public void Dispose()
    {
        // Holds nothing.
    }

    private static void Assert(bool holds, string what) => Xunit.Assert.True(holds, what);
}
