using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Numerics;
using System.Security.Cryptography;
using CsCheck;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests.Meter;

/// <summary>Accounts against docs/protocols.md: random histories beside a model, the decisions and the shipped binary; and what one needs to see at a glance.</summary>
public class MeterTests
{
    private static readonly Refusal[] s_ofAccounts =
    [
        Refusal.None, Refusal.Malformed, Refusal.WrongNode, Refusal.ChainTooLong, Refusal.BadSignature, Refusal.Replayed, Refusal.ChainBroken, Refusal.NoSuchDomain,
        Refusal.AlreadyPaid, Refusal.WrongSecret, Refusal.OtherChain,
    ];

    private static readonly uint[] s_secondly = [0, 0, 0, 10];

    [Fact]
    public void The_decisions_do_what_the_model_does()
    {
        var given = new HashSet<Refusal>();
        MeterHistory.Histories(60).Sample(steps =>
        {
            using var node = new LogicMeterNode();
            new MeterHistory(node, new MeterModel(TestHost.Grace, 100, node.Uptime) { Given = given }, salt: 1).Play(steps);
        }, iter: 1000, threads: 1);
        Assert.Equal(s_ofAccounts.Order(), given.Order());
    }

    [RootFact]
    public void The_binary_does_what_the_model_does()
    {
        int salt = 1;
        using var node = new BinaryMeterNode();
        MeterHistory.Histories(40).Sample(steps =>
        {
            node.Clear();
            new MeterHistory(node, new MeterModel(TestHost.Grace, 100, node.Uptime), ++salt).Play(steps);
        }, iter: 25, threads: 1);
    }

    /// <summary>A node answers ten refusals in a tenth of a second, and its clock only moves when a history moves it.</summary>
    [RootFact]
    public void A_history_with_nothing_but_refusals_is_answered()
    {
        using var node = new BinaryMeterNode();
        (int, int, int)[] nothings = [.. Enumerable.Repeat((9, 1, 0), 25)];
        for (int salt = 1; salt <= 2; salt++)
        {
            node.Clear();
            new MeterHistory(node, new MeterModel(TestHost.Grace, 100, node.Uptime), salt).Play(nothings);
        }
    }

    /// <summary>31,622,400 seconds, looked at a million times at odd moments: what is spent is the product of the totals, to the unit.</summary>
    [Fact]
    public void In_a_year_every_unit_is_accounted_once()
    {
        Assert.True(BootToken.TryParse(new Tokens { Prices = [3, 7, 11, 1_000_003], Value = 1UL << 40, Count = 100, MemoryMiB = 3 }.Token(), out BootToken token));
        var account = default(Account);
        account.Open(token, 123_456, token.Issued);
        for (int i = 0; i < 15; i++) // 1.6 × 10^15 units
            Assert.True(account.Credit(new Digest(), 100, 200));
        var random = new Random(5);
        ulong uptime = 123_456, cpu = 0, bytes = 0, before = account.Unused;
        const ulong Year = 366UL * 86_400 * 1000;
        while (uptime < 123_456 + Year)
        {
            uptime = Math.Min(uptime + (ulong)random.Next(1, 63_000), 123_456 + Year);
            cpu += (ulong)random.Next(0, 900_000);
            bytes += (ulong)random.Next(0, 3000);
            account.Measure(uptime, cpu, bytes);
            Assert.True(account.Unused <= before);
            before = account.Unused;
        }
        BigInteger seconds = Year / 1000, spent = 3 * (BigInteger)cpu + 7 * 3 * seconds + 11 * (BigInteger)(bytes / 1024) + 1_000_003 * seconds;
        Assert.Equal(16 * 100 * (BigInteger.One << 40) - spent, account.Unused);
        Assert.Equal([cpu, 3 * (ulong)seconds, bytes / 1024, (ulong)seconds], ((ReadOnlySpan<ulong>)account.Used).ToArray());
    }

