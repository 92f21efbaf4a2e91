using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Evilman.Run;

/// <summary>
/// Reads on in a file that a machine's console is kept in (<see cref="Lab.BoundedLog"/>), line by line. What was lost
/// because it was not read in time is lost.
/// </summary>
internal sealed class ConsoleFollower(string path)
{
    const int MaxLineLength = 4096;

    long at;
    readonly StringBuilder line = new();
    readonly Decoder decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Lines that have come since it was asked last.</summary>
    internal List<string> Read()
    {
        var lines = new List<string>();
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (file.Length < at)
            {
                ReadFrom(Lab.BoundedLog.Older(path), lines);
                at = 0;
            }
            at = Take(file, lines);
        }
        catch (IOException)
        {
            // Not there yet.
        }
        return lines;
    }

    void ReadFrom(string older, List<string> lines)
    {
        using var file = new FileStream(older, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        Take(file, lines);
    }

    long Take(FileStream file, List<string> lines)
    {
        file.Seek(Math.Min(at, file.Length), SeekOrigin.Begin);
        var bytes = new byte[8192];
        var letters = new char[8192];
        for (int count; (count = file.Read(bytes)) > 0;)
        {
            foreach (var letter in letters.AsSpan(0, decoder.GetChars(bytes, 0, count, letters, 0)))
            {
                if (letter == '\n' || line.Length == MaxLineLength)
                {
                    lines.Add(line.ToString());
                    line.Clear();
                }
                if (letter is not ('\n' or '\r'))
                    line.Append(letter);
            }
        }
        return file.Position;
    }
}
