using System;
using System.Linux;
using Wire;

namespace Tokend;

/// <summary>How the machine stands, and what was said of it. Each state is said once, until another has come.</summary>
internal struct Watch(Settings settings)
{
    /// <summary>Seconds between two looks.</summary>
    private const int MinSeconds = 1;
    private const int MaxSeconds = 30;

    private readonly Settings settings = settings;

    /// <summary>In host order; 0 while home has not said where the machine runs.</summary>
    private uint node;
    private Digest machine;
    private bool isHomeSilent;
    private bool isLow;
    private bool isNearEnd;
    private HomeVerdict said;

    /// <summary>Looks once.</summary>
    /// <returns>Seconds until the next time.</returns>
    public int Look()
    {
        if (node == 0 && !TryFind())
            return MinSeconds;
        if (!NodeQuery.TryAsk(node, in machine, out ulong left))
        {
            // It has moved, or its node is out of reach: home knows.
            node = 0;
            return MinSeconds;
        }
        if (left >= settings.Low)
        {
            Relax(left);
            return (int)Math.Clamp((left - settings.Low) / 2, (ulong)MinSeconds, (ulong)MaxSeconds);
        }
        if (!isLow)
        {
            isLow = true;
            Host.Log("tokend: % s are left: calling home"u8, left);
            Host.Start("/etc/tokend.d/low\0"u8, left);
        }
        Ask();
        if (left < settings.Last && said != HomeVerdict.Paid && !isNearEnd)
        {
            isNearEnd = true;
            Host.Log("tokend: the end is near: % s are left, and home does not pay"u8, left);
            Host.Start("/etc/tokend.d/end\0"u8, left);
        }
        return MinSeconds;
    }

    private void Relax(ulong left)
    {
        if (isLow)
            Host.Log("tokend: paid again: % s are left"u8, left);
        isLow = false;
        isNearEnd = false;
        said = HomeVerdict.None;
    }

    /// <summary>Asks home where the machine runs.</summary>
    private bool TryFind()
    {
        if (!Home.TryAsk(in settings, in machine, out HomeCall answer))
        {
            if (!isHomeSilent)
                Host.Log("tokend: home at @ does not answer, or does not know this machine"u8, settings.Home);
            isHomeSilent = true;
            return false;
        }
        isHomeSilent = false;
        node = answer.Node;
        machine = answer.Machine;
        Host.Log("tokend: this machine runs on the node @"u8, node);
        return true;
    }

    /// <summary>Asks home for more.</summary>
    private void Ask()
    {
        HomeVerdict verdict = Home.TryAsk(in settings, in machine, out HomeCall answer) ? answer.Verdict
            : HomeVerdict.None;
        if (verdict == said)
            return;
        said = verdict;
        switch (verdict)
        {
            case HomeVerdict.None:
                Host.Log("tokend: home does not answer"u8);
                break;
            case HomeVerdict.Stalled:
                Host.Log("tokend: home does not pay: the job does not advance"u8);
                break;
            case HomeVerdict.OverBudget:
                Host.Log("tokend: home does not pay: the budget is used up"u8);
                break;
            case HomeVerdict.PastDeadline:
                Host.Log("tokend: home does not pay: the deadline is over"u8);
                break;
        }
    }
}
