using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using Evilman;

namespace LiveMigration;

/// <summary>What is the same for all machines of one run.</summary>
/// <param name="Folder">For control sockets and consoles.</param>
/// <param name="Memory">MiB.</param>
internal sealed record MachineKind(string Kernel, string Initramfs, string Folder, string Memory);

/// <summary>
/// QEMU in a node's namespace, on that node's tap0; the machine of deploy/qemu-monitor, with QEMU's usual network
/// behind it.
/// </summary>
internal sealed class QemuMachine : IDisposable
{
    private const int StepAhead = -10; // as the demo's machines

    private readonly Process process;
    private readonly string console;

    /// <param name="incoming">Where it waits for a machine, or null to boot.</param>
    public QemuMachine(MachineKind kind, string space, int turn, string? incoming)
    {
        string control = Path.Combine(kind.Folder, $"{turn}.qmp");
        console = Path.Combine(kind.Folder, $"{turn}.console");
        List<string> words =
        [
            "netns", "exec", space, "qemu-system-x86_64", "-M", "microvm,acpi=off,pit=off,pic=off,rtc=on,isa-serial=on",
                "-accel", "tcg,tb-size=128",
            "-cpu", "Nehalem-v1,+rdtscp", "-m", kind.Memory, "-smp", "1,maxcpus=2", "-global",
                "virtio-mmio.force-legacy=false", "-nodefaults", "-no-user-config",
            "-no-reboot", "-nographic", "-monitor", "none", "-serial", $"file:{console}", "-qmp",
                $"unix:{control},server=on,wait=off",
            "-kernel", kind.Kernel, "-initrd", kind.Initramfs, "-append", $"guest.address={Program.Guest}/24",
            "-netdev", "tap,id=net0,ifname=tap0,script=no,downscript=no", "-device",
                "virtio-net-device,netdev=net0,mac=02:45:0a:58:00:32",
        ];
        if (incoming is not null)
            words.AddRange(["-incoming", incoming]);
        process = Process.Start(new ProcessStartInfo("ip", words) { RedirectStandardInput = true,
            RedirectStandardError = true })!;
        process.ErrorDataReceived += (_, line) => LastWords = line.Data ?? LastWords;
        process.BeginErrorReadLine();
        try
        {
            Native.RunBefore(process.Id, StepAhead);
            Control = Qmp.Connect(control, process);
        }
        catch (Failure failure)
        {
            string why = $"{failure.Message}: {LastWords}";
            End();
            throw new Failure(why);
        }
    }

    public Qmp Control { get; }

    /// <summary>The last line of its standard error.</summary>
    public string LastWords { get; private set; } = "";

    /// <summary>What the guest has said on the console of this machine.</summary>
    public string Console => File.Exists(console) ? File.ReadAllText(console).Trim() : "";

    /// <summary>
    /// Lets QEMU send as fast as it can and stop the machine for up to so many milliseconds; and tell when it is done.
    /// </summary>
    public void PrepareToLeave(int downtimeLimit)
    {
        Control.Execute("""{"execute":"migrate-set-capabilities","""
            + """ "arguments":{"capabilities":[{"capability":"events","state":true}]}}""");
        Control.Execute(string.Create(CultureInfo.InvariantCulture,
            $$$"""{"execute":"migrate-set-parameters","arguments":{"max-bandwidth":0,"""
            + $$$""" "downtime-limit":{{{downtimeLimit}}}}}"""));
    }

    private void End()
    {
        if (!process.HasExited)
            process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    public void Dispose()
    {
        Control.Dispose();
        End();
    }
}
