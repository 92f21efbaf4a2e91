using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using Evilman.Commands;
using Evilman.Text;

namespace Evilman;

/// <summary>The one command that operators and customers type.</summary>
public static class Program
{
    public static int Main(string[] args)
    {
        try
        {
            return Run(args);
        }
        catch (Exception any)
        {
            return Explain(any, args);
        }
    }

    static int Run(string[] args)
    {
        if (args.Length == 0)
        {
            Parse(["--help"]).Invoke(new InvocationConfiguration { Output = Console.Error });
            return ExitCode.Usage;
        }
        var result = Parse(args);
        if (result.Errors.Count == 0 || result.Action is not System.CommandLine.Invocation.ParseErrorAction)
            return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        if (result.CommandResult.Command is { Subcommands.Count: > 0 } group)
            Say.Complain(WhichOf(group, result.UnmatchedTokens.FirstOrDefault()));
        else if (StrangeOption(result.CommandResult.Command, args) is { } option)
            Say.Complain(option);
        else if (Missing(result.CommandResult) is { } missing)
            Say.Complain(missing);
        else
        {
            // Some of its messages are lists of lines.
            foreach (var error in result.Errors)
                Say.Complain(string.Join(' ', error.Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        }
        Say.Complain($"see «{Path(result.CommandResult.Command)} --help»");
        return ExitCode.Usage;
    }

    /// <summary>
    /// For a command whose words make no sense: the first of them that looks like an option, and is none of its options. It would be taken for
    /// an argument, and the others be complained about.
    /// </summary>
    internal static string? StrangeOption(Command command, IEnumerable<string> words)
    {
        var names = command.Options.Concat(Root().Options).SelectMany(option => option.Aliases.Prepend(option.Name)).ToList();
        var strange = words.TakeWhile(word => word != "--").Where(word => word.StartsWith("--", StringComparison.Ordinal))
            .Select(word => word.Split('=')[0]).FirstOrDefault(word => !names.Contains(word));
        if (strange is null)
            return null;
        var close = names.Where(name => Distance(name, strange) <= 2).MinBy(name => Distance(name, strange));
        return $"{Path(command)} has no option {Values.Quoted(strange)}" + (close is null ? "" : $"; {close} is one");
    }

    /// <summary>For a command that was not given all of its arguments: which are missing.</summary>
    internal static string? Missing(System.CommandLine.Parsing.CommandResult result)
    {
        var missing = result.Command.Arguments.Where(argument => argument.Arity.MinimumNumberOfValues > 0
            && !argument.HasDefaultValue && result.GetResult(argument) is null or { Tokens.Count: 0 }).Select(argument => $"<{argument.Name}>").ToList();
        return missing.Count == 0 ? null : $"{string.Join(" and ", missing)} {(missing.Count == 1 ? "is" : "are")} missing";
    }

    /// <summary>For a command that takes another one as its first word, and was given none, or a wrong one.</summary>
    internal static string WhichOf(Command group, string? word)
    {
        var names = group.Subcommands.Where(command => !command.Hidden).Select(command => command.Name).ToList();
        if (word is null)
            return $"{Path(group)} takes a command: {string.Join(", ", names)}";
        var close = names.Where(name => name.Length > 2 && Distance(name, word) <= 2)
            .OrderBy(name => Distance(name, word)).ThenBy(name => Math.Abs(name.Length - word.Length)).FirstOrDefault();
        return $"{Path(group)} has no command {Values.Quoted(word)}" + (close is null ? "" : $"; {close} is one");
    }

    /// <summary>How many letters have to be put in, left out or changed to make one of the other (Levenshtein).</summary>
    static int Distance(string one, string other)
    {
        const int MaxWordLength = 64;
        if (other.Length > MaxWordLength)
            return int.MaxValue;
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                var least = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (one[i - 1] == other[j - 1] ? 0 : 1));
                (diagonal, row[j]) = (row[j], least);
            }
        }
        return row[^1];
    }

    /// <summary>Says in a sentence what went wrong; whatever it was, the user gets no stack trace.</summary>
    static int Explain(Exception any, string[] args)
    {
        switch (any)
        {
            case AggregateException { InnerException: { } inner }:
                return Explain(inner, args);
            case Failure failure:
                Say.Complain(failure.Message);
                return failure.ExitCode;
            case OperationCanceledException:
                return ExitCode.Interrupted;
            case System.IO.IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException:
                Say.Complain(any.Message);
                return ExitCode.Failed;
            case InvalidOperationException when args is [var first, ..]
                && first.StartsWith("[suggest", StringComparison.Ordinal):
                // The library fails to suggest behind a quote that is still open; then there is nothing to suggest.
                return ExitCode.Done;
            default:
                Say.Complain($"this is a fault in evilman, please report it: {any.GetType().Name}: {any.Message}");
                return ExitCode.Fault;
        }
    }

    /// <summary>Words are taken as they are typed: none names a file with more of them.</summary>
    internal static ParseResult Parse(string[] args) =>
        Root().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });

    /// <summary>The whole command tree; tests parse with it.</summary>
    public static RootCommand Root()
    {
        var root = new RootCommand("Evil Man: virtual machines that migrate themselves, on nodes that need not be "
            + "trusted with it.");
        root.WithExamples("""
            evilman demo                                   the whole story on this machine, in a minute
            evilman run ./server --port 8080               a program of yours, in a guest that can move
            evilman keygen node1.key                       a secret that a node and its broker share
            evilman ping 10.0.0.1                          is the node there?
            evilman boot 10.0.0.1 --key-file node1.key …   a machine on that node, running your kernel
            evilman completion bash >/etc/bash_completion.d/evilman
            """);
        root.Subcommands.Add(RunCommand.Create());
        root.Subcommands.Add(RunCommand.CreateInside());
        foreach (var command in JobCommands.All())
            root.Subcommands.Add(command);
        root.Subcommands.Add(KeygenCommand.Create());
        root.Subcommands.Add(MintCommand.Create());
        root.Subcommands.Add(PingCommand.Create());
        root.Subcommands.Add(LoginCommand.Create());
        root.Subcommands.Add(NodesCommand.Create());
        root.Subcommands.Add(NodeCommand.Create());
        root.Subcommands.Add(BuyCommand.Create());
        root.Subcommands.Add(MachinesCommand.Create());
        root.Subcommands.Add(LedgerCommand.Create());
        root.Subcommands.Add(HomeCommand.Create());
        root.Subcommands.Add(BootCommand.Create());
        root.Subcommands.Add(MoveCommand.Create());
        root.Subcommands.Add(EndCommand.Create());
        root.Subcommands.Add(PayCommand.Create());
        root.Subcommands.Add(BalanceCommand.Create());
        root.Subcommands.Add(RefundCommand.Create());
        root.Subcommands.Add(GuestKeyCommand.Create());
        root.Subcommands.Add(LabCommand.Create());
        root.Subcommands.Add(LabCommand.CreateHolder());
        root.Subcommands.Add(LabCommand.CreateKeeper());
        root.Subcommands.Add(DemoCommand.Create());
        root.Subcommands.Add(DemoCommand.CreateRun());
        root.Subcommands.Add(TokenDemoCommand.Create());
        root.Subcommands.Add(TokenDemoCommand.CreateRun());
        root.Subcommands.Add(CompletionCommand.Create());
        Help.Install(root);
        return root;
    }

    /// <summary>Where this program lies.</summary>
    internal static string Folder => System.IO.Path.GetDirectoryName(Environment.ProcessPath) ?? ".";

    static string Path(Command command)
    {
        var path = command.Name;
        foreach (var parent in command.Parents)
        {
            if (parent is Command outer)
                return $"{Path(outer)} {path}";
        }
        return path;
    }
}
