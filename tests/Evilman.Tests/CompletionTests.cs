using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Xunit;

namespace Evilman.Tests;

/// <summary>The completion scripts in the shells that they are for, with the published program: bash always, zsh and fish where they are installed.</summary>
public sealed class CompletionTests : IDisposable
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-completion-");

    public CompletionTests()
    {
        Directory.CreateDirectory(Path.Combine(folder.FullName, "sub"));
        foreach (var file in new[] { "one file.key", "other", "sub/inner" })
            File.WriteAllText(Path.Combine(folder.FullName, file), "");
    }

    public void Dispose() => folder.Delete(recursive: true);

    /// <summary>What is typed, and what is offered, separated by |.</summary>
    public static TheoryData<string, string> Offers => new()
    {
        { "evilman ", "balance|boot|buy|completion|demo|demo-tokens|drain|end|exec|forward|guest-key|home|keygen|lab|ledger|login|logs|ls|machines|mint|move|node|nodes|pay|ping|refund|run|stop|top" },
        { "evilman k", "keygen" },
        { "evilman lab ", "down|exec|status|up" },
        { "evilman lab u", "up" },
        { "evilman completion z", "zsh" },
        { "evilman ping 10.0.0.1 --t", "--timeout|--token" },
        { "evilman nothing-like-it", "" },
    };

    /// <summary>The function that bash calls, with the variables that it sets (bash(1), Programmable Completion).</summary>
    [Theory]
    [MemberData(nameof(Offers))]
    [InlineData("  evilman   lab u", "up")]
    [InlineData("evilman boot 10.0.0.1 --kernel ot", "")] // a file: bash itself goes on
    [InlineData("evilman boot 10.0.0.1 --kernel \"one f", "")]
    public void Bash_offers(string line, string offered) => Assert.Equal(offered, Run("bash", """
        set -eu
        source <(evilman completion bash)
        complete -p evilman | grep -q -- '-o default -F _evilman'
        COMP_LINE=$1 COMP_POINT=${#1}
        _evilman evilman
        printf '%s\n' "${COMPREPLY[@]}"
        """, line));

    /// <summary>The line is finished with the tabulator and run: what it prints tells that it was what it should be.</summary>
    [NeedsFact("script")]
    public void Bash_finishes_a_line_that_is_typed()
    {
        File.WriteAllText(Path.Combine(folder.FullName, "rc"), "bind 'set bell-style none'\nsource <(evilman completion bash)\n");
        string output = Run("script", null, "-qec", "TERM=dumb bash --rcfile rc -i", "/dev/null", input: "evilman comp\tz\t\nexit\n");
        Assert.Contains("#compdef evilman", output, StringComparison.Ordinal);
    }

    [NeedsTheory("fish")]
    [MemberData(nameof(Offers))]
    [InlineData("evilman boot 10.0.0.1 --kernel o", "one file.key|other")]
    [InlineData("evilman boot 10.0.0.1 --kernel \"one f", "one file.key")]
    [InlineData("evilman boot 10.0.0.1 --kernel=su", "--kernel=sub/")]
    public void Fish_offers(string line, string offered) =>
        Assert.Equal(offered, Run("fish", "evilman completion fish | source; complete -C \"$argv[1]\"", line));

    /// <summary>A shell behind a terminal of its own (zshmodules(1), zsh/zpty): each line is typed, finished with the tabulator, and read off the screen.</summary>
    [NeedsTheory("zsh")]
    [InlineData("evilman k", "evilman keygen ")]
    [InlineData("evilman lab u", "evilman lab up ")]
    [InlineData("evilman lab ", "*down*exec*status*up*")]
    [InlineData("evilman ping 10.0.0.1 --to", "evilman ping 10.0.0.1 --token ")]
    [InlineData("evilman boot 10.0.0.1 --kernel ot", "evilman boot 10.0.0.1 --kernel other ")]
    [InlineData("evilman boot 10.0.0.1 --kernel=su", "evilman boot 10.0.0.1 --kernel=sub/")]
    public void Zsh_finishes(string line, string finished)
    {
        string output = Run("zsh", """
            zmodload zsh/zpty
            zpty shell 'PS1= TERM=dumb zsh -f -i'
            zpty -w shell 'autoload -U compinit; compinit -u -D; unsetopt beep zle_bracketed_paste; source <(evilman completion zsh); print ready''-now'
            zpty -r shell seen '*ready-now*'
            zpty -w -n shell "$1"$'\t'
            zpty -r shell seen "*${~2}*" && print -r -- found
            """, line, finished);
        Assert.EndsWith("found", output, StringComparison.Ordinal);
    }

    /// <summary>Runs a program, with a script for its -c where there is one, in a folder of three files; its output's lines with | between them.</summary>
    string Run(string program, string? script, params string[] words) => Run(program, script, words, "");

    string Run(string program, string? script, string one, string two, string three, string input) => Run(program, script, [one, two, three], input);

    string Run(string program, string? script, string[] words, string input)
    {
        var start = new ProcessStartInfo("timeout") { RedirectStandardInput = true, RedirectStandardOutput = true, WorkingDirectory = folder.FullName };
        start.ArgumentList.Add("20");
        start.ArgumentList.Add(program);
        if (script is not null)
        {
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add(script);
            if (program != "fish")
                start.ArgumentList.Add(program);
        }
        foreach (var word in words)
            start.ArgumentList.Add(word);
        start.Environment["PATH"] = Path.GetDirectoryName(LabTests.Program) + ":" + start.Environment["PATH"];
        start.Environment["HOME"] = start.Environment["XDG_CONFIG_HOME"] = start.Environment["XDG_DATA_HOME"] = folder.FullName;
        using var process = Process.Start(start)!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return string.Join('|', output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}

/// <summary>A test of a program that not every machine has.</summary>
public sealed class NeedsFactAttribute : FactAttribute
{
    public NeedsFactAttribute(string program) => Skip = Reason(program);

    /// <summary>Null, or that the program is not installed.</summary>
    internal static string? Reason(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program))) ? null : program + " is not installed here";
}

/// <inheritdoc cref="NeedsFactAttribute"/>
public sealed class NeedsTheoryAttribute : TheoryAttribute
{
    public NeedsTheoryAttribute(string program) => Skip = NeedsFactAttribute.Reason(program);
}
