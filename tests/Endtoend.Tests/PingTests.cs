using System;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text.RegularExpressions;
using Xunit;

namespace Endtoend.Tests;

/// <summary>Pings by the client's own ping, larger than a frame: fragments there and back.</summary>
[Collection("cluster")]
public sealed class PingTests(Cluster shared)
{
    private readonly Cluster cluster = shared.Ready();

    /// <summary>None is lost, wherever the guest is: two fragments, six, and as many as an IPv4 packet can have.</summary>
    [ClusterFact]
    public void A_guest_answers_pings_of_any_size()
    {
        for (var place = 0; place < 2; place++)
        {
            foreach (var (size, fragments) in ((int, int)[])[(56, 0), (1472, 0), (1473, 2), (8000, 6), (65507, 45)])
            {
                const int Count = 20;
                var before = Reassembled();
                Assert.Equal(Count, Answered(Cluster.Guest, size, Count));
                Assert.Equal(fragments == 0 ? (0, 0) : (Count, Count * fragments), Since(before));
            }
            if (place == 0)
                cluster.Move();
        }
    }

    /// <summary>
    /// A node puts no datagrams together (docs/security.md, "Network"): it answers what fits a frame and is silent to the rest, which does not keep it from answering.
    /// </summary>
    [ClusterFact]
    public void A_node_answers_pings_that_fit_a_frame()
    {
        var node = IPAddress.Parse(cluster.OtherNode.Address);
        Assert.Equal(20, Answered(node, 1472, 20));
        Assert.Equal(0, Answered(node, 1473, 3));
        Assert.Equal(0, Answered(node, 8000, 3));
        Assert.Equal(20, Answered(node, 56, 20));
    }

    /// <summary>How many of them are answered, one after the other: for the last of several ping waits no longer than the answers before took.</summary>
    private int Answered(IPAddress to, int size, int count)
    {
        var (_, output) = cluster.RunAtClient("sh", "-c", $"for number in $(seq {count}); do ping -n -q -c 1 -W 1 -s {size} {to}; done");
        Assert.Equal(count, Regex.Count(output, "1 packets transmitted"));
        return Regex.Count(output, "1 packets transmitted, 1 received");
    }

    /// <summary>Datagrams that the client's kernel has put together, and fragments of them (proc_net_snmp: ReasmOKs, ReasmReqds).</summary>
    private (int Datagrams, int Fragments) Reassembled()
    {
        var lines = cluster.RunAtClient("cat", "/proc/net/snmp").Output.Split('\n').Where(line => line.StartsWith("Ip:", StringComparison.Ordinal)).ToArray();
        string[] names = lines[0].Split(' '), values = lines[1].Split(' ');
        return (Value("ReasmOKs"), Value("ReasmReqds"));

        int Value(string name) => int.Parse(values[Array.IndexOf(names, name)], CultureInfo.InvariantCulture);
    }

    private (int Datagrams, int Fragments) Since((int Datagrams, int Fragments) before)
    {
        var now = Reassembled();
        return (now.Datagrams - before.Datagrams, now.Fragments - before.Fragments);
    }
}