    /// <summary>What does not fit is the most that there is, which nobody has paid; it never begins anew at 0.</summary>
    [Fact]
    public void Nothing_overflows()
    {
        Assert.True(BootToken.TryParse(new Tokens { Prices = [uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue], Value = 1UL << 40, Count = 100, MemoryMiB = 256 }.Token(), out BootToken token));
        var account = default(Account);
        account.Open(token, 0, token.Issued);
        int payments = 1;
        while (account.Credit(new Digest(), 100, 100))
            payments++;
        Assert.Equal((int)(ulong.MaxValue / (100UL << 40)), payments);
        ulong paid = 100UL * (ulong)payments << 40;
        Assert.Equal(paid, account.Unused);
        Assert.False(account.IsOver(0));
        account.Measure(0, ulong.MaxValue, 0);
        Assert.Equal((0UL, false), (account.Unused, account.IsPaid));
        Assert.False(account.IsOver(uint.MaxValue)); // a grace that is worth more than all that can be counted
        Assert.True(account.IsOver(0));
        account.Measure(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue);
        Assert.Equal(0UL, account.Unused);
        Assert.False(account.Credit(new Digest(), 100, 100));
    }

    /// <summary>Two costs of 2^63 are together as much as can be counted, not 0.</summary>
    [Fact]
    public void Sums_do_not_overflow_either()
    {
        Assert.True(BootToken.TryParse(new Tokens { Prices = [1U << 31, 0, 1U << 31, 0], Value = 1UL << 40, Count = 100 }.Token(), out BootToken token));
        var account = default(Account);
        account.Open(token, 0, token.Issued);
        account.Measure(0, 1UL << 32, 1UL << 42);
        Assert.Equal((0UL, true), (account.Unused, account.IsOver(uint.MaxValue)));
    }

    [Fact]
    public void Too_much_is_refused_and_changes_nothing()
    {
        using var node = new LogicMeterNode();
        Tokens token = Token(1) with { Value = 1UL << 40, Count = 100, Spare = 200 };
        Assert.Equal(Refusal.None, node.Tell(token.Payload()).Refusal);
        node.Accounts[0].Credit(new Digest(), 0, 100);
        for (int i = 0; i < 167_771; i++)
            node.Accounts[0].Credit(new Digest(), 100, 100);
        token.Element(100).CopyTo(node.Accounts[0].Last.Room);
        byte[] before = node.Tell(token.Query()).Statement;
        Assert.Equal(Refusal.TooMuchPaid, node.Tell(token.Payment(200)).Refusal);
        Assert.Equal(before, node.Tell(token.Query()).Statement);
        Tokens next = new() { Seed = 9, Count = 100 };
        Assert.Equal(Refusal.TooMuchPaid, node.Tell(next.Continuation(token, token.End)).Refusal);
        Assert.Equal(before, node.Tell(token.Query()).Statement);
    }

    private static Tokens Token(int seed) => new() { Seed = seed, Prices = s_secondly, Value = 10, Count = 5, Spare = 100, Boot = 0x0A000030u + (uint)seed, Expires = TestHost.Started + 1000 };

    private static void Advance(IMeteredNode node, ulong milliseconds, int purged)
    {
        node.Advance(milliseconds);
        node.AwaitPurges(purged);
    }

    private static (AccountState State, ulong Unused, ulong Rate) Look(IMeteredNode node, Tokens token)
    {
        Answer answer = node.Tell(token.Query());
        Assert.Equal(Refusal.None, answer.Refusal);
        Assert.True(Statement.TryParse(answer.Statement, out Statement statement));
        Assert.True(statement.SignedWith(new HmacSha1(TestHost.Key)));
        return (statement.State, statement.Unused, statement.Rate);
    }

    [Fact]
    public void An_idle_machine_is_purged_when_its_grace_is_over_and_no_second_before()
    {
        using var node = new LogicMeterNode();
        Assert.Equal(Refusal.None, node.Tell(Token(1).Payload()).Refusal);
        for (int second = 1; second <= 4; second++)
        {
            Advance(node, 1000, 0);
            Assert.Equal((AccountState.Running, 50ul - 10 * (ulong)second, 10ul), Look(node, Token(1)));
        }
        for (int second = 5; second < 5 + TestHost.Grace; second++)
        {
            Advance(node, 1000, 0);
            Assert.Equal((AccountState.Grace, 0ul, 10ul), Look(node, Token(1)));
        }
        Advance(node, 500, 0);
        Advance(node, 500, 1);
        Assert.Empty(node.Domains);
        Assert.Equal((AccountState.Ended, 0ul, 10ul), Look(node, Token(1)));
        Assert.Equal(Refusal.NoSuchDomain, node.Tell(Token(1).Payment(6)).Refusal);
    }

