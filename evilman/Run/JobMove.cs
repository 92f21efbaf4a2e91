using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Threading;
using Evilman.Buying;
using Evilman.Demo;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Wire;

namespace Evilman.Run;

/// <summary>A line of «evilman move --json».</summary>
/// <param name="Event">started, progress, said, arrived, stayed.</param>
internal sealed record MoveLine(string Event, string Name, string Node)
{
    public int? Percent { get; init; }

    public double? LeftSeconds { get; init; }

    public string? Text { get; init; }

    public double? TotalMs { get; init; }
}

/// <summary>
/// Moves a job's guest to another node. The machine that waits there is remembered before it is asked for, and until it is
/// known where the guest is: nothing is ended that the guest may be in.
/// </summary>
/// <param name="wish">Where the machine there is bought; null for one like the machine that the guest leaves.</param>
internal sealed class JobMove(Site site, string name, KnownNode to, bool json, MachineWish? wish = null)
{
    static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(250);

    readonly JobStore jobs = site.Jobs;
    readonly long start = Stopwatch.GetTimestamp();
    volatile bool isCancelled;

    /// <summary>It had not arrived in time, and was told to stay.</summary>
    bool isLate;

    internal int Run(MoveOrder wishes, TimeSpan patience)
    {
        using var mine = jobs.Lock(name);
        var job = Settle(jobs, name, jobs.Find(name)
            ?? throw Failure.Usage($"there is no job {name}: «evilman ls» lists them"));
        var answered = JobView.Ask(job);
        if (job.Machine.Node == to.Name && !job.IsElsewhere(answered))
            throw Failure.Usage($"{name} is on {to.Name} already");
        if (to.Guests is not null && !to.Guests.All().Contains(job.GuestAddress))
            throw Failure.Usage($"{name} has the address {job.Guest}, and {to.Name} gives {to.Guests} to guests: it cannot "
                + "take it along");
        var before = answered ?? throw Failure.NoAnswer($"{name} does not answer at {job.Guest}");
        var loader = BootClient.ReadFile(Files.Find("loader-checkpoint", "run «make»"));
        using var echo = EchoSocket.Open();
        (job, var token) = Prepare(echo, job, loader);
        var next = job.Next!;
        var answer = MagicPinger.Claim(echo, next.NodeAddress(), token, next.MachineKey(), MagicPinger.Patience);
        if (answer is not { Accepted: true })
        {
            if (answer is not null && next.Bought is not null)
                JobPurchases.Standard.MarkSpent(next.Bought, isSpent: false);
            Settle(jobs, name, job);
            throw answer is null ? Failure.NoAnswer($"{to.Name} does not answer")
                : new Failure($"{to.Name} refused: {answer.Value.Sentence()}", ExitCode.Refused);
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        var why = Move(echo, job, before, wishes with
        {
            Destination = IPAddress.Parse(next.Boot), MachineKey = next.MachineKey(),
        }, patience);
        var old = job.Machine;
        job = Settle(jobs, name, job);
        if (job.Machine.Boot != next.Boot)
        {
            var node = job.IsElsewhere(before) ? JobView.PlaceOf(site.Nodes, before.Boot!).Name : job.Machine.Node;
            Tell(new MoveLine("stayed", name, node) { Text = why });
            throw new Failure($"{name} stays on {node}: {why}",
                Outcome(isCancelled, isLate));
        }
        var total = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        Tell(new MoveLine("arrived", name, to.Name) { TotalMs = Math.Round(total, 1) });
        if (!json)
            Say.Step($"{name} is on {to.Name}, {Quantity.Milliseconds(total)} after it was asked to move");
        if (old.Bought is null)
            _ = JobEnd.TryEnd(job with { Machine = old }, out _);
        return ExitCode.Done;
    }

    static string Late(TimeSpan patience) =>
        string.Create(CultureInfo.InvariantCulture, $"it had not arrived within {patience.TotalSeconds:0.#} s (--timeout)");

    /// <summary>The exit code of a move that did not come about.</summary>
    internal static int Outcome(bool isCancelled, bool isLate) =>
        isLate ? ExitCode.NoAnswer : isCancelled ? ExitCode.Interrupted : ExitCode.Failed;

    void Cancel(PosixSignalContext context)
    {
        context.Cancel = true;
        isCancelled = true;
    }

    (RunningJob Job, byte[] Token) Prepare(EchoSocket echo, RunningJob job, byte[] loader)
    {
        if (to.IsSold)
            return PrepareBought(job, loader);
        using var all = jobs.Lock();
        var boot = FreeAddress.Choose(echo, to.Boot, "--boot", to.Name, jobs.Addresses());
        var (token, key) = NodeToken.Sign(to, boot, job.GuestAddress, job.MemoryMib << 20, loader);
        job = job with { Next = JobMachine.Of(to.Name, to.Address, token, key) };
        jobs.Save(name, job);
        return (job, token);
    }

    (RunningJob Job, byte[] Token) PrepareBought(RunningJob job, byte[] loader)
    {
        Say.IsForPrograms = json;
        var purchases = JobPurchases.Standard;
        var like = job.Machine.Bought is { } former ? purchases.WishOf(former) : null;
        var bought = purchases.Buy(to, name, job.Moves + 2, wish ?? like ?? new MachineWish(null, MachineWish.UsualTokens),
            job.MemoryMib << 20, loader, job.GuestAddress, out var machine);
        job = job with { Next = JobPurchases.MachineOf(bought, machine) };
        jobs.Save(name, job);
        purchases.MarkSpent(machine, isSpent: true);
        return (job, bought.Token());
    }

    /// <summary>Why the guest has not arrived, as far as is known here; "" when it says that it has.</summary>
    string Move(EchoSocket echo, RunningJob job, GuestState before, MoveOrder order, TimeSpan patience)
    {
        while (echo.Exchange(order.Destination, new byte[16], TimeSpan.FromMilliseconds(200)) is null)
        {
            if (isCancelled)
                return "cancelled";
            if (Stopwatch.GetElapsedTime(start) > patience)
                return $"the machine at {order.Destination} does not answer";
        }
        Tell(new MoveLine("started", name, to.Name));
        GuestControl control;
        try
        {
            control = GuestControl.Move(job.GuestAddress, job.Key(), order);
        }
        catch (Failure failure)
        {
            return failure.Message; // what became of it, the guest is asked next
        }
        using var open = control;
        var progress = new MoveProgress(before.MemoryKib);
        var (shown, looked, asked) = (0, start, false);
        while (true)
        {
            var (ended, said) = (control.Ended, control.Lines);
            for (; shown < said.Length; shown++)
            {
                Tell(new MoveLine("said", name, to.Name) { Text = said[shown] });
                if (!json)
                    progress.Clear();
                if (!json)
                    Say.Note(said[shown]);
            }
            if (ended is not null || control.Broken is not null)
            {
                progress.Clear();
                return ended == 0 ? "" : isLate ? Late(patience) : isCancelled ? "cancelled"
                    : ended is null ? $"how the move ended was not heard: {control.Broken}" : said[^1];
            }
            if ((isCancelled || isLate) && !asked)
            {
                asked = true;
                GuestControl.Cancel(job.GuestAddress, job.Key());
            }
            if (Stopwatch.GetElapsedTime(start) > patience)
            {
                isLate = !isCancelled;
                if (Stopwatch.GetElapsedTime(start) > 2 * patience)
                    return Late(patience);
            }
            if (Stopwatch.GetElapsedTime(looked) > s_look && job.Next!.Account is not null)
            {
                looked = Stopwatch.GetTimestamp();
                Show(progress, JobView.Account(echo, job.Next, s_look)?.View);
            }
            Thread.Sleep(20);
        }
    }

    void Show(MoveProgress progress, AccountView? account)
    {
        if (account is null || !progress.Take(account.NetworkKib, Stopwatch.GetElapsedTime(start)))
            return;
        Tell(new MoveLine("progress", name, to.Name) { Percent = progress.Percent, LeftSeconds = progress.LeftSeconds });
        if (!json)
            progress.Show();
    }

    void Tell(MoveLine line)
    {
        if (json)
            Say.Plain(JsonSerializer.Serialize(line, JobJson.Default.MoveLine));
    }

    /// <summary>
    /// Finds out where the guest of a move is that has ended or was cut off, ends the machine that it is not in, and
    /// remembers that. As long as the guest does not say where it is, both are remembered.
    /// </summary>
    internal static RunningJob Settle(JobStore jobs, string name, RunningJob job)
    {
        if (job.Next is not { } next)
            return job;
        GuestState? state = null;
        for (var tries = 0; state?.Boot is null && tries < 3; tries++)
            state = JobView.Ask(job);
        if (state?.Boot is not { } boot)
            throw Failure.NoAnswer($"{name} does not say where it is, {job.Machine.Node} or {next.Node}: both machines are "
                + $"remembered, and «evilman stop {name}» ends both");
        if ($"{boot}" == next.Boot)
        {
            // Before it is forgotten; what is still to be given back is among the machines that were bought.
            if (job.Machine.Bought is { } former)
            {
                if (JobEnd.TryEnd(job with { Next = null }, out var refunded))
                    Say.Note(refunded);
                else
                    Say.Complain($"{refunded}: «evilman refund {former}» gets back what is left there");
            }
            job = job with { Machine = next, Next = null, Moves = job.Moves + 1 };
        }
        else
        {
            // It has stayed, perhaps in a machine that it was moved to by other means.
            if (!JobEnd.TryEnd(job with { Machine = next, Next = null }, out var sentence))
                throw Failure.NoAnswer($"{name} is in the machine {boot}, and of the one that it was to move to {sentence}");
            job = job with { Next = null };
        }
        jobs.Save(name, job);
        return job;
    }
}

/// <summary>How far a move is, by what the machine that waits has received of what the guest has in use.</summary>
internal sealed class MoveProgress(long kib)
{
    const int MinPercent = 2;

    bool isShown;

    internal int Percent { get; private set; } = -1;

    /// <summary>Null as long as there is too little to judge by.</summary>
    internal double? LeftSeconds { get; private set; }

    /// <summary>False when it is as far as before.</summary>
    internal bool Take(ulong received, TimeSpan elapsed)
    {
        var part = Math.Min(0.99, received / (double)Math.Max(1, kib));
        var percent = (int)(100 * part);
        if (percent <= Percent)
            return false;
        Percent = percent;
        LeftSeconds = percent < MinPercent ? null : Math.Round(elapsed.TotalSeconds * (1 - part) / part, 1);
        return true;
    }

    internal void Show()
    {
        var left = LeftSeconds is { } seconds ? string.Create(CultureInfo.InvariantCulture, $", about {seconds:0.0} s left")
            : "";
        var text = string.Create(CultureInfo.InvariantCulture, $"  {Percent,3} %{left}");
        if (!Say.Interactive)
        {
            Say.Note(text.Trim());
            return;
        }
        Console.Write($"\r{text}   ");
        isShown = true;
    }

    internal void Clear()
    {
        if (isShown)
            Console.Write($"\r{new string(' ', 40)}\r");
        isShown = false;
    }
}
