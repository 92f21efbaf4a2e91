using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Threading;
using Evilman.Buying;
using Evilman.Lab;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Run;
using Evilman.Text;

namespace Evilman.Demo;

/// <summary>Something that a console or home has said.</summary>
internal sealed record Heard(string Who, string Text);

/// <summary>
/// What the story of a paid machine is played with, from inside the client's namespace of a lab: a broker that listens on
/// loopback, the commands that a customer types, home, and the consoles of the nodes' machines. All of it lies in the
/// lab's folder, and ends with the lab.
/// </summary>
internal sealed class TokenStage : IDisposable
{
    internal const string Plan = "small";
    internal const string HomeName = "home";

    /// <summary>Units of a token, and of an idle machine's second (its memory costs a little more).</summary>
    internal const long TokenValue = 1_000_000;

    const string BrokerUrl = "http://127.0.0.1:8090";
    const string FirstGuest = LabPlan.GuestAddress, LastGuest = LabPlan.Prefix + ".59";
    const int MemoryMib = 64, Machines = 8;
    static readonly TimeSpan s_glance = TimeSpan.FromMilliseconds(50);

    readonly LabPlan plan;
    readonly TimeSpan patience;
    readonly string folder;
    readonly List<(string Name, ConsoleFollower Console)> consoles = [];
    readonly List<Process> servers = [];
    readonly NodeLink nodes = new(MagicPinger.Patience);

    internal TokenStage(LabPlan plan, TimeSpan patience)
    {
        (this.plan, this.patience) = (plan, patience);
        folder = Path.Combine(plan.Directory, "customer");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        // For what this process itself looks up of purchases; the commands inherit it.
        Environment.SetEnvironmentVariable("EVILMAN_CONFIG", folder);
        foreach (var node in plan.Nodes)
            consoles.Add((node.Name, new ConsoleFollower(plan.MachinesLog(node))));
        consoles.Add((HomeName, new ConsoleFollower(HomeLog)));
    }

    internal LabPlan Lab => plan;

    /// <summary>All that was heard, the oldest first.</summary>
    internal List<Heard> Said { get; } = [];

    string HomeLog => Path.Combine(folder, "home.log");

    // The broker

    /// <summary>Makes a broker that sells machines on the lab's nodes, and a customer with so many units.</summary>
    internal void OpenBroker(long deposit)
    {
        var operatorKey = Tokenbroker("init").Trim();
        servers.Add(Start(Files.Find("tokenbroker", "run «make broker»"),
            ["serve", "--quiet", "--listen", BrokerUrl, .. Where], Path.Combine(plan.Directory, "broker.log")));
        Await("the broker serves", () => Ask("GET", "/health/ready", null, "") is { Status: 200 });
        foreach (var node in plan.Nodes)
        {
            var key = Encoding.ASCII.GetString(SecretFile.ReadKey(plan.KeyFile(node)));
            Demand("/v1/nodes", $$"""
                {"name":"{{node.Name}}","address":"{{node.Address}}","key":"{{key}}","prefix_length":24,
                "boot_addresses":"{{node.BootAddress(0)}}-{{node.BootAddress(19)}}",
                "guest_addresses":"{{FirstGuest}}-{{LastGuest}}","memory_mib":{{MemoryMib * Machines}},
                "machines":{{Machines}},"elements_per_packet":1000,
                "prices":{"cpu":1,"memory":100,"network":100,"existence":{{TokenValue}} } }
                """, operatorKey);
        }
        Demand("/v1/plans", $$"""{"name":"{{Plan}}","token_value":{{TokenValue}},"memory_mib":{{MemoryMib}} }""",
            operatorKey);
        Demand("/v1/customers", """{"name":"alice"}""", operatorKey);
        Demand("/v1/customers/1/deposits", $$"""{"amount":{{deposit}} }""", operatorKey);
        var customer = Demand("/v1/customers/1/keys", """{"scopes":["read","buy","refund"]}""", operatorKey);
        File.WriteAllText(Path.Combine(folder, "alice.key"), customer.GetProperty("key").GetString());
        Customer("login", "lab", BrokerUrl, "--key-file", "alice.key");
    }

    string[] Where => ["--database", Path.Combine(plan.Directory, "broker.db"),
        "--master-key", Path.Combine(plan.Directory, "master.key")];

    /// <summary>A command of the operator; what it prints.</summary>
    internal string Tokenbroker(params string[] words) =>
        Tool.Run(Files.Find("tokenbroker", "run «make broker»"), [.. words, .. Where], seconds: 60);

    JsonElement Demand(string path, string body, string key)
    {
        var answer = Ask("POST", path, body, key);
        return answer is { Status: 200 or 201 } done ? JsonDocument.Parse(done.Body).RootElement
            : throw new Failure($"the broker refuses {path}: {answer?.Body}");
    }

