using System.IO;
using System.Text;

namespace Evilman.Lab;

/// <summary>
/// The lab's Ethernet: one bridge in a namespace of its own, and from it one veth pair into each node's and the
/// client's namespace. Only the client's link has an address the kernel knows: a node's address is packetd's business.
/// </summary>
internal static class LabNetwork
{
    const int Mtu = 1500;
    const int QueueLength = 1000;
    const string StageFolder = "/run/evilman";
    static readonly UnixFileMode s_readableByAll = (UnixFileMode)0b111_101_101;

    internal static void Build(LabPlan plan)
    {
        var ip = Tool.Need("ip", "iproute2");
        // The holder's mount namespace is its own; a fresh /run keeps the host's /run/netns untouched and unseen.
        if (Native.mount("tmpfs", "/run", "tmpfs", 0, "mode=755,size=128m") < 0)
            throw Failure.Lacking($"cannot mount a private /run for the lab: {Native.LastError()}");
        Directory.CreateDirectory("/run/netns");
        Stage(plan);

        var lan = plan.Namespace("lan");
        var script = new StringBuilder();
        script.Append($"netns add {lan}\n");
        script.Append($"netns add {plan.Namespace("client")}\n");
        foreach (var node in plan.Nodes)
            script.Append($"netns add {plan.Namespace(node.Name)}\n");
        AppendPair(script, lan, plan.Namespace("client"), "client");
        if (plan.Rehearsal)
        {
            script.Append($"netns add {plan.Namespace("guest")}\n");
            AppendPair(script, lan, plan.Namespace("guest"), "guest");
        }
        foreach (var node in plan.Nodes)
            AppendPair(script, lan, plan.Namespace(node.Name), node.Name);
        Tool.Run(ip, ["-batch", "-"], script.ToString());

        SwitchIpv6Off(plan, "lan");
        script.Clear();
        script.Append("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n");
        script.Append($"link set br0 mtu {Mtu} up\n");
        AppendPort(script, "client");
        if (plan.Rehearsal)
            AppendPort(script, "guest");
        foreach (var node in plan.Nodes)
            AppendPort(script, node.Name);
        Tool.Run(ip, ["-n", lan, "-batch", "-"], script.ToString());

        foreach (var node in plan.Nodes)
        {
            SwitchIpv6Off(plan, node.Name);
            Tool.Run(ip, ["-n", plan.Namespace(node.Name), "-batch", "-"],
                $"link set lo up\nlink set eth0 mtu {Mtu} txqueuelen {QueueLength} up\n");
        }
        RaiseHost(plan, ip, "client", LabPlan.ClientAddress);
        if (plan.Rehearsal)
            RaiseHost(plan, ip, "guest", LabPlan.GuestAddress);
    }

    /// <summary>An ordinary host: the kernel itself has the address.</summary>
    static void RaiseHost(LabPlan plan, string ip, string part, string address)
    {
        SwitchIpv6Off(plan, part);
        Tool.Run(ip, ["-n", plan.Namespace(part), "-batch", "-"],
            $"link set lo up\nlink set eth0 mtu {Mtu} txqueuelen {QueueLength} up\naddress add {address}/24 dev "
                + $"eth0\n");
    }

    /// <summary>
    /// Machines run under accounts that may not be allowed into the folder this program was built in, so what they need
    /// is copied to where everybody in the lab may read it.
    /// </summary>
    static void Stage(LabPlan plan)
    {
        Directory.CreateDirectory(StageFolder);
        File.SetUnixFileMode(StageFolder, s_readableByAll); // also where the user's umask says otherwise
        foreach (var node in plan.Nodes)
        {
            foreach (var file in (string[])[plan.Packetd, plan.Launcher, plan.Firmware, node.Monitor, .. node.Beside])
            {
                File.Copy(file, Staged(file), overwrite: true);
                File.SetUnixFileMode(Staged(file), s_readableByAll);
            }
        }
    }

    internal static string Staged(string file) => Path.Combine(StageFolder, Path.GetFileName(file));

    static void AppendPair(StringBuilder script, string lan, string other, string port) =>
        script.Append($"link add name {port} netns {lan} type veth peer name eth0 netns {other}\n");

    static void AppendPort(StringBuilder script, string port) =>
        script.Append($"link set {port} mtu {Mtu} txqueuelen {QueueLength} master br0 up\n");

    /// <summary>So that the only frames on the lab's Ethernet are those that the lab is about.</summary>
    static void SwitchIpv6Off(LabPlan plan, string part) => NetworkNamespace.Run(plan.NamespacePath(part), () =>
    {
        foreach (var which in (string[])["all", "default"])
        {
            var file = $"/proc/sys/net/ipv6/conf/{which}/disable_ipv6";
            if (File.Exists(file))
                File.WriteAllText(file, "1");
        }
    });
}
