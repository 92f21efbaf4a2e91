using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Audit;

/// <summary>What git knows of earlier trees. Without git, or outside a repository, there is no history and no baseline.</summary>
internal static class History
{
    /// <summary>
    /// The last revisions that changed the budget, oldest first, with the budget that each agreed on: the same units as what is measured
    /// now. A revision whose budget cannot be read is left out.
    /// </summary>
    public static IReadOnlyList<(string Revision, int Lines, long TextBytes)> Read(string root, int count)
    {
        const string File = "audit/budget.json";
        var found = new List<(string Revision, int Lines, long TextBytes)>();
        string log = Git(root, "log", $"-{count}", "--format=%h %s", "--", File);
        foreach (string line in log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Reverse())
        {
            if (TryRead(Git(root, "show", $"{line.Split(' ')[0]}:{File}"), out int lines, out long textBytes))
                found.Add((line, lines, textBytes));
        }
        return found;
    }

    private static bool TryRead(string budget, out int lines, out long textBytes)
    {
        (lines, textBytes) = (0, 0);
        try
        {
            using JsonDocument document = JsonDocument.Parse(budget);
            return document.RootElement.TryGetProperty("lines", out JsonElement first) && first.TryGetInt32(out lines)
                && document.RootElement.TryGetProperty("textBytes", out JsonElement second) && second.TryGetInt64(out textBytes);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>A revision's tree, in a folder of its own.</summary>
    public static string Export(string root, string revision)
    {
        string folder = Directory.CreateTempSubdirectory("audit").FullName;
        using Process git = Process.Start(new ProcessStartInfo("sh", ["-c", "git -C \"$0\" archive \"$1\" | tar -x -C \"$2\"", root, revision, folder]))!;
        git.WaitForExit();
        if (!File.Exists(Path.Combine(folder, "packetd/packetd.csproj")))
            throw new InvalidDataException($"There is no packetd in {revision}.");
        return folder;
    }

    private static string Git(string root, params string[] arguments)
    {
        try
        {
            using Process git = Process.Start(new ProcessStartInfo("git", ["-C", root, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string output = git.StandardOutput.ReadToEnd();
            git.WaitForExit();
            return git.ExitCode == 0 ? output : "";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "";
        }
    }
}
