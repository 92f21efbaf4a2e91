using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using Evilman.Minting;
using Tokens;

namespace Evilman.Lab;

/// <summary>
/// Starts labs. A lab lives in mount, network, process and IPC namespaces of its own, and for an unprivileged user in a
/// user namespace too; so it needs no root, leaves nothing behind, and cannot reach an address outside itself.
/// </summary>
internal static class LabLauncher
{
    /// <summary>What the user asks for when he names no monitor.</summary>
    internal const string StandardMonitor = "domain";

    /// <summary>Writes the plan, the keys and nothing else yet.</summary>
    internal static LabPlan Prepare(int nodes, IReadOnlyList<string> monitors, int lifetimeSeconds,
        bool rehearsal = false, int grace = 60)
    {
        if (nodes is < 1 or > LabPlan.MaxNodes)
            throw Failure.Usage($"a lab has 1 to {LabPlan.MaxNodes} nodes");
        foreach (var (program, package) in ((string, string)[])[("unshare", "util-linux"), ("nsenter", "util-linux"),
            ("ip", "iproute2")])
            Tool.Need(program, package);

        var list = new List<LabNode>();
        for (var number = 1; !rehearsal && number <= nodes; number++)
            list.Add(Node(number, monitors.Count == 0 ? StandardMonitor : monitors[(number - 1) % monitors.Count]));
        var packetd = rehearsal ? "" : Files.Find("packetd", "run «make»");
        var launcher = rehearsal ? "" : Files.Find("launcher", "run «make»");
        var firmware = rehearsal ? "" : Files.Find("cstrap", "run «make»");
        var id = Convert.ToHexStringLower(Secret.Random(3));
        var plan = new LabPlan(id, LabStore.Create(id), packetd, launcher, firmware, list, UidBase, lifetimeSeconds,
            rehearsal) { Grace = grace };
        plan.Save();
        foreach (var node in plan.Nodes)
            SecretFile.Write(plan.KeyFile(node), SecretFile.NewKey(), replace: false);
        return plan;
    }

    static LabNode Node(int number, string monitor)
    {
        if (monitor == "qemu")
            Tool.Need("qemu-system-x86_64", "qemu-system-x86");
        return monitor switch
        {
            "domain" => new LabNode(number, Files.Find("domain", "run «make»"), monitor, []),
            "qemu" => new LabNode(number, Files.Find("qemu-monitor", "it lies in deploy/"), monitor,
                [Files.Find("plug", "run «make»")]),
            _ => new LabNode(number, Tool.Find(monitor)
                ?? throw Failure.Usage($"«{monitor}» is no monitor: domain, qemu or a program's path"), monitor, []),
        };
    }

    /// <summary>Starts the lab in the background and returns when every packetd runs.</summary>
    internal static void StartDetached(LabPlan plan)
    {
        var start = new ProcessStartInfo("/bin/sh");
        // setsid and sh are both replaced by the next program, so the number that is remembered is unshare's.
        foreach (var word in (string[])["-c", "exec setsid \"$@\" >\"$0\" 2>&1 </dev/null", plan.HolderLog])
            start.ArgumentList.Add(word);
        AddHolder(start, plan, []);
        using var process = Process.Start(start) ?? throw new Failure("the lab does not start");
        LabStore.RememberHolder(plan.Directory, process.Id);
        for (var waited = 0; waited < 1500; waited++)
        {
            if (File.Exists(plan.ReadyFile))
                return;
            if (process.HasExited)
                break;
            Thread.Sleep(10);
        }
        var why = File.Exists(plan.HolderLog) ? Tool.LastLine(File.ReadAllText(plan.HolderLog)) : "it said nothing";
        LabStore.Remove(plan.Directory);
        throw new Failure($"the lab did not start: {Explain(why)}");
    }

    /// <summary>
    /// Runs <paramref name="command"/> in the client's namespace of a lab that lives no longer than it.
    /// </summary>
    /// <param name="ask">
    /// Asks what runs inside to end by itself within the time that it returns; null when it cannot be asked.
    /// </param>
    internal static int RunInside(LabPlan plan, IReadOnlyList<string> command, Func<TimeSpan?>? ask = null)
    {
        // A session of its own, which may run before others without the user's terminal doing so too. setsid is
        // replaced by unshare.
        var start = new ProcessStartInfo(Tool.Need("setsid", "util-linux"));
        AddHolder(start, plan, command);
        try
        {
            using var process = Process.Start(start) ?? throw new Failure("the lab does not start");
            LabStore.RememberHolder(plan.Directory, process.Id);
            var interruptions = 0;
            // Ctrl-C and kill end the lab first, at the second time without asking; then this program ends by its own
            // will, and tidies up.
            void End(PosixSignalContext context)
            {
                context.Cancel = true;
                if (Interlocked.Increment(ref interruptions) == 1 && ask?.Invoke() is { } time
                    && process.WaitForExit(time))
                    return;
                Native.kill(process.Id, Native.SignalKill);
            }
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
            process.WaitForExit();
            return Volatile.Read(ref interruptions) > 0 ? ExitCode.Interrupted : process.ExitCode;
        }
        finally
        {
            LabStore.Remove(plan.Directory);
        }
    }

