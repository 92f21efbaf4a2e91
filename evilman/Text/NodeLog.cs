using System;
using System.Globalization;
using System.IO;
using System.Text.RegularExpressions;
using Wire;

namespace Evilman.Text;

/// <summary>
/// A node's log for people. packetd says why it refused a request by the number that is on the wire
/// (docs/protocols.md); whoever has no privileges has room for the words.
/// </summary>
internal static partial class NodeLog
{
    /// <summary>Characters; what is longer is shown in pieces.</summary>
    internal const int MaxLine = 4096;

    /// <summary>The line, and after the number of a refusal its sentence. Other lines are as they were.</summary>
    internal static string Explained(string line)
    {
        var refused = Refused().Match(line);
        if (!refused.Success
            || !byte.TryParse(refused.Groups[1].Value, CultureInfo.InvariantCulture, out var number)
            || !Enum.IsDefined((Refusal)number))
            return line;
        var end = refused.Index + refused.Length;
        return $"{line[..end]}: {((Refusal)number).Sentence()}{line[end..]}";
    }

    /// <summary>Tells each line when it has come, until there are no more.</summary>
    internal static void Explain(TextReader log, Action<string> tell)
    {
        var line = new char[MaxLine];
        var length = 0;
        for (int next; (next = log.Read()) >= 0;)
        {
            if (next != '\n')
            {
                line[length] = (char)next;
                length++;
            }
            if (next == '\n' || length == MaxLine)
            {
                tell(Explained(new string(line, 0, length)));
                length = 0;
            }
        }
        if (length > 0)
            tell(Explained(new string(line, 0, length)));
    }

    /// <summary>As LinuxHost.Refused of packetd says it, wherever it stands in a line of the journal's.</summary>
    [GeneratedRegex(@"refused a magic ping from [0-9.]+: reason ([0-9]{1,3})\b")]
    private static partial Regex Refused();
}
