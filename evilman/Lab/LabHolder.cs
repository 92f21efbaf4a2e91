using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Threading;

namespace Evilman.Lab;

/// <summary>
/// The first process of a lab's own process namespace: builds the network, starts a packetd on each node, and then only
/// exists. When it ends, for whatever reason, the kernel ends everything else in the lab and takes the namespaces away.
/// </summary>
internal static class LabHolder
{
    /// <summary>
    /// Runs <paramref name="command"/> in the client's namespace and ends with it, or waits for the lab's time to run
    /// out.
    /// </summary>
    internal static int Hold(string directory, IReadOnlyList<string> command)
    {
        var plan = LabPlan.Load(directory);
        // a lab's nodes stand for machines of their own, which do not wait for what else runs here
        Native.RunBefore(Environment.ProcessId, -10);
        LabNetwork.Build(plan);
        foreach (var node in plan.Nodes)
            StartPacketd(plan, node);
        foreach (var node in plan.Nodes)
            AwaitPacketd(plan, node);
        if (plan.Rehearsal)
            StartServers(plan);
        File.WriteAllText(plan.ReadyFile, "");
        if (command.Count == 0)
        {
            Thread.Sleep(TimeSpan.FromSeconds(plan.LifetimeSeconds));
            return ExitCode.Done;
        }

        using var client = Process.Start(InNamespace(plan, "client", command))
            ?? throw new Failure($"{command[0]} does not start");
        if (!client.WaitForExit(TimeSpan.FromSeconds(plan.LifetimeSeconds)))
        {
            client.Kill();
            throw new Failure($"the lab's {plan.LifetimeSeconds} s are over");
        }
        return client.ExitCode;
    }

    /// <summary>How to start a program in one of the lab's network namespaces, from inside the lab.</summary>
    internal static ProcessStartInfo InNamespace(LabPlan plan, string part, IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo(Tool.Need("nsenter", "util-linux"));
        start.ArgumentList.Add("--net=" + plan.NamespacePath(part));
        start.ArgumentList.Add("--");
        foreach (var word in command)
            start.ArgumentList.Add(word);
        return start;
    }

    /// <summary>
    /// Starts the node's packetd with its log in a file, and notes its process number. What its machines write, which
    /// is any amount, goes through a pipe to a keeper.
    /// </summary>
    internal static void StartPacketd(LabPlan plan, LabNode node)
    {
        // The keeper is no child of packetd, so that all of packetd's children are machines; it ends when no process
        // can write to it any more. The shell only redirects and is then replaced, so the number of the process is
        // packetd's own.
        const string Script = """
            keeper=$1; shift
            mkfifo "$0.pipe"
            ("$keeper" lab-keep "$0.machines" <"$0.pipe" >/dev/null 2>&1 &)
            exec "$@" >"$0.pipe" 2>>"$0" </dev/null
            """;
        List<string> command =
            ["/bin/sh", "-c", Script, plan.LogFile(node), Environment.ProcessPath
                ?? throw new Failure("this program does not know its own path")];
        command.AddRange(PacketdCommand.For(plan, node));
        var process = Process.Start(InNamespace(plan, node.Name, command))
            ?? throw new Failure($"packetd of {node.Name} does not start");
        File.WriteAllText(plan.PidFile(node), process.Id.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The guest's two servers, without a guest.</summary>
    static void StartServers(LabPlan plan)
    {
        var folder = Path.Combine(plan.Directory, "www");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "index.html"), "<title>rehearsal</title>\n");
        foreach (var command in (string[][])[["nc", "-ll", "-p", "7", "-e", "/bin/busybox", "cat"],
            ["httpd", "-f", "-h", folder, "-p", "80"]])
            Process.Start(InNamespace(plan, "guest", ["/bin/busybox", .. command]));
    }

    /// <summary>
    /// Packetd says so when it is ready (up to a second after its start); a packetd that ends before that says why in
    /// its last one.
    /// </summary>
    static void AwaitPacketd(LabPlan plan, LabNode node)
    {
        var pid = int.Parse(File.ReadAllText(plan.PidFile(node)), CultureInfo.InvariantCulture);
        for (var waited = 0; waited < 500; waited++)
        {
            var log = File.Exists(plan.LogFile(node)) ? File.ReadAllText(plan.LogFile(node)) : "";
            if (!ProcessTable.Alive(pid))
                throw new Failure($"packetd of {node.Name} ended: {Tool.LastLine(log)}");
            if (log.Contains("ready as", System.StringComparison.Ordinal))
                return;
            Thread.Sleep(10);
        }
        throw new Failure($"packetd of {node.Name} is not ready after 5 s");
    }
}
