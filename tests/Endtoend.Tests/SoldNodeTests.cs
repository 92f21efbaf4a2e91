using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json;
using Testing;
using Xunit;

namespace Endtoend.Tests;

/// <summary>
/// A program on nodes whose machines a broker sells, by the commands that its user types: each machine that it runs in is
/// bought, and what is left of it comes back when the program has moved on or was stopped.
/// </summary>
public sealed class SoldNodeTests : IDisposable
{
    private const string Broker = "http://127.0.0.1:8090";
    private const int TokenValue = 100_000, Tokens = 10, SecondsPrice = 1000;

    private static readonly string s_broker = Path.Combine(Repository.Root, "tokenbroker", "bin", "Release", "net10.0", "linux-x64",
        "tokenbroker");

    private static readonly TimeSpan s_patience = 4 * Cluster.Patience;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("endtoend-sold-");
    private Process? server;

    private sealed class NeedsSqliteAttribute : FactAttribute
    {
        public NeedsSqliteAttribute() => Skip = new RootFactAttribute().Skip ?? (NativeLibrary.TryLoad("libsqlite3.so", out _) ? null
            : "SQLite's library is not installed (deploy/dependencies installs it for root)");
    }

    public void Dispose()
    {
        if (server is { HasExited: false })
            server.Kill(entireProcessTree: true);
        server?.Dispose();
        Cluster.Finish(Plan(Cluster.Built("bin/evilman"), "lab", "down", "--all"), s_patience);
        folder.Delete(recursive: true);
    }

