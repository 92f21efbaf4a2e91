using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;
using Testing;
using Xunit;

namespace Endtoend.Tests;

/// <summary>
/// The way of somebody who is new here: his own program, served by a guest, and moved while it is used. In a lab of its
/// own, which ends with the command.
/// </summary>
public sealed class RunTests : IDisposable
{
    private const int Port = 18471;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("endtoend-run-");

    public void Dispose() => folder.Delete(recursive: true);

    private const string Server = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        #include <netinet/in.h>
        int main(int count, char **words)
        {
            struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(atoi(words[1])) };
            int all = socket(AF_INET, SOCK_STREAM, 0), served = 0;
            if (bind(all, (void *)&at, sizeof at) || listen(all, 16))
                return 3;
            for (;;) {
                char request[4096], answer[256];
                int one = accept(all, 0, 0), length = read(one, request, sizeof request - 1);
                request[length > 0 ? length : 0] = 0;
                if (length > 0)
                    write(one, answer, sprintf(answer, "HTTP/1.0 200 OK\r\n\r\n%s %d", getenv("GREETING"), ++served));
                close(one);
                if (strstr(request, "/quit"))
                    return 7;
            }
        }
        """;

    [RootFact]
    public async Task A_program_of_ones_own_is_served_and_moved_until_it_ends()
    {
        string source = Path.Combine(folder.FullName, "server.c"), program = Path.Combine(folder.FullName, "server");
        File.WriteAllText(source, Server);
        var (code, output) = Cluster.Run("gcc", ["-w", "-static", "-o", program, source], folder.FullName);
        Assert.True(code == 0, output);
        var start = new ProcessStartInfo(Cluster.Built("bin/evilman"),
            ["run", program, "--port", $"{Port}:80", "--env", "GREETING=it's me", "--move-every", "1", "--lifetime", "3m", "--", "80"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        start.Environment["TMPDIR"] = folder.FullName;
        using var run = Process.Start(start)!;
        run.StandardInput.Close();
        var error = run.StandardError.ReadToEndAsync();
        var said = new ConcurrentQueue<string>();
        run.OutputDataReceived += (_, line) => said.Enqueue(line.Data ?? "");
        run.BeginOutputReadLine();
        try
        {
            using var client = new HttpClient { Timeout = Cluster.Patience };
            await Served(client, run);
            // Until it has moved twice: no request is lost, and the program remembers all of them.
            var served = 1;
            for (var begin = Stopwatch.StartNew(); !Said("A → B") || !Said("B → A"); served++)
            {
                Assert.Equal($"it's me {served + 1}", await client.GetStringAsync($"http://127.0.0.1:{Port}/"));
                Assert.True(begin.Elapsed < 2 * Cluster.Patience, string.Join('\n', said));
            }
            Assert.Equal($"it's me {served + 1}", await client.GetStringAsync($"http://127.0.0.1:{Port}/quit"));
            Assert.True(run.WaitForExit(Cluster.Patience), "it does not end");
            run.WaitForExit(); // and its output is complete
            Assert.Equal(7, run.ExitCode);
            Assert.True(Said("the program has ended with exit code 7"), string.Join('\n', said));
            Assert.Equal("", await error);
            Assert.True(served > 20, $"{served} requests");
        }
        finally
        {
            if (!run.HasExited)
                run.Kill(entireProcessTree: true);
        }

        bool Said(string text) => said.Any(line => line.Contains(text, StringComparison.Ordinal));
    }

    /// <summary>The first request, which has no answer while the guest does not run.</summary>
    private static async Task Served(HttpClient client, Process run)
    {
        for (var begin = Stopwatch.StartNew(); ; Thread.Sleep(100))
        {
            try
            {
                Assert.Equal("it's me 1", await client.GetStringAsync($"http://127.0.0.1:{Port}/"));
                return;
            }
            catch (HttpRequestException)
            {
                Assert.False(run.HasExited, "it has ended");
                Assert.True(begin.Elapsed < Cluster.Patience, "nothing answers");
            }
        }
    }

    /// <summary>Nothing is begun, or what was begun is gone, and the reason is said.</summary>
    [RootFact]
    public void A_program_that_fails_is_told_with_its_last_words()
    {
        Ends(3, "the program has ended with exit code 3 before port", "/bin/sh", "-c", "echo I cannot; exit 3");
        Ends(139, "was killed by signal 11", "/bin/sh", "-c", "kill -SEGV $$");
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, Port));
        taken.Listen();
        Ends(1, $"port {Port} of this machine: Address already in use", "/bin/true");

        void Ends(int code, string sentence, params string[] words)
        {
            string tree = Path.Combine(folder.FullName, "tree");
            Directory.CreateDirectory(Path.Combine(tree, "bin"));
            foreach (string name in (string[])["sh", "true"])
                File.Copy("/bin/busybox", Path.Combine(tree, "bin", name), overwrite: true);
            var (ended, output) = Cluster.Run(Cluster.Built("bin/evilman"), ["run", tree, "--port", $"{Port}", "--", .. words], folder.FullName);
            Assert.Contains(sentence, output, StringComparison.Ordinal);
            Assert.Equal(code, ended);
            if (words.Length > 1 && code == 3)
                Assert.Contains("I cannot", output, StringComparison.Ordinal);
        }
    }

    /// <summary>
    /// The guest's machine dies when its move begins: that is told, and an empty machine is not taken for the guest.
    /// </summary>
    [RootFact]
    public void A_machine_that_dies_as_its_guest_moves_is_not_called_a_move()
    {
        string bin = Path.Combine(folder.FullName, "tree", "bin");
        Directory.CreateDirectory(bin);
        File.Copy("/bin/busybox", Path.Combine(bin, "sleep"), overwrite: true);
        var start = new ProcessStartInfo(Cluster.Built("bin/evilman"),
            ["run", Path.GetDirectoryName(bin)!, "--move-every", "1", "--lifetime", "3m", "--", "/bin/sleep", "1000"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        start.Environment["TMPDIR"] = folder.FullName;
        using var run = Process.Start(start)!;
        run.StandardInput.Close();
        var error = run.StandardError.ReadToEndAsync();
        var said = new ConcurrentQueue<string>();
        run.OutputDataReceived += (_, line) =>
        {
            said.Enqueue(line.Data ?? "");
            if (line.Data?.StartsWith("- node B took a boot token", StringComparison.Ordinal) == true)
                Process.GetProcessById(MonitorOf(run.Id, "10.77.0.100")).Kill();
        };
        run.BeginOutputReadLine();
        try
        {
            Assert.True(run.WaitForExit(2 * Cluster.Patience), string.Join('\n', said));
            run.WaitForExit();
            Assert.True(said.Any(line => line.StartsWith("- node B took", StringComparison.Ordinal)), string.Join('\n', said));
            Assert.DoesNotContain(said, line => line.Contains("goes on there", StringComparison.Ordinal));
            Assert.Equal(1, run.ExitCode);
            Assert.Matches("^evilman: the guest's machine (on node A )?has ended", error.Result);
        }
        finally
        {
            if (!run.HasExited)
                run.Kill(entireProcessTree: true);
        }
    }

    /// <summary>The monitor of the machine with that boot address, among a process's descendants.</summary>
    private static int MonitorOf(int ancestor, string boot)
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc").Where(name => char.IsAsciiDigit(name[^1])))
        {
            int process = int.Parse(Path.GetFileName(folder), System.Globalization.CultureInfo.InvariantCulture);
            if (Read(process, "cmdline").Contains($"evilman.boot={boot}/", StringComparison.Ordinal) && IsBelow(process))
                return process;
        }
        throw new Xunit.Sdk.XunitException($"no machine has {boot}");

        bool IsBelow(int process)
        {
            while (process > 1 && process != ancestor)
            {
                // proc_pid_stat(5): behind the name in brackets, the state and the parent.
                string status = Read(process, "stat");
                string[] words = status[(status.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
                process = words.Length > 1 ? int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture) : 0;
            }
            return process == ancestor;
        }

        static string Read(int process, string file)
        {
            try
            {
                return File.ReadAllText($"/proc/{process}/{file}");
            }
            catch (IOException)
            {
                return ""; // it has ended
            }
        }
    }
}
