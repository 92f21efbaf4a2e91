using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;

namespace Audit.Tests.Layers;

/// <summary>
/// Calls from assembly by name: of a function that C# exports (RuntimeExport), or of a label of another folder's assembly. Those of what neither has, such as labels that
/// macros make, stay within their folder.
/// </summary>
internal static partial class UpwardCalls
{
    /// <summary>"folder name" of each that the map does not allow. A name that several folders have may be called by who may use one of them.</summary>
    public static IEnumerable<string> Find(string root, Map map)
    {
        ILookup<string, string> places = Defined(root, map).ToLookup(one => one.Name, one => one.Folder);
        return (from file in Project.Files(root, "", "*.S")
                let folder = map.FolderOf(file)
                where folder != null && !map.AllowsAll(folder)
                from Match call in Call().Matches(File.ReadAllText(Path.Combine(root, file)))
                let name = call.Groups[1].Value
                where places.Contains(name) && !places[name].Any(place => map.Allows(folder, place))
                select $"{folder} {name}").Distinct().Order();
    }

    /// <summary>The rows of the table "assembly in | calls of layers above" of a page, as <see cref="Find"/> has them.</summary>
    public static IEnumerable<string> Allowed(string page) =>
        from row in page.Split('\n').SkipWhile(line => !Heading().IsMatch(line)).Skip(2).TakeWhile(line => line.StartsWith('|'))
        let cells = row.Split('|')
        from Match name in Name().Matches(cells[2])
        select $"{cells[1].Trim().Trim('`')} {name.Groups[1].Value}";

    private static IEnumerable<(string Name, string Folder)> Defined(string root, Map map) =>
        from file in Project.Files(root, "", "*")
        where Path.GetExtension(file) is ".cs" or ".S"
        let folder = map.FolderOf(file)
        where folder != null && !map.AllowsAll(folder)
        let pattern = Path.GetExtension(file) == ".cs" ? Export() : Label()
        from Match match in pattern.Matches(File.ReadAllText(Path.Combine(root, file)))
        select (match.Groups[1].Value, folder);

    /// <summary>x86-64's CALL and JMP, also by way of a register, and arm64's BL and B.</summary>
    [GeneratedRegex(@"^[ \t]*(?:\w+:[ \t]+)?(?:call|jmp|bl|b|movabs)[ \t]+\$?([A-Za-z_]\w*)", RegexOptions.Multiline)]
    private static partial Regex Call();

    [GeneratedRegex(@"^\s*\[RuntimeExport\(""(\w+)""\)\]", RegexOptions.Multiline)]
    private static partial Regex Export();

    [GeneratedRegex(@"^([A-Za-z_]\w*):", RegexOptions.Multiline)]
    private static partial Regex Label();

    [GeneratedRegex(@"^\| *assembly in *\| *calls of layers above *\|")]
    private static partial Regex Heading();

    /// <summary>A name without a slash, which folders have, or words without one.</summary>
    [GeneratedRegex("`([a-z]+(?:_[a-z]+)+)`")]
    private static partial Regex Name();
}