    [NeedsSqlite]
    public void A_program_buys_each_machine_that_it_runs_in_and_gets_back_what_is_left_of_it()
    {
        string bin = Path.Combine(folder.FullName, "tree", "bin");
        Directory.CreateDirectory(bin);
        foreach (string name in (string[])["sh", "sleep"])
            File.Copy("/bin/busybox", Path.Combine(bin, name));
        Good(Cluster.Built("bin/evilman"), "lab", "up", "--lifetime", "10m");
        OpenBroker();

        Customer("run", "tree", "--on", "node1", "--name", "count", "--detach", "--tokens", $"{Tokens}", "--", "/bin/sh", "-c",
            "trap 'exit 4' TERM; i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done");
        AssertIs("node1", 0);
        Assert.Equal(["count-1 bought node1"], Machines());
        Assert.Equal((1, 0L), (Entries("purchase").Length, Entries("refund").Sum()));

        // By its name: the next machine is bought where it goes, and the one that it has left comes back.
        LiveForSeconds();
        Customer("move", "count", "--to", "node2", "--json");
        AssertIs("node2", 1);
        Assert.Equal(["count-1 refunded node1", "count-2 bought node2"], Machines());
        AssertReturned(1);

        // And so it is where a node is emptied.
        LiveForSeconds();
        string drained = Customer("drain", "node2", "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.Equal("""{"node":"node2","moved":["count"],"left":[]}""", drained);
        AssertIs("node1", 2);
        Assert.Equal(["count-1 refunded node1", "count-2 refunded node2", "count-3 bought node1"], Machines());
        AssertReturned(2);

        LiveForSeconds();
        Assert.Contains("count is gone: the program has ended with exit code 4", Customer("stop", "count"), StringComparison.Ordinal);
        Assert.Equal("", Customer("ls", "--json"));
        Assert.All(Machines(), machine => Assert.Contains(" refunded ", machine, StringComparison.Ordinal));
        AssertReturned(3);
        Assert.DoesNotContain("domains=1", Good(Cluster.Built("bin/evilman"), "lab", "status"), StringComparison.Ordinal);
        Assert.Equal(3, Entries("purchase").Length);
        string verified = Operator("verify");
        Assert.Matches($"^verify: ok .* sold={3 * Tokens * TokenValue} burned=[1-9][0-9]* refunded={Entries("refund").Sum()} breakage=0 "
            + "outstanding=0 ", verified);
    }

    /// <summary>A broker that sells machines on the lab's two nodes, and a customer who knows both by name.</summary>
    private void OpenBroker()
    {
        Operator("init", "--operator-key", Path.Combine(folder.FullName, "operator"));
        for (int node = 1; node <= 2; node++)
        {
            string key = Directory.GetFiles(folder.FullName, $"node{node}.key", SearchOption.AllDirectories).Single();
            Operator("node", "add", $"node{node}", "--address", $"10.77.0.{node}", "--boot-addresses",
                $"10.77.0.{80 + 20 * node}-10.77.0.{99 + 20 * node}", "--guest-addresses", "10.77.0.60-10.77.0.69", "--memory", "1024",
                "--machines", "4", "--price-existence", $"{SecondsPrice}", "--key-file", key);
        }
        Operator("plan", "add", "medium", "--token-value", $"{TokenValue}", "--memory", "256");
        Operator("customer", "add", "alice");
        Operator("deposit", "alice", $"{100 * Tokens * TokenValue}");
        string alice = Path.Combine(folder.FullName, "alice.key");
        File.WriteAllText(alice, Operator("customer", "key", "alice"));
        var start = Plan(Cluster.Built("bin/evilman"), ["lab", "exec", "client", "--", s_broker, "serve", "--quiet", "--listen", Broker,
            .. Where]);
        start.RedirectStandardError = start.RedirectStandardInput = true;
        server = Process.Start(start)!;
        for (string? line; (line = server.StandardError.ReadLine())?.Contains("serving ", StringComparison.Ordinal) != true;)
            Assert.NotNull(line); // the rest is less than a pipe holds
        Customer("login", "lab", Broker, "--key-file", alice);
        Customer("node", "add", "node1", "10.77.0.1", "--broker", "lab");
        Customer("node", "add", "node2", "10.77.0.2", "--broker", "lab");
    }

    private string[] Where => ["--database", Path.Combine(folder.FullName, "broker.db"), "--master-key",
        Path.Combine(folder.FullName, "master.key")];

    private string Operator(params string[] words) => Good(s_broker, [.. words, .. Where]);

    /// <summary>From inside the lab, since its nodes are reached from nowhere else.</summary>
    private string Customer(params string[] words) =>
        Good(Cluster.Built("bin/evilman"), ["lab", "exec", "client", "--", Cluster.Built("bin/evilman"), .. words]);

    private string Good(string program, params string[] words)
    {
        var (code, output) = Cluster.Finish(Plan(program, words), s_patience);
        Assert.True(code == 0, $"{Path.GetFileName(program)} {string.Join(' ', words)}: {code}: {output}");
        return output;
    }

    private ProcessStartInfo Plan(string program, params string[] words)
    {
        var start = new ProcessStartInfo(program, words) { WorkingDirectory = folder.FullName };
        start.Environment["TMPDIR"] = start.Environment["EVILMAN_CONFIG"] = folder.FullName;
        return start;
    }

    private static JsonElement[] Lines(string output) =>
        [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>What the customer has bought: names, states and nodes.</summary>
    private string[] Machines() => [.. Lines(Customer("machines", "--json")).Select(machine =>
        $"{machine.GetProperty("name")} {machine.GetProperty("state")} {machine.GetProperty("node")}")];

    /// <summary>The amounts of a kind in the customer's ledger.</summary>
    private long[] Entries(string kind) => [.. Lines(Customer("ledger", "--json"))
        .Where(entry => entry.GetProperty("kind").GetString() == kind).Select(entry => entry.GetProperty("amount").GetInt64())];

    /// <summary>What a machine costs is counted in whole seconds: each lives for more than one.</summary>
    private static void LiveForSeconds() => System.Threading.Thread.Sleep(2500);

    /// <summary>Of each machine that has ended something came back, and of none all: each has lived for seconds.</summary>
    private void AssertReturned(int machines)
    {
        long[] refunds = Entries("refund");
        Assert.Equal(machines, refunds.Length);
        Assert.All(refunds, amount => Assert.InRange(amount, 1, Tokens * TokenValue - 1));
    }

    private void AssertIs(string node, int moves)
    {
        JsonElement job = Assert.Single(Lines(Customer("ls", "--json")));
        Assert.Equal(("count", node, moves, "running"), (job.GetProperty("name").GetString(), job.GetProperty("node").GetString(),
            job.GetProperty("moves").GetInt32(), job.GetProperty("state").GetString()));
    }
}