    /// <summary>
    /// How to run something in the client's network of a lab that is up, and with all else as it is here: the program
    /// takes the place of the one that is started.
    /// </summary>
    internal static ProcessStartInfo Reach(LabPlan plan, IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo(Tool.Need("nsenter", "util-linux"));
        var inner = Inner(plan);
        if (Native.geteuid() != 0)
        {
            start.ArgumentList.Add($"--user=/proc/{inner}/ns/user");
            start.ArgumentList.Add("--preserve-credentials");
        }
        start.ArgumentList.Add($"--net=/proc/{inner}/root{plan.NamespacePath("client")}");
        start.ArgumentList.Add("--");
        foreach (var word in command)
            start.ArgumentList.Add(word);
        return start;
    }

    /// <summary>The first process inside of a lab, by its number outside.</summary>
    static int Inner(LabPlan plan)
    {
        var holder = LabStore.Holder(plan.Directory);
        var inner = holder == 0 ? 0 : ProcessTable.FirstChild(holder);
        return inner != 0 ? inner
            : throw new Failure($"lab {plan.Id} is dead: «evilman lab down» removes what is left");
    }

    /// <summary>How to run something in a lab that is up, from outside.</summary>
    internal static ProcessStartInfo Enter(LabPlan plan, string part, IReadOnlyList<string> command)
    {
        var inner = Inner(plan);
        var start = new ProcessStartInfo(Tool.Need("nsenter", "util-linux"));
        start.ArgumentList.Add($"--target={inner}");
        start.ArgumentList.Add("--wd=" + Environment.CurrentDirectory); // looked up before the namespaces are entered
        if (Native.geteuid() != 0)
        {
            start.ArgumentList.Add("--user");
            start.ArgumentList.Add("--preserve-credentials");
        }
        start.ArgumentList.Add("--mount");
        start.ArgumentList.Add("--pid");
        start.ArgumentList.Add("--ipc");
        start.ArgumentList.Add($"--net=/proc/{inner}/root{plan.NamespacePath(part)}");
        start.ArgumentList.Add("--");
        foreach (var word in command)
            start.ArgumentList.Add(word);
        return start;
    }

    static void AddHolder(ProcessStartInfo start, LabPlan plan, IReadOnlyList<string> command)
    {
        start.ArgumentList.Add(Tool.Need("unshare", "util-linux"));
        if (Native.geteuid() != 0)
        {
            start.ArgumentList.Add("--user");
            start.ArgumentList.Add("--map-root-user");
            if (HasSubordinateIds)
                start.ArgumentList.Add("--map-auto");
        }
        foreach (var flag in (string[])["--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"])
            start.ArgumentList.Add(flag);
        start.ArgumentList.Add(Environment.ProcessPath ?? throw new Failure("this program does not know its own path"));
        start.ArgumentList.Add("lab-hold");
        start.ArgumentList.Add(plan.Directory);
        start.ArgumentList.Add("--");
        foreach (var word in command)
            start.ArgumentList.Add(word);
    }

    /// <summary>
    /// The accounts that machines run under. An unprivileged user has accounts to give away only with subordinate ids
    /// (newuidmap(1)); without them, machines in his lab run as himself.
    /// </summary>
    static int UidBase =>
        Native.geteuid() == 0 ? 200_000 + 4096 * (Environment.ProcessId % 1000) : HasSubordinateIds ? 10_000 : 0;

    static bool HasSubordinateIds
    {
        get
        {
            if (Tool.Find("newuidmap") is null || Tool.Find("newgidmap") is null || !File.Exists("/etc/subuid"))
                return false;
            foreach (var line in File.ReadLines("/etc/subuid"))
            {
                if (line.StartsWith(Environment.UserName + ":", StringComparison.Ordinal))
                    return true;
            }
            return false;
        }
    }

    static string Explain(string why) => why.Contains("Operation not permitted", StringComparison.Ordinal)
        ? $"{why} (an unprivileged account needs user namespaces: kernel.unprivileged_userns_clone, "
            + $"user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)"
        : why;
}
