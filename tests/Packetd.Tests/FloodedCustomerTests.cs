using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Testing;
using Testing.Nodes;
using Xunit;

namespace Packetd.Tests;

/// <summary>The command that a customer types, to a node under a flood.</summary>
[Collection(Floods.Name)]
public class FloodedCustomerTests
{
    /// <summary>
    /// Nine tokens, because one on a busy machine says little: at least seven are accepted within the command's own patience, two
    /// seconds. The flood is so large that half of single requests or more are lost: a command that sent one would fail. The customer
    /// has heard of the node before, so that it need not be asked for its MAC as well, which a kernel does but once a second.
    /// </summary>
    [RootFact]
    public void Through_a_flood_of_bad_tokens_the_command_spends_a_good_one()
    {
        string command = Path.GetFullPath(Repository.Image("../bin/evilman")), file = Path.GetTempFileName();
        Assert.True(File.Exists(command), $"{command} is missing: run «make» first");
        using var lab = new Lab();
        lab.InClient("sh", "-c", "echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range"); // sockets as customers have them
        lab.InClient(command, "ping", Lab.NodeAddress);
        byte[][] bad = [.. Enumerable.Range(0, 200).Select(i => Frames.Echo((Lab.Token(i) with { Key = new byte[16] }).Payload(), source: 0x0A000100u + (uint)i))];
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        int flood = PacketSocket.OpenLink(lab.ClientSpace, "l1", 10), quiet = lab.LinkDrops, lost;
        Thread[] flooders = [.. Enumerable.Range(0, 2 * Math.Min(Environment.ProcessorCount, 4)).Select(_ => new Thread(Flood))];
        string[] said = new string[9];
        Array.ForEach(flooders, flooder => flooder.Start());
        try
        {
            for (int i = 0; i < 400 && lab.LinkDrops == quiet; i++)
                Thread.Sleep(5);
            for (int i = 0; i < said.Length; i++)
            {
                File.WriteAllBytes(file, Lab.Token(280 + i, 0x0A000032 + (uint)i).Token());
                said[i] = Spend(lab, command, file);
            }
            lost = lab.LinkDrops - quiet;
        }
        finally
        {
            stop.Cancel();
            Array.ForEach(flooders, flooder => flooder.Join());
            PacketSocket.close(flood);
            File.Delete(file);
        }
        Assert.True(lost > 1000, $"the flood was none: {lost} frames were lost");
        Assert.True(said.Count(line => line.StartsWith("0: ", StringComparison.Ordinal)) >= 7, string.Join(" / ", said));
        for (int i = 0; i < said.Length; i++)
            if (said[i].StartsWith("0: ", StringComparison.Ordinal))
                lab.WaitForLine($"started for 10.0.0.{50 + i},");
            else
                Assert.StartsWith("4: ", said[i], StringComparison.Ordinal); // nobody was refused a good token

        void Flood()
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
                PacketSocket.Send(flood, bad[i % bad.Length].AsSpan(10));
        }
    }

    /// <summary>The command's exit code and what it says.</summary>
    private static string Spend(Lab lab, string command, string token)
    {
        var start = new ProcessStartInfo("ip", ["netns", "exec", lab.ClientSpace, command, "ping", Lab.NodeAddress, "--token", token])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(20_000), "evilman never ends");
        return $"{process.ExitCode}: {output.Trim()}";
    }
}
