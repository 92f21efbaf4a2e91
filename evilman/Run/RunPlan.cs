using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Evilman.Lab;

namespace Evilman.Run;

/// <summary>A port of this machine that leads to one of the guest's.</summary>
internal sealed record PortPair(int Here, int Guest);

/// <summary>
/// What «evilman run» hands over to the part of it that runs inside the lab: two files in the lab's folder, this and
/// the guest's files.
/// </summary>
/// <param name="MoveSeconds">How often the guest moves by itself; 0 for never.</param>
internal sealed record RunPlan(string Name, IReadOnlyList<PortPair> Ports, long Memory, int PatienceSeconds,
    int MoveSeconds)
{
    static string File(LabPlan lab) => Path.Combine(lab.Directory, "run.json");

    internal static string FilesOf(LabPlan lab) => Path.Combine(lab.Directory, "run.cpio");

    /// <summary>
    /// A socket with a name, which is reached from inside the lab and from outside: the lab's network is not.
    /// </summary>
    internal static UnixDomainSocketEndPoint SocketOf(LabPlan lab, PortPair port) =>
        new(Path.Combine(lab.Directory, $"port-{port.Here}"));

    internal void Save(LabPlan lab, byte[] files)
    {
        System.IO.File.WriteAllBytes(FilesOf(lab), files);
        System.IO.File.WriteAllText(File(lab), JsonSerializer.Serialize(this, RunJson.Default.RunPlan));
    }

    internal static RunPlan Load(LabPlan lab) =>
        JsonSerializer.Deserialize(System.IO.File.ReadAllText(File(lab)), RunJson.Default.RunPlan)
            ?? throw new Failure($"{File(lab)} is empty");
}

[JsonSerializable(typeof(RunPlan))]
internal sealed partial class RunJson : JsonSerializerContext;