    static HttpAnswer? Ask(string method, string path, string? body, string key)
    {
        try
        {
            return SmallHttp.Send(new IPEndPoint(IPAddress.Loopback, 8090), method, path,
                [("Authorization", "Bearer " + key), ("Idempotency-Key", $"{Guid.NewGuid():N}")], body,
                TimeSpan.FromSeconds(10));
        }
        catch (System.Net.Sockets.SocketException)
        {
            return null;
        }
    }

    // The customer

    /// <summary>What the customer types; shown, with what it prints.</summary>
    internal string Customer(params string[] words) => Customer(ExitCode.Done, words);

    /// <param name="code">How it has to end.</param>
    internal string Customer(int code, params string[] words)
    {
        Say.Step("evilman " + string.Join(' ', words.Select(Shown)));
        var (ended, output) = Run(words);
        foreach (var line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            Say.Note(line);
        return ended == code ? output
            : throw new Failure($"evilman {words[0]} ended with {ended}: {Tool.LastLine(output)}");
    }

    /// <summary>A command whose answer is for this program.</summary>
    internal string Quietly(params string[] words)
    {
        var (ended, output) = Run(words);
        return ended == ExitCode.Done ? output : throw new Failure($"evilman {words[0]}: {Tool.LastLine(output)}");
    }

    static string Shown(string word)
    {
        var name = word.Contains('/') && !word.Contains(':') && !word.Contains(' ') ? Path.GetFileName(word) : word;
        return name.Length == 0 || name.Contains(' ') ? $"\"{name}\"" : name;
    }

    (int Code, string Output) Run(string[] words)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, words)
        {
            WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        using var process = Process.Start(start) ?? throw new Failure("evilman does not start");
        process.StandardInput.Close();
        var complaints = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + complaints.Result);
    }

    internal Purchase Bought(string name) => MachineStore.Standard.Demand(name).Bought!;

    /// <summary>Null where the node keeps no account of it.</summary>
    internal AccountView? Account(string name) => nodes.Account(Bought(name));

    /// <summary>Home, from now on, with these jobs.</summary>
    internal void StartHome(string jobs, int interval)
    {
        SetJobs(jobs);
        servers.Add(Start(Environment.ProcessPath!,
            ["home", "--interval", string.Create(CultureInfo.InvariantCulture, $"{interval}s"),
                "--listen", LabPlan.ClientAddress], HomeLog));
    }

    /// <summary>In one step: home reads it at any time.</summary>
    internal void SetJobs(string jobs)
    {
        var path = Path.Combine(folder, "home.toml");
        File.WriteAllText(path + ".new", jobs);
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>A server with all that it says in a file.</summary>
    Process Start(string program, IReadOnlyList<string> words, string log)
    {
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = folder };
        foreach (var word in (string[])["-c", "exec \"$@\" >\"$0\" 2>&1 </dev/null", log, program, .. words])
            start.ArgumentList.Add(word);
        return Process.Start(start) ?? throw new Failure($"{program} does not start");
    }

    // What is said

    /// <summary>Reads the new lines of home and consoles, and shows those that are about tokens.</summary>
    internal void Listen()
    {
        foreach (var (name, console) in consoles)
        {
            foreach (var line in console.Read())
            {
                var isMatter = name == HomeName || line.Contains("tokend", StringComparison.Ordinal);
                if (isMatter && !string.IsNullOrWhiteSpace(line))
                    Say.Note($"{name} | {line.TrimStart('-', ' ', '!')}");
                Said.Add(new Heard(name, line));
            }
        }
    }

    /// <summary>Waits for a line with this text; the first <paramref name="since"/> lines do not count.</summary>
    internal void Hear(string who, string text, int since = 0) => Await($"{who} says «{text}»", () =>
        Said.Skip(since).Any(heard => heard.Who == who && heard.Text.Contains(text, StringComparison.Ordinal)));

    internal void Await(string what, Func<bool> isSo)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            Listen();
            if (isSo())
                return;
            if (Stopwatch.GetElapsedTime(start) > patience)
                throw Failure.NoAnswer(string.Create(CultureInfo.InvariantCulture,
                    $"waited {patience.TotalSeconds:0} s in vain: {what}; last was said: {LastWords()}"));
            Thread.Sleep(s_glance);
        }
    }

    string LastWords() => string.Join(" / ", Said.TakeLast(4).Select(heard => $"{heard.Who}: {heard.Text}"));

    public void Dispose()
    {
        foreach (var server in servers)
        {
            if (!server.HasExited)
                server.Kill();
            server.Dispose();
        }
    }
}
