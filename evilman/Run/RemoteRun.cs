using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Threading;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Tokens;
using Wire;

namespace Evilman.Run;

/// <summary>
/// Starts a job on a node and remembers it, in steps each of which is on the disk before the next one shows outside: at any
/// instant its machine is remembered, or there is none.
/// </summary>
/// <param name="wish">Where the machine is bought.</param>
internal sealed class RemoteRun(Site site, KnownNode node, string name, RunPlan plan, MachineWish wish)
{
    /// <summary>How many pairs of addresses are tried.</summary>
    const int MaxTries = 8;

    static readonly TimeSpan s_silence = TimeSpan.FromSeconds(2);

    readonly TimeSpan patience = TimeSpan.FromSeconds(plan.PatienceSeconds);
    readonly JobStore jobs = site.Jobs;

    /// <summary>The job's exit code; 0 at once where it goes on by itself.</summary>
    /// <param name="published">Led to the guest from when it serves until the job ends.</param>
    internal int Run(byte[] initramfs, LocalPorts published, bool detach)
    {
        var image = new BootImage(BootClient.ReadFile(Files.Find("loader-kernel", "run «make»")),
            BootClient.ReadFile(Files.Find("guestos", "run «make»")), initramfs, "");
        using var starting = new StartingJob(jobs, name);
        var pairs = published.Pairs.ToList();
        var job = node.IsSold ? BeginBought(image.Loader, starting) : Begin(image.Loader, starting);
        Boot(job, image);
        starting.HasBegun();
        foreach (var port in plan.Ports)
            AwaitPort(job, starting, port.Guest);
        jobs.Save(name, job with { IsUp = true });
        if (detach)
        {
            if (published.Pairs.Any())
                published.LeaveBehind(name);
            starting.Keep();
            SayPublished();
            Say.Step($"{name} runs on {node.Name}: «evilman logs {name}», «evilman stop {name}»");
            if (Say.IsForPrograms)
                Say.Plain(JsonSerializer.Serialize(new RunLine(name, node.Name, job.Machine.Boot, job.Guest, job.Ports),
                    JobJson.Default.RunLine));
            return ExitCode.Done;
        }
        published.Lead(job.GuestAddress);
        SayPublished();
        Say.Note($"Ctrl-C ends {name}; «evilman move {name} --to NODE» moves it");
        var code = JobOutput.Show(job.GuestAddress, job.Key(), follow: true,
            line => Say.Plain($"  | {line}"));
        starting.End(code is null ? "the job's output has ended without its exit code" : null);
        if (code is null)
            return starting.IsInterrupted ? ExitCode.Interrupted : ExitCode.Failed;
        if (code == 0)
            Say.Step(Job.Ending(0));
        else
            Say.Warn(Job.Ending(code.Value));
        return starting.IsInterrupted ? ExitCode.Interrupted : code.Value;

        void SayPublished()
        {
            foreach (var port in pairs)
                Say.Step($"127.0.0.1:{port.Here} leads to port {port.Guest} of {name}, wherever it moves");
        }
    }

    /// <summary>Chooses addresses, and has the node start a machine.</summary>
    RunningJob Begin(byte[] loader, StartingJob starting)
    {
        using var echo = EchoSocket.Open();
        HashSet<string> tried = [];
        for (var attempt = 1; ; attempt++)
        {
            RunningJob job;
            byte[] token;
            using (jobs.Lock())
            {
                if (attempt == 1)
                    DemandNew();
                tried.UnionWith(jobs.Addresses());
                var boot = FreeAddress.Choose(echo, node.Boot, "--boot", node.Name, tried);
                var guest = FreeAddress.Choose(echo, node.Guests, "--guests", node.Name, tried);
                (token, var key) = NodeToken.Sign(node, boot, guest, plan.Memory, loader);
                job = JobOn(JobMachine.Of(node.Name, node.Address, token, key), $"{guest}", plan.Memory >> 20);
                starting.Begin(job);
            }
            var answer = MagicPinger.Claim(echo, node.Address, token, job.Machine.MachineKey(), MagicPinger.Patience)
                ?? throw Failure.NoAnswer($"{node.Name} ({node.Address}) does not answer");
            if (answer.Accepted)
                return Accepted(job);
            starting.Refused();
            if (answer.Refusal != Refusal.AddressInUse || attempt == MaxTries)
                throw new Failure($"{node.Name} refused: {answer.Sentence()}", ExitCode.Refused);
        }
    }

