using System.Collections.Generic;
using System.Globalization;

namespace Evilman.Lab;

/// <summary>How a node's packetd is started; the one place that knows its options.</summary>
internal static class PacketdCommand
{
    internal static IEnumerable<string> For(LabPlan plan, LabNode node) =>
    [
        LabNetwork.Staged(plan.Packetd),
        "--link", "eth0",
        "--address", node.Address,
        "--key-file", plan.KeyFile(node),
        "--monitor", LabNetwork.Staged(node.Monitor),
        "--firmware", LabNetwork.Staged(plan.Firmware),
        "--uid-base", plan.UidBase.ToString(CultureInfo.InvariantCulture),
    ];
}
