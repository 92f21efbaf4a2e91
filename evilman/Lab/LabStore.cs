using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Threading;

namespace Evilman.Lab;

/// <summary>
/// Where labs are remembered: one folder each in a folder of the user's own. A lab is alive while the process that
/// holds it together is; that process is named by its number and start time, so a number used again is never mistaken
/// for it.
/// </summary>
internal static class LabStore
{
    internal static string Root => Path.Combine(Path.GetTempPath(), $"evilman-{Native.geteuid()}");

    /// <summary>Makes the folder of a new lab.</summary>
    internal static string Create(string id)
    {
        if (!Path.Exists(Root))
            Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        OwnFolder.Demand(Root);
        var directory = Path.Combine(Root, id);
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return directory;
    }

    internal static IEnumerable<string> Directories()
    {
        if (!Path.Exists(Root))
            return [];
        OwnFolder.Demand(Root);
        var found = Directory.GetDirectories(Root);
        Array.Sort(found, StringComparer.Ordinal);
        return found;
    }

    internal static void RememberHolder(string directory, int pid) =>
        File.WriteAllText(Path.Combine(directory, "holder"), $"{pid} {StartTime(pid)}\n");

    /// <summary>The number of the living process that holds the lab, or 0 when it is dead or was never there.</summary>
    internal static int Holder(string directory)
    {
        var file = Path.Combine(directory, "holder");
        if (!File.Exists(file))
            return 0;
        var words = File.ReadAllText(file).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 2
            && int.TryParse(words[0], CultureInfo.InvariantCulture, out var pid)
            && ulong.TryParse(words[1], CultureInfo.InvariantCulture, out var start)
            && start != 0 && StartTime(pid) == start
            ? pid
            : 0;
    }

    /// <summary>
    /// Ends the lab's holder, and with its process namespace everything that runs in the lab; removes the folder.
    /// </summary>
    internal static void Remove(string directory)
    {
        var holder = Holder(directory);
        if (holder != 0)
        {
            var inner = ProcessTable.FirstChild(holder);
            if (inner != 0)
                Native.kill(inner, Native.SignalKill);
            Native.kill(holder, Native.SignalKill);
            for (var waited = 0; Holder(directory) != 0; waited++)
            {
                if (waited == 500)
                    throw new Failure($"process {holder}, which holds the lab in {directory}, does not end");
                Thread.Sleep(10);
            }
        }
        try
        {
            Directory.Delete(directory, recursive: true);
            if (Directory.GetFileSystemEntries(Root).Length == 0)
                Directory.Delete(Root);
        }
        catch (DirectoryNotFoundException)
        {
            // A demo that ended at this moment has tidied up after itself.
        }
    }

    /// <summary>
    /// In clock ticks since the machine started (proc(5), field 22); 0 when there is no such process, or it is a
    /// zombie.
    /// </summary>
    static ulong StartTime(int pid) =>
        ProcessTable.TryRead(pid, out var entry) && entry.State != 'Z' ? entry.StartTime : 0;
}
