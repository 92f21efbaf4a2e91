using System.Collections.Generic;

namespace Evilman.Lab;

/// <summary>How a node's packetd is started; the one place that knows its options.</summary>
internal static class PacketdCommand
{
    internal static IEnumerable<string> For(LabPlan plan, LabNode node) =>
    [
        plan.Packetd,
        "--link", "eth0",
        "--address", node.Address,
        "--key-file", plan.KeyFile(node),
        "--monitor", node.Monitor,
        "--firmware", plan.Firmware,
        "--offload", node.Offload ? "on" : "off",
    ];
}
