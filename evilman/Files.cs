using System;
using System.IO;

namespace Evilman;

/// <summary>
/// Finds what belongs to this program: in the work tree (out/bin/evilman beside out/images/ and deploy/), or unpacked from
/// a distribution (everything in one folder). <c>EVILMAN_HOME</c> names another folder to look in first.
/// </summary>
internal static class Files
{
    internal static string Image(string name, string made) => Find(name, made);

    internal static string Find(string name, string made)
    {
        foreach (var folder in Folders())
        {
            var path = Path.Combine(folder, name);
            if (File.Exists(path))
                return Path.GetFullPath(path);
        }
        throw Failure.Lacking($"«{name}» is not there: {made}");
    }

    /// <summary>The root of the work tree that this program was built in, or null.</summary>
    internal static string? WorkTree
    {
        get
        {
            for (var folder = Program.Folder; folder is not null; folder = Path.GetDirectoryName(folder))
            {
                if (File.Exists(Path.Combine(folder, "Directory.Build.props")) && Directory.Exists(Path.Combine(folder, "packetd")))
                    return folder;
            }
            return null;
        }
    }

    static System.Collections.Generic.IEnumerable<string> Folders()
    {
        if (Environment.GetEnvironmentVariable("EVILMAN_HOME") is { Length: > 0 } home)
            yield return home;
        yield return Program.Folder;
        if (WorkTree is { } tree)
        {
            foreach (var folder in (string[])["out/images", "out/bin", "out", "deploy"])
                yield return Path.Combine(tree, folder);
        }
    }
}
