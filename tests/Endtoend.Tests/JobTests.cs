using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text.Json;
using Testing;
using Xunit;

namespace Endtoend.Tests;

/// <summary>
/// A program on the nodes of a lab that is up, by the commands that its user types: started, listed, asked, moved and stopped. Nothing of
/// them but the program and the commands is the test's.
/// </summary>
public sealed class JobTests : IDisposable
{
    private const int Port = 18472;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("endtoend-jobs-");

    public void Dispose()
    {
        Evilman("lab", "down", "--all");
        folder.Delete(recursive: true);
    }

    private (int Code, string Output) Evilman(params string[] words) => Cluster.Finish(Plan(words), Cluster.Patience);

    private string Good(params string[] words)
    {
        var (code, output) = Evilman(words);
        Assert.True(code == 0, $"evilman {string.Join(' ', words)}: {code}: {output}");
        return output;
    }

    [RootFact]
    public void A_program_is_started_on_a_node_moved_by_its_name_and_stopped()
    {
        string tree = Path.Combine(folder.FullName, "tree"), bin = Path.Combine(tree, "bin");
        Directory.CreateDirectory(bin);
        Directory.CreateDirectory(Path.Combine(tree, "etc"));
        File.WriteAllText(Path.Combine(tree, "etc/passwd"), "root:x:0:0::/:\nme:x:77:78::/:\n");
        foreach (string name in (string[])["sh", "cat", "sleep", "nc", "id", "true"])
            File.Copy("/bin/busybox", Path.Combine(bin, name));
        Good("lab", "up", "--lifetime", "5m");
        const string Counts = "id -u; nc -ll -p 7007 -e /bin/cat & i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo line $i; sleep 0.1; done";
        const string Asked = "trap 'echo asked; exit 4' TERM; ";
        Good("run", tree, "--on", "node1", "--name", "count", "--detach", "--publish", $"{Port}:7007", "--user", "me", "--", "/bin/sh", "-c", Asked + Counts);
        AssertIs("node1", 0, "running");
        Assert.StartsWith("77\nline 1\nline 2\n", Good("logs", "count"), StringComparison.Ordinal);

        // A port of this machine leads there, and a connection through it outlives all moves.
        using var client = new TcpClient("127.0.0.1", Port);
        AssertEchoes();

        // What comes in goes out, and how it ends is told.
        Assert.Equal((9, "in\n"), Fed("in\n", "exec", "count", "--", "sh", "-c", "cat; exit 9"));
        Assert.Equal((137, ""), Fed("", "exec", "count", "--", "sh", "-c", "kill -9 $$"));
        Assert.Equal(127, Evilman("exec", "count", "--", "nothing").Code);

        // A terminal: as large as this one, Ctrl-C goes to the program, and this one is as it was at the end.
        var own = Plan();
        using (var typing = Process.Start(new ProcessStartInfo("script", ["-qec",
            $"stty -g; {own.FileName} exec -t count -- /.evilman/busybox sh -c 'tty; stty size; exec sleep 1000'; code=$?; stty -g; exit $code", "/dev/null"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, Environment = { ["TMPDIR"] = folder.FullName, ["EVILMAN_CONFIG"] = folder.FullName },
        })!)
        {
            var settings = typing.StandardOutput.ReadLine();
            Assert.Equal(("/dev/pts/0", "24 80"), (typing.StandardOutput.ReadLine(), typing.StandardOutput.ReadLine()));
            typing.StandardInput.Write("\x03");
            typing.StandardInput.Flush();
            Assert.Equal($"^C{settings}", typing.StandardOutput.ReadLine());
            typing.StandardInput.Close();
            Assert.True(typing.WaitForExit(Cluster.Patience));
            Assert.Equal(130, typing.ExitCode);
        }
        Assert.Matches(@"^evilman: exec -t: standard input is no terminal", Evilman("exec", "-t", "count", "--", "sh").Output);

        // Who looks round sees what is the program's, and what is evilman's by its folder: init is a script, whose name busybox puts first.
        var processes = Good("exec", "count", "--", "/.evilman/busybox", "ps", "-o", "args").Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..];
        Assert.All(processes, line => Assert.Matches("^(([{]init[}] )?/[.]evilman/|/bin/sh -c|nc |[[]?(/bin/)?cat|sleep 0.1)", line));

        // The operator sees it on its node's host, which he needs no key for.
        var machine = JsonDocument.Parse(Good("lab", "exec", "node1", "--", Cluster.Built("bin/evilman"), "node", "top", "--count", "1", "--json")).RootElement;
        int bought = JsonDocument.Parse(Good("ls", "--json")).RootElement.GetProperty("memory_mib").GetInt32();
        Assert.Equal(("10.77.0.1", "10.77.0.51", bought), (machine.GetProperty("node").GetString(), machine.GetProperty("guests")[0].GetString(),
            machine.GetProperty("memory_mib").GetInt32()));
        Assert.True(machine.GetProperty("cpu_seconds").GetDouble() > 0 && machine.GetProperty("resident_kib").GetInt64() > 1024, machine.ToString());

        // Its output is followed while it moves, and none of it is lost.
        using var follower = Start("logs", "-f", "count");
        var moved = Good("move", "count", "--to", "node2", "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("event").GetString()).ToList();
        Assert.Equal(("started", "arrived"), (moved[0], moved[^1]));
        AssertIs("node2", 1, "running");
        AssertEchoes();
        var (code, said) = Evilman("move", "count", "--to", "node2");
        Assert.Equal((2, "evilman: count is on node2 already"), (code, said.Trim()));
        var (again, refused) = Evilman("run", tree, "--on", "node2", "--name", "count", "--", "true");
        Assert.True(again == 2 && refused.Contains("there is a job count already", StringComparison.Ordinal), refused);

        // A move that is cancelled leaves it where it is, and nothing on the other node.
        using (var slow = Start("move", "count", "--to", "node1", "--rate", "4"))
        {
            for (string? line; (line = slow.StandardOutput.ReadLine()) is not null && !line.Contains('%');)
                Assert.NotEqual("", line);
            Process.Start("kill", ["-INT", $"{slow.Id}"]).WaitForExit();
            Assert.Contains("count stays on node2: cancelled", slow.StandardError.ReadToEnd(), StringComparison.Ordinal);
            Assert.True(slow.WaitForExit(Cluster.Patience));
            Assert.Equal(130, slow.ExitCode);
        }
        AssertIs("node2", 1, "running");

        // A node is emptied, once.
        var drained = Good("drain", "node2", "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal("""{"node":"node2","moved":["count"],"left":[]}""", drained[^1].GetRawText());
        Assert.Equal("""{"node":"node2","moved":[],"left":[]}""", Good("drain", "node2", "--json").Trim());
        AssertIs("node1", 2, "running");
        AssertEchoes();
        var here = Good("logs", "count", "--tail", "1").Trim();
        Assert.Equal("77", follower.StandardOutput.ReadLine());
        string? followed = "";
        for (var i = 1; followed != here; i++)
            Assert.Equal($"line {i}", followed = follower.StandardOutput.ReadLine());
        Assert.Contains("count is gone: the program has ended with exit code 4", Good("stop", "count"), StringComparison.Ordinal);
        follower.Kill(); // it would wait for half a minute for a guest that says nothing
        Assert.Equal("", Good("ls", "--json"));
        Assert.Contains("domains=0", Good("lab", "status"), StringComparison.Ordinal);

        // Attached: its output and its exit code are the command's, and nothing is left.
        var (ended, output) = Evilman("run", tree, "--on", "node1", "--", "/bin/sh", "-c", "echo hello; exit 7");
        Assert.Equal(7, ended);
        Assert.Contains("| hello", output, StringComparison.Ordinal);
        using (var run = Start("run", tree, "--on", "node1", "--name", "sleeper", "--", "/bin/sh", "-c", Asked + "echo up; while :; do sleep 0.1; done"))
        {
            for (string? line; (line = run.StandardOutput.ReadLine()) is not null && !line.Contains("| up", StringComparison.Ordinal);)
                Assert.NotEqual("", line);
            Process.Start("kill", ["-INT", $"{run.Id}"]).WaitForExit();
            Assert.Contains("| asked", run.StandardOutput.ReadToEnd(), StringComparison.Ordinal);
            Assert.True(run.WaitForExit(Cluster.Patience));
            Assert.Equal(130, run.ExitCode);
        }
        Assert.Equal("", Good("ls", "--json"));

        // The exit code is the program's, also where it ends before it serves.
        (ended, output) = Evilman("run", tree, "--on", "node1", "--detach", "--port", "80", "--", "/bin/sh", "-c", "echo first; echo last; exit 3");
        Assert.Equal(3, ended);
        Assert.Matches(@"\| first\n  \| last\n(?s:.*)the program has ended with exit code 3 before port 80", output);
        Assert.Equal("", Good("ls", "--json"));
        Assert.DoesNotContain("domains=1", Good("lab", "status"), StringComparison.Ordinal);

        void AssertEchoes()
        {
            client.Client.Send("there?"u8);
            var bytes = new byte[6];
            client.GetStream().ReadExactly(bytes);
            Assert.Equal("there?", System.Text.Encoding.ASCII.GetString(bytes));
        }

        void AssertIs(string node, int moves, string state)
        {
            var job = JsonDocument.Parse(Good("ls", "--json")).RootElement;
            Assert.Equal(("count", node, moves, state), (job.GetProperty("name").GetString(), job.GetProperty("node").GetString(),
                job.GetProperty("moves").GetInt32(), job.GetProperty("state").GetString()));
        }
    }

    /// <summary>With labs and an inventory of its own.</summary>
    private ProcessStartInfo Plan(params string[] words)
    {
        var start = new ProcessStartInfo(Cluster.Built("bin/evilman"), words);
        start.Environment["TMPDIR"] = start.Environment["EVILMAN_CONFIG"] = folder.FullName;
        return start;
    }

    private Process Start(params string[] words)
    {
        var start = Plan(words);
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        return Process.Start(start)!;
    }

    private (int Code, string Output) Fed(string input, params string[] words)
    {
        using var process = Start(words);
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(Cluster.Patience));
        return (process.ExitCode, output);
    }
}
