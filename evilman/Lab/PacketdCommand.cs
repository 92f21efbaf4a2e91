using System.Collections.Generic;
using System.Globalization;

namespace Evilman.Lab;

/// <summary>How a node's packetd is started; the one place that knows its options, and its machines'.</summary>
internal static class PacketdCommand
{
    /// <summary>More than a packetd runs at a time.</summary>
    const int MaxMachines = 64;

    /// <param name="launcherOptions">What the lab's machines usually do without.</param>
    internal static IEnumerable<string> For(LabPlan plan, LabNode node, params IEnumerable<string> launcherOptions) =>
    [
        LabNetwork.Staged(plan.Packetd),
        "--link", "eth0",
        "--address", node.Address,
        "--key-file", plan.KeyFile(node),
        "--grace", plan.Grace.ToString(CultureInfo.InvariantCulture),
        "--uid-base", UidBase(plan, node).ToString(CultureInfo.InvariantCulture),
        LabNetwork.Staged(plan.Launcher),
        .. launcherOptions,
        LabNetwork.Staged(node.Monitor),
        LabNetwork.Staged(plan.Firmware),
    ];

    /// <summary>
    /// A node has no user in common with another: it would refuse to run machines as users that have processes.
    /// </summary>
    static int UidBase(LabPlan plan, LabNode node) =>
        plan.UidBase == 0 ? 0 : plan.UidBase + MaxMachines * (node.Number - 1);
}
