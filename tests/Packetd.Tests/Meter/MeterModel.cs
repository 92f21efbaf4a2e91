using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Security.Cryptography;
using Testing.Nodes;
using Wire;

namespace Packetd.Tests.Meter;

/// <summary>What a node says to a magic ping: its refusal, the boot address that it names, and its statement, empty when there is none.</summary>
internal sealed record Answer(Refusal Refusal, uint Boot, byte[] Statement)
{
    public bool Equals(Answer? other) => other != null && Refusal == other.Refusal && Boot == other.Boot && Statement.SequenceEqual(other.Statement);

    public override int GetHashCode() => (int)Refusal;

    public override string ToString() => $"{Refusal}, boot {Boot:X8}, {Convert.ToHexString(Statement)}";
}

/// <summary>
/// What docs/protocols.md says of accounts ("What it costs"), in numbers without a bound: it knows nothing of slots, places or 64 bits but
/// where the page says so.
/// </summary>
internal sealed class MeterModel(uint grace, uint chainSteps, ulong uptime)
{
    private static readonly BigInteger s_most = ulong.MaxValue;

    public sealed class MeteredMachine(Tokens token, ulong started)
    {
        public readonly Tokens Token = token;
        public readonly ulong Started = started;
        public readonly ulong[] Used = new ulong[4];
        public Tokens Chain = token;
        public uint Count = token.Count;
        public BigInteger Paid = (BigInteger)token.Count * token.Value, SpentBefore;
        public ulong Rate, Bytes;
        public bool Runs = true, IsRefunded;

        public BigInteger Spent => BigInteger.Min(s_most, Used.Zip(Token.Prices, (used, price) => (BigInteger)used * price).Aggregate(BigInteger.Add));

        public bool IsPriced => Token.Prices.Any(price => price != 0);
    }

    private ulong metered;
    private MeteredMachine[] purged = [];

    public ulong Uptime { get; private set; } = uptime;

    public ulong Cpu { get; set; }

    public List<MeteredMachine> Machines { get; } = [];

    public IEnumerable<MeteredMachine> Running => Machines.Where(machine => machine.Runs);

    /// <summary>Every answer that was given, to see what a search has been through.</summary>
    public HashSet<Refusal> Given { get; init; } = [];

    /// <summary>Time passes, and the node looks at its clock.</summary>
    public void Advance(ulong milliseconds)
    {
        Uptime += milliseconds;
        purged = [];
        if (Uptime - metered >= 500)
            Meter();
    }

    /// <summary>What the node answers.</summary>
    /// <param name="kind">Of the payload.</param>
    /// <param name="token">Whose machine it is about; with a continuation the new chain's.</param>
    public Answer Tell(MagicKind kind, byte[] body, Tokens token, byte[] key)
    {
        purged = [];
        Answer answer = kind switch
        {
            MagicKind.Boot => Boot(token),
            MagicKind.Payment => Pay(body),
            MagicKind.Continuation => Continue(body, token),
            _ => State(kind, body, key),
        };
        Given.Add(answer.Refusal);
        return answer;
    }

    /// <summary>Those that were purged by what happened last.</summary>
    public int Purged => purged.Length;

    private void Meter()
    {
        metered = Uptime;
        foreach (MeteredMachine machine in Running.Where(machine => machine.IsPriced))
            Measure(machine);
        purged = [.. Running.Where(IsOver)];
        foreach (MeteredMachine machine in purged)
            machine.Runs = false;
    }

    /// <summary>A machine ends by itself, or is killed.</summary>
    public void End(MeteredMachine machine)
    {
        Measure(machine);
        machine.Runs = false;
    }

    private bool IsOver(MeteredMachine machine)
    {
        BigInteger credit = machine.Spent - machine.Paid;
        BigInteger second = (BigInteger)machine.Token.Prices[1] * machine.Token.MemoryMiB + machine.Token.Prices[3];
        return machine.IsPriced && credit >= 0 && credit >= BigInteger.Min(s_most, second * grace);
    }

    private void Measure(MeteredMachine machine)
    {
        ulong seconds = (Uptime - machine.Started) / 1000, passed = seconds - machine.Used[3];
        (machine.Used[0], machine.Used[1]) = (Math.Max(machine.Used[0], Cpu), seconds * machine.Token.MemoryMiB);
        (machine.Used[2], machine.Used[3]) = (machine.Bytes / 1024, seconds);
        if (passed == 0)
            return;
        machine.Rate = (ulong)((machine.Spent - machine.SpentBefore) / passed);
        machine.SpentBefore = machine.Spent;
    }

