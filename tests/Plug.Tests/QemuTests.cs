using System;
using System.IO;
using System.Linq;
using Packetd.Tests;
using Xunit;

namespace Plug.Tests;

/// <summary>QEMU behind the adapter behind packetd, all of them as they are shipped: what the node's log says of each end.</summary>
public sealed class QemuTests
{
    private const uint Boot = 0x0A000032;

    private static Lab Start(string firmware) =>
        new("--monitor", Path.Combine(Programs.Root, "deploy", "qemu-monitor"), "--firmware", Programs.Image(firmware));

    [RootFact]
    public void A_guest_that_asks_for_its_end_gets_a_reset()
    {
        using Lab lab = Start("hello-pvh");
        lab.StartDomain(1);
        lab.WaitForLine("domain 0: ended: exit code 0, guest reset;", 30);
        Assert.StartsWith("hello from a machine", lab.Output.ReadLine(), StringComparison.Ordinal);
    }

    [RootFact]
    public void A_guest_that_crashes_is_told_from_that()
    {
        using Lab lab = Start("fault");
        lab.StartDomain(2);
        lab.WaitForLine("domain 0: ended: exit code 2, triple fault;", 30);
    }

    [RootFact]
    public void A_firmware_that_is_none_is_an_error_of_the_monitor()
    {
        using Lab lab = new("--monitor", Path.Combine(Programs.Root, "deploy", "qemu-monitor"), "--firmware", Path.Combine(Programs.Root, "global.json"));
        lab.StartDomain(3);
        lab.WaitForLine("domain 0: ended: exit code 1, monitor error 1;", 30);
    }

    [RootFact]
    public void A_machine_answers_and_ends_with_whoever_is_killed()
    {
        using Lab lab = Start("cstrap");
        int seed = 10;
        foreach ((bool qemu, int signal, string line) in new[]
                 {
                     (true, 9, "domain 0: ended: signal 9;"), (true, 6, "domain 0: ended: signal 6;"), (true, 24, "domain 0: ended: signal 24;"),
                     (false, 9, "domain 0: ended: signal 9;"), (false, 15, "domain 0: ended: signal 15;"),
                 })
        {
            int plug = lab.StartDomain(seed++), child = AwaitQemu(lab, plug);
            string status = File.ReadAllText($"/proc/{child}/status");
            foreach (string part in new[] { "Uid:\t200000\t200000\t200000\t200000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1" })
            {
                Assert.Contains(part, status, StringComparison.Ordinal);
                Assert.Contains(part, File.ReadAllText($"/proc/{plug}/status"), StringComparison.Ordinal);
            }
            Packetd.Tests.Native.kill(qemu ? child : plug, signal);
            lab.WaitForLine(line, 30);
            Lab.AssertEnds(child);
            Lab.AssertEnds(plug);
            lab.ForgetLog();
        }
    }

    [RootFact]
    public void Killed_outright_packetd_takes_adapter_and_machine_along()
    {
        using Lab lab = Start("cstrap");
        int plug = lab.StartDomain(20), child = AwaitQemu(lab, plug);
        Packetd.Tests.Native.kill(lab.Pid, 9);
        Lab.AssertEnds(plug);
        Lab.AssertEnds(child);
        lab.WaitForEnd();
    }

    /// <summary>QEMU's process, once its firmware answers a ping: a packet whose checksum the client's kernel has left undone and not.</summary>
    private static int AwaitQemu(Lab lab, int plug)
    {
        Programs.Await(() => Programs.Child(plug) != 0 && Reaches(lab), "the firmware's answer");
        return Programs.Child(plug);
    }

    private static bool Reaches(Lab lab)
    {
        lab.Send(Packetd.Tests.Frames.Ipv4(Packetd.Tests.Frames.Mac(Boot), Packetd.Tests.Frames.ClientMac, TestHost.Client, Boot, 1,
            [8, 0, 0xF7, 0xFF, 0, 0, 0, 0]));
        lab.Send(Packetd.Tests.Frames.Arp(1, Packetd.Tests.Frames.ClientMac, TestHost.Client, Boot));
        return lab.Receive(frame => Packetd.Packet.HasMac(frame, 6, Boot)) != null;
    }
}
