using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using Evilman.Minting;
using Testing;
using Tokens;
using Wire;
using Xunit;

namespace Evilman.Tests;

/// <summary>
/// The published program in a lab of its own: real packetd on real packet sockets, with a monitor that only sleeps.
/// Needs what «make» builds, and root or user namespaces.
/// </summary>
[Collection("lab")]
public sealed class LabTests : IDisposable
{
    static readonly string s_tree = Repository.Root;
    static readonly string s_evilman = Path.Combine(s_tree, "out/bin/evilman");

    internal static string Program => s_evilman;

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-tests-");
    readonly string monitor;

    public LabTests()
    {
        Assert.True(File.Exists(s_evilman), $"{s_evilman} is missing: run «make» first");
        // Accounts of machines must be able to run it, so it lies where the lab copies it from, readable by all.
        monitor = Path.Combine(folder.FullName, "sleeper");
        File.WriteAllText(monitor, "#!/bin/sh\nexec sleep 600\n");
        File.SetUnixFileMode(monitor, (UnixFileMode)0b111_101_101);
    }

    /// <summary>
    /// Programs that were installed by the very lines of docs/deploy.md find each other: /usr/bin/evilman those in /usr/lib/evilman. What is installed here lies over
    /// the system's folders in a mount namespace, and is gone with it.
    /// </summary>
    [RootFact]
    public void Installed_as_the_page_on_nodes_says_it_finds_its_programs()
    {
        var dist = folder.CreateSubdirectory("dist").FullName;
        foreach (var file in (string[])["out/bin/evilman", "out/bin/domain", "out/images/packetd", "out/images/launcher", "out/images/cstrap", "out/images/plug",
            "deploy/qemu-monitor", "deploy/cgroups", "deploy/packetd@.service"])
            File.CreateSymbolicLink(Path.Combine(dist, Path.GetFileName(file)), Path.Combine(s_tree, file));
        var page = File.ReadAllText(Path.Combine(s_tree, "docs/deploy.md"));
        string[] lines = [.. page[page.IndexOf("\n1. Install the programs", StringComparison.Ordinal)..page.IndexOf("\n2. ", StringComparison.Ordinal)].Split('\n')
            .Select(line => line.Trim()).Where(line => line.StartsWith("install ", StringComparison.Ordinal))];
        Assert.Equal(4, lines.Length);
        var script = Path.Combine(folder.FullName, "install");
        File.WriteAllText(script, $"""
            set -e
            cd '{folder.FullName}'
            mkdir upper
            mount -t tmpfs -o mode=755 tmpfs upper
            for folder in usr etc; do
                mkdir upper/$folder upper/$folder.work
                mount -t overlay -o "lowerdir=/$folder,upperdir=upper/$folder,workdir=upper/$folder.work" overlay /$folder
            done
            mkdir -p /etc/systemd/system
            {string.Join('\n', lines)}
            cd /
            unset EVILMAN_HOME
            export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
            [ "$(command -v evilman)" = /usr/bin/evilman ]
            evilman lab up --nodes 1
            trap 'evilman lab down' EXIT
            evilman lab exec client -- evilman ping 10.77.0.1 --count 1
            evilman lab status

            """);
        using var process = Process.Start(new ProcessStartInfo("unshare", ["--mount", "--propagation", "private", "bash", script])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["TMPDIR"] = folder.FullName },
        })!;
        var error = process.StandardError.ReadToEndAsync();
        var said = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, said);
        Assert.Contains("packetd=runs", said, StringComparison.Ordinal);
    }

    /// <summary>The folder of labs has a name that anybody can guess; what somebody else laid there is neither believed nor run.</summary>
    [Theory]
    [InlineData("writable")]
    [InlineData("link")]
    [InlineData("file")]
    [InlineData("replaceable")]
    public void A_lab_that_somebody_else_could_have_written_is_not_believed(string kind) => AssertNotBelieved(kind);

    /// <summary>Only root can change the owner of a folder, and only root accepts folders of other owners.</summary>
    [RootFact]
    public void A_lab_that_belongs_to_somebody_else_is_not_believed_by_root() => AssertNotBelieved("foreign");

    void AssertNotBelieved(string kind)
    {
        var user = Run("id", "-u").Trim();
        var root = Path.Combine(folder.FullName, $"evilman-{user}");
        var target = kind == "link" ? Directory.CreateDirectory(Path.Combine(folder.FullName, "elsewhere")).FullName : root;
        if (kind == "file")
            File.WriteAllText(root, "");
        else
            Directory.CreateDirectory(Path.Combine(target, "abcdef"));
        if (kind == "writable")
            File.SetUnixFileMode(root, (UnixFileMode)0b111_111_111);
        else if (kind == "link")
            File.CreateSymbolicLink(root, target);
        else if (kind == "replaceable")
            File.SetUnixFileMode(folder.FullName, (UnixFileMode)0b111_111_111);
        else if (kind == "foreign")
            Run("chown", "-R", "65534", root);

        foreach (var words in (string[][])[["lab", "status"], ["lab", "exec", "client", "--", "true"], ["lab", "down"], ["lab", "up", "--nodes", "1"]])
        {
            var (code, output) = Evilman(words);
            Assert.Equal(1, code);
            Assert.Contains(kind == "replaceable" ? "lets other users replace" : "not a folder that only this user can write", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void With_several_labs_the_one_that_is_to_end_is_named_or_all_are()
    {
        var root = Directory.CreateDirectory(Path.Combine(folder.FullName, $"evilman-{Run("id", "-u").Trim()}"), (UnixFileMode)0b111_000_000);
        string[] labs = ["abcdef", "bcdefa", "cdefab"];
        foreach (var lab in labs)
            root.CreateSubdirectory(lab);
        string[] There() => root.Exists ? [.. root.GetDirectories().Select(lab => lab.Name).Order()] : [];

        var (code, output) = Evilman("lab", "down");
        Assert.Equal(2, code);
        Assert.Contains("there are 3 labs: name one of abcdef, bcdefa, cdefab, or say --all", output, StringComparison.Ordinal);
        Assert.Equal(labs, There());
        Assert.Equal(1, Evilman("lab", "down", "abcde").Code);
        Assert.Equal(2, Evilman("lab", "down", "abcdef", "--all").Code);
        Assert.Equal(labs, There());
        Assert.Equal(0, Evilman("lab", "down", "bcdefa").Code);
        Assert.Equal(["abcdef", "cdefab"], There());
        Assert.Equal(0, Evilman("lab", "down", "--all").Code);
        root.Refresh();
        Assert.Empty(There());
    }

    static string Run(string program, params string[] words)
    {
        using var process = Process.Start(new ProcessStartInfo(program, words) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    /// <summary>Each test has a folder for temporary files of its own, and so labs that no other test or user sees.</summary>
    (int Code, string Output) Evilman(params string[] words) => EvilmanIn(folder.FullName, words);

    static (int Code, string Output) EvilmanIn(string temporary, params string[] words)
    {
        var start = new ProcessStartInfo(s_evilman) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TMPDIR"] = temporary;
        foreach (var word in words)
            start.ArgumentList.Add(word);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(60_000), "evilman did not end within a minute");
        return (process.ExitCode, output + error.Result);
    }

    (int Code, string Output) AtClient(params string[] words) => Evilman(["lab", "exec", "client", "--", .. words]);

    string Up(params string[] options)
    {
        var (code, output) = Evilman(["lab", "up", "--monitors", monitor, .. options]);
        Assert.True(code == 0, output);
        foreach (var root in Directory.GetDirectories(folder.FullName, "evilman-*"))
            return Directory.GetDirectories(root)[0];
        throw new InvalidOperationException("the lab has no folder");
    }

    public void Dispose()
    {
        Evilman("lab", "down", "--all");
        folder.Delete(recursive: true);
    }

    MintRequest Request() => new()
    {
        Node = IPAddress.Parse("10.77.0.1"),
        BootAddress = IPAddress.Parse("10.77.0.101"),
        Loader = [1, 2, 3],
        Issued = DateTimeOffset.UtcNow,
    };

    (int Code, string Output) Spend(byte[] token)
    {
        var file = Path.Combine(folder.FullName, "token");
        File.WriteAllBytes(file, token);
        return AtClient(s_evilman, "ping", "10.77.0.1", "--token", file);
    }

    [Fact]
    public void A_lab_comes_up_answers_and_leaves_nothing_behind()
    {
        var before = Namespaces();
        Up("--nodes", "3");
        var (code, output) = Evilman("lab", "status");
        Assert.Equal(0, code);
        Assert.Equal(3, output.Split("packetd=runs").Length - 1);
        for (var node = 1; node <= 3; node++)
        {
            Assert.Equal(0, AtClient(s_evilman, "ping", $"10.77.0.{node}", "--count", "2").Code);
            Assert.Equal(0, AtClient("ping", "-q", "-c", "2", "-i", "0.2", "-s", "1400", $"10.77.0.{node}").Code);
        }
        Assert.Equal(4, AtClient(s_evilman, "ping", "10.77.0.77", "--timeout", "1s").Code);
        Assert.NotEqual(0, AtClient("ping", "-c", "1", "-W", "1", "192.0.2.1").Code); // there is no way out

        Assert.Equal(0, Evilman("lab", "down").Code);
        Assert.Contains("there is no lab", Evilman("lab", "status").Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(folder.FullName, "evilman-*"));
        Assert.Equal(before, Namespaces());
    }

    [Fact]
    public void After_a_crash_lab_down_removes_what_is_left()
    {
        var directory = Up("--nodes", "1");
        var holder = int.Parse(File.ReadAllText(Path.Combine(directory, "holder")).Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        using (var process = Process.GetProcessById(holder))
        {
            process.Kill();
            process.WaitForExit(5000);
        }
        Assert.Equal(1, Evilman("lab", "status").Code);
        Assert.Equal(0, Evilman("lab", "down").Code);
        Assert.Empty(Directory.GetDirectories(folder.FullName, "evilman-*"));
    }

    [Fact]
    public void Labs_of_another_TMPDIR_are_left_alone()
    {
        Up("--nodes", "1");
        var other = folder.CreateSubdirectory("other").FullName;
        Assert.Contains("there is no lab", EvilmanIn(other, "lab", "status").Output, StringComparison.Ordinal);
        Assert.Equal(0, EvilmanIn(other, "lab", "up", "--nodes", "2", "--monitors", monitor).Code);
        Assert.Equal(0, EvilmanIn(other, "lab", "exec", "client", "--", s_evilman, "ping", "10.77.0.2").Code);
        Assert.Equal(4, AtClient(s_evilman, "ping", "10.77.0.2", "--timeout", "1s").Code); // this lab has one node: the other's is not seen
        Assert.Equal(0, EvilmanIn(other, "lab", "down").Code);
        Assert.Equal(0, Evilman("lab", "status").Code);
        Assert.Equal(0, AtClient(s_evilman, "ping", "10.77.0.1").Code);
    }

    [Fact]
    public void Whoever_has_its_key_ends_a_machine_and_nobody_else()
    {
        var directory = Up("--nodes", "1");
        var key = SecretFile.ReadKey(Path.Combine(directory, "node1.key"));
        var token = Signing.Token(Request(), key, Chain.Fresh(50));
        Assert.Equal(0, Spend(token).Code);
        string right = Path.Combine(folder.FullName, "right"), wrong = Path.Combine(folder.FullName, "wrong");
        File.WriteAllBytes(right, MachineKeyFile.Text(Mint.MachineKey(token, key)));
        File.WriteAllBytes(wrong, MachineKeyFile.Text(Mint.MachineKey(token, new byte[20])));

        var (code, output) = AtClient(s_evilman, "end", "10.77.0.1", "--machine-key", wrong);
        Assert.Equal(3, code);
        Assert.Contains("no machine with this key", output, StringComparison.Ordinal);
        Assert.Contains("domains=1", Evilman("lab", "status").Output, StringComparison.Ordinal);

        (code, output) = AtClient(s_evilman, "end", "10.77.0.1", "--machine-key", right);
        Assert.Equal(0, code);
        Assert.Contains("10.77.0.101", output, StringComparison.Ordinal);
        Assert.Contains("domains=0", Evilman("lab", "status").Output, StringComparison.Ordinal);
        Assert.Equal(3, AtClient(s_evilman, "end", "10.77.0.1", "--machine-key", right).Code);
    }

    /// <summary>Figure 8.2 of the thesis by hand: minted with prices, asked about, paid, refunded; the certificate is the node's, and the same again.</summary>
    [Fact]
    public void A_machine_with_prices_is_paid_asked_about_and_refunded_by_its_files()
    {
        var directory = Up("--nodes", "1");
        var keyFile = Path.Combine(directory, "node1.key");
        string loader = Path.Combine(folder.FullName, "loader"), job = Path.Combine(folder.FullName, "job.token"), free = Path.Combine(folder.FullName, "free.token");
        File.WriteAllBytes(loader, [0xc3]);
        string[] mint = ["--node", "10.77.0.1", "--key-file", keyFile, "--boot-address", "10.77.0.101/24", "--loader", loader];
        Assert.Equal(0, Evilman(["mint", job, "--prices", "0,0,0,100", "--token-value", "10000", "--tokens", "5", "--chain-length", "50", .. mint]).Code);
        Assert.Equal(0, Evilman(["mint", free, .. mint]).Code);
        Assert.False(File.Exists(free + ".refund"));
        Assert.Equal(2, AtClient(s_evilman, "balance", "10.77.0.1", "--token", free).Code);
        var (code, output) = AtClient(s_evilman, "balance", "10.77.0.1", "--token", job);
        Assert.True(code == 3 && output.Contains("no domain with this chain", StringComparison.Ordinal), output);
        Assert.Equal(0, AtClient(s_evilman, "ping", "10.77.0.1", "--token", job).Code);

        using var before = Ask("balance", "--token", job);
        Assert.Equal(("running", 5), (before.RootElement.GetProperty("state").GetString(), before.RootElement.GetProperty("paid_tokens").GetInt32()));
        using var after = Ask("pay", "--token", job, "--tokens", "20");
        Assert.Equal(25, after.RootElement.GetProperty("paid_tokens").GetInt32());
        Assert.InRange(after.RootElement.GetProperty("unused").GetInt64(), 240_000, 250_000);
        (code, output) = AtClient(s_evilman, "pay", "10.77.0.1", "--token", job, "--tokens", "26");
        Assert.True(code == 1 && output.Contains("has 50 elements, of which 25 are paid", StringComparison.Ordinal), output);
        Assert.Equal(2, AtClient(s_evilman, "pay", "10.77.0.1", "--token", job, "--chain", free + ".chain").Code);

        Assert.Equal(3, AtClient(s_evilman, "refund", "10.77.0.1", "--token", job, "--refund-secret", job + ".machine-key").Code);
        using var refund = Ask("refund", "--token", job);
        Assert.Equal("refunded", refund.RootElement.GetProperty("state").GetString());
        var certificate = File.ReadAllBytes(job + ".certificate");
        Assert.True(Statement.TryParse(certificate, out var statement) && statement.SignedWith(new HmacSha1(SecretFile.ReadKey(keyFile))));
        Assert.Equal((AccountState.Refunded, (ulong)refund.RootElement.GetProperty("unused").GetInt64()), (statement.State, statement.Unused));
        Assert.Contains("domains=0", Evilman("lab", "status").Output, StringComparison.Ordinal);
        Assert.Equal(0, AtClient(s_evilman, "refund", "10.77.0.1", "--token", job, "--out", job + ".again").Code);
        Assert.Equal(certificate, File.ReadAllBytes(job + ".again"));

        System.Text.Json.JsonDocument Ask(string command, params string[] options)
        {
            var (code, output) = AtClient([s_evilman, command, "10.77.0.1", "--json", .. options]);
            Assert.True(code == 0, output);
            return System.Text.Json.JsonDocument.Parse(output);
        }
    }

    /// <summary>The life of a machine whose chain is used up, by commands that print one JSON object each.</summary>
    [Fact]
    public void A_machine_is_paid_from_a_continuation_and_programs_are_told_each_step()
    {
        var nodeKey = Path.Combine(Up("--nodes", "1"), "node1.key");
        string key = Path.Combine(folder.FullName, "spare.key"), loader = Path.Combine(folder.FullName, "loader");
        string job = Path.Combine(folder.FullName, "job.token"), more = Path.Combine(folder.FullName, "job.more"), free = Path.Combine(folder.FullName, "free.token");
        var made = Here("keygen", key, "--chain", key + ".chain", "--chain-length", "7");
        Assert.Equal((key, key + ".chain", 7), (Text(made, "file"), Text(made, "chain"), Number(made, "chain_length")));
        var status = Here("lab", "status");
        Assert.Equal(("node1", "10.77.0.1", 0), (Text(status, "node"), Text(status, "address"), Number(status, "domains")));
        Assert.True(status.GetProperty("runs").GetBoolean());
        File.WriteAllBytes(loader, [0xc3]);
        string[] mint = ["--key-file", nodeKey, "--loader", loader, "--boot-address", "10.77.0.101/24", "--node", "10.77.0.1"];
        string[] priced = ["--prices", "0,0,0,100", "--token-value", "10000", "--tokens", "5", "--chain-length", "6"];

        var token = Here(["mint", job, .. priced, .. mint]);
        Assert.Equal((job, "10.77.0.101/24", 5), (Text(token, "file"), Text(token, "boot_address"), Number(token, "tokens")));
        Assert.Equal((job + ".machine-key", job + ".refund", job + ".chain"), (Text(token, "machine_key"), Text(token, "refund"), Text(token, "chain")));
        Assert.Equal("10.77.0.1", Text(There("ping", "10.77.0.1"), "node"));
        var started = There("ping", "10.77.0.1", "--token", job);
        Assert.Equal("10.77.0.101", Text(started, "machine"));
        Assert.Equal(6, Number(There("pay", "10.77.0.1", "--token", job), "paid_tokens"));
        Assert.Equal(1, AtClient(s_evilman, "pay", "10.77.0.1", "--token", job).Code); // that was the last one

        var further = Here("mint", more, "--continues", job, "--key-file", nodeKey, "--tokens", "3", "--chain-length", "20");
        Assert.Equal((more, Text(token, "name"), 3, more + ".chain"), (Text(further, "file"), Text(further, "name"), Number(further, "tokens"), Text(further, "chain")));
        var paid = There("pay", "10.77.0.1", "--token", job, "--continuation", more, "--tokens", "4");
        Assert.Equal(3 + 4, Number(paid, "paid_tokens"));
        Assert.InRange(paid.GetProperty("unused").GetInt64(), 125_000, 130_000); // six of the first chain, seven of the second
        // Once more the continuation adds nothing, and the payment is one more.
        paid = There("pay", "10.77.0.1", "--token", job, "--continuation", more);
        Assert.Equal(8, Number(paid, "paid_tokens"));
        Assert.InRange(paid.GetProperty("unused").GetInt64(), 135_000, 140_000);
        Assert.Equal(0, Evilman(["mint", free, .. mint]).Code);
        Assert.Equal(2, AtClient(s_evilman, "pay", "10.77.0.1", "--token", free, "--continuation", more).Code);

        var ended = There("end", "10.77.0.1", "--machine-key", job + ".machine-key");
        Assert.Equal(("10.77.0.1", "10.77.0.101"), (Text(ended, "node"), Text(ended, "machine")));
        Assert.Equal(0, Number(Here("lab", "status"), "domains"));

        static string? Text(System.Text.Json.JsonElement line, string name) => line.GetProperty(name).GetString();
        static int Number(System.Text.Json.JsonElement line, string name) => line.GetProperty(name).GetInt32();
        System.Text.Json.JsonElement Here(params string[] words) => Only(Evilman([.. words, "--json"]));
        System.Text.Json.JsonElement There(params string[] words) => Only(AtClient([s_evilman, .. words, "--json"]));
    }

    /// <summary>The one object that a command has printed; nothing else is beside it.</summary>
    static System.Text.Json.JsonElement Only((int Code, string Output) said)
    {
        Assert.True(said.Code == 0, said.Output);
        using var line = System.Text.Json.JsonDocument.Parse(said.Output);
        return line.RootElement.Clone();
    }

    [Fact]
    public void Of_several_labs_only_the_one_that_is_named_ends()
    {
        var first = Path.GetFileName(Up("--nodes", "1"));
        Assert.Equal(0, Evilman("lab", "up", "--nodes", "1", "--monitors", monitor).Code);
        var (code, output) = Evilman("lab", "down");
        Assert.Equal(2, code);
        Assert.Contains(first, output, StringComparison.Ordinal);
        Assert.Equal(2, Evilman("lab", "exec", "client", "--", "true").Code);
        Assert.Equal(0, Evilman("lab", "exec", "--lab", first, "client", "--", "true").Code);
        Assert.Equal(1, Evilman("lab", "down", "nobody").Code);
        Assert.Equal(0, Evilman("lab", "down", first).Code);
        var left = Evilman("lab", "status").Output;
        Assert.DoesNotContain(first, left, StringComparison.Ordinal);
        Assert.Contains("packetd=runs", left, StringComparison.Ordinal);
    }

    /// <summary>Whoever's umask takes everything from others: machines run as others.</summary>
    [Fact]
    public void A_private_umask_keeps_no_machine_from_starting()
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "umask 077; exec \"$@\"", "sh", s_evilman, "lab", "up", "--nodes", "1", "--monitors", monitor]);
        start.Environment["TMPDIR"] = folder.FullName;
        start.RedirectStandardOutput = true;
        using (var process = Process.Start(start)!)
        {
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
        }
        var directory = Directory.GetDirectories(Directory.GetDirectories(folder.FullName, "evilman-*")[0])[0];
        var token = Signing.Token(Request(), SecretFile.ReadKey(Path.Combine(directory, "node1.key")), Chain.Fresh(50));
        var (code, output) = Spend(token);
        Assert.True(code == 0, output);
    }

    /// <summary>A machine that writes without end, and a demo that fails: the words are bounded, kept, and the error says where.</summary>
    [Fact]
    public void What_nodes_and_machines_said_outlives_a_demo_that_fails()
    {
        const int MaxBytes = 1 << 20; // of each of two files
        var chatter = Path.Combine(folder.FullName, "chatter");
        File.WriteAllText(chatter, "#!/bin/sh\nexec yes what a machine says\n");
        File.SetUnixFileMode(chatter, (UnixFileMode)0b111_101_101);
        var logs = Path.Combine(folder.FullName, "logs");
        var (code, output) = Evilman("demo", "--monitors", chatter, "--timeout", "2s", "--out", logs);
        Assert.NotEqual(0, code);
        Assert.True(output.Contains($"{logs}/demo-node*.log", StringComparison.Ordinal), output);
        Assert.Contains("started for 10.77.0.100", File.ReadAllText(Path.Combine(logs, "demo-node1.log")), StringComparison.Ordinal);
        foreach (var file in new[] { "demo-node1.machines.1", "demo-node1.machines" })
            Assert.InRange(new FileInfo(Path.Combine(logs, file)).Length, 0, MaxBytes);
        // Both are copied while the machine goes on writing: one of them may be just being emptied.
        Assert.Contains("what a machine says\n", File.ReadAllText(Path.Combine(logs, "demo-node1.machines.1")) + File.ReadAllText(Path.Combine(logs, "demo-node1.machines")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_process_number_used_again_is_not_mistaken_for_a_lab()
    {
        var directory = Up("--nodes", "1");
        var holder = Path.Combine(directory, "holder");
        var kept = File.ReadAllText(holder);
        File.WriteAllText(holder, $"{Environment.ProcessId} 1\n"); // our own number, another start time
        Assert.Equal(1, Evilman("lab", "status").Code);
        File.WriteAllText(holder, kept);
        Assert.Equal(0, Evilman("lab", "status").Code);
    }

    [Fact]
    public void Each_bad_token_gets_its_own_line_and_exit_code_3()
    {
        var directory = Up("--nodes", "1");
        var key = SecretFile.ReadKey(Path.Combine(directory, "node1.key"));
        var good = Signing.Token(Request(), key, Chain.Fresh(50));
        var otherKey = (byte[])key.Clone();
        otherKey[0] ^= 1;
        var broken = (byte[])good.Clone();
        broken[92] ^= 1; // s_{n-k+1}
        new Resigned(broken).Sign(key);

        (byte[] Token, string Line)[] cases =
        [
            (Signing.Token(Request() with { Node = IPAddress.Parse("10.77.0.9") }, key, Chain.Fresh(50)), "for another node"),
            (Signing.Token(Request() with { Issued = DateTimeOffset.UtcNow.AddHours(1) }, key, Chain.Fresh(50)), "not valid yet"),
            (Signing.Token(Request() with { Issued = DateTimeOffset.UtcNow.AddHours(-2), Lifetime = TimeSpan.FromHours(1) }, key, Chain.Fresh(50)), "has expired"),
            (Signing.Token(Request() with { Issued = DateTimeOffset.UtcNow.AddHours(-1), Lifetime = TimeSpan.FromHours(2) }, key, Chain.Fresh(50)), "older than the node's memory of used tokens"),
            (Signing.Token(Request() with { MemoryBytes = 1L << 40 }, key, Chain.Fresh(50)), "more memory than the node gives"),
            (Signing.Token(Request() with { Tokens = 5000 }, key, Chain.Fresh(5000)), "more elements than the node verifies"),
            (Signing.Token(Request(), otherKey, Chain.Fresh(50)), "signature of the request is wrong"),
            (broken, "chain of elements in the request is broken"),
            (Signing.Token(Request() with { BootAddress = IPAddress.Parse("10.77.0.1") }, key, Chain.Fresh(50)), "an address that no domain may have"),
        ];
        var lines = new HashSet<string>();
        foreach (var (token, line) in cases)
        {
            var (code, output) = Spend(token);
            Assert.Equal(3, code);
            Assert.Contains(line, output, StringComparison.Ordinal);
            Assert.Single(output.Trim().Split('\n'));
            lines.Add(output);
        }
        // The node's log has numbers, and what reads it to people says the same sentences.
        var log = Path.Combine(directory, "node1.log");
        Assert.Matches(": reason [0-9]+\n", File.ReadAllText(log));
        var (read, told) = Evilman("node", "log", log);
        Assert.Equal(0, read);
        foreach (var (_, line) in cases)
            Assert.Single(told.Split('\n'), said => said.Contains(line, StringComparison.Ordinal));
        Assert.Equal(cases.Length, lines.Count);
        foreach (var form in (byte[][])[good[..^1], [.. good, 0], [.. new byte[4], .. good[4..]]])
        {
            var (code, output) = Spend(form);
            Assert.Equal(1, code);
            Assert.Contains("is not a boot token", output, StringComparison.Ordinal); // and it is not sent
        }
        Assert.Contains("domains=0", Evilman("lab", "status").Output, StringComparison.Ordinal);

        var accepted = Spend(good);
        Assert.True(accepted.Code == 0, accepted.Output);
        Assert.Contains("used already", Spend(good).Output, StringComparison.Ordinal);
        Assert.Contains("another domain has", Spend(Signing.Token(Request(), key, Chain.Fresh(50))).Output, StringComparison.Ordinal);
        Assert.Contains("domains=1", Evilman("lab", "status").Output, StringComparison.Ordinal);

        for (var i = 2; i <= 16; i++)
            Assert.Equal(0, Spend(Signing.Token(Request() with { BootAddress = IPAddress.Parse($"10.77.0.{100 + i}") }, key, Chain.Fresh(50))).Code);
        Assert.Contains("runs as many domains as it may", Spend(Signing.Token(Request() with { BootAddress = IPAddress.Parse("10.77.0.200") }, key, Chain.Fresh(50))).Output, StringComparison.Ordinal);
    }

    readonly struct Resigned(byte[] token)
    {
        internal void Sign(byte[] key) => new HmacSha1(key).Sign(token.AsSpan(..^20), token.AsSpan(^20..));
    }

    [Theory]
    [InlineData("none", 0, "demo: ok ")]
    [InlineData("kill-echo", 1, "demo: failed ")]
    [InlineData("kill-http", 1, "demo: failed ")]
    public void The_demo_notices_what_goes_wrong(string fault, int code, string lastLine)
    {
        var (found, output) = Evilman("demo", "--rehearse", fault, "--moves", "2", "--max-freeze", "5000", "--out", folder.FullName);
        var lines = output.TrimEnd().Split('\n');
        Assert.Equal(code, found);
        Assert.Contains(lines, line => line.StartsWith(lastLine, StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(folder.FullName, "demo-latency.svg")));
        Assert.Empty(Directory.GetDirectories(folder.FullName, "evilman-*")); // the lab went with the demo
    }

    static string Namespaces()
    {
        var names = Directory.Exists("/run/netns") ? Directory.GetFiles("/run/netns", "evilman-*") : [];
        Array.Sort(names, StringComparer.Ordinal);
        return string.Join(',', names);
    }
}
