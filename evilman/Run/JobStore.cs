using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Minting;

namespace Evilman.Run;

/// <summary>The programs that run, a file of mode 0600 each: jobs/NAME.json beside the inventory, or in a lab's folder.</summary>
internal sealed class JobStore(string folder)
{
    const string Suffix = ".json";
    const int MaxFileSize = 1 << 20;

    readonly string folder = Path.Combine(folder, "jobs");

    internal IEnumerable<string> Names => Directory.Exists(folder)
        ? Directory.GetFiles(folder, "*" + Suffix).Select(path => Path.GetFileNameWithoutExtension(path)!)
            .Where(Inventory.IsName).Order(StringComparer.Ordinal)
        : [];

    internal RunningJob? Find(string name) => File.Exists(PathOf(name)) ? Read(name) : null;

    /// <summary>What all of them have of addresses.</summary>
    internal HashSet<string> Addresses()
    {
        var taken = new HashSet<string>();
        foreach (var name in Names)
        {
            if (Find(name) is not { } job)
                continue;
            taken.Add(job.Guest);
            taken.Add(job.Machine.Boot);
            if (job.Next is { } next)
                taken.Add(next.Boot);
        }
        return taken;
    }

    /// <summary>While it is held, nobody else begins or forgets a job, or chooses addresses.</summary>
    internal FileStream Lock()
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return FileLock.Take(Path.Combine(folder, ".lock"), "the list of jobs");
    }

    /// <summary>While it is held, nobody else moves or stops that job.</summary>
    internal FileStream Lock(string name) =>
        FileLock.Take(Path.Combine(folder, name + ".lock"), $"the job {name}");

    /// <summary>On the disk when it returns.</summary>
    internal void Save(string name, RunningJob job)
    {
        SecretFile.Write(PathOf(name), JsonSerializer.SerializeToUtf8Bytes(job, JobJson.Default.RunningJob), replace: true);
        Native.SyncFolder(folder);
    }

    internal void Remove(string name)
    {
        File.Delete(PathOf(name));
        File.Delete(Path.Combine(folder, name + ".lock"));
    }

    string PathOf(string name) => Path.Combine(folder, name + Suffix);

    RunningJob? Read(string name)
    {
        var path = PathOf(name);
        try
        {
            return JsonSerializer.Deserialize(Files.Read(path, MaxFileSize, "a job"), JobJson.Default.RunningJob)
                ?? throw new Failure($"{path} is empty");
        }
        catch (JsonException wrong)
        {
            throw new Failure($"{path} is not what evilman wrote: {wrong.Message}");
        }
    }
}
