using System;
using System.Text;

namespace Evilman.Text;

/// <summary>Sentences that are longer than a terminal is wide.</summary>
internal static class Wrapped
{
    const int Indent = 2;
    const int Narrowest = 20;

    /// <summary>
    /// The text broken at its spaces, what follows indented, so that no line has more than <paramref name="columns"/>
    /// characters but for words that are longer. Spaces at the beginning of its lines stay.
    /// </summary>
    internal static string To(string text, int columns)
    {
        columns = Math.Max(columns, Narrowest);
        var all = new StringBuilder(text.Length + 16);
        foreach (var line in text.Split('\n'))
        {
            if (all.Length > 0)
                all.Append('\n');
            var start = line.Length - line.TrimStart(' ').Length;
            all.Append(' ', start);
            var (at, isFirst) = (start, true);
            foreach (var word in line[start..].Split(' '))
            {
                if (!isFirst && at + 1 + word.Length > columns)
                {
                    all.Append('\n').Append(' ', start + Indent);
                    at = start + Indent;
                }
                else if (!isFirst)
                {
                    all.Append(' ');
                    at++;
                }
                all.Append(word);
                at += word.Length;
                isFirst = false;
            }
        }
        return all.ToString();
    }
}
