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
    private readonly Process _process;
    private readonly Thread _reader;
    private readonly ManualResetEventSlim _ready = new();
    private readonly Dictionary<string, long> _counters = [];
    private string _said = "";

    internal OurHost(NetworkNamespace at, string command)
    {
        ProcessStartInfo start = new(Repository.Image("netstack-host"), "tap0 10.78.0.2 " + command) { RedirectStandardInput = true, RedirectStandardOutput = true };
        _process = at.Inside(() => Process.Start(start)!);
        _reader = new Thread(Read) { IsBackground = true };
        _reader.Start();
        if (!_ready.Wait(30_000) || _said.Length > 0)
        {
            Dispose();
            throw new InvalidOperationException("our host does not start: " + _said);
        }
    }

    public override IReadOnlyDictionary<string, long> Stop()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(10_000))
            throw new TimeoutException("our host does not end");
        _reader.Join();
        return _process.ExitCode == 0 ? _counters : throw new InvalidOperationException("our host ended with " + _process.ExitCode);
    }

    private void Read()
    {
        while (_process.StandardOutput.ReadLine() is string line)
        {
            string[] words = line.Split(' ');
            if (words[0] == "connection")
                Add((uint)Number(words[1]), (int)Number(words[3]), Number(words[5]), Number(words[7]), Number(words[9]), words[11]);
            else if (words[0] == "counters")
            {
                for (int i = 1; i + 1 < words.Length; i += 2)
                    _counters[words[i]] = Number(words[i + 1]);
            }
            else if (words[0] == "ready")
                _ready.Set();
            else
                _said = line;
        }
        if (!_ready.IsSet && _said.Length == 0)
            _said = "it ended";
        _ready.Set();
    }

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);

    public override void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _reader.Join();
        _process.Dispose();
        _ready.Dispose();
    }
}
