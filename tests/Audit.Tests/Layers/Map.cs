using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;

namespace Audit.Tests.Layers;

/// <summary>
/// The table at the head of docs/architecture.md: "folder | what | may use". A folder's row holds for all that lies below it, unless rows for
/// folders below it exist: then it holds for the files that lie in the folder itself.
/// </summary>
internal sealed partial class Map
{
    /// <summary>Stands in the last column of a folder that may use every other.</summary>
    private const string Everything = "everything";

    private readonly Dictionary<string, HashSet<string>> uses = [];

    private Map()
    {
    }

    /// <summary>The folders that have rows.</summary>
    public IEnumerable<string> Folders => uses.Keys;

    /// <exception cref="InvalidDataException">There is no table, a row is there twice, or a row names a folder that has none.</exception>
    public static Map Read(string page)
    {
        Map map = new();
        IEnumerable<string> rows = page.Split('\n').SkipWhile(line => !Heading().IsMatch(line)).Skip(2).TakeWhile(line => line.StartsWith('|'));
        foreach (string row in rows)
        {
            string[] cells = row.Split('|');
            string[] folder = [.. Quoted(cells[1])];
            if (cells.Length != 5 || folder.Length != 1 || !map.uses.TryAdd(folder[0], cells[3].Trim() == Everything ? [Everything] : [.. Quoted(cells[3])]))
                throw new InvalidDataException($"not a row, or a second one for its folder: {row}");
        }
        if (map.uses.Count == 0)
            throw new InvalidDataException("no table \"folder | what | may use\"");
        foreach ((string folder, HashSet<string> uses) in map.uses)
            foreach (string used in uses)
                if (used != Everything && !map.uses.ContainsKey(used) && !map.uses.Keys.Any(other => other.StartsWith(used + "/", StringComparison.Ordinal)))
                    throw new InvalidDataException($"`{folder}` may use `{used}`, which has no row");
        return map;
    }

    /// <summary>The row that holds for a file; null: there is none.</summary>
    /// <param name="file">From the repository's root.</param>
    public string? FolderOf(string file)
    {
        string folder = Path.GetDirectoryName(file)!;
        for (string at = folder; at.Length > 0; at = Path.GetDirectoryName(at)!)
        {
            if (uses.ContainsKey(at))
                return at == folder || !uses.Keys.Any(other => other.StartsWith(at + "/", StringComparison.Ordinal)) ? at : null;
        }
        return null;
    }

    /// <summary>
    /// A folder may use itself and what its row names. A name that has no row of its own stands for all rows below it; one that has a row stands for
    /// that row alone, which holds for the files in the folder itself where there are rows below it.
    /// </summary>
    public bool Allows(string from, string to) => from == to || AllowsAll(from)
        || uses[from].Any(used => used == to || !uses.ContainsKey(used) && to.StartsWith(used + "/", StringComparison.Ordinal));

    public bool AllowsAll(string from) => uses[from].Contains(Everything);

    private static IEnumerable<string> Quoted(string cell) => CodeSpan().Matches(cell).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"^\| *folder *\| *what *\| *may use *\|")]
    private static partial Regex Heading();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpan();
}
