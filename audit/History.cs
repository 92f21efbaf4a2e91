using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;

namespace Audit;

/// <summary>What git knows of earlier trees. Without git, or outside a repository, there is no history and no baseline.</summary>
internal static class History
{
    /// <summary>The last revisions that touched ring 0's folders, oldest first, with all code lines of their C# there.</summary>
    public static IReadOnlyList<(string Revision, int Lines)> Read(string root, int count)
    {
        string[] revisions = Git(root, ["log", $"-{count}", "--format=%h %s", "--", .. Measurement.RingZeroFolders]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return [.. revisions.Reverse().Select(line => (line, CountLines(root, line.Split(' ')[0])))];
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

    private static int CountLines(string root, string revision) =>
        Git(root, ["ls-tree", "-r", "--name-only", revision, .. Measurement.RingZeroFolders]).Split('\n').Where(file => file.EndsWith(".cs", StringComparison.Ordinal))
            .Sum(file => Git(root, "show", $"{revision}:{file}").Split('\n').Count(line => line.Trim() is { Length: > 0 } text && text is not ("{" or "}") && !text.StartsWith("//", StringComparison.Ordinal)));

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
