using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using Evilman.Demo;
using Evilman.Lab;
using Evilman.Net;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman demo</c>: builds a lab, plays the whole story in it, and takes it away.</summary>
internal static class DemoCommand
{
    sealed class Options
    {
        internal readonly Option<int> Moves = Values.CountOption("--moves", "How often the guest moves.", 5, 1, 1000);
        internal readonly Option<ByteSize> Memory = Values.BytesOption("--memory", "Memory of the guest.", "64M");
        internal readonly Option<int> MaximumFreeze =
            Values.CountOption("--max-freeze", "The longest acceptable median freeze, in milliseconds.", 50, 1, 60_000);
        internal readonly Option<Duration> Patience =
            Values.DurationOption("--timeout", "Patience with each step.", "60s");
        internal readonly Option<string> OutFolder = new("--out")
        {
            Description = "Where to draw the chart.",
            HelpName = "FOLDER",
            DefaultValueFactory = _ => "out",
        };
        internal readonly Option<bool> Plaintext = new("--plaintext")
        {
            Description = "Let the guest move unencrypted, to see what that costs.",
        };
        internal readonly Option<string?> Rehearse = new("--rehearse") { Hidden = true };

        internal Options() => Rehearse.AcceptOnlyFromAmong(RehearsalStage.Faults);

        internal void AddTo(Command command)
        {
            foreach (var option in (Option[])[Moves, Memory, MaximumFreeze, Patience, OutFolder, Plaintext, Rehearse])
                command.Options.Add(option);
        }
    }

    internal static Command Create()
    {
        var nodes = Values.CountOption("--nodes", "How many nodes.", 2, 2, LabPlan.MaxNodes);
        var monitors = LabCommand.MonitorsOption();
        var options = new Options();
        var command =
            new Command("demo", "Two nodes, a client, and a guest that moves itself while it is being used.") { nodes,
                monitors };
        options.AddTo(command);
        command.WithExamples("""
            evilman demo                                   five moves between two nodes
            evilman demo --moves 20 --nodes 3              twenty moves round three nodes
            evilman demo --monitors domain,qemu            to and fro between our monitor and QEMU
            """);
        command.SetAction(result =>
        {
            var rehearsal = result.GetValue(options.Rehearse) is not null;
            var moves = result.GetValue(options.Moves);
            var lifetime = 300 + moves * 60;
            var plan = LabLauncher.Prepare(result.GetValue(nodes), LabCommand.Monitors(result.GetValue(monitors)),
                lifetime, rehearsal);
            List<string> words = [Environment.ProcessPath!, "demo-run", plan.Directory,
                "--moves", moves.ToString(CultureInfo.InvariantCulture),
                "--memory", result.GetValue(options.Memory).ToString(),
                "--max-freeze", result.GetValue(options.MaximumFreeze).ToString(CultureInfo.InvariantCulture),
                "--timeout", result.GetValue(options.Patience).ToString(),
                "--out", Path.GetFullPath(result.GetValue(options.OutFolder)!)];
            if (result.GetValue(options.Plaintext))
                words.Add("--plaintext");
            if (rehearsal)
                words.AddRange(["--rehearse", result.GetValue(options.Rehearse)!]);
            return LabLauncher.RunInside(plan, words);
        });
        return command;
    }

    /// <summary>What runs in the client's namespace; not for people.</summary>
    internal static Command CreateRun()
    {
        var directory = new Argument<string>("directory");
        var options = new Options();
        var command = new Command("demo-run") { directory };
        command.Hidden = true;
        options.AddTo(command);
        command.SetAction(result =>
        {
            var plan = LabPlan.Load(result.GetValue(directory)!);
            Native.RunBefore(Environment.ProcessId, -15); // what measures must not wait behind what it measures
            Say.Title(plan.Rehearsal ? "A rehearsal: no nodes, no guest"
                : $"{plan.Nodes.Count} nodes and a client on one Ethernet");
            IStage stage = plan.Rehearsal
                ? new RehearsalStage(result.GetValue(options.Rehearse) ?? "none")
                : new LabStage(plan, result.GetValue(options.Memory), result.GetValue(options.Patience),
                    result.GetValue(options.Plaintext));
            var text = plan.Rehearsal ? 0 : Ring0.TextBytes(BootClient.ReadFile(plan.Packetd));
            var story = new DemoStory(stage, result.GetValue(options.Moves), result.GetValue(options.MaximumFreeze),
                result.GetValue(options.OutFolder)!);
            DemoResult outcome;
            try
            {
                outcome = story.Play(text, Ring0.Lines(Files.WorkTree));
            }
            catch (Failure failure) when (!plan.Rehearsal)
            {
                throw new Failure($"{failure.Message}; {KeepLogs(plan, result.GetValue(options.OutFolder)!)}",
                    failure.ExitCode);
            }
            if (!outcome.Good && !plan.Rehearsal)
                Say.Warn(KeepLogs(plan, result.GetValue(options.OutFolder)!));
            Say.Result(outcome.LastLine);
            return outcome.Good ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    /// <summary>
    /// The lab's folder goes with the lab; what its nodes and machines said is worth keeping when something went wrong.
    /// Returns where it is.
    /// </summary>
    internal static string KeepLogs(LabPlan plan, string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            foreach (var old in Directory.GetFiles(folder, "demo-node*"))
                File.Delete(old);
            foreach (var node in plan.Nodes)
            {
                var (log, machines) = (plan.LogFile(node), plan.MachinesLog(node));
                foreach (var (from, name) in ((string, string)[])[(log, "log"),
                    (BoundedLog.Older(machines), "machines.1"), (machines, "machines")])
                {
                    if (File.Exists(from))
                        BoundedLog.Copy(from, Path.Combine(folder, $"demo-{node.Name}.{name}"));
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return $"what the nodes said is lost: {failure.Message}";
        }
        return $"what the nodes said is in {folder}/demo-node*.log, the end of what their machines said in "
            + "demo-node*.machines";
    }
}
