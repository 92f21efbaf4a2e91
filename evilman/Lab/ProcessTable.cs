using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;

namespace Evilman.Lab;

/// <summary>One process as /proc shows it (proc(5), /proc/PID/stat).</summary>
internal readonly record struct ProcessEntry(int Pid, string Name, char State, int Parent, ulong StartTime);

/// <summary>Looks at processes. Only living ones count: a zombie holds nothing.</summary>
internal static class ProcessTable
{
    internal static bool TryRead(int pid, out ProcessEntry entry)
    {
        entry = default;
        string text;
        try
        {
            text = File.ReadAllText($"/proc/{pid}/stat");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
        // The name stands in parentheses and may itself hold parentheses and blanks: the last one ends it.
        var open = text.IndexOf('(');
        var close = text.LastIndexOf(')');
        var rest = text[(close + 2)..].Split(' ');
        entry = new ProcessEntry(pid, text[(open + 1)..close], rest[0][0],
            int.Parse(rest[1], CultureInfo.InvariantCulture), ulong.Parse(rest[19], CultureInfo.InvariantCulture));
        return true;
    }

    internal static List<ProcessEntry> All()
    {
        var found = new List<ProcessEntry>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var pid)
                && TryRead(pid, out var entry) && entry.State != 'Z')
                found.Add(entry);
        }
        return found;
    }

    internal static List<ProcessEntry> Children(int parent) => All().FindAll(entry => entry.Parent == parent);

    /// <summary>The program's name and arguments; empty when the process has gone.</summary>
    internal static string[] Arguments(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (IOException)
        {
            return [];
        }
    }

    /// <summary>The number of a child of <paramref name="parent"/>, or 0.</summary>
    internal static int FirstChild(int parent)
    {
        var children = Children(parent);
        return children.Count == 0 ? 0 : children[0].Pid;
    }

    internal static bool Alive(int pid) => TryRead(pid, out var entry) && entry.State != 'Z';
}
