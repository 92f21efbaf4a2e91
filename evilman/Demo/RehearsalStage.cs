using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net;
using System.Threading;
using Evilman.Lab;

namespace Evilman.Demo;

/// <summary>
/// The demo without nodes: busybox itself serves in a namespace in the guest's place, and a move only stops its
/// processes for a while. For trying out what measures; a fault shows whether it would be noticed.
/// </summary>
internal sealed class RehearsalStage(string fault) : IStage
{
    /// <summary>The faults that can be rehearsed, in the second move.</summary>
    internal static readonly string[] Faults = ["none", "kill-echo", "kill-http", "freeze"];

    const int SignalStop = 19, SignalContinue = 18;
    int moves;

    public IPAddress Guest { get; } = IPAddress.Parse(LabPlan.GuestAddress);

    public int Places => 2;

    public string NameOf(int place) => ((char)('A' + place)).ToString();

    public void Raise()
    {
    }

    public MoveRecord Move(int from, int to, Func<string?> broken)
    {
        var asked = Stopwatch.GetTimestamp();
        Thread.Sleep(200);
        var faulty = ++moves == 2;
        if (faulty && fault == "kill-echo")
            Signal("cat", Native.SignalKill);
        if (faulty && fault == "kill-http")
            Signal("httpd", Native.SignalKill);
        Signal("cat", SignalStop);
        Thread.Sleep(faulty && fault == "freeze" ? 400 : 15 + 5 * moves);
        Signal("cat", SignalContinue);
        Thread.Sleep(100);
        return new MoveRecord(NameOf(from), NameOf(to), asked, Stopwatch.GetTimestamp(), 0, SourceGone: true);
    }

    public IReadOnlyList<string> Account() => [];

    public void Abandon(int place)
    {
    }

    static void Signal(string name, int signal)
    {
        foreach (var process in ProcessTable.All())
        {
            if (process.Name == name
                || (process.Name == "busybox" && ProcessTable.Arguments(process.Pid) is [_, var applet, ..]
                    && applet == name))
                Native.kill(process.Pid, signal);
        }
    }
}
