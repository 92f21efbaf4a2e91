using System;
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.IO;
using Tokenbroker.Commands;

namespace Tokenbroker;

/// <summary>
/// Sells, resupplies and redeems tokens. Exit codes: 0 done, 1 not done, 2 the arguments make no sense, 70 a fault.
/// </summary>
internal static class Program
{
    private const int Failed = 1, Usage = 2, Fault = 70;
    private const int Width = 80;

    internal static int Main(string[] args)
    {
        ParseResult result = Root().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Errors.Count > 0 && result.Action is ParseErrorAction)
        {
            foreach (ParseError error in result.Errors)
                Complain(error.Message);
            Complain($"see «{Path(result.CommandResult.Command)} --help»");
            return Usage;
        }
        try
        {
            return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception any)
        {
            return Explain(any);
        }
    }

    private static int Explain(Exception any)
    {
        switch (any)
        {
            case AggregateException { InnerException: { } inner }:
                return Explain(inner);
            case Problem or IOException or UnauthorizedAccessException:
                Complain(any.Message);
                return Failed;
            case System.Data.Common.DbException:
                Complain($"the database failed: {any.Message}");
                return Failed;
            default:
                Complain($"this is a fault in tokenbroker, please report it: {any.GetType().Name}: {any.Message}");
                return Fault;
        }
    }

    /// <summary>Lost, and nothing else, where standard error is closed or full.</summary>
    private static void Complain(string sentence)
    {
        try
        {
            Console.Error.WriteLine($"tokenbroker: {sentence}");
        }
        catch (Exception closed) when (closed is IOException or UnauthorizedAccessException)
        {
        }
    }

    internal static RootCommand Root()
    {
        RootCommand root = new("Sells, resupplies and redeems the tokens that machines live on.");
        Place place = new();
        place.AddTo(root);
        root.Subcommands.Add(ServeCommand.Create(place));
        root.Subcommands.Add(InitCommand.Create(place));
        root.Subcommands.Add(NodeCommands.Create(place));
        root.Subcommands.Add(PlanCommands.Create(place));
        root.Subcommands.Add(CustomerCommands.Create(place));
        root.Subcommands.Add(CustomerCommands.CreateDeposit(place));
        root.Subcommands.Add(KeepCommands.CreateVerify(place));
        root.Subcommands.Add(KeepCommands.CreateBackup(place));
        root.Subcommands.Add(KeepCommands.CreateRestore(place));
        foreach (Option option in root.Options)
        {
            if (option is HelpOption { Action: HelpAction help })
            {
                help.MaxWidth = Width;
                option.Aliases.Clear();
                option.Aliases.Add("-h");
            }
        }
        return root;
    }

    private static string Path(Command command)
    {
        foreach (System.CommandLine.Symbol parent in command.Parents)
        {
            if (parent is Command outer)
                return $"{Path(outer)} {command.Name}";
        }
        return command.Name;
    }
}
