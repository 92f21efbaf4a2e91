using System;
using System.Globalization;
using Xunit;

namespace Guestos.Tests;

/// <summary>A person at the console.</summary>
public class ShellTests
{
    private static readonly string[] s_applets = ["ls", "cttyhack", "setsid", "sleep", "uname", "grep", "seq", "head", "sort", "kill", "top", "date", "dd", "rm", "mkdir", "yes"];

    private static Guest Start(string monitor, string append = "")
    {
        Initramfs initramfs = Initramfs.WithBusybox(s_applets).Script("init",
            "mount -t proc proc /proc\nmount -t tmpfs tmpfs /tmp\nwhile :; do setsid cttyhack sh; echo again; done\n");
        var guest = new Guest(monitor, initramfs, append: append);
        guest.Await("/ # ");
        return guest;
    }

    // The marker is put together by the shell, so that the echo of what is typed does not hold it.
    private static string Run(Guest guest, string command)
    {
        guest.Type($"{command}; echo en''d-mark $?\n");
        guest.Await("$?\n");
        string output = guest.Await("end-mark ");
        string status = guest.Await("\n");
        guest.Await("/ # ");
        return status == "0" ? output : $"{output}[{status}]";
    }

    /// <summary>Starts a program and waits until its process is the terminal's foreground: it says so itself before it becomes the program.</summary>
    private static void TypeForeground(Guest guest, string program)
    {
        guest.Type($"sh -c 'echo in\"\"front; exec {program}'\n");
        guest.Await("infront\n");
    }

    [Theory]
    [InlineData("qemu")]
    [InlineData("domain")]
    public void ShellDoesItsWork(string monitor)
    {
        using Guest guest = Start(monitor);
        Assert.Equal("42\n", Run(guest, "echo $((6*7))"));
        Assert.Equal("bin\ndev\netc\ninit\nproc\ntmp\n", Run(guest, "ls -1 /"));
        Assert.Equal("100\n", Run(guest, "seq 1 1000 | grep 7$ | sort -rn | wc -l"));
        Assert.Equal("Linux x86_64\n", Run(guest, "uname -sm"));
        Assert.Equal("b\n[3]", Run(guest, "(echo a; echo b >&2; exit 3) > /dev/null"));
        Assert.Equal("[1]", Run(guest, "yes | head -n 1 | grep -q n"));
        Assert.Equal("[139]", Run(guest, "sh -c 'kill -SEGV $$' 2>/dev/null"));
        Assert.Equal("1048576\n", Run(guest, "dd if=/dev/zero of=/tmp/x bs=64k count=16 2>/dev/null; wc -c < /tmp/x; rm /tmp/x"));
        Assert.Contains("PID", Run(guest, "ps"), StringComparison.Ordinal);
        Assert.Contains("Mem:", Run(guest, "top -b -n 1"), StringComparison.Ordinal);
        string year = Run(guest, "date +%Y").Trim();
        Assert.InRange(int.Parse(year, CultureInfo.InvariantCulture), DateTime.UtcNow.Year - 1, DateTime.UtcNow.Year + 1);
    }

    [Theory]
    [InlineData("qemu")]
    [InlineData("domain")]
    public void TerminalKeysSendSignals(string monitor)
    {
        using Guest guest = Start(monitor);
        TypeForeground(guest, "sleep 1000");
        guest.Type("\u0003");
        guest.Await("/ # ");
        Assert.Equal("130\n", Run(guest, "echo $?"));
        TypeForeground(guest, "sleep 1000");
        guest.Type("\u001a");
        guest.Await("Stopped");
        guest.Await("/ # ");
        Assert.Contains("Stopped", Run(guest, "jobs"), StringComparison.Ordinal);
        Run(guest, "kill %1; kill -CONT %1; wait %1 2>/dev/null; true");
        Assert.DoesNotContain("Stopped", Run(guest, "jobs"), StringComparison.Ordinal);
        Assert.Equal("", Run(guest, "jobs"));
        TypeForeground(guest, "cat");
        guest.Type("some words\n");
        guest.Await("some words\nsome words\n");
        guest.Type("\u0004");
        guest.Await("/ # ");
        guest.Type("exit\n");
        guest.Await("again\n");
        guest.Await("/ # ");
    }

    [Fact]
    public void UnknownSystemCallsAreCounted()
    {
        Initramfs initramfs = Initramfs.WithBusybox().File("bin/answers", Programs.Bytes("answers"))
            .Script("init", "mount -t proc proc /proc\n/bin/answers > /dev/null 2>&1\ncat /proc/evilman/unknown_syscalls\nexec reboot -f\n");
        using var guest = new Guest("qemu", initramfs);
        Assert.Contains("\n499 1\n", guest.AwaitEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/missing", "/missing, error 2")]
    [InlineData("/etc", "/etc, error 13")]
    public void MissingInitIsOnePanicLine(string init, string expected)
    {
        using var guest = new Guest("qemu", Initramfs.WithBusybox(), init);
        guest.Await(expected);
        guest.Await("panic: no init");
    }

    /// <summary>Our monitor tells a panic by its exit code; QEMU without the device only resets, but the console says why everywhere.</summary>
    [Theory]
    [InlineData("domain", "exit 3", "panic: nothing runs without the first process", 2)]
    [InlineData("domain", "exit 0", "the first process has ended, status 0000000000000000", 0)]
    [InlineData("domain", "exec reboot -f", "the machine ends", 0)]
    [InlineData("domain", "exec poweroff -f", "the machine ends", 0)]
    [InlineData("qemu", "exit 3", "panic: nothing runs without the first process", 0)]
    [InlineData("qemu", "exec poweroff -f", "the machine ends", 0)]
    public void EndIsTold(string monitor, string last, string said, int exitCode)
    {
        using var guest = new Guest(monitor, Initramfs.WithBusybox("poweroff").Script("init", last + "\n"));
        Assert.Equal(exitCode, guest.AwaitExit());
        Assert.Contains(said, guest.Console, StringComparison.Ordinal);
    }

    [Fact]
    public void SmallMachineRunsTheShell()
    {
        Initramfs initramfs = Initramfs.WithBusybox().Script("init", "echo here I am; exec reboot -f\n");
        using var guest = new Guest("qemu", initramfs, memory: 24);
        Assert.Contains("here I am\n", guest.AwaitEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qemu")]
    [InlineData("domain")]
    public void CommandLineReachesTheFirstProgram(string monitor)
    {
        Initramfs initramfs = Initramfs.WithBusybox("env").Script("start", "echo \"[$0] [$1] [$2] [$3]\"\nenv\nexec reboot -f\n");
        using var guest = new Guest(monitor, initramfs, init: "/start",
            append: "quiet console=ttyS0 some.part=3 single COLOR=blue \"TEXT=two words\" TERM=dumb -- last one=two");
        string console = guest.AwaitEnd();
        Assert.Contains("[/start] [single] [last] [one=two]\n", console, StringComparison.Ordinal);
        Assert.Contains("COLOR=blue\n", console, StringComparison.Ordinal);
        Assert.Contains("TEXT=two words\n", console, StringComparison.Ordinal);
        Assert.Contains("TERM=dumb\n", console, StringComparison.Ordinal);
        Assert.DoesNotContain("some.part", console, StringComparison.Ordinal);
        Assert.DoesNotContain("console=", console, StringComparison.Ordinal);
    }
}
