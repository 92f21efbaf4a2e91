using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Testing;
using Tokenbroker.Http;
using Tokenbroker.Market;
using Wire;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>The web page, and what it asks of nodes through the broker.</summary>
public sealed partial class PageTests
{
    private static readonly string s_folder = Path.Combine(Repository.Root, "tokenbroker", "Web");

    private static string Read(string name) => File.ReadAllText(Path.Combine(s_folder, name));

    [Theory, OnSqlite]
    public async Task The_files_are_served_that_let_nothing_else_in(string kind)
    {
        await using CustomerStand stand = await CustomerStand.Open(kind);
        using HttpClient client = new() { BaseAddress = new Uri($"{stand.Url}") };
        foreach ((string route, string file) in ((string, string)[])[("/", "index.html"), ("/page.css", "page.css"),
            ("/page.js", "page.js"), ("/api", "api.html"), ("/api.js", "api.js")])
        {
            using HttpResponseMessage answer = await client.GetAsync(route);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(Read(file), await answer.Content.ReadAsStringAsync());
            string policy = string.Join(' ', answer.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';", policy,
                StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("index.html", "page.js")]
    [InlineData("api.html", "api.js")]
    public void The_page_keeps_its_own_policy_and_every_control_has_a_name(string file, string code)
    {
        string page = Read(file), script = Read(code);
        Assert.DoesNotMatch(@"<[^>]*\s(on\w+|style)\s*=|<style|<script(?![^>]*\ssrc=)|://", page);
        Assert.DoesNotMatch(@"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script);
        string[] ids = [.. Ids().Matches(page).Select(match => match.Groups[1].Value)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
        foreach (Match control in Controls().Matches(page))
            Assert.Contains($"<label for=\"{control.Groups[1].Value}\">", page, StringComparison.Ordinal);
        foreach (Match reference in References().Matches(page))
            Assert.All(reference.Groups[1].Value.Split(' '), id => Assert.Contains(id, ids));
        foreach (Match used in Used().Matches(script))
            Assert.Contains(used.Groups[1].Value, ids);
    }

    [Fact]
    public void The_page_asks_for_what_the_API_has()
    {
        string[] routes = [.. Api.Endpoints.Select(endpoint => Places().Replace(endpoint.Route, "*"))];
        string[] asked = [.. Paths().Matches(Read("page.js"))
            .Select(match => Filled().Replace(match.Groups[1].Value, "*").Split('?')[0])];
        Assert.True(asked.Length >= 8, $"{asked.Length} paths");
        Assert.All(asked, path => Assert.Contains(path, routes));
    }

    [Theory, OnSqlite]
    public async Task A_node_that_does_not_answer_is_said_and_foreign_pings_are_not_sent(string kind)
    {
        using Shop shop = new(kind);
        MachineView machine = shop.Buy(shop.Customer).Machine, other = shop.Buy(shop.Customer).Machine;
        Resupply more = shop.Resupply(shop.Customer, other.Id, 1);
        Problem foreign = await Assert.ThrowsAsync<Problem>(() =>
            shop.Broker.Deliver(shop.Customer, machine.Id, new NewPings(more.Pings), default));
        Assert.Equal("invalid", foreign.Kind);
        foreign = await Assert.ThrowsAsync<Problem>(() => shop.Broker.Deliver(shop.Customer, other.Id,
            new NewPings([new Ping((int)MagicKind.Boot, new string('0', 2 * BootToken.Size))]), default));
        Assert.Equal("invalid", foreign.Kind);
        Assert.Equal(404, (await Assert.ThrowsAsync<Problem>(() =>
            shop.Broker.Account(shop.AddCustomer("bob", 1), machine.Id, default))).Status);
        // Loopback answers each Echo with what it was sent, which is no node's answer.
        shop.Do(session => session.Run("UPDATE node SET address = 2130706432 + id"));
        Assert.Equal("node", (await Assert.ThrowsAsync<Problem>(() =>
            shop.Broker.Account(shop.Customer, machine.Id, default))).Kind);
    }

    [Theory, OnSqlite]
    public async Task Tokens_that_were_bought_come_to_the_node_through_the_broker_and_each_once(string kind)
    {
        PayingNode node = new();
        using Shop shop = new(kind, link: node);
        Purchase bought = shop.Buy(shop.Customer, 10);
        (long machine, string name) = (bought.Machine.Id, bought.Machine.Name);
        Assert.Equal("no-account", (await Assert.ThrowsAsync<Problem>(() =>
            shop.Broker.Account(shop.Customer, machine, default))).Kind);
        node.Boot(Convert.FromHexString(bought.BootToken));

        NewPings pings = new(shop.Resupply(shop.Customer, machine, 30).Pings); // two payments
        Assert.Equal(new PingsView(2, null), await shop.Broker.Deliver(shop.Customer, machine, pings, default));
        Assert.Equal(new PingsView(2, null), await shop.Broker.Deliver(shop.Customer, machine, pings, default));
        Assert.Equal(40, node.Paid(name));
        pings = new NewPings(shop.Resupply(shop.Customer, machine, 15).Pings); // the rest of the chain, and another
        Assert.Equal(new PingsView(2, null), await shop.Broker.Deliver(shop.Customer, machine, pings, default));
        Assert.Equal(55, node.Paid(name));
        node.Spend(name, 500);
        AccountView account = await shop.Broker.Account(shop.Customer, machine, default);
        Assert.Equal(("running", 5000L, 5000L), (account.State, account.Unused, account.SecondsLeft));

        // Where one is not taken, those after it are not sent.
        pings = new NewPings(shop.Resupply(shop.Customer, machine, 25).Pings);
        NewPings behind = new([.. pings.Pings.Skip(1), new Ping((int)MagicKind.Continuation,
            Convert.ToHexStringLower(Other(name)))]);
        PingsView stopped = await shop.Broker.Deliver(shop.Customer, machine, behind, default);
        Assert.Equal((1, Refusal.OtherChain.Sentence()), (stopped.Taken, stopped.Refused));
        Assert.Equal(80, node.Paid(name));
    }

    /// <summary>Another chain for a machine, signed with the node's key, that continues one that it never had.</summary>
    private static byte[] Other(string name) => Tokens.Mint.Continuation(0x0A000001,
        Convert.FromHexString(name), new byte[20], new byte[20], new byte[20], 1,
        System.Text.Encoding.ASCII.GetBytes(Shop.Key));

    [GeneratedRegex(@"\sid=""([^""]+)""")]
    private static partial Regex Ids();

    [GeneratedRegex(@"<(?:input|select|textarea)\s+id=""([^""]+)""")]
    private static partial Regex Controls();

    [GeneratedRegex(@"aria-(?:labelledby|describedby)=""([^""]+)""")]
    private static partial Regex References();

    [GeneratedRegex(@"\$\(""([^""]+)""\)")]
    private static partial Regex Used();

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Places();

    [GeneratedRegex(@"\$\{[^}]*\}")]
    private static partial Regex Filled();

    [GeneratedRegex(@"[""`](/v1/[^""`]*)[""`]")]
    private static partial Regex Paths();
}
