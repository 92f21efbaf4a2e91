using System.Collections.Generic;
using System.Globalization;

namespace Evilman.Lab;

/// <summary>How a node's packetd is started; the one place that knows its options, and its machines'.</summary>
internal static class PacketdCommand
{
    /// <param name="launcherOptions">What the lab's machines usually do without.</param>
    internal static IEnumerable<string> For(LabPlan plan, LabNode node, params IEnumerable<string> launcherOptions) =>
    [
        LabNetwork.Staged(plan.Packetd),
        "--link", "eth0",
        "--address", node.Address,
        "--key-file", plan.KeyFile(node),
        "--uid-base", plan.UidBase.ToString(CultureInfo.InvariantCulture),
        LabNetwork.Staged(plan.Launcher),
        .. launcherOptions,
        LabNetwork.Staged(node.Monitor),
        LabNetwork.Staged(plan.Firmware),
    ];
}
