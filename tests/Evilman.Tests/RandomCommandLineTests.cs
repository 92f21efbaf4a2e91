using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace Evilman.Tests;

/// <summary>Whatever is typed, the answer is a sentence and an exit code, never a stack trace.</summary>
public class RandomCommandLineTests(ITestOutputHelper output)
{
    const int Lines = 10_000, Started = 100;

    /// <summary>Values that are right for something, and values that are right for nothing.</summary>
    static readonly string[] s_values =
    [
        "10.0.0.1", "10.0.0.1/24", "10.0.0.1/33", "010.077.0.1", "1.2", "256.0.0.1", "::1", "abc", "", " ", "0", "1", "-1", "+1", "1e3", "0x10",
        "2147483648", "99999999999999999999999", "64M", "1G", "9223372036854775807T", "30s", "2147483647d", "00:00:30", "-", "--", "---", "--=", "=",
        "@", "@/dev/null", "@/nonexistent", "@/", "/dev/zero", "/dev/full", "/proc/self/mem", "/nonexistent/x", ".", "\n", "\0", "\u001b[31m", "«»", "\uD800",
        "{", "}", "[", "]", "[/]", "[red]", "%s%n", "'", "\"", "\\", "$(x)", "a b", "ü", "🙂", "[suggest]", "[suggest:0]", "[suggest:-1]",
        "[suggest:99999999999]", "[diagram]", "[env:A=B]", new('x', 5000),
    ];

    [Fact]
    public void Ten_thousand_random_lines_are_taken_or_refused_in_sentences()
    {
        var run = new RandomRun(Lines);
        while (run.Next())
        {
            var line = RandomLine(run.Random);
            try
            {
                Judge(line);
            }
            catch (Exception any)
            {
                Assert.Fail($"{run}, «{string.Join("» «", line)}»: {any}");
            }
        }
        output.WriteLine($"evilman: {run}");
    }

