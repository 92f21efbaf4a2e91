using System;
using System.Runtime.CompilerServices;
using System.Text;

namespace Fuzz;

/// <summary>The node did what it must never do; the message says what.</summary>
internal sealed class Violation(string message) : Exception(message)
{
    public static void When(bool wrong, string message)
    {
        if (wrong)
            throw new Violation(message);
    }

    public static void When(bool wrong, [InterpolatedStringHandlerArgument(nameof(wrong))] ref Text message)
    {
        if (wrong)
            throw new Violation(message.Sentence);
    }

    /// <summary>A message that is put together only when something is wrong: that is never, thousands of times a second.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Text
    {
        private readonly StringBuilder? text;

        public Text(int literalLength, int formattedCount, bool wrong, out bool enabled)
        {
            enabled = wrong;
            text = wrong ? new StringBuilder(literalLength + formattedCount * 8) : null;
        }

        public string Sentence => text!.ToString();

        public void AppendLiteral(string part) => text!.Append(part);

        public void AppendFormatted<T>(T part) => text!.Append(part);
    }
}
