using System.Globalization;
using System.Text;

namespace Evilman.Run;

/// <summary>Users and groups by the names that a guest's files give them (passwd(5), group(5)).</summary>
internal static class UserName
{
    /// <param name="text">USER or USER:GROUP, each a name or a number; a user without a group has his own.</param>
    internal static (uint User, uint Group) Find(GuestFiles files, string text)
    {
        var words = text.Split(':');
        if (words.Length > 2 || words[0].Length == 0)
            throw Failure.Usage($"--user: «{Text.Printable.Of(text)}» is not USER or USER:GROUP");
        var row = Row(files, "etc/passwd", words[0]);
        var user = Number(words[0]) ?? Number(row, 2)
            ?? throw Failure.Usage($"--user: these files have no user «{Text.Printable.Of(words[0])}» in /etc/passwd");
        if (words.Length == 1)
            return (user, Number(row, 3) ?? user);
        var group = Number(words[1]) ?? Number(Row(files, "etc/group", words[1]), 2)
            ?? throw Failure.Usage($"--user: these files have no group «{Text.Printable.Of(words[1])}» in /etc/group");
        return (user, group);
    }

    /// <summary>The line that begins with the name, or of a number has it in the third place.</summary>
    static string[]? Row(GuestFiles files, string path, string name)
    {
        if (files.Resolve(path) is not { } file)
            return null;
        foreach (var line in Encoding.UTF8.GetString(file.Member.Content).Split('\n'))
        {
            var words = line.Split(':');
            if (words.Length > 2 && (words[0] == name || (Number(name) is not null && words[2] == name)))
                return words;
        }
        return null;
    }

    static uint? Number(string[]? row, int at) => row is not null && row.Length > at ? Number(row[at]) : null;

    static uint? Number(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number != uint.MaxValue
            ? number : null;
}
