using System;
using Spectre.Console;

namespace Evilman.Text;

/// <summary>
/// What the user reads. A terminal gets colour and rules; a pipe or a log gets the same words, one plain line each.
/// Results go to standard output, complaints to standard error.
/// </summary>
internal static class Say
{
    internal static bool Interactive => !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;

    internal static readonly IAnsiConsole Error = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>A headline of the story.</summary>
    internal static void Title(string text)
    {
        if (Interactive)
            AnsiConsole.Write(new Rule($"[bold]{Markup.Escape(text)}[/]").LeftJustified());
        else
            Console.WriteLine($"== {text}");
    }

    /// <summary>Something that has just been done.</summary>
    internal static void Step(string text) => Line("[green]✓[/]", "-", text);

    /// <summary>A detail under the last step.</summary>
    internal static void Note(string text) => Line("[grey]·[/]", " ", text, "grey");

    /// <summary>Something that is not as it should be, though the work goes on.</summary>
    internal static void Warn(string text) => Line("[yellow]![/]", "!", text);

    /// <summary>One line for a machine or a person, as it is.</summary>
    internal static void Plain(string text) => Console.WriteLine(text);

    internal static void Complain(string text)
    {
        if (!Console.IsErrorRedirected)
            Error.MarkupLine($"[red]evilman:[/] {Markup.Escape(text)}");
        else
            Console.Error.WriteLine($"evilman: {text}");
    }

    static void Line(string mark, string plainMark, string text, string? style = null)
    {
        if (!Interactive)
            Console.WriteLine($"{plainMark} {text}");
        else
            AnsiConsole.MarkupLine(style is null ? $"{mark} {Markup.Escape(text)}" : $"{mark} [{style}]{Markup.Escape(text)}[/]");
    }
}
