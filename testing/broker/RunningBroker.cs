using System;
using System.Diagnostics;
using System.IO;
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
    private static string s_program = Environment.GetEnvironmentVariable("TOKENBROKER")
        ?? Path.Combine(Repository.Root, "tokenbroker", "bin", "Release", "net10.0", "linux-x64", "tokenbroker");

    private readonly Process process;
    private readonly StringBuilder said = new();
    private volatile Uri? address;

    private RunningBroker(Process process)
    {
        this.process = process;
        process.ErrorDataReceived += (_, line) => Hear(line.Data ?? "");
        process.BeginErrorReadLine();
    }

    /// <summary>
    /// Runs a copy of the program that TOKENBROKER names from now on. So a run of an hour tries one program, whoever builds
    /// it anew meanwhile: «make» removes and writes it, and while a file is open for writing anywhere it is not executed
    /// (execve(2), ETXTBSY). To be called before anything is started: a child has what is open here until it executes.
    /// </summary>
    internal static void CopyProgram(DirectoryInfo folder)
    {
        string copy = Path.Combine(folder.FullName, "tokenbroker");
        File.Copy(s_program, copy);
        s_program = copy;
    }

    /// <summary>Once it serves.</summary>
    internal Uri Address => address ?? throw new InvalidOperationException("the broker does not serve yet");

    internal bool Serves => address is not null;

    /// <summary>Bytes of memory.</summary>
    internal long Resident
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    /// <summary>What it has used of processors until now.</summary>
    internal TimeSpan Used
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    internal static RunningBroker Start(Scratch scratch)
    {
        RunningBroker broker = Launch(scratch);
        broker.AwaitServing();
        return broker;
    }

    /// <summary>Does not wait until it serves.</summary>
    internal static RunningBroker Launch(Scratch scratch) => new(Process.Start(new ProcessStartInfo(s_program,
        ["serve", "--quiet", "--requests-per-second", "1000000", "--listen", "http://127.0.0.1:0",
            "--database", scratch.Where, "--master-key",
            scratch.File("master.key")]) { RedirectStandardError = true })!);

    internal void AwaitServing()
    {
        Wait.Until(() => process.HasExited || Serves, "the broker serves", 60);
        Assert.False(process.HasExited, Said);
    }

    private string Said
    {
        get
        {
            lock (said)
                return said.ToString();
        }
    }

    private void Hear(string line)
    {
        const string Serving = "serving ";
        lock (said)
            said.AppendLine(line);
        int at = line.IndexOf(Serving, StringComparison.Ordinal);
        if (at >= 0 && address is null)
            address = new Uri(line[(at + Serving.Length)..].Split(' ')[0]);
    }

    /// <summary>SIGTERM; the exit code.</summary>
    internal int Stop()
    {
        using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        Assert.True(process.WaitForExit(30_000), "the broker does not stop");
        return process.ExitCode;
    }

    /// <summary>SIGKILL, which nothing else has ended it before.</summary>
    internal void Kill()
    {
        const int Killed = 128 + 9;
        process.Kill();
        process.WaitForExit();
        Assert.True(process.ExitCode == Killed, Said);
    }

    public void Dispose()
    {
        if (!process.HasExited)
            Kill();
        process.Dispose();
    }

    /// <summary>A broker with room for a million machines, and the API key of a customer who is rich; the operator's
    /// is in the file "operator".</summary>
    internal static string SetUp(Scratch scratch, int chainLength = 100)
    {
        File.WriteAllText(scratch.File("n1.key"), "0123456789abcdef0123456789abcdef01234567");
        Command(scratch, "init --operator-key " + scratch.File("operator"));
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
