using System;

namespace Fuzz;

/// <summary>The node did what it must never do; the message says what.</summary>
internal sealed class Violation(string message) : Exception(message)
{
    public static void When(bool wrong, string message)
    {
        if (wrong)
            throw new Violation(message);
    }
}
