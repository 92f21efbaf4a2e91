using System;
using System.Text;
using Spectre.Console;

namespace Evilman.Text;

/// <summary>
/// What the user reads. A terminal gets colour and rules; a pipe or a log gets the same words, one plain line each.
/// Results go to standard output, complaints to standard error. No text controls the terminal, wherever it came from
/// (<see cref="Printable"/>).
/// </summary>
internal static class Say
{
    internal static bool Interactive => !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;

    /// <summary>
    /// With --json: what people read is left out, and standard output has nothing but what <see cref="Plain"/> writes. Set
    /// by the command before it says anything.
    /// </summary>
    internal static bool IsForPrograms { get; set; }

    /// <summary>A headline of the story.</summary>
    internal static void Title(string text)
    {
        if (IsForPrograms)
            return;
        text = Printable.Of(text);
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
    internal static void Plain(string text) => Console.WriteLine(Printable.Of(text, keepLines: true));

    /// <summary>
    /// As <see cref="Plain"/>, for what comes as long as somebody reads it: the command ends when nobody does any more.
    /// </summary>
    /// <exception cref="System.IO.IOException">Nobody reads it, or it cannot be written.</exception>
    internal static void Followed(string text) =>
        Native.WriteOut(Encoding.UTF8.GetBytes(Printable.Of(text, keepLines: true) + "\n"));

    /// <summary>What came of it, in one line for a machine; a terminal breaks it between words.</summary>
    internal static void Result(string text)
    {
        text = Printable.Of(text, keepLines: true);
        if (Interactive)
            AnsiConsole.MarkupLine(Markup.Escape(text));
        else
            Console.WriteLine(text);
    }

    /// <summary>Why something was not done. Lost, and nothing else, where standard error is closed or full.</summary>
    internal static void Complain(string text)
    {
        try
        {
            const string Name = "evilman:";
            text = Printable.Of(text, keepLines: true);
            if (Console.IsErrorRedirected)
                Console.Error.WriteLine($"{Name} {text}");
            else
                Console.Error.WriteLine($"\e[31m{Name}\e[0m{Wrapped.To($"{Name} {text}", Native.Columns(2))[Name.Length..]}");
        }
        catch (Exception closed) when (closed is System.IO.IOException or UnauthorizedAccessException)
        {
        }
    }

    static void Line(string mark, string plainMark, string text, string? style = null)
    {
        if (IsForPrograms)
            return;
        text = Printable.Of(text);
        if (Console.IsOutputRedirected)
            Console.WriteLine($"{plainMark} {text}");
        else if (!Interactive)
            Console.WriteLine(Wrapped.To($"{plainMark} {text}", Native.Columns(1)));
        else
            AnsiConsole.MarkupLine(style is null ? $"{mark} {Markup.Escape(text)}"
                : $"{mark} [{style}]{Markup.Escape(text)}[/]");
    }
}
