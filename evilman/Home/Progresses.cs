using System;
using System.IO;
using System.Text.Json;
using System.Text.Json.Serialization;
using Evilman.Minting;

namespace Evilman.Home;

/// <summary>Remembers how far jobs were.</summary>
internal interface IProgressStore
{
    Progress? Find(string job);

    /// <summary>On the disk when it returns.</summary>
    void Save(string job, Progress progress);
}

/// <summary>A file for each job: home/NAME.json beside the inventory.</summary>
internal sealed class ProgressStore(string folder) : IProgressStore
{
    const int MaxFileSize = 4096;

    readonly string folder = Path.Combine(folder, "home");

    public Progress? Find(string job)
    {
        var path = PathOf(job);
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonSerializer.Deserialize(Files.Read(path, MaxFileSize, "a job's progress"),
                ProgressJson.Default.Progress);
        }
        catch (JsonException wrong)
        {
            throw new Failure($"{path} is not what evilman wrote: {wrong.Message}");
        }
    }

    public void Save(string job, Progress progress)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        SecretFile.Write(PathOf(job), JsonSerializer.SerializeToUtf8Bytes(progress, ProgressJson.Default.Progress),
            replace: true);
    }

    string PathOf(string job) => Path.Combine(folder, job + ".json");
}

[JsonSerializable(typeof(Progress))]
internal sealed partial class ProgressJson : JsonSerializerContext;
