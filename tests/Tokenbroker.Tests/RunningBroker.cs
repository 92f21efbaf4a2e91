using System;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Tasks;
using Testing;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>
/// The program that serves on a port of its own, and its command line: the one that TOKENBROKER names, as the targets of
/// make do with the shipped one; otherwise the ordinary build of the same sources, which needs no publishing.
/// </summary>
internal sealed class RunningBroker : IDisposable
{
    private static readonly string s_program = Environment.GetEnvironmentVariable("TOKENBROKER")
        ?? Path.Combine(Repository.Root, "tokenbroker", "bin", "Release", "net10.0", "linux-x64", "tokenbroker");

    private readonly Process process;

    private RunningBroker(Process process, Uri address) => (this.process, Address) = (process, address);

    internal Uri Address { get; }

    /// <summary>Bytes of memory.</summary>
    internal long Resident
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    internal static RunningBroker Start(Scratch scratch)
    {
        int port;
        using (Socket free = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            port = ((IPEndPoint)free.LocalEndPoint!).Port;
        }
        Process process = Process.Start(new ProcessStartInfo(s_program,
            ["serve", "--quiet", "--requests-per-second", "1000000", "--listen", $"http://127.0.0.1:{port}",
                "--database", scratch.Where, "--master-key",
                scratch.File("master.key")]) { RedirectStandardError = true })!;
        StringBuilder said = new();
        process.ErrorDataReceived += (_, line) => { lock (said) said.AppendLine(line.Data); };
        process.BeginErrorReadLine();
        Wait.Until(() => { lock (said) return process.HasExited || said.ToString()
            .Contains("serving", StringComparison.Ordinal); }, "the broker serves", 60);
        Assert.False(process.HasExited, said.ToString());
        return new RunningBroker(process, new Uri($"http://127.0.0.1:{port}"));
    }

    /// <summary>SIGTERM; the exit code.</summary>
    internal int Stop()
    {
        using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        Assert.True(process.WaitForExit(30_000), "the broker does not stop");
        return process.ExitCode;
    }

    /// <summary>SIGKILL.</summary>
    internal void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    public void Dispose()
    {
        if (!process.HasExited)
            Kill();
        process.Dispose();
    }

    /// <summary>A broker with room for a million machines, and the API key of a customer who is rich.</summary>
    internal static string SetUp(Scratch scratch, int chainLength = 100)
    {
        File.WriteAllText(scratch.File("n1.key"), "0123456789abcdef0123456789abcdef01234567");
        Command(scratch, "init");
        Command(scratch,
            "node add n1 --address 10.0.0.1 --prefix-length 8 --boot-addresses 10.1.0.0-10.9.255.255 --guest-addresses "
            + "10.11.0.0-10.19.255.255 --memory 100000000 --machines 1000000 --key-file " + scratch.File("n1.key"));
        Command(scratch, "plan add small --token-value 10 --memory 64 --chain-length " + chainLength);
        Command(scratch, "customer add alice");
        Command(scratch, "deposit alice 1000000000000");
        return Command(scratch, "customer key alice").Trim();
    }

    /// <summary>What a command prints; it has to end well.</summary>
    internal static string Command(Scratch scratch, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(s_program,
            [.. arguments.Split(' '), "--database", scratch.Where, "--master-key",
                scratch.File("master.key")]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> complaints = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{arguments}: {output} {complaints.Result}");
        return output;
    }
}
