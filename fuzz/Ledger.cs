using System;
using System.Buffers.Binary;
using System.Linq;
using System.Numerics;
using System.Security.Cryptography;
using Testing.Nodes;
using Wire;

namespace Fuzz;

/// <summary>The account of a domain as it ought to be, from the bytes that were sent, docs/protocols.md's offsets and .NET's own hashes.</summary>
/// <param name="token">That started the domain.</param>
/// <param name="started">The node's uptime then, in milliseconds.</param>
internal sealed class Ledger(byte[] token, ulong started)
{
    private readonly uint[] prices = [.. Enumerable.Range(0, 4).Select(i => Le32(token, 160 + 4 * i))];
    private readonly ulong[] used = new ulong[4];
    private byte[] chain = token[72..92], last = token[92..112];

    /// <summary>The domain's name.</summary>
    public byte[] Name { get; } = token[72..92];

    public uint Boot { get; } = Judge.Boot(token);

    public byte[] ChainEnd => chain;

    public uint Count { get; private set; } = Le32(token, 64);

    public BigInteger Paid { get; private set; } = Le32(token, 64) * (BigInteger)BinaryPrimitives.ReadUInt64LittleEndian(token.AsSpan(152));

    public ulong Bytes { get; set; }

    /// <summary>Until its domain has ended, or is being ended.</summary>
    public bool IsOpen { get; private set; } = true;

    public bool IsRefunded { get; private set; }

    public BigInteger Spent => used.Zip(prices, (amount, price) => (BigInteger)amount * price).Aggregate(BigInteger.Add);

    /// <summary>Whether what was used on credit is worth the grace.</summary>
    public bool IsOver => Spent >= Paid && Spent - Paid >= Judge.Grace * ((BigInteger)prices[1] * Le32(token, 12) + prices[3]);

    public void Close() => IsOpen = false;

    public static bool IsPriced(ReadOnlySpan<byte> token) => token.Slice(160, 16).ContainsAnyExcept((byte)0);

    private static uint Le32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    public void Measure(ulong uptime, ulong cpu)
    {
        if (!IsOpen)
            return;
        ulong seconds = (uptime - started) / 1000;
        (used[0], used[1], used[2], used[3]) = (Math.Max(used[0], cpu), seconds * Le32(token, 12), Bytes / 1024, seconds);
    }

    /// <summary>What a payment is answered; when it is not refused <paramref name="then"/> is what has changed.</summary>
    public Refusal Pay(byte[] body, out Action then)
    {
        then = () => { };
        uint count = Le32(body, 0), steps = count - Count;
        byte[] element = body[28..48];
        if (count == Count && element.SequenceEqual(last))
            return Refusal.None;
        if (count <= Count)
            return Refusal.AlreadyPaid;
        if (steps > Judge.MaxSteps)
            return Refusal.ChainTooLong;
        if (!Leads(element, last, steps))
            return Refusal.ChainBroken;
        then = () => Credit(steps, count, element);
        return Refusal.None;
    }

    public Refusal Continue(byte[] body, out Action then)
    {
        then = () => { };
        uint count = Le32(body, 12);
        if (count > Judge.MaxSteps)
            return Refusal.ChainTooLong;
        if (!HMACSHA1.HashData(TestHost.Key, body.AsSpan(0, 96)).AsSpan().SequenceEqual(body.AsSpan(96)))
            return Refusal.BadSignature;
        if (body.AsSpan(56, 20).SequenceEqual(chain))
            return Refusal.None;
        if (!body.AsSpan(36, 20).SequenceEqual(chain))
            return Refusal.OtherChain;
        if (!Leads(body[76..96], body[56..76], count - 1))
            return Refusal.ChainBroken;
        then = () =>
        {
            chain = body[56..76];
            Credit(count, count, body[76..96]);
        };
        return Refusal.None;
    }

    public Refusal Refund(byte[] body, out Action then)
    {
        bool right = SHA1.HashData(body.AsSpan(20, 20)).AsSpan().SequenceEqual(token.AsSpan(132, 20));
        then = () =>
        {
            IsRefunded = true;
            Close();
        };
        return right ? Refusal.None : Refusal.WrongSecret;
    }

    /// <summary>What is wrong with a statement about this account; nothing when it is right.</summary>
    public string? Fault(ReadOnlySpan<byte> statement)
    {
        BigInteger unused = BigInteger.Max(0, Paid - Spent);
        AccountState state = IsRefunded ? AccountState.Refunded : !IsOpen ? AccountState.Ended : unused > 0 ? AccountState.Running : AccountState.Grace;
        if (statement.Length != 100 || !statement[..8].SequenceEqual((ReadOnlySpan<byte>)[.. "EVST"u8, 1, 0, (byte)state, 0]))
            return $"is not that of an account that is {state}";
        if (!statement.Slice(8, 20).SequenceEqual(Name) || Le32(statement, 28) != Count)
            return "is another's, or of another number of elements";
        if (BinaryPrimitives.ReadUInt64LittleEndian(statement[32..]) != unused)
            return $"says that {BinaryPrimitives.ReadUInt64LittleEndian(statement[32..])} are left of {unused}";
        for (int i = 0; i < used.Length; i++)
            if (BinaryPrimitives.ReadUInt64LittleEndian(statement[(48 + 8 * i)..]) != used[i])
                return $"says that {BinaryPrimitives.ReadUInt64LittleEndian(statement[(48 + 8 * i)..])} were used of {(Resource)i}, not {used[i]}";
        return HMACSHA1.HashData(TestHost.Key, statement[..80]).AsSpan().SequenceEqual(statement[80..]) ? null : "has a wrong signature";
    }

    private void Credit(uint steps, uint count, byte[] element)
    {
        Paid += steps * (BigInteger)BinaryPrimitives.ReadUInt64LittleEndian(token.AsSpan(152));
        (Count, last) = (count, element);
    }

    private static bool Leads(byte[] element, byte[] known, uint steps)
    {
        for (; steps > 0; steps--)
            element = SHA1.HashData(element);
        return element.AsSpan().SequenceEqual(known);
    }
}
