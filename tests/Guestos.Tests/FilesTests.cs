using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Testing;
using Xunit;

namespace Guestos.Tests;

/// <summary>Files against the host: the same static programs, and the same script of busybox's applets, print the same in the guest.</summary>
public class FilesTests
{
    private const string Prepare = "mount -t proc proc /proc\nmount -t tmpfs none /tmp\n";

    private static string[] Lines(string console) =>
        [.. console.Split('\n').Where(line => line.Length > 0 && !line.StartsWith("guestos:", StringComparison.Ordinal) && !line.StartsWith("net:", StringComparison.Ordinal))];

    [Theory]
    [InlineData("qemu")]
    [InlineData("domain")]
    public void GuestAnswersAsTheHostDoes(string monitor)
    {
        var expected = new List<string>();
        Initramfs initramfs = Initramfs.WithBusybox("rm");
        string script = Prepare;
        // Only the superuser of the host can be several users there.
        string[] programs = Environment.IsPrivilegedProcess ? ["files", "readiness", "locks", "rights", "space"] : ["files", "readiness", "locks"];
        foreach (string program in programs)
        {
            string folder = Programs.Folder();
            expected.AddRange(Lines(Programs.RunOnHost(program, folder)));
            Directory.Delete(folder, true);
            Assert.Equal("all answers given", expected[^1]);
            initramfs.File($"bin/{program}", Programs.Bytes(program));
            script += $"{program} /tmp < /dev/null | cat\n";
        }

        using var guest = new Guest(monitor, initramfs.Script("init", script + "exec reboot -f\n"));
        Assert.Equal(expected, Lines(guest.AwaitEnd(60)));
    }

    [Theory]
    [InlineData("qemu")]
    [InlineData("domain")]
    public void AppletsDoAsTheyDoOnTheHost(string monitor)
    {
        string script = Path.Combine(Repository.Root, "tests", "Guestos.Tests", "programs", "applets.sh");
        string[] applets = Applets();
        string[] expected = OnHost(script, applets);
        Assert.Equal("all applets done", expected[^1]);
        Initramfs initramfs = Initramfs.WithBusybox(applets).File("applets.sh", File.ReadAllBytes(script))
            .Script("init", Prepare + "sh applets.sh /tmp < /dev/null 2>&1 | cat\nexec reboot -f\n");
        using var guest = new Guest(monitor, initramfs);
        Assert.Equal(expected, Lines(guest.AwaitEnd(120)));
    }

    private static string[] Applets()
    {
        using Process busybox = Process.Start(new ProcessStartInfo("/bin/busybox", "--list") { RedirectStandardOutput = true })!;
        string[] names = Lines(busybox.StandardOutput.ReadToEnd());
        busybox.WaitForExit();
        return [.. names.Where(name => name != "busybox")];
    }

    private static string[] OnHost(string script, IEnumerable<string> applets)
    {
        string folder = Programs.Folder();
        string bin = Path.Combine(folder, "bin"), work = Path.Combine(folder, "work");
        Directory.CreateDirectory(bin);
        Directory.CreateDirectory(work);
        foreach (string applet in applets)
            File.CreateSymbolicLink(Path.Combine(bin, applet), "/bin/busybox");
        var start = new ProcessStartInfo("/bin/busybox", ["sh", "-c", "exec sh \"$0\" \"$1\" < /dev/null 2>&1", Path.GetFileName(script), work])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = Path.GetDirectoryName(script), // messages begin with the script as it was named
        };
        start.Environment.Clear();
        start.Environment["PATH"] = bin;
        using Process shell = Process.Start(start)!;
        string output = shell.StandardOutput.ReadToEnd();
        Assert.True(shell.WaitForExit(60_000), "the script does not end on the host");
        Directory.Delete(folder, true);
        return Lines(output);
    }
}
