using System;
using System.IO;
using Testing;
using Testing.Machines;
using Xunit;

namespace Plug.Tests;

/// <summary>QEMU behind the adapter behind packetd, all of them as they are shipped: what the node's log says of each end.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class QemuTests
{
    [RootFact]
    public void A_guest_that_asks_for_its_end_gets_a_reset()
    {
        using NodeLab lab = new(Repository.Image("hello-pvh"));
        lab.Start();
        lab.WaitForLine("domain 0: ended: exit code 0;");
        Assert.StartsWith("hello from a machine", lab.Output.ReadLine(), StringComparison.Ordinal);
    }

    [RootFact]
    public void A_guest_that_crashes_is_told_from_that()
    {
        using NodeLab lab = new(Repository.Image("fault"));
        lab.Start();
        lab.WaitForLine("domain 0: ended: exit code 2;");
    }

    [RootFact]
    public void A_guest_that_panics_is_told_from_that()
    {
        // mov $0x505,%edx; mov $1,%al; out %al,%dx; hlt
        string image = Path.GetTempFileName();
        File.WriteAllBytes(image, TinyKernel.Image([0xba, 0x05, 0x05, 0, 0, 0xb0, 1, 0xee, 0xf4]));
        File.SetUnixFileMode(image, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        using (NodeLab lab = new(image))
        {
            lab.Start();
            lab.WaitForLine("domain 0: ended: exit code 2;");
        }
        File.Delete(image);
    }

    [RootFact]
    public void A_firmware_that_is_none_is_an_error_of_the_monitor()
    {
        using NodeLab lab = new(Path.Combine(Repository.Root, "global.json"));
        lab.Start();
        lab.WaitForLine("domain 0: ended: exit code 1;");
    }

    [RootFact]
    public void Adapter_and_machine_end_together_and_the_log_says_how()
    {
        using NodeLab lab = new(Repository.Image("cstrap"));
        foreach ((bool itself, int signal) in new[] { (true, 9), (true, 6), (true, 24), (false, 9), (false, 15) })
        {
            (int adapter, int qemu) = lab.StartAnswering();
            foreach (int process in new[] { adapter, qemu })
            {
                string status = File.ReadAllText($"/proc/{process}/status");
                foreach (string part in new[] { $"Uid:\t{NodeLab.User}\t{NodeLab.User}\t{NodeLab.User}\t{NodeLab.User}", "CapEff:\t0000000000000000", "NoNewPrivs:\t1" })
                    Assert.Contains(part, status, StringComparison.Ordinal);
            }
            Descriptors.kill(itself ? qemu : adapter, signal);
            lab.WaitForLine($"domain 0: ended: signal {signal}{(signal == 24 ? ", its CPU time is spent" : "")};");
            NodeLab.AssertEnds(adapter, qemu);
        }
    }

    /// <summary>Without one a guest that has been copied would draw what its copy draws.</summary>
    [RootFact]
    public void Every_machine_has_an_entropy_device()
    {
        using NodeLab lab = new(Repository.Image("cstrap"));
        (_, int qemu) = lab.StartAnswering();
        Assert.Contains("\0-device\0virtio-rng-device\0", File.ReadAllText($"/proc/{qemu}/cmdline"), StringComparison.Ordinal);
    }

    [RootFact]
    public void Killed_outright_packetd_takes_adapter_and_machine_along()
    {
        using NodeLab lab = new(Repository.Image("cstrap"));
        (int adapter, int qemu) = lab.StartAnswering();
        Descriptors.kill(lab.Packetd, 9);
        NodeLab.AssertEnds(adapter, qemu);
    }
}
