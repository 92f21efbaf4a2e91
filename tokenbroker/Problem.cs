using System;

namespace Tokenbroker;

/// <summary>
/// Why something is not done, for whoever asked: a sentence that says what to do, and RFC 9457's members for programs.
/// </summary>
internal sealed class Problem(int status, string kind, string detail) : Exception(detail)
{
    /// <summary>The status of HTTP.</summary>
    internal int Status => status;

    /// <summary>The last part of the problem's type: a word that programs compare.</summary>
    internal string Kind => kind;

    internal static Problem Invalid(string detail) => new(400, "invalid", detail);

    internal static Problem NotFound(string detail) => new(404, "not-found", detail);

    internal static Problem Conflict(string kind, string detail) => new(409, kind, detail);
}
