using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using Wire;
using Xunit;

namespace Evilman.Tests;

public class CommandLineTests
{
    static (int Code, string Output) Run(params string[] words)
    {
        var output = new StringWriter();
        var code = Program.Root().Parse(words).Invoke(new InvocationConfiguration { Output = output, Error = output, EnableDefaultExceptionHandler = false });
        return (code, output.ToString());
    }

    [Theory]
    [InlineData("keygen")]
    [InlineData("mint")]
    [InlineData("ping")]
    [InlineData("boot")]
    [InlineData("lab")]
    [InlineData("lab", "up")]
    [InlineData("demo")]
    [InlineData("move")]
    [InlineData("end")]
    [InlineData("completion")]
    [InlineData("login")]
    [InlineData("buy")]
    [InlineData("pay")]
    [InlineData("refund")]
    [InlineData("machines")]
    [InlineData("nodes")]
    [InlineData("run")]
    [InlineData("ls")]
    [InlineData("top")]
    [InlineData("logs")]
    [InlineData("exec")]
    [InlineData("stop")]
    [InlineData("forward")]
    [InlineData("drain")]
    [InlineData("node")]
    [InlineData("node", "add")]
    [InlineData("node", "ls")]
    [InlineData("node", "rm")]
    [InlineData("node", "top")]
    [InlineData("node", "metrics")]
    [InlineData("node", "end")]
    [InlineData("ledger")]
    [InlineData("home")]
    public void Every_command_explains_itself_with_examples_and_exit_codes(params string[] command)
    {
        var (code, output) = Run([.. command, "--help"]);
        Assert.Equal(0, code);
        Assert.Contains("Examples:", output, StringComparison.Ordinal);
        Assert.Contains("evilman " + command[0], output, StringComparison.Ordinal);
        Assert.Contains("3  a node or a broker answered, and refused", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ping", "10.1")]
    [InlineData("ping", "10.0.0.1", "--count", "0")]
    [InlineData("ping", "10.0.0.1", "--timeout", "soon")]
    [InlineData("mint", "x", "--node", "nowhere")]
    [InlineData("mint", "x")]
    [InlineData("boot", "10.0.0.1", "--kernel", "k", "--memory", "lots")]
    [InlineData("lab", "up", "--nodes", "7")]
    [InlineData("move", "10.0.0.50", "10.0.0.2", "--leave", "10.0.0.1")]
    [InlineData("move", "10.0.0.50", "10.0.0.2", "--leave-key", "job.machine-key")]
    [InlineData("node", "add", "n1", "10.0.0.1")]
    [InlineData("node", "add", "n1", "10.0.0.1", "--key-file", "k", "--boot", "10.0.0.5-10.0.0.9")]
    [InlineData("node", "add", "n1", "10.0.0.1", "--key-file", "k", "--guests", "10.0.0.9-10.0.0.5")]
    [InlineData("move", "server")]
    [InlineData("move", "server", "n2", "--to", "n2")]
    [InlineData("run", "x", "--on", "n1", "--name", "1x")]
    [InlineData("exec", "server")]
    [InlineData("forward", "server")]
    [InlineData("forward", "server", "0")]
    [InlineData("forward", "server", "1:2:3")]
    [InlineData("run", "x", "--on", "n1", "--publish", "65536")]
    [InlineData("stop", "server", "--time", "soon")]
    [InlineData("completion", "tcsh")]
    [InlineData("buy", "1job", "--plan", "small", "--loader", "l")]
    [InlineData("buy", "job", "--loader", "l")]
    [InlineData("login", "a/b", "http://127.0.0.1:8090")]
    [InlineData("balance", "../job")]
    public void Arguments_that_make_no_sense_are_refused_while_parsing(params string[] words) =>
        Assert.NotEmpty(Program.Root().Parse(words).Errors);

    [Theory]
    [InlineData("runn", " has no command «runn»; run is one")]
    [InlineData("sotp", " has no command «sotp»; stop is one")]
    [InlineData("xyzzy", " has no command «xyzzy»")]
    public void A_mistyped_command_is_told_what_it_may_be(string word, string sentence) =>
        Assert.EndsWith(sentence, Program.WhichOf(Program.Root(), word), StringComparison.Ordinal);

    [Theory]
    [InlineData("move a --to b --verfy --limit 3", " move has no option «--verfy»; --verify is one")]
    [InlineData("move a b --xyzzy=3", " move has no option «--xyzzy»")]
    [InlineData("exec a -- --xyzzy", null)]
    [InlineData("move a b --help --version --limit 20 --rate=3", null)]
    public void What_looks_like_an_option_and_is_none_is_named(string words, string? sentence)
    {
        string[] typed = words.Split(' ');
        var said = Program.StrangeOption(Program.Root().Parse(typed).CommandResult.Command, typed);
        Assert.Equal(sentence, said?[said.IndexOf(" move ", StringComparison.Ordinal)..]);
    }

    [Theory]
    [InlineData("stop", "<name> is missing")]
    [InlineData("exec", "<name> and <command> are missing")]
    [InlineData("exec a", "<command> is missing")]
    [InlineData("ping 300.1.1.1", null)]
    [InlineData("lab down", null)]
    public void What_is_missing_is_named(string words, string? sentence) =>
        Assert.Equal(sentence, Program.Missing(Program.Root().Parse(words.Split(' ')).CommandResult));

    [Theory]
    [InlineData("move server --to n2 --verify --limit 20 --json")]
    [InlineData("top --json --count 1")]
    [InlineData("stop server --json")]
    public void Programs_are_moved_shown_and_stopped_for_programs_too(string words) => Assert.Empty(Program.Root().Parse(words).Errors);

    /// <summary>The others pass on what a program or a file says, or print text of a form that others have set.</summary>
    [Fact]
    public void Every_command_that_tells_something_tells_it_to_programs_too()
    {
        string[] others = ["logs", "exec", "forward", "guest-key", "completion", "demo", "demo-tokens", "metrics", "log", "down"];
        var leaves = Leaves(Program.Root()).ToList();
        Assert.InRange(leaves.Count, 30, 60);
        Assert.Equal(others.Order(), leaves.Where(command => command.Options.All(option => option.Name != "--json"))
            .Select(command => command.Name).Distinct().Order());
    }

    static IEnumerable<Command> Leaves(Command command) => command.Subcommands.Count == 0 ? [command]
        : command.Subcommands.Where(inner => !inner.Hidden).SelectMany(Leaves);

    [Theory]
    [InlineData(false, false, MoveFlags.None)]
    [InlineData(true, false, MoveFlags.Plaintext)]
    [InlineData(false, true, MoveFlags.Checksum | MoveFlags.Verify)]
    public void Who_verifies_a_move_has_every_page_hashed_at_both_ends(bool plaintext, bool verify, MoveFlags flags) =>
        Assert.Equal(flags, Commands.MoveCommand.Flags(plaintext, verify));

    [Fact]
    public void A_group_of_commands_tells_which_there_are()
    {
        var lab = Program.Root().Parse(["lab"]).CommandResult.Command;
        Assert.Contains(" lab takes a command: up, ", Program.WhichOf(lab, null), StringComparison.Ordinal);
        Assert.DoesNotContain("lab-hold", Program.WhichOf(Program.Root(), null), StringComparison.Ordinal);
    }

    [Fact]
    public void The_suggest_directive_offers_commands_and_options()
    {
        Assert.Contains("keygen", Run("[suggest:1]", "k").Output, StringComparison.Ordinal);
        Assert.Contains("--token", Run("[suggest:16]", "ping 10.0.0.1 --").Output, StringComparison.Ordinal);
        Assert.DoesNotContain("lab-hold", Run("[suggest:0]", "").Output, StringComparison.Ordinal);
    }
}
