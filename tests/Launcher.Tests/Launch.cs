using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Testing;
using Wire;
using Xunit;

// Descriptors that one test's children inherit would keep another's sockets open.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Launcher.Tests;

/// <summary>One run of the launcher. Its environment is the test's and all its signals are blocked: neither may reach the monitor.</summary>
internal sealed class Launch : IDisposable
{
    private static readonly string[] s_emulator = ["/usr/bin/qemu-aarch64-static"];
    private readonly Process process;

    /// <param name="arguments">What follows the launcher's name.</param>
    /// <param name="records">What it finds on descriptor 4.</param>
    /// <param name="hungUp">The other end of descriptor 4 is closed.</param>
    /// <param name="redirect">What the shell does to the descriptors in the end.</param>
    /// <param name="through">What starts the launcher, and becomes it.</param>
    /// <param name="arm64">The image for arm64, under qemu-user.</param>
    public Launch(string[] arguments, byte[][]? records = null, bool hungUp = false, string redirect = "", string[]? through = null, bool arm64 = false)
    {
        (Frames, int frames) = Descriptors.Pair();
        (Control, int control) = Descriptors.Pair();
        foreach (byte[] record in records ?? [])
            Assert.True(Descriptors.TrySend(Control, record));
        if (hungUp)
        {
            Descriptors.close(Control);
            Control = -1;
        }
        const string Close = "for other in /proc/$$/fd/*; do other=${other##*/}; [ $other -le 4 ] || eval \"exec $other<&-\"; done; ";
        string[] image = arm64 ? [.. s_emulator, Repository.Image("arm64/launcher")] : [Repository.Image("launcher")];
        string[] command =
        [
            "-c", $"exec 3<&{frames} 4<&{control} {redirect}; {Close} exec env --default-signal --block-signal \"$@\"", "bash", .. through ?? [], .. image, .. arguments,
        ];
        process = Process.Start(new ProcessStartInfo("bash", command) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Descriptors.close(frames);
        Descriptors.close(control);
    }

    public static bool CanEmulate => File.Exists(s_emulator[0]) && File.Exists(Repository.Image("arm64/launcher"));

    /// <summary>A machine key like any other.</summary>
    public static byte[] Key => [.. Enumerable.Range(0, MachineKey.Size).Select(i => (byte)(i * 11))];

    /// <summary>
    /// What the node tells a machine: a token as it could get it, but for its signature, which is no business of the launcher's, and a key.
    /// </summary>
    public static byte[] Record(uint count = 10, uint memory = 64, uint gateway = 0, ushort lease = 60, Resource? priced = null, ushort cpu = 100, params uint[] guests)
    {
        byte[] token = new byte[BootToken.Size];
        BootTokenDraft draft = new(token)
        {
            Node = 0x0A000002, BootAddress = 0x0A0000FE, Gateway = gateway, PrefixLength = 8, MemoryMiB = memory, CpuPercent = cpu, Issued = 1, Expires = 2,
            ElementCount = count, Lease = lease, Loader = Enumerable.Range(0, 20).Select(i => (byte)(i * 13)).ToArray(),
        };
        foreach (uint guest in guests)
            Assert.True(draft.AddGuest(guest));
        if (priced is { } resource)
            draft.SetPrice(resource, 1);
        return [.. token, .. Key];
    }

    /// <summary>Our ends of the two descriptors.</summary>
    public int Frames { get; }
    public int Control { get; private set; }

    /// <summary>Waits until the puppet runs, which then sends its first record; what is in its folder of /proc.</summary>
    public string AwaitPuppet()
    {
        byte[]? record = Descriptors.Read(Control, 20_000);
        Assert.True(record is { Length: 16 }, $"no puppet but: {(process.HasExited ? process.StandardError.ReadToEnd() : "nothing")}");
        return $"/proc/{process.Id}/";
    }

    /// <summary>Waits for the end: exit code and what was said, which fits a pipe.</summary>
    public (int Code, string Output, string Error) End()
    {
        Assert.True(process.WaitForExit(20_000), "it goes on running");
        return (process.ExitCode, process.StandardOutput.ReadToEnd(), process.StandardError.ReadToEnd());
    }

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill();
        process.WaitForExit();
        process.Dispose();
        Descriptors.close(Frames);
        if (Control >= 0)
            Descriptors.close(Control);
    }
}