    /// <summary>Buys a machine, whose addresses are the broker's choice, and has the node start it.</summary>
    RunningJob BeginBought(byte[] loader, StartingJob starting)
    {
        using (jobs.Lock())
            DemandNew();
        RunningJob job;
        byte[] token;
        using (jobs.Lock(name))
        {
            DemandNew();
            var bought = JobPurchases.Standard.Buy(node, name, 1, wish, plan.Memory, loader, null, out var machine);
            job = JobOn(JobPurchases.MachineOf(bought, machine), bought.Machine.Guests[0], bought.Machine.MemoryMib);
            token = bought.Token();
            starting.Begin(job);
            JobPurchases.Standard.MarkSpent(machine, isSpent: true);
        }
        using var echo = EchoSocket.Open();
        var answer = MagicPinger.Claim(
            echo, job.Machine.NodeAddress(), token, job.Machine.MachineKey(), MagicPinger.Patience)
            ?? throw Failure.NoAnswer($"{node.Name} ({job.Machine.Address}) does not answer");
        if (answer.Accepted)
            return Accepted(job);
        JobPurchases.Standard.MarkSpent(job.Machine.Bought!, isSpent: false);
        starting.Refused();
        throw new Failure($"{node.Name} refused: {answer.Sentence()} {job.Machine.Bought} stays bought, and the same command "
            + "tries it again", ExitCode.Refused);
    }

    void DemandNew()
    {
        if (jobs.Find(name) is not null)
            throw Failure.Usage($"there is a job {name} already: «evilman stop {name}» ends it, --name names another");
    }

    RunningJob JobOn(JobMachine machine, string guest, long memoryMib) => new(plan.Name, machine, guest,
        Convert.ToHexStringLower(Mint.GuestKey(machine.MachineKey())), memoryMib, DateTimeOffset.UtcNow.ToUnixTimeSeconds())
    {
        Ports = [.. plan.Ports.Select(port => port.Guest).Distinct()],
    };

    RunningJob Accepted(RunningJob job)
    {
        Say.Step($"{node.Name} took a token: a machine of {job.MemoryMib} MiB at {job.Machine.Boot}, for a guest at {job.Guest}");
        return job;
    }

    void Boot(RunningJob job, BootImage image)
    {
        var boot = new IPEndPoint(IPAddress.Parse(job.Machine.Boot), Upload.Port);
        using var socket = BootClient.Open(boot, job.Machine.MachineKey(), patience);
        UploadBar.Show("loader, kernel and files uploaded, encrypted", report =>
            BootClient.Upload(socket, image.With(job.Key()), report, patience));
        using var command = BootClient.Connect(new IPEndPoint(job.GuestAddress, MoveCommand.Port), patience);
    }

    /// <summary>Waits until the port is listened on, or fails with why it is not.</summary>
    void AwaitPort(RunningJob job, StartingJob starting, int port)
    {
        var start = Stopwatch.GetTimestamp();
        var wait = new PortWait(port, plan.PatienceSeconds);
        for (var looked = start; ; Thread.Sleep(50))
        {
            if (starting.IsInterrupted)
                throw new Failure("interrupted", ExitCode.Interrupted);
            try
            {
                using var socket = Tcp.Connect(new IPEndPoint(job.GuestAddress, port), TimeSpan.FromMilliseconds(400));
                Say.Step($"port {port} answers: {job.Guest}:{port}"
                    + (site.Lab is null ? "" : ", from «evilman lab exec client --»"));
                return;
            }
            catch (SocketException)
            {
                // Not yet.
            }
            if (wait.Remark(Stopwatch.GetElapsedTime(start).TotalSeconds) is { } remark)
                Say.Step(remark);
            if (Stopwatch.GetElapsedTime(looked) < s_silence / 4)
                continue;
            looked = Stopwatch.GetTimestamp();
            var state = GuestState.Read(GuestExec.Ask(job.GuestAddress, job.Key(), Job.Look, patience));
            if (state.Code is { } code)
            {
                ShowLastWords(job);
                throw Job.EndedEarly(code, port);
            }
            if (Stopwatch.GetElapsedTime(start) > patience)
            {
                ShowLastWords(job);
                throw Failure.NoAnswer($"nothing listens on port {port} after {plan.PatienceSeconds} s (--timeout)");
            }
        }
    }

    void ShowLastWords(RunningJob job)
    {
        const int MaxLines = 10;
        var lines = GuestExec.Ask(job.GuestAddress, job.Key(), Job.Recall(follow: false), patience)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => Job.EndIn(line) is null).ToList();
        if (lines.Count == 0)
            Say.Note("it has written nothing");
        foreach (var line in lines.TakeLast(MaxLines))
        {
            if (Say.IsForPrograms)
                Say.Complain(line);
            else
                Say.Plain($"  | {Printable.Of(line)}");
        }
    }
}

/// <summary>What <c>evilman run --detach --json</c> prints.</summary>
/// <param name="Machine">The machine's boot address.</param>
/// <param name="Ports">Those of the guest's that the program listens on.</param>
internal sealed record RunLine(string Name, string Node, string Machine, string Guest, IReadOnlyList<int> Ports);

