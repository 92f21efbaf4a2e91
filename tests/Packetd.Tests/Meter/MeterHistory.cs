using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests.Meter;

/// <summary>Plays what numbers stand for to a node and to its model, and compares every answer, and who runs.</summary>
internal sealed class MeterHistory(IMeteredNode node, MeterModel model, int salt)
{
    private const ulong Epoch = TestHost.Started + 100;

    private readonly List<(MagicKind Kind, byte[] Payload, Tokens Token)> said = [];
    private readonly List<string> story = [];
    private int chains;

    /// <summary>A source is answered so many refusals in a tenth of a second (docs/security.md); so many were in the present one.</summary>
    private const int Allowance = 10;
    private int refused;

    public static Gen<(int Kind, int A, int B)[]> Histories(int most) => Gen.Select(Gen.Int[0, 19], Gen.Int[0, 31], Gen.Int[0, 31]).Array[1, most];

    public void Play((int Kind, int A, int B)[] steps)
    {
        try
        {
            Advance(100); // whatever the node has refused before
            Boot(Token(3, 7));
            foreach ((int kind, int a, int b) in steps)
            {
                Do(kind, a, b);
                Assert.Equal(model.Running.Select(machine => machine.Token.Boot).Order(), node.Domains);
            }
            // What was left of each, those that have ended included.
            foreach (MeterModel.MeteredMachine machine in model.Machines.Where(machine => machine.IsPriced))
                Tell(MagicKind.Query, machine.Token.Query(), machine.Token);
        }
        catch (Exception wrong)
        {
            throw new InvalidOperationException($"{string.Join('\n', story)}\n→ {wrong.Message}", wrong);
        }
    }

    private MeterModel.MeteredMachine? Pick(int n) => model.Machines.Count == 0 ? null : model.Machines[^(1 + n % model.Machines.Count)];

    private void Do(int kind, int a, int b)
    {
        MeterModel.MeteredMachine? machine = Pick(a % 3 == 0 ? b : 0);
        switch (kind)
        {
            case 0 when model.Running.Count() < 5 && model.Machines.Count < 7:
                Boot(Token(a, b));
                break;
            case <= 5: // an eighth of a second to half a minute; both clocks, but the other one steps elsewhere, too
                Advance((ulong)(a % 4 == 0 ? 125 * b : 1000 * b));
                break;
            case 6:
                story.Add($"the clock says {a * 2500 + b}");
                node.SetTime(Epoch + (ulong)(a * 2500 + b));
                break;
            case 7:
                model.Cpu += (ulong)(a * a * a * b);
                story.Add($"cpu {model.Cpu} us");
                node.SetCpu(model.Cpu);
                break;
            case 8 when machine is { Runs: true }:
                story.Add($"frame of {34 + 8 + a * 40} bytes to {machine.Token.Seed} and back");
                node.Mirror(machine.Token.Boot, 8 + a * 40);
                machine.Bytes += 2 * (ulong)(34 + 8 + a * 40);
                break;
            case <= 12 when machine != null:
                Pay(machine, a, b);
                break;
            case 13 when machine != null:
                Continue(machine, a, b);
                break;
            case <= 15 when machine != null:
                Tell(MagicKind.Query, machine.Token.Query(), machine.Token);
                break;
            case 16 when machine != null && b % 2 == 0:
                Tell(MagicKind.Refund, machine.Token.Refund(a == 1 ? new byte[20] : null), machine.Token);
                break;
            case 17 when machine is { Runs: true } && a % 4 == 0:
                story.Add($"the end of {machine.Token.Seed}");
                node.End(machine.Token.Boot);
                model.End(machine);
                break;
            case >= 18 when said.Count > 0: // whatever was said before, again
                (MagicKind saidKind, byte[] payload, Tokens token) = said[^(1 + (a * 32 + b) % said.Count)];
                Tell(saidKind, payload, token);
                break;
        }
    }

    private Tokens Token(int a, int b)
    {
        int number = model.Machines.Count;
        uint[] prices = (a % 8) switch
        {
            0 => [0, 0, 0, 0],
            1 => [(uint)b, 0, 0, 0],
            2 => [0, 1, 0, 0],
            3 => [0, 0, 0, 10],
            4 => [0, 0, (uint)b, 1],
            5 => [uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue],
            _ => [1, 1, 1, (uint)(b * 100)],
        };
        return new Tokens
        {
            Seed = salt * 100 + number, Boot = 0x0A000030u + (uint)number, Prices = prices, Value = a % 8 == 5 ? 1UL << 40 : (ulong)(a % 4 == 1 ? 0 : 10 + a * b), Count = 1 + (uint)b,
            Spare = 150, MemoryMiB = 1 + (uint)b, Issued = TestHost.Started + 1, Expires = TestHost.Started + 86_400,
        };
    }

    private void Pay(MeterModel.MeteredMachine machine, int a, int b)
    {
        uint count = (a % 8) switch
        {
            0 => machine.Count,
            1 => (uint)b,
            2 => machine.Count + 90 + (uint)b,
            _ => machine.Count + 1 + (uint)b / 2,
        };
        count = Math.Min(count, machine.Chain.Spare + machine.Chain.Count);
        byte[] element = count == 0 ? new byte[20] : machine.Chain.Element(count);
        element[0] ^= a % 16 == 9 ? (byte)1 : (byte)0;
        Tell(MagicKind.Payment, machine.Chain.Payment(count, element, a == 31 ? new byte[20] : machine.Token.End), machine.Token);
    }

    private void Continue(MeterModel.MeteredMachine machine, int a, int b)
    {
        Tokens chain = new()
        {
            Seed = salt * 100 + 50 + (a % 8 == 6 && chains > 0 ? chains : ++chains), Count = a == 1 ? 101 : 1 + (uint)b, Spare = 100, Node = a == 2 ? TestHost.Node + 1 : TestHost.Node,
            Key = a == 3 ? new byte[16] : TestHost.Key, BreakChain = a == 4,
        };
        Tell(MagicKind.Continuation, chain.Continuation(machine.Token, a == 5 ? machine.Token.Element(2 % (1 + machine.Token.Count) + 1) : machine.Chain.End), chain);
    }

    private void Boot(Tokens token) => Tell(MagicKind.Boot, token.Payload(), token);

    private void Advance(ulong milliseconds)
    {
        story.Add($"{milliseconds} ms");
        if (milliseconds >= 100)
            refused = 0;
        model.Advance(milliseconds);
        node.Advance(milliseconds);
        node.AwaitPurges(model.Purged);
    }

    private void Tell(MagicKind kind, byte[] payload, Tokens token)
    {
        if (refused == Allowance)
            Advance(100);
        said.Add((kind, payload, token));
        story.Add($"{kind} {token.Seed}");
        bool ran = model.Machines.Any(machine => machine.Runs && machine.Token.Seed == token.Seed);
        Answer expected = model.Tell(kind, payload[16..], token, TestHost.Key);
        Assert.Equal(expected, node.Tell(payload));
        if (expected.Refusal != Refusal.None)
            refused++;
        node.AwaitPurges(model.Purged);
        if (kind == MagicKind.Refund && ran && expected.Refusal == Refusal.None)
            node.AwaitEnd(token.Boot);
    }
}