    private Answer Boot(Tokens token)
    {
        if (Machines.Any(machine => machine.Token.Seed == token.Seed))
            return Refuse(Refusal.Replayed, token.Boot);
        Machines.Add(new MeteredMachine(token, Uptime));
        return Refuse(Refusal.None, token.Boot);
    }

    private static Answer Refuse(Refusal refusal, uint boot = 0) => new(refusal, boot, []);

    private MeteredMachine? Find(ReadOnlySpan<byte> name)
    {
        foreach (MeteredMachine machine in Machines)
            if (name.SequenceEqual(machine.Token.End) && machine.IsPriced)
                return machine;
        return null;
    }

    private Answer Pay(byte[] body)
    {
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(body);
        if (count == 0)
            return Refuse(Refusal.Malformed);
        if (Find(body.AsSpan(8, 20)) is not { Runs: true } machine)
            return Refuse(Refusal.NoSuchDomain);
        Measure(machine);
        uint boot = machine.Token.Boot;
        byte[] element = body[28..48];
        if (count == machine.Count && element.SequenceEqual(machine.Chain.Element(count)))
            return Refuse(Refusal.None, boot);
        if (count <= machine.Count)
            return Refuse(Refusal.AlreadyPaid, boot);
        if (count - machine.Count > chainSteps)
            return Refuse(Refusal.ChainTooLong, boot);
        if (count > machine.Chain.Spare + machine.Chain.Count || !element.SequenceEqual(machine.Chain.Element(count)))
            return Refuse(Refusal.ChainBroken, boot);
        machine.Paid += (BigInteger)(count - machine.Count) * machine.Token.Value;
        machine.Count = count;
        return Refuse(Refusal.None, boot);
    }

    private Answer Continue(byte[] body, Tokens chain)
    {
        if (chain.Node != TestHost.Node)
            return Refuse(Refusal.WrongNode);
        if (Find(body.AsSpan(16, 20)) is not { Runs: true } machine)
            return Refuse(Refusal.NoSuchDomain);
        Measure(machine);
        uint boot = machine.Token.Boot;
        Refusal refusal = chain.Count > chainSteps ? Refusal.ChainTooLong
            : chain.Key != TestHost.Key ? Refusal.BadSignature
            : chain.End.SequenceEqual(machine.Chain.End) ? Refusal.None
            : !body.AsSpan(36, 20).SequenceEqual(machine.Chain.End) ? Refusal.OtherChain
            : chain.BreakChain ? Refusal.ChainBroken
            : Refusal.None;
        if (refusal == Refusal.None && !chain.End.SequenceEqual(machine.Chain.End))
        {
            machine.Paid += (BigInteger)chain.Count * machine.Token.Value;
            (machine.Chain, machine.Count) = (chain, chain.Count);
        }
        return Refuse(refusal, boot);
    }

    private Answer State(MagicKind kind, byte[] body, byte[] key)
    {
        if (Find(body.AsSpan(0, 20)) is not { } machine)
            return Refuse(Refusal.NoSuchDomain);
        bool refund = kind == MagicKind.Refund;
        if (machine.Runs)
            Measure(machine);
        if (refund && !body.AsSpan(20, 20).SequenceEqual(machine.Token.Secret))
            return Refuse(Refusal.WrongSecret, machine.Runs ? machine.Token.Boot : 0);
        BigInteger unused = BigInteger.Max(0, machine.Paid - machine.Spent);
        AccountState state = refund || machine.IsRefunded ? AccountState.Refunded
            : !machine.Runs ? AccountState.Ended
            : unused > 0 ? AccountState.Running : AccountState.Grace;
        uint boot = state is AccountState.Running or AccountState.Grace ? machine.Token.Boot : 0;
        machine.IsRefunded |= refund;
        machine.Runs &= !refund;
        byte[] bytes = new byte[100];
        "EVST"u8.CopyTo(bytes);
        (bytes[4], bytes[6]) = (1, (byte)state);
        machine.Token.End.CopyTo(bytes, 8);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(28), machine.Count);
        ulong[] numbers = [(ulong)unused, machine.Rate, .. machine.Used];
        for (int i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(32 + 8 * i), numbers[i]);
        HMACSHA1.HashData(key, bytes.AsSpan(0, 80)).CopyTo(bytes, 80);
        return new Answer(Refusal.None, boot, bytes);
    }
}