/// <summary>
/// A job whose machine is good for nothing unless the command succeeds: however the command ends, by success, failure,
/// SIGINT, SIGTERM or SIGHUP, the machine is kept and remembered, or ended and forgotten. Killed, it leaves it remembered.
/// A program that runs already is asked to end when such a signal comes, and ended when another one does.
/// </summary>
internal sealed class StartingJob : IDisposable
{
    /// <summary>How long the last of a program's output may take to come when the program has ended.</summary>
    static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(2);

    readonly JobStore jobs;
    readonly string name;
    readonly PosixSignalRegistration[] signals;
    readonly Lock gate = new();
    RunningJob? begun;
    volatile RunningJob? running;
    int interruptions;

    internal StartingJob(JobStore jobs, string name)
    {
        (this.jobs, this.name) = (jobs, name);
        signals = Array.ConvertAll((PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP],
            signal => PosixSignalRegistration.Create(signal, context =>
            {
                if (Interlocked.Increment(ref interruptions) == 1 && running is { } job)
                {
                    context.Cancel = true;
                    Say.Note($"{name} is asked to end; once more ends it at once");
                    // Who shows what the program writes sees its end, too, and ends the machine.
                    if (JobStop.Ask(job.GuestAddress, job.Key(), JobStop.Patience, out var sentence) is not null)
                        Thread.Sleep(s_lastWords);
                    else
                        Say.Complain(sentence);
                }
                End("interrupted");
                Environment.Exit(ExitCode.Interrupted);
            }));
    }

    /// <summary>Whether the user wants it to end.</summary>
    internal bool IsInterrupted => Volatile.Read(ref interruptions) > 0;

    /// <summary>From now on the guest is there to be asked.</summary>
    internal void HasBegun() => running = begun;

    /// <summary>From now on the node may be asked for its machine.</summary>
    internal void Begin(RunningJob job)
    {
        lock (gate)
        {
            jobs.Save(name, job);
            begun = job;
        }
    }

    /// <summary>The node has not started the machine.</summary>
    internal void Refused()
    {
        lock (gate)
        {
            begun = null;
            jobs.Remove(name);
        }
    }

    /// <summary>From now on the job outlives the command.</summary>
    internal void Keep()
    {
        lock (gate)
            begun = null;
    }

    public void Dispose()
    {
        End("the step failed");
        foreach (var signal in signals)
            signal.Dispose();
    }

    /// <param name="why">What went wrong; null when nothing did.</param>
    internal void End(string? why)
    {
        lock (gate)
        {
            if (begun is not { } job)
                return;
            begun = null;
            var isGone = TryForget(job, out var sentence);
            if (!isGone)
                Say.Complain($"{(why is null ? "" : why + ": ")}{sentence}, so {name} is remembered: "
                    + $"«evilman stop {name}» ends it");
            else if (why is not null)
                Say.Complain($"{why}: {sentence}");
        }
    }

    /// <summary>Whoever moves or stops the job at the moment is waited for, and then its machines are ended where they are.</summary>
    bool TryForget(RunningJob job, out string sentence)
    {
        try
        {
            using var mine = jobs.Lock(name);
            var isGone = JobEnd.TryEndAll(jobs.Find(name) ?? job, out sentence);
            if (isGone)
                jobs.Remove(name);
            return isGone;
        }
        catch (Failure failure)
        {
            sentence = failure.Message;
            return false;
        }
    }
}

/// <summary>Ends the machines of a job.</summary>
internal static class JobEnd
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Whether neither its machines are there any more nor its guest. A guest that is in a machine whose key is not known
    /// here is told to switch itself off: it would go on otherwise, and nobody would remember its key.
    /// </summary>
    internal static bool TryEndAll(RunningJob job, out string sentence)
    {
        var guest = job.IsUp ? JobView.Ask(job) : null;
        if (!TryEnd(job, out sentence))
            return false;
        if (!job.IsElsewhere(guest))
            return true;
        var isOff = TrySwitchOff(job);
        sentence = isOff ? $"its guest, which had been moved to the machine {guest!.Boot}, has been switched off"
            : $"its guest, which had been moved to the machine {guest!.Boot}, has been told to switch itself off and goes on";
        return isOff;
    }

    static bool TrySwitchOff(RunningJob job)
    {
        try
        {
            GuestExec.Ask(job.GuestAddress, job.Key(), Job.SwitchOff, s_patience);
        }
        catch (Exception silent) when (silent is Failure or SocketException or IOException)
        {
            // The connection ends with the guest.
        }
        for (var tries = 0; tries < 3; tries++)
        {
            if (JobView.Ask(job) is null)
                return true;
        }
        return false;
    }

    /// <summary>Whether none of its machines is there any more, as the nodes say.</summary>
    internal static bool TryEnd(RunningJob job, out string sentence)
    {
        sentence = "";
        foreach (var machine in (JobMachine?[])[job.Machine, job.Next])
        {
            if (machine is null)
                continue;
            if (machine.Bought is not null)
            {
                if (!JobPurchases.Standard.TryRefund(machine, out sentence))
                    return false;
                continue;
            }
            try
            {
                using var socket = EchoSocket.Open();
                var answer = MagicPinger.End(socket, machine.NodeAddress(), machine.MachineKey(), s_patience);
                if (answer is null)
                {
                    sentence = $"{machine.Node} does not answer";
                    return false;
                }
                sentence = answer.Value.Accepted ? $"the machine on {machine.Node} has been ended"
                    : $"the machine on {machine.Node} had ended already";
            }
            catch (Exception failure) when (failure is Failure or SocketException)
            {
                sentence = $"{machine.Node} cannot be asked ({failure.Message})";
                return false;
            }
        }
        return true;
    }
}

