using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Evilman.Lab;

namespace Evilman.Run;

/// <summary>A port of this machine that leads to one of the guest's.</summary>
internal sealed record PortPair(int Here, int Guest)
{
    /// <summary>PORT, or HERE:PORT.</summary>
    internal static bool TryParse(string text, out PortPair pair)
    {
        var parts = text.Split(':');
        var isGood = TryPort(parts[0], out var here) & TryPort(parts[^1], out var guest) & parts.Length <= 2;
        pair = new PortPair(here, guest);
        return isGood;
    }

    static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= 65535;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Here}:{Guest}");
}

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

    /// <summary>There once the guest has been booted, so that its program may be asked to end.</summary>
    internal static string BegunFile(LabPlan lab) => Path.Combine(lab.Directory, "run.begun");

    /// <summary>Made by who wants the program to end.</summary>
    internal static string StopFile(LabPlan lab) => Path.Combine(lab.Directory, "run.stop");

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
