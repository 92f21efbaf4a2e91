using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Evilman.Net;

namespace Evilman.Lab;

/// <summary>One node of a lab: a network namespace with a link and a <c>packetd</c> on it.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Monitor">Path of the monitor program.</param>
/// <param name="MonitorName">The word the user chose it by: <c>domain</c>, <c>qemu</c> or a path.</param>
/// <param name="Beside">Programs that have to lie beside the monitor.</param>
public sealed record LabNode(int Number, string Monitor, string MonitorName, IReadOnlyList<string> Beside)
{
    public string Name => $"node{Number}";

    /// <summary>The letter a story calls it by.</summary>
    [JsonIgnore]
    public char Letter => (char)('A' + Number - 1);

    [JsonIgnore]
    public string Address => $"{LabPlan.Prefix}.{Number}";

    /// <summary>
    /// The boot address of the node's <paramref name="turn"/>th domain. Each node has twenty of its own, used in turn,
    /// so that neither an address nor the MAC derived from it is reused while anybody may still remember it.
    /// </summary>
    public string BootAddress(int turn) => $"{LabPlan.Prefix}.{100 + 20 * (Number - 1) + turn % 20}";

    [JsonIgnore]
    internal AddressRange BootAddresses => new(IPAddress.Parse(BootAddress(0)), IPAddress.Parse(BootAddress(19)), 24);
}

/// <summary>
/// Everything about one lab, written to its directory before anything is created, so that a later command can find and
/// remove it. All addresses are inside 10.77.0.0/24, in namespaces of the lab's own without a way out.
/// </summary>
public sealed record LabPlan(string Id, string Directory, string Packetd, string Launcher, string Firmware,
    IReadOnlyList<LabNode> Nodes, int UidBase, int LifetimeSeconds, bool Rehearsal)
{
    internal const string Prefix = "10.77.0";
    internal const int MaxNodes = 6;
    internal const string ClientAddress = Prefix + ".250";
    internal const string GuestAddress = Prefix + ".50";

    /// <summary>Seconds that a machine runs on its nodes when nothing is paid any more.</summary>
    public int Grace { get; init; } = 60;

    /// <summary>What «evilman run --on» gives to guests.</summary>
    internal static AddressRange GuestAddresses { get; } =
        new(IPAddress.Parse(Prefix + ".51"), IPAddress.Parse(Prefix + ".99"), null);

    /// <summary>
    /// The name of a namespace of this lab: <paramref name="part"/> is "lan", "client" or a node's name.
    /// </summary>
    public string Namespace(string part) => $"evilman-{Id}-{part}";

    public string NamespacePath(string part) => $"/run/netns/{Namespace(part)}";

    public string KeyFile(LabNode node) => Path.Combine(Directory, node.Name + ".key");

    public string LogFile(LabNode node) => Path.Combine(Directory, node.Name + ".log");

    /// <summary>The end of what the node's machines write, a <see cref="BoundedLog"/>.</summary>
    public string MachinesLog(LabNode node) => LogFile(node) + ".machines";

    /// <summary>Holds the process number (inside the lab) of the node's packetd.</summary>
    public string PidFile(LabNode node) => Path.Combine(Directory, node.Name + ".pid");

    [JsonIgnore]
    public string PlanFile => Path.Combine(Directory, "lab.json");

    /// <summary>Appears when every packetd runs; holds nothing.</summary>
    [JsonIgnore]
    public string ReadyFile => Path.Combine(Directory, "ready");

    /// <summary>What the process that holds the lab together has to say.</summary>
    [JsonIgnore]
    public string HolderLog => Path.Combine(Directory, "holder.log");

    public void Save() => File.WriteAllText(PlanFile, JsonSerializer.Serialize(this, LabJson.Default.LabPlan));

    public static LabPlan Load(string directory)
    {
        if (!File.Exists(Path.Combine(directory, "lab.json")))
            throw new Failure($"the lab in {directory} has only just begun, or ended");
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(Path.Combine(directory, "lab.json")),
                LabJson.Default.LabPlan)
                ?? throw new Failure($"{directory}/lab.json is empty");
        }
        catch (JsonException broken)
        {
            throw new Failure($"{directory}/lab.json is damaged: {broken.Message}");
        }
    }
}

[JsonSerializable(typeof(LabPlan))]
[JsonSourceGenerationOptions(WriteIndented = true)]
internal sealed partial class LabJson : JsonSerializerContext;