/// <summary>An address of a node's that nobody has.</summary>
internal static class FreeAddress
{
    /// <param name="option">What gives the node its addresses.</param>
    /// <param name="taken">Those that are not to be tried; the result joins them.</param>
    internal static IPAddress Choose(EchoSocket echo, AddressRange? range, string option, string node,
        HashSet<string> taken)
    {
        if (range is null)
            throw Failure.Usage($"it is not known which addresses {node} has to give away: «evilman node add» takes "
                + option);
        foreach (var address in range.All())
        {
            if (taken.Add($"{address}") && AddressProbe.IsFree(echo, address))
                return address;
        }
        throw new Failure($"all of {range} is in use on {node}: «evilman ls» lists jobs, «evilman stop» ends one");
    }
}

/// <summary>Tokens for one's own nodes.</summary>
internal static class NodeToken
{
    /// <summary>
    /// A machine costs nothing, but where the node keeps accounts it gets one, of a unit for a second and more of them than
    /// it can live through: so the node tells whether it is there, and what it has used.
    /// </summary>
    internal static (byte[] Token, byte[] Key) Sign(KnownNode node, IPAddress boot, IPAddress guest, long memory,
        byte[] loader)
    {
        const int FreeTokens = 100, PaidTokens = 1;
        const uint SecondsPrice = 1;
        var secret = SecretFile.ReadKey(node.KeyFile
            ?? throw Failure.Usage($"{node.Name} has no key_file in the inventory: tokens for it are bought"));
        var request = new MintRequest
        {
            Node = node.Address,
            BootAddress = boot,
            PrefixLength = node.Boot!.PrefixLength!.Value,
            Gateway = node.Gateway,
            Guests = [guest],
            MemoryBytes = memory,
            Tokens = node.IsMetered ? PaidTokens : FreeTokens,
            Value = node.IsMetered ? BootToken.MaxValue : 0,
            Prices = node.IsMetered ? [0, 0, 0, SecondsPrice] : [0, 0, 0, 0],
            Loader = loader,
        };
        AddressRules.Demand(request);
        var token = Signing.Token(request, secret, Chain.Fresh(request.Tokens));
        return (token, Mint.MachineKey(token, secret));
    }
}

/// <summary>What a job's program writes, as its guest keeps it.</summary>
internal static class JobOutput
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Shows what is kept and, if told so, what comes until the job has ended: its exit code, if that was there.
    /// </summary>
    internal static int? Show(IPAddress guest, byte[] key, bool follow, Action<string> show)
    {
        using var exec = GuestExec.Start(guest, key, Job.Recall(follow), s_patience);
        var lines = new LineReader();
        int? code = null;
        exec.Run(null, data => lines.Take(data, Line), _ => { });
        lines.End(Line);
        return code;

        void Line(string line)
        {
            if (Job.EndIn(line) is { } end)
                code = end;
            else
                show(line);
        }
    }
}

/// <summary>Lines of UTF-8, however they come in.</summary>
internal sealed class LineReader
{
    const int MaxLineLength = 65536;

    readonly MemoryStream line = new();

    internal void Take(ReadOnlySpan<byte> data, Action<string> show)
    {
        foreach (var letter in data)
        {
            if (letter != '\n')
                line.WriteByte(letter);
            if (letter == '\n' || line.Length == MaxLineLength)
                Flush(show);
        }
    }

    internal void End(Action<string> show)
    {
        if (line.Length > 0)
            Flush(show);
    }

    void Flush(Action<string> show)
    {
        var text = Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length);
        line.SetLength(0);
        show(text.TrimEnd('\r'));
    }
}