    /// <summary>The shipped binary, with lines that it must refuse: what it would do with the others is not for a test's machine.</summary>
    [Fact]
    public void The_shipped_binary_refuses_in_sentences()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var started = 0; started < Started;)
        {
            var line = RandomLine(random);
            if (Array.Exists(line, static word => word.Contains('\0')) || !IsRefused(Program.Parse(line)))
                continue;
            started++;
            var (code, output, error) = Start(line);
            var told = $"seed {seed}, «{string.Join("» «", line)}»: exit code {code}, {error}";
            Assert.True(code == ExitCode.Usage, told);
            Assert.True(output.Length == 0, told + output);
            foreach (var sentence in error.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                Assert.True(sentence.StartsWith("evilman: ", StringComparison.Ordinal) || !sentence.Contains("   at ", StringComparison.Ordinal), told);
        }
    }

    [Theory]
    [InlineData("ping", "10.0.0.1", "--count", "abc")]
    [InlineData("lab", "up", "--nodes", "two")]
    [InlineData("demo", "--moves", "x")]
    [InlineData("boot", "10.0.0.1", "--kernel", "k", "--wait-port", "")]
    public void A_number_that_is_none_is_refused_by_name(params string[] line)
    {
        var (code, _, error) = Start(line);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(line[^2] + ": «" + line[^1] + "» is not a number from ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2>&-", 2)]
    [InlineData("2>/dev/full", 2)]
    [InlineData("<&- >&- 2>&-", 2)]
    public void A_closed_or_full_standard_error_changes_nothing_but_the_words(string redirection, int code)
    {
        using var shell = Process.Start("/bin/sh", ["-c", $"exec \"$0\" ping 1.2 {redirection}", LabTests.Program]);
        shell.WaitForExit();
        Assert.Equal(code, shell.ExitCode);
    }

    /// <summary>A log that goes on for ever, and nobody who reads any more: the command ends by itself at the next line.</summary>
    [Fact]
    public void A_log_that_nobody_reads_any_more_ends()
    {
        var start = new ProcessStartInfo(LabTests.Program, ["node", "log"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var evilman = Process.Start(start)!;
        try
        {
            evilman.StandardInput.WriteLine("one");
            evilman.StandardInput.Flush();
            Assert.Equal("one", evilman.StandardOutput.ReadLine());
            evilman.StandardOutput.Close();
            evilman.StandardInput.WriteLine("two");
            evilman.StandardInput.Flush();
            Assert.True(evilman.WaitForExit(60_000), "it goes on");
            Assert.Equal(ExitCode.Failed, evilman.ExitCode);
        }
        finally
        {
            evilman.Kill();
        }
    }

    [Fact]
    public void Help_fits_any_terminal()
    {
        for (var width = 1; width < 90; width++)
        {
            var root = Program.Root();
            var output = new StringWriter();
            foreach (var option in root.Options)
            {
                if (option is HelpOption { Action: Evilman.Text.Help.Action action })
                    action.Width = width;
            }
            var configuration = new InvocationConfiguration { Output = output, EnableDefaultExceptionHandler = false };
            Assert.Equal(0, root.Parse(["boot", "--help"]).Invoke(configuration));
            Assert.Contains("--boot-address", output.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void No_line_of_help_is_wider_than_a_terminal_of_eighty_columns()
    {
        foreach (var command in Commands(Program.Root()))
        {
            var root = Program.Root();
            foreach (var option in root.Options)
            {
                if (option is HelpOption { Action: Evilman.Text.Help.Action action })
                    action.Width = 80;
            }
            var output = new StringWriter();
            string[] path = [.. command.Parents.OfType<Command>().Where(parent => parent is not RootCommand).Select(parent => parent.Name), command.Name, "--help"];
            Assert.Equal(0, root.Parse(command is RootCommand ? ["--help"] : path).Invoke(new InvocationConfiguration { Output = output }));
            Assert.DoesNotContain(output.ToString().Split('\n'), line => line.TrimEnd().Length > 80);
        }
    }

    [Fact]
    public void What_help_gives_as_a_default_is_taken_as_a_value()
    {
        foreach (var command in Commands(Program.Root()))
        {
            foreach (var option in command.Options)
            {
                if (!option.HasDefaultValue || option is HelpOption || option.GetDefaultValue() is not { } value || value is bool)
                    continue;
                var errors = command.Parse([option.Name, value.ToString()!]).Errors;
                Assert.DoesNotContain(errors, error => error.Message.Contains(option.Name + ": ", StringComparison.Ordinal));
            }
        }
    }

    static void Judge(string[] line)
    {
        var result = Program.Parse(line);
        foreach (var error in result.Errors)
        {
            Assert.False(string.IsNullOrWhiteSpace(error.Message));
            Assert.DoesNotContain("   at ", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("System.", error.Message, StringComparison.Ordinal);
        }
        if (result.Action is Evilman.Text.Help.Action help)
        {
            result.InvocationConfiguration.Output = TextWriter.Null;
            help.Invoke(result);
        }
        if (result.Errors.Count > 0)
            return;
        // What a command would read, it can read.
        foreach (var option in result.CommandResult.Command.Options)
            _ = result.GetResult(option)?.GetValueOrDefault<object>();
        foreach (var argument in result.CommandResult.Command.Arguments)
            _ = result.GetResult(argument)?.GetValueOrDefault<object>();
    }

    static bool IsRefused(ParseResult result) => result.Errors.Count > 0 && result.Action is ParseErrorAction;

    static string[] RandomLine(Random random)
    {
        var words = new List<string>();
        Command command = Program.Root();
        while (command.Subcommands.Count > 0 && random.Next(8) != 0)
        {
            command = command.Subcommands[random.Next(command.Subcommands.Count)];
            words.Add(command.Name);
        }
        for (var count = random.Next(9); count > 0; count--)
        {
            var options = command.Options;
            var option = options.Count == 0 ? "--none" : options[random.Next(options.Count)].Name;
            words.Add(random.Next(5) switch
            {
                0 => option,
                1 => $"{option}={Value(random)}",
                2 => Mutated(random, option),
                _ => Value(random),
            });
        }
        return [.. words];
    }

    static string Value(Random random)
    {
        var value = s_values[random.Next(s_values.Length)];
        return random.Next(4) == 0 ? Mutated(random, value) : value;
    }

    static string Mutated(Random random, string text)
    {
        var result = new StringBuilder(text);
        for (var count = random.Next(1, 4); count > 0; count--)
        {
            var at = random.Next(result.Length + 1);
            if (at < result.Length && random.Next(2) == 0)
                result.Remove(at, 1);
            else
                result.Insert(at, (char)random.Next(1, 256));
        }
        return result.ToString();
    }

    static IEnumerable<Command> Commands(Command command)
    {
        yield return command;
        foreach (var child in command.Subcommands)
        {
            foreach (var inner in Commands(child))
                yield return inner;
        }
    }

    static (int Code, string Output, string Error) Start(string[] line)
    {
        var start = new ProcessStartInfo(LabTests.Program, line) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