    [Fact]
    public void What_was_used_on_credit_is_paid_first()
    {
        using var node = new LogicMeterNode();
        Assert.Equal(Refusal.None, node.Tell(Token(1).Payload()).Refusal);
        Advance(node, 9000, 0);
        Assert.Equal(Refusal.None, node.Tell(Token(1).Payment(8)).Refusal); // 80 paid, 90 spent
        Assert.Equal(AccountState.Grace, Look(node, Token(1)).State);
        Assert.Equal(Refusal.None, node.Tell(Token(1).Payment(10)).Refusal);
        Assert.Equal((AccountState.Running, 10ul, 10ul), Look(node, Token(1)));
    }

    /// <summary>A node that was stopped cannot end anything; when it goes on it charges all of the time, and ends what has been on credit for too long.</summary>
    [Fact]
    public void A_stop_is_charged_to_the_second()
    {
        using var node = new LogicMeterNode();
        Tokens rich = Token(1) with { Count = 100 };
        Assert.Equal(Refusal.None, node.Tell(rich.Payload()).Refusal);
        Assert.Equal(Refusal.None, node.Tell(Token(2).Payload()).Refusal);
        Advance(node, 99_000, 1);
        Assert.Equal((AccountState.Running, 10ul, 10ul), Look(node, rich));
        Assert.Equal([rich.Boot], node.Domains);
    }

    [Fact]
    public void Who_only_computes_spends_nothing_else_and_has_no_grace()
    {
        using var node = new LogicMeterNode();
        Tokens token = Token(1) with { Prices = [1, 0, 0, 0] };
        Assert.Equal(Refusal.None, node.Tell(token.Payload()).Refusal);
        node.SetCpu(49);
        Advance(node, 86_400_000, 0);
        Assert.Equal((AccountState.Running, 1ul, 0ul), Look(node, token));
        node.SetCpu(50);
        Advance(node, 500, 1);
    }

    [Fact]
    public void A_clock_of_a_process_that_cannot_be_read_or_sinks_gives_nothing_back()
    {
        using var node = new LogicMeterNode();
        Tokens token = Token(1) with { Prices = [1, 0, 0, 0] };
        Assert.Equal(Refusal.None, node.Tell(token.Payload()).Refusal);
        node.SetCpu(30);
        Assert.Equal(20ul, Look(node, token).Unused);
        node.SetCpu(0);
        Assert.Equal(20ul, Look(node, token).Unused);
    }

    [Fact]
    public void A_certificate_is_the_same_until_the_account_is_forgotten()
    {
        using var node = new LogicMeterNode();
        Tokens token = Token(1);
        Assert.Equal(Refusal.None, node.Tell(token.Payload()).Refusal);
        Advance(node, 2500, 0);
        Answer wrong = node.Tell(token.Refund(new byte[20]));
        Assert.Equal((Refusal.WrongSecret, 0), (wrong.Refusal, wrong.Statement.Length));
        Answer first = node.Tell(token.Refund());
        Assert.True(Statement.TryParse(first.Statement, out Statement certificate));
        Assert.Equal((AccountState.Refunded, 30ul), (certificate.State, certificate.Unused));
        Assert.Equal(first, node.Tell(token.Refund())); // the process has not ended yet
        Assert.Equal(Refusal.NoSuchDomain, node.Tell(token.Payment(6)).Refusal);
        Advance(node, 700, 0);
        Assert.Equal(first, node.Tell(token.Refund()));
        node.AwaitEnd(token.Boot);
        Assert.Equal(first, node.Tell(token.Refund()));
        Assert.Equal(first.Statement, node.Tell(token.Query()).Statement);
        node.SetTime(TestHost.Started + 999);
        Assert.Equal(first, node.Tell(token.Refund()));
        Assert.Equal(Refusal.WrongSecret, node.Tell(token.Refund(new byte[20])).Refusal);
    }

    private static Refusal Send(ref Node<TestHost> node, byte[] payload)
    {
        node.Limiter.Tick(++node.Host.Uptime); // what the limiter does is not looked at here
        node.Receive(Port.Link, Frames.Echo(payload));
        Assert.True(MagicReply.TryParse(node.Host.Sent[^1].Packet.AsSpan(52), out MagicReply reply));
        return reply.Refusal;
    }

