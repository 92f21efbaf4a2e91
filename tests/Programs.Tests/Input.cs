using System;
using System.Linq;
using System.Text;

namespace Programs.Tests;

/// <summary>What programs are given to read: lines of a number and seven words, in three parts.</summary>
internal static class Input
{
    public const int LinesOfPart = 200;

    private static readonly string[] s_words = ["apple", "bread", "cloud", "dream", "earth", "field", "grape", "house", "island", "jungle", "kettle", "lemon", "mountain",
        "night", "ocean", "paper", "quiet", "river", "stone", "table", "under", "valley", "water", "yellow", "zebra"];

    public static byte[][] Parts { get; } = Make();

    private static byte[][] Make()
    {
        var random = new Random(7);
        return [.. Enumerable.Range(0, 3).Select(part => Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(1, LinesOfPart)
            .Select(line => $"{part * LinesOfPart + line} {string.Join(' ', random.GetItems(s_words, 7))}\n"))))];
    }
}
