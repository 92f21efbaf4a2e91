namespace Evilman;

/// <summary>What the process says to a script that called it. Documented in every help text.</summary>
public static class ExitCode
{
    /// <summary>Everything asked for was done.</summary>
    public const int Done = 0;

    /// <summary>A step failed; the reason is on standard error.</summary>
    public const int Failed = 1;

    /// <summary>The arguments make no sense; nothing was done.</summary>
    public const int Usage = 2;

    /// <summary>A node or a broker answered, and refused what it was asked for.</summary>
    public const int Refused = 3;

    /// <summary>There was no answer in time.</summary>
    public const int NoAnswer = 4;

    /// <summary>This machine or account lacks a permission or a program that the step needs.</summary>
    public const int Lacking = 5;

    /// <summary>A fault in this program (EX_SOFTWARE of sysexits.h).</summary>
    public const int Fault = 70;

    /// <summary>Interrupted by the user.</summary>
    public const int Interrupted = 130;
}
