using System;
using System.Collections.Generic;
using System.Net;
using Evilman.Buying;
using Evilman.Home;
using Evilman.Net;
using Wire;
using Xunit;

namespace Evilman.Tests;

/// <summary>Home answers guests of machines that it watches, and nobody else.</summary>
public sealed class HomeCallsTests
{
    static readonly IPAddress s_guest = IPAddress.Parse("192.0.2.50");

    readonly Dictionary<string, Purchase> bought = new()
    {
        ["job"] = Machine('a', "192.0.2.1", "192.0.2.50"),
        ["job2"] = Machine('b', "192.0.2.2", "192.0.2.50"),
        ["other"] = Machine('c', "192.0.2.1", "192.0.2.51"),
    };

    readonly Dictionary<string, Verdict?> verdicts = new()
    {
        ["job"] = Verdict.Enough, ["job2"] = Verdict.Gone, ["other"] = Verdict.Stalled,
    };

    readonly List<string> looked = [];

    static Purchase Machine(char digit, string node, string guest) => new(
        new MachineView(1, new string(digit, 40), "n", node, "192.0.2.100", [guest], "small", 64, 1, 0),
        "", "", "", 1, 1, 1);

    static IReadOnlyList<HomeJob> Jobs(params string[] names) => Array.ConvertAll(names, name =>
        new HomeJob(name, Home.Watch.Tcp, new IPEndPoint(s_guest, 80), "", 1, 1, 1, null, null));

    static byte[] Call(char? known = null)
    {
        HomeCall call = new() { Number = 77 };
        if (known is { } digit)
            Convert.FromHexString(new string(digit, 40)).CopyTo(call.Machine.Room);
        var bytes = new byte[HomeCall.Size];
        call.EmitRequest(bytes);
        return bytes;
    }

    HomeCalls Calls() => new(name => name == "damaged" ? throw new Failure("that file is damaged")
        : bought.GetValueOrDefault(name), job =>
    {
        looked.Add(job.Name);
        return verdicts[job.Name];
    });

    /// <summary>The machine, its node and the verdict of the answer; null for none.</summary>
    (string Machine, string Node, HomeVerdict Verdict)? Ask(byte[] call, IPAddress from, params string[] jobs)
    {
        if (Calls().Answer(call, from, () => Jobs(jobs)) is not { } bytes)
            return null;
        Assert.True(HomeCall.TryParseAnswer(bytes, out var answer));
        Assert.Equal(77u, answer.Number);
        return (Convert.ToHexStringLower(answer.Machine.Bytes)[..1], $"{Ipv4.Address(answer.Node)}", answer.Verdict);
    }

    [Fact]
    public void A_guest_hears_where_it_runs_and_whether_it_is_paid()
    {
        Assert.Equal(("a", "192.0.2.1", HomeVerdict.Paid), Ask(Call(), s_guest, "job", "job2", "other"));
        Assert.Equal(("c", "192.0.2.1", HomeVerdict.Stalled), Ask(Call(), IPAddress.Parse("192.0.2.51"), "job", "other"));
    }

    [Fact]
    public void Who_is_not_watched_hears_nothing_and_has_nobody_look()
    {
        Assert.Null(Ask(Call(), s_guest, "other"));
        Assert.Null(Ask(Call(), IPAddress.Parse("192.0.2.52"), "job", "job2", "other"));
        Assert.Null(Ask(Call()[1..], s_guest, "job"));
        Assert.Null(Ask(new byte[HomeCall.Size], s_guest, "job"));
        Assert.Empty(looked);
        Assert.Null(Ask(Call(), s_guest, "job2")); // which runs no more
        verdicts["job"] = null; // whose node does not answer
        Assert.Null(Ask(Call(), s_guest, "job"));
    }

    [Fact]
    public void While_a_guest_moves_it_hears_of_the_machine_that_it_is_in()
    {
        verdicts["job2"] = Verdict.OverBudget;
        Assert.Equal(("a", "192.0.2.1", HomeVerdict.Paid), Ask(Call('a'), s_guest, "job", "job2"));
        Assert.Equal(("b", "192.0.2.2", HomeVerdict.OverBudget), Ask(Call('b'), s_guest, "job", "job2"));
        verdicts["job"] = Verdict.Gone;
        Assert.Equal(("b", "192.0.2.2", HomeVerdict.OverBudget), Ask(Call('a'), s_guest, "job", "job2"));
    }

    [Fact]
    public void A_machine_whose_file_is_damaged_keeps_no_other_from_being_answered() =>
        Assert.Equal(("a", "192.0.2.1", HomeVerdict.Paid), Ask(Call(), s_guest, "damaged", "job"));

    [Fact]
    public void Who_calls_very_often_has_home_look_no_oftener()
    {
        var (calls, read) = (Calls(), 0);
        for (var i = 0; i < 50; i++)
        {
            Assert.NotNull(calls.Answer(Call(), s_guest, () =>
            {
                read++;
                return Jobs("job");
            }));
        }
        Assert.InRange(looked.Count, 1, 5);
        Assert.InRange(read, 1, 5);
        Assert.Null(calls.Answer(Call()[1..], s_guest, () => throw new InvalidOperationException("that was no call")));
    }
}
