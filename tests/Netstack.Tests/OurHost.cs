using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Threading;
using Testing;

namespace Netstack.Tests;

/// <summary>Our stack as a process without a runtime (tests/images/NetstackHost), on a packet socket in a namespace.</summary>
internal sealed class OurHost : FarHost
{
    private readonly Process process;
    private readonly Thread reader;
    private readonly ManualResetEventSlim ready = new();
    private readonly Dictionary<string, long> counters = [];
    private string said = "";

    internal OurHost(NetworkNamespace at, string command)
    {
        ProcessStartInfo start = new(Repository.Image("netstack-host"), "tap0 10.78.0.2 " + command) { RedirectStandardInput = true, RedirectStandardOutput = true };
        process = at.Inside(() => Process.Start(start)!);
        reader = new Thread(Read) { IsBackground = true };
        reader.Start();
        if (!ready.Wait(30_000) || said.Length > 0)
        {
            Dispose();
            throw new InvalidOperationException("our host does not start: " + said);
        }
    }

    public override IReadOnlyDictionary<string, long> Stop()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(10_000))
            throw new TimeoutException("our host does not end");
        reader.Join();
        return process.ExitCode == 0 ? counters : throw new InvalidOperationException("our host ended with " + process.ExitCode);
    }

    private void Read()
    {
        while (process.StandardOutput.ReadLine() is string line)
        {
            string[] words = line.Split(' ');
            if (words[0] == "connection")
                Add((uint)Number(words[1]), (int)Number(words[3]), Number(words[5]), Number(words[7]), Number(words[9]), words[11]);
            else if (words[0] == "counters")
            {
                for (int i = 1; i + 1 < words.Length; i += 2)
                    counters[words[i]] = Number(words[i + 1]);
            }
            else if (words[0] == "ready")
                ready.Set();
            else
                said = line;
        }
        if (!ready.IsSet && said.Length == 0)
            said = "it ended";
        ready.Set();
    }

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);

    public override void Dispose()
    {
        if (!process.HasExited)
            process.Kill();
        process.WaitForExit();
        reader.Join();
        process.Dispose();
        ready.Dispose();
    }
}
