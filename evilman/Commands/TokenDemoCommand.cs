using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using Evilman.Demo;
using Evilman.Lab;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman demo-tokens</c>: builds a lab with a broker, plays the life of a paid machine, and takes it away.</summary>
internal static class TokenDemoCommand
{
    const int Nodes = 2;
    const int LifetimeSeconds = 600;

    sealed class Options
    {
        internal readonly Option<bool> Brief = new("--brief")
        {
            Description = "The same story with shorter times.",
        };
        internal readonly Option<Duration> Patience =
            Values.DurationOption("--timeout", "Patience with each step.", "60s");
        internal readonly Option<string> OutFolder = new("--out")
        {
            Description = "Where to leave the nodes' logs when something went wrong.",
            HelpName = "FOLDER",
            DefaultValueFactory = _ => "out",
        };

        internal void AddTo(Command command)
        {
            foreach (var option in (Option[])[Brief, Patience, OutFolder])
                command.Options.Add(option);
        }
    }

    internal static Command Create()
    {
        var options = new Options();
        var command = new Command("demo-tokens",
            "A broker, two nodes and a customer: machines that are bought, run low, are paid by home, move, are given "
                + "back, and end.");
        options.AddTo(command);
        command.WithExamples("""
            evilman demo-tokens                            the whole life of a paid machine, in two minutes
            """);
        command.SetAction(result =>
        {
            var times = result.GetValue(options.Brief) ? TokenTimes.Brief : TokenTimes.Full;
            var plan = LabLauncher.Prepare(Nodes, LabCommand.Monitors(LabLauncher.StandardMonitor), LifetimeSeconds,
                grace: times.Grace);
            List<string> words = [Environment.ProcessPath!, "demo-tokens-run", plan.Directory,
                "--timeout", result.GetValue(options.Patience).ToString(),
                "--out", Path.GetFullPath(result.GetValue(options.OutFolder)!)];
            if (result.GetValue(options.Brief))
                words.Add("--brief");
            return LabLauncher.RunInside(plan, words);
        });
        return command;
    }

    /// <summary>What runs in the client's namespace; not for people.</summary>
    internal static Command CreateRun()
    {
        var directory = new Argument<string>("directory");
        var options = new Options();
        var command = new Command("demo-tokens-run") { directory };
        command.Hidden = true;
        options.AddTo(command);
        command.SetAction(result =>
        {
            var plan = LabPlan.Load(result.GetValue(directory)!);
            Say.Title($"{plan.Nodes.Count} nodes, a broker and a customer on one Ethernet");
            TokenResult outcome;
            try
            {
                using var stage = new TokenStage(plan, result.GetValue(options.Patience));
                outcome = new TokenStory(stage, result.GetValue(options.Brief) ? TokenTimes.Brief : TokenTimes.Full)
                    .Play();
            }
            catch (Failure failure)
            {
                throw new Failure($"{failure.Message}; {DemoCommand.KeepLogs(plan, result.GetValue(options.OutFolder)!)}",
                    failure.ExitCode);
            }
            foreach (var complaint in outcome.Complaints)
                Say.Warn(complaint);
            if (!outcome.Good)
                Say.Warn(DemoCommand.KeepLogs(plan, result.GetValue(options.OutFolder)!));
            Say.Result(outcome.LastLine);
            return outcome.Good ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }
}
