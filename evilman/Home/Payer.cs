using System;
using System.Globalization;
using Evilman.Buying;
using Evilman.Minting;
using Wire;

namespace Evilman.Home;

/// <summary>How far a job was, and when that was first seen; Unix seconds.</summary>
internal sealed record Progress(long Value, long At);

/// <summary>What is to be done about a machine.</summary>
internal enum Verdict
{
    Enough,
    Pay,
    Stalled,
    OverBudget,
    PastDeadline,
    Gone,
}

/// <summary>
/// The home node of thesis §8.2, figure 8.2: looks at one machine after the other, and pays for those whose jobs
/// advance. What it has begun and how far jobs were is on the disk, so it may be killed at any instant: it finishes a
/// payment before it thinks of another, and asks the node what is left before each.
/// </summary>
/// <param name="watch">How far a job is now; null when it shows nothing.</param>
internal sealed class Payer(Func<string, IMachineFile> open, Func<IMachineFile, MachinePurchase> purchases, INodeLink node,
    IProgressStore kept, Func<HomeJob, long?> watch, Func<long> clock, Action<HomeJob, Verdict, string> say)
{
    /// <summary>Whether a job should be paid now. That is all there is to decide.</summary>
    /// <param name="account">Null when the node knows no such machine.</param>
    /// <param name="spent">Units that the machine has cost so far.</param>
    /// <param name="price">Units that the next payment costs.</param>
    internal static Verdict Decide(HomeJob job, AccountView? account, Progress progress, long spent, long price,
        long now)
    {
        if (account is not { State: AccountState.Running or AccountState.Grace })
            return Verdict.Gone;
        var left = account.State == AccountState.Grace ? 0 : account.SecondsLeft ?? ulong.MaxValue;
        if (left >= (ulong)job.Low)
            return Verdict.Enough;
        if (job.Deadline <= now)
            return Verdict.PastDeadline;
        if (now - progress.At > job.Stall)
            return Verdict.Stalled;
        return job.Budget is { } budget && spent + (Int128)price > budget ? Verdict.OverBudget : Verdict.Pay;
    }

    /// <summary>Looks at a machine once, and pays if it has to be.</summary>
    /// <exception cref="Failure">Node or broker do not answer, or refuse.</exception>
    internal Verdict Visit(HomeJob job)
    {
        var progress = Look(job);
        using var file = open(job.Name);
        if (file.Machine is null)
            throw Failure.Usage($"there is no machine {job.Name}: «evilman buy» buys one");
        var purchase = purchases(file);
        // Decided earlier, and perhaps paid: only what comes after it is open.
        purchase.Finish();
        if (file.Machine is not { Bought: { } bought, Certificate: null } machine)
            return Verdict.Gone;
        var account = node.Account(bought);
        var price = checked(job.Tokens * bought.Machine.TokenValue);
        var verdict = Decide(job, account, progress, machine.Amount, price, clock());
        if (verdict == Verdict.Pay)
        {
            say(job, verdict, string.Create(CultureInfo.InvariantCulture,
                $"{job.Name} has {account!.SecondsLeft ?? 0} s left: {job.Tokens} tokens more, for {price} units"));
            purchase.PayRunning(job.Tokens);
        }
        return verdict;
    }

    static string Sentence(HomeJob job, Verdict verdict) => verdict switch
    {
        Verdict.Enough or Verdict.Pay => $"{job.Name} is paid",
        Verdict.Stalled => string.Create(CultureInfo.InvariantCulture,
            $"{job.Name} runs low and is not paid: it has not advanced for {job.Stall} s"),
        Verdict.OverBudget => string.Create(CultureInfo.InvariantCulture,
            $"{job.Name} runs low and is not paid: its budget is {job.Budget} units"),
        Verdict.PastDeadline => $"{job.Name} runs low and is not paid: its deadline is over",
        _ => $"{job.Name} runs on no node that it was bought for",
    };

    /// <summary>Prints the verdict on a machine if it differs from the last one.</summary>
    internal void Tell(HomeJob job, Verdict verdict, Verdict? before)
    {
        static bool IsPaid(Verdict verdict) => verdict is Verdict.Enough or Verdict.Pay;
        if (before is not { } former || (verdict != former && !(IsPaid(verdict) && IsPaid(former))))
            say(job, verdict, Sentence(job, verdict));
    }

    /// <summary>
    /// Notes how far the job is. A counter that has fallen counts as progress too: it begins again after a restart.
    /// </summary>
    Progress Look(HomeJob job)
    {
        var now = clock();
        var before = kept.Find(job.Name);
        var seen = watch(job);
        var advanced = seen is { } value && (job.Watch != Watch.Counter || value != before?.Value);
        // After a clock that was set back the time of waiting begins again.
        if (before is not null && !advanced && before.At <= now)
            return before;
        var progress = new Progress(seen ?? 0, now);
        // A job that is only asked whether it answers advances at each look: its time is written to the disk ten times
        // in the patience that it is given, which is exact enough.
        var isOld = before is not null && Math.Abs(now - before.At) >= Math.Max(1, job.Stall / 10);
        if (before is null || isOld || job.Watch == Watch.Counter)
            kept.Save(job.Name, progress);
        return progress;
    }
}
