using System;

namespace Evilman;

/// <summary>A failure that its reader can act on: one sentence, and the exit code that goes with it.</summary>
public sealed class Failure : Exception
{
    public Failure(string sentence, int exitCode = Evilman.ExitCode.Failed)
        : base(sentence) => ExitCode = exitCode;

    /// <summary>One of the constants of <see cref="Evilman.ExitCode"/>.</summary>
    public int ExitCode { get; }

    /// <summary>Whether all that is wrong is that the time for it was over.</summary>
    public bool IsLate { get; init; }

    public static Failure Usage(string sentence) => new(sentence, Evilman.ExitCode.Usage);

    public static Failure Lacking(string sentence) => new(sentence, Evilman.ExitCode.Lacking);

    public static Failure NoAnswer(string sentence) => new(sentence, Evilman.ExitCode.NoAnswer);
}
