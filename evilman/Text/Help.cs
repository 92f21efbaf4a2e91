using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Evilman.Text;

/// <summary>Adds examples and exit codes below the help text that System.CommandLine builds.</summary>
internal static class Help
{
    const int Narrowest = 40;

    static readonly Dictionary<Command, string> s_examples = [];

    /// <summary>Gives <paramref name="command"/> its examples: lines of "command line   what it does".</summary>
    internal static Command WithExamples(this Command command, string examples)
    {
        s_examples[command] = examples;
        return command;
    }

    /// <summary>Puts the examples into the help option that every command inherits from the root.</summary>
    internal static void Install(RootCommand root)
    {
        foreach (var option in root.Options)
        {
            if (option is not HelpOption { Action: HelpAction inner })
                continue;
            option.Action = new Action(inner);
            // The library also takes /? and the like, which its completion would offer with every command.
            option.Aliases.Clear();
            option.Aliases.Add("-h");
        }
    }

    internal sealed class Action(HelpAction inner) : SynchronousCommandLineAction
    {
        /// <summary>
        /// Columns of the terminal; null for those that it has. .NET's console is not asked: it would change the terminal's
        /// settings, in every command.
        /// </summary>
        internal int? Width { get; set; }

        public override int Invoke(ParseResult result)
        {
            // The library divides the width into columns, and fails or goes on for ever where there is no room for one.
            var width = Width ?? (Console.IsOutputRedirected ? int.MaxValue : Native.Columns(1));
            inner.MaxWidth = Math.Max(width, Narrowest);
            var code = inner.Invoke(result);
            var output = result.InvocationConfiguration.Output;
            if (s_examples.TryGetValue(result.CommandResult.Command, out var examples))
            {
                output.WriteLine("Examples:");
                foreach (var line in examples.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                    output.WriteLine(Fitted(line.TrimEnd()));
                output.WriteLine();
            }
            output.WriteLine("""
                Exit codes:
                  0  done                          3  a node or a broker answered, and refused
                  1  a step failed                 4  nobody answered in time
                  2  the arguments make no sense   5  a permission or a program is missing here
                """);
            return code;
        }

        /// <summary>An example; what it does is on a line of its own where both do not fit the terminal.</summary>
        string Fitted(string example)
        {
            const string Between = "   ";
            var does = example.LastIndexOf(Between, StringComparison.Ordinal) + Between.Length;
            return example.Length + 2 <= inner.MaxWidth || example.AsSpan(0, does).IsWhiteSpace()
                ? "  " + example
                : $"  {example[..does].TrimEnd()}{Environment.NewLine}      {example[does..]}";
        }
    }
}