    private static byte[] EndRequest(Tokens token)
    {
        byte[] body = new byte[Wire.EndRequest.Size];
        Wire.EndRequest.Emit(body, HMACSHA1.HashData(TestHost.Key, (byte[])[.. "EvilMKey"u8, .. token.Token()]));
        return Tokens.Payload(MagicKind.End, body);
    }

    /// <summary>Machines that are started and ended at once cost next to nothing, whether what is left is asked for or not.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Nobody_closes_a_node_by_starting_and_ending_machines(bool refunded)
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[1], tokens: 3, accounts: new Account[3]);
        Tokens rich = Token(1) with { Value = 1000 }, free = Token(2) with { Prices = [0, 0, 0, 0] };
        Assert.Equal([Refusal.None, Refusal.None], [Send(ref node, rich.Payload()), Send(ref node, EndRequest(rich))]);
        node.Domains[0] = default;
        for (int seed = 10; seed < 40; seed++)
        {
            Tokens token = Token(seed) with { Issued = TestHost.Started + 45 + (ulong)seed };
            Assert.Equal([Refusal.None, Refusal.None], [Send(ref node, token.Payload()), Send(ref node, refunded ? token.Refund() : EndRequest(token))]);
            node.Domains[0] = default;
            Assert.Equal(Refusal.None, Send(ref node, token.Refund()));
        }
        Assert.Equal(Refusal.None, Send(ref node, (free with { Issued = TestHost.Started + 90 }).Payload()));
        // To whom more is owed than to each of them nothing was lost.
        Assert.Equal(Refusal.None, Send(ref node, rich.Refund()));
        Assert.True(MagicReply.TryParse(host.Sent[^1].Packet.AsSpan(52), out MagicReply reply) && reply.TryGetStatement(out Statement certificate) && certificate.Unused == 5000);
    }

    /// <summary>An account that is kept no longer, then settled ones, then who is owed least; the oldest of each.</summary>
    [Fact]
    public void The_place_of_an_account_is_taken_that_is_owed_least()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[2], tokens: 30, accounts: new Account[5]);
        Tokens runs = Token(1) with { Count = 1, Value = 1 };
        Assert.Equal(Refusal.None, Send(ref node, runs.Payload()));
        Tokens[] ended = [.. new uint[] { 7, 3, 9, 5 }.Select((count, i) => Token(2 + i) with { Count = count })];
        foreach (Tokens token in ended)
        {
            Assert.Equal([Refusal.None, Refusal.None], [Send(ref node, token.Payload()), Send(ref node, EndRequest(token))]);
            node.Domains[1] = default;
            host.Uptime += 1000;
        }
        Assert.Equal(Refusal.None, Send(ref node, ended[2].Refund()));
        // Of 70, 30, 0 (refunded), 50.
        foreach (int taken in new[] { 2, 1, 3, 0 })
        {
            Assert.Equal(Refusal.None, Send(ref node, ended[taken].Query()));
            Tokens next = Token(20 + taken) with { Count = 100 };
            Assert.Equal([Refusal.None, Refusal.None], [Send(ref node, next.Payload()), Send(ref node, EndRequest(next))]);
            node.Domains[1] = default;
            host.Uptime += 1000;
            Assert.Equal(Refusal.NoSuchDomain, Send(ref node, ended[taken].Query()));
        }
        // Of equals the oldest.
        Tokens last = Token(30) with { Count = 100 };
        Assert.Equal(Refusal.None, Send(ref node, last.Payload()));
        Refusal[] known = new Refusal[4];
        for (int i = 0; i < known.Length; i++)
            known[i] = Send(ref node, (Token(20 + i) with { Count = 100 }).Query());
        Assert.Equal([Refusal.None, Refusal.None, Refusal.NoSuchDomain, Refusal.None], known);
        Assert.Equal([Refusal.None, Refusal.None], [Send(ref node, last.Query()), Send(ref node, runs.Query())]);
    }

    /// <summary>An hour after its machine's end an account may be forgotten, or when its token has expired where that is later; both by the clock that is never set.</summary>
    [Theory]
    [InlineData(100, 3600)]
    [InlineData(10_000, 10_000)]
    public void Steps_of_the_wall_clock_neither_forget_nor_keep_an_account(int valid, int kept)
    {
        foreach (int seconds in new[] { kept - 1, kept })
            foreach (long step in new[] { 0L, -50L, 1L << 30 })
            {
                var host = new TestHost();
                var node = host.MakeNode(new Domain[1], tokens: 30, accounts: new Account[2]);
                Tokens rich = Token(1) with { Expires = host.Now + (ulong)valid };
                Assert.Equal([Refusal.None, Refusal.None], [Send(ref node, rich.Payload()), Send(ref node, EndRequest(rich))]);
                node.Domains[0] = default;
                host.Now += (ulong)step;
                host.Uptime = 77_000 + (ulong)seconds * 1000;
                for (int seed = 2; seed < 4; seed++)
                {
                    Tokens poor = Token(seed) with { Issued = host.Now, Expires = host.Now + 10, Count = 1 };
                    Assert.Equal([Refusal.None, Refusal.None], [Send(ref node, poor.Payload()), Send(ref node, EndRequest(poor))]);
                    node.Domains[0] = default;
                }
                Assert.Equal(seconds < kept ? Refusal.None : Refusal.NoSuchDomain, Send(ref node, rich.Query()));
            }
    }

    [Fact]
    public void A_machine_that_is_being_ended_takes_no_money_and_costs_none()
    {
        using var node = new LogicMeterNode();
        Tokens ended = Token(1), purged = Token(2) with { Count = 1 };
        Assert.Equal([Refusal.None, Refusal.None], [node.Tell(ended.Payload()).Refusal, node.Tell(purged.Payload()).Refusal]);
        node.Advance(1500);
        Assert.Equal((Refusal.None, ended.Boot), (node.Tell(EndRequest(ended)).Refusal, ended.Boot));
        Tokens next = new() { Seed = 9, Count = 100 };
        Assert.All([ended.Payment(6), next.Continuation(ended, ended.End)], payload => Assert.Equal(Refusal.NoSuchDomain, node.Tell(payload).Refusal));
        Assert.Equal((AccountState.Ended, 40ul, 10ul), Look(node, ended));
        node.Advance(10_000);
        Assert.Equal([1], node.Purged);
        Assert.All([purged.Payment(6), next.Continuation(purged, purged.End)], payload => Assert.Equal(Refusal.NoSuchDomain, node.Tell(payload).Refusal));
        Assert.Equal((AccountState.Ended, 0ul), (Look(node, purged).State, Look(node, purged).Unused));
        node.Advance(10_000);
        Assert.Empty(node.Purged); // once
        Assert.Equal((AccountState.Ended, 40ul, 10ul), Look(node, ended));
    }

    [Fact]
    public void What_a_machine_has_used_at_its_end_is_charged()
    {
        using var node = new LogicMeterNode();
        Tokens token = Token(1) with { Prices = [1, 0, 1, 10] };
        Assert.Equal(Refusal.None, node.Tell(token.Payload()).Refusal);
        node.Advance(400);
        node.SetCpu(7);
        node.Mirror(token.Boot, 1000); // 2,084 bytes
        node.End(token.Boot);
        node.SetCpu(9);
        Assert.Equal((AccountState.Ended, 50ul - 7 - 2, 0ul), Look(node, token));
    }

    [Fact]
    public void A_free_machine_has_no_account_and_is_never_purged()
    {
        using var node = new LogicMeterNode();
        Tokens token = Token(1) with { Prices = [0, 0, 0, 0] };
        Assert.Equal(Refusal.None, node.Tell(token.Payload()).Refusal);
        Advance(node, 1UL << 40, 0);
        Assert.All([token.Payment(6), token.Query(), token.Refund(), new Tokens { Seed = 3 }.Continuation(token, token.End)],
            payload => Assert.Equal(Refusal.NoSuchDomain, node.Tell(payload).Refusal));
        Assert.Equal([token.Boot], node.Domains);
    }

    /// <summary>The processor's own time, of a machine that loops, by the machine's clocks: no false ones here.</summary>
    [RootFact]
    public void A_machine_that_loops_is_purged_by_what_it_has_computed()
    {
        using var lab = new Lab("--grace", "0");
        Tokens token = Lab.Token(1) with { Prices = [1, 0, 0, 0], Value = 100_000, Count = 10, Spare = 100 };
        Assert.Equal(Refusal.None, lab.Ping(token.Payload()));
        System.Threading.Thread.Sleep(1200);
        Assert.DoesNotContain(lab.Log, line => line.Contains("purged", StringComparison.Ordinal)); // it waits, and that costs nothing
        lab.Order(token.Boot, 3);
        lab.WaitForLine("domain 0: purged: nothing is paid any more", 20);
        lab.WaitForLine("domain 0: ended: signal 9", 5);
    }

    /// <summary>What has come and happened while packetd stood still counts before it asks who is in debt.</summary>
    [RootFact]
    public void Whoever_was_paid_or_ended_while_packetd_stood_still_is_not_purged_when_it_goes_on()
    {
        using var node = new BinaryMeterNode();
        Tokens[] tokens = [.. Enumerable.Range(1, 3).Select(seed => Token(seed) with { Count = 1, Expires = TestHost.Started + 1000 })];
        Assert.All(tokens, token => Assert.Equal(Refusal.None, node.Tell(token.Payload()).Refusal));
        node.Stop(60_000, [tokens[0].Payment(90)], tokens[1].Boot);
        node.AwaitPurges(1);
        node.AwaitEnd(tokens[1].Boot);
        Assert.Equal([tokens[0].Boot], node.Domains);
        Assert.Equal(1, node.CountPurges());
        Assert.Equal((AccountState.Running, 300ul, 10ul), Look(node, tokens[0]));
        Assert.Equal([AccountState.Ended, AccountState.Ended], tokens.Skip(1).Select(token => Look(node, token).State));
    }

    /// <summary>The clock of its process is read when it has ended, not only half a second before.</summary>
    [RootFact]
    public void What_a_machine_has_computed_until_it_is_killed_is_charged()
    {
        using var lab = new Lab();
        Tokens token = Lab.Token(1) with { Prices = [1, 0, 0, 0], Value = 1 << 30, Count = 10 };
        Assert.Equal(Refusal.None, lab.Ping(token.Payload()));
        int pid = int.Parse(lab.WaitForLine("started for").Split("process ")[1]);
        lab.Order(token.Boot, 3);
        Wait.Until(() => Computed() > 100_000, "the machine computes");
        PacketSocket.kill(pid, 19);
        Wait.Until(() => Programs.State(pid) == 'T', "the machine stands still");
        ulong computed = Computed();
        PacketSocket.kill(pid, 9);
        lab.WaitForLine("ended: signal 9");
        Assert.InRange(Ask(lab, token).Used(Resource.Cpu), computed, ulong.MaxValue);

        // Microseconds (the kernel's Documentation/scheduler/sched-stats.rst).
        ulong Computed() => ulong.Parse(File.ReadAllText($"/proc/{pid}/schedstat").Split(' ')[0]) / 1000;
    }

    private static Statement Ask(Lab lab, Tokens token)
    {
        lab.Send(Frames.Echo(token.Query()));
        byte[]? frame = lab.Await(frame => frame.Length == 42 + MagicReply.Size + Statement.Size && frame[34] == 0);
        Assert.NotNull(frame);
        Assert.True(Statement.TryParse(frame.AsSpan(42 + MagicReply.Size), out Statement statement));
        return statement;
    }

    /// <summary>A node that is stopped does not lose the time: what ran meanwhile is charged when it goes on.</summary>
    [RootFact]
    public void A_binary_that_was_stopped_charges_and_purges_when_it_goes_on()
    {
        using var lab = new Lab("--grace", "1");
        Tokens poor = Lab.Token(1) with { Prices = s_secondly, Value = 10, Count = 1 }, rich = Lab.Token(2, 0x0A000033) with { Prices = s_secondly, Value = 10, Count = 100 };
        Assert.Equal([Refusal.None, Refusal.None], [lab.Ping(poor.Payload()), lab.Ping(rich.Payload())]);
        PacketSocket.kill(lab.Pid, 19);
        System.Threading.Thread.Sleep(2500);
        PacketSocket.kill(lab.Pid, 18);
        lab.WaitForLine("domain 0: purged", 2);
        Statement statement = Ask(lab, rich);
        Assert.True(statement.State == AccountState.Running && statement.Used(Resource.Existence) >= 2 && statement.Unused == 1000 - 10 * statement.Used(Resource.Existence));
    }
}
