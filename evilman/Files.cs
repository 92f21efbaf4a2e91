using System;
using System.IO;

namespace Evilman;

/// <summary>
/// Finds what belongs to this program: in the work tree (out/bin/evilman beside out/images/ and deploy/), or unpacked
/// from a distribution (everything in one folder), or installed. <c>EVILMAN_HOME</c> names another folder to look in
/// first.
/// </summary>
internal static class Files
{
    /// <param name="made">How one gets it: the end of the sentence that says that it is not there.</param>
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
                if (File.Exists(Path.Combine(folder, "Directory.Build.props"))
                    && Directory.Exists(Path.Combine(folder, "packetd")))
                    return folder;
            }
            return null;
        }
    }

    /// <summary>
    /// All of a file that has at most <paramref name="most"/> bytes, 2 GiB at the most. It need not be a regular file:
    /// what a pipe or a device gives is bounded in the same way.
    /// </summary>
    /// <param name="what">What the file should be, with its article, for the sentence that refuses it.</param>
    internal static byte[] Read(string file, int most, string what)
    {
        if (!Path.Exists(file))
            throw new Failure($"{file}: there is no such file");
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            var bytes = new byte[Math.Min(most, FirstRead)];
            for (var have = 0; ;)
            {
                var count = stream.Read(bytes, have, bytes.Length - have);
                have += count;
                if (count == 0)
                    return bytes[..have];
                if (have < bytes.Length)
                    continue;
                if (have == most)
                    return stream.ReadByte() < 0 ? bytes
                        : throw new Failure($"{file} is not {what}: it has more than {most} bytes");
                Array.Resize(ref bytes, (int)Math.Min(most, 2L * have));
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new Failure($"{file} cannot be read: {failure.Message}");
        }
    }

    const int FirstRead = 1 << 20;

    /// <summary>Where deploy.md installs it.</summary>
    const string Installed = "/usr/lib/evilman";

    static System.Collections.Generic.IEnumerable<string> Folders()
    {
        if (Environment.GetEnvironmentVariable("EVILMAN_HOME") is { Length: > 0 } home)
            yield return home;
        yield return Program.Folder;
        yield return Installed;
        if (WorkTree is { } tree)
        {
            foreach (var folder in (string[])["out/images", "out/bin", "out", "deploy"])
                yield return Path.Combine(tree, folder);
        }
    }
}
