using System.Globalization;
using System.Text;

namespace Evilman.Text;

/// <summary>
/// Text of others as a terminal may get it. What a guest, a node or a file says is shown, and never steers the
/// terminal: escape sequences (ECMA-48), DEL, the C1 controls and the format characters that turn the order of a line
/// round are replaced.
/// </summary>
public static class Printable
{
    /// <summary>
    /// The text with a question mark for every character that is none to be seen. Line feeds stay only if asked for.
    /// </summary>
    public static string Of(string text, bool keepLines = false)
    {
        var shown = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) // half a surrogate pair comes as U+FFFD
            shown.Append(IsSeen(rune) || (keepLines && rune.Value == '\n') ? rune.ToString() : "?");
        return shown.ToString();
    }

    static bool IsSeen(Rune rune) => Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator);
}
