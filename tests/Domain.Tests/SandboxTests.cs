using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace Domain.Tests;

/// <summary>The lock-in, tried from inside (docs/security.md).</summary>
public class SandboxTests(ITestOutputHelper output)
{
    private static readonly byte[] s_halt = [0xf4];

    [Theory]
    [InlineData("calls")]
    [InlineData("layers")]
    [InlineData("collect")]
    public void Everything_that_is_not_needed_is_refused_and_what_is_needed_works(string probe) => AssertRefused(probe);

    /// <summary>Memory for code has been mapped before; nobody gets more.</summary>
    [Fact]
    public void The_same_is_so_for_the_translator() => AssertRefused("calls", "translator");

    /// <summary>For root, who can give up what the others have not got.</summary>
    [RootTheory]
    [InlineData("calls")]
    [InlineData("layers")]
    public void The_same_is_so_for_an_account_without_privileges(string probe) => AssertRefused(probe, prefix: ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]);

    /// <summary>As in a machine of a node: the process enters its namespaces in its first start.</summary>
    [Theory]
    [InlineData("calls")]
    [InlineData("layers")]
    public void The_same_is_so_where_the_network_is_a_descriptor(string probe)
    {
        int[] pair = MachineTests.Sockets();
        using var here = new SafeFileHandle(pair[0], ownsHandle: true);
        using var there = new SafeFileHandle(pair[1], ownsHandle: true);
        // Its descriptors have no gap, as those of a machine of a node have none.
        AssertRefused(probe, prefix: ["bash", "-c", $"exec 3<&{pair[1]} {pair[1]}<&-; exec \"$0\" \"$@\""], network: 3);
    }

    /// <summary>As in a machine of a node, whose address space has a limit: the collector then asks how much is used.</summary>
    [Fact]
    public void What_is_needed_works_where_the_address_space_has_a_limit() => AssertRefused("collect", prefix: ["prlimit", "--as=4294967296"]);

    /// <summary>openat(2) opens nothing, and nobody dies of it.</summary>
    [Fact]
    public void Opening_a_file_fails()
    {
        using var kernel = new Monitor.Kernel(s_halt);
        var result = Monitor.Run(["--kernel", kernel.Path, "--console", "none"], probe: "kill:257");
        Assert.Equal((1, "domain: still alive\n"), (result.ExitCode, result.Errors));
    }

    private void AssertRefused(string probe, string engine = "interpreter", IReadOnlyList<string>? prefix = null, int network = -1)
    {
        using var kernel = new Monitor.Kernel(s_halt);
        // Two that anybody may reach who is not locked in.
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var local = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var name = new UnixDomainSocketEndPoint($"\0domain-probe-{port}");
        local.Bind(name);
        local.Listen();
        using (var client = new TcpClient("127.0.0.1", port))
        using (var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
            other.Connect(name);
        string[] itsNetwork = network < 0 ? [] : ["--net-fd", $"{network}"];
        var result = Monitor.Run(["--kernel", kernel.Path, "--console", "none", "--engine", engine, .. itsNetwork], probe: probe, prefix: prefix, port: port);
        output.WriteLine(result.Output);
        Assert.True(result.ExitCode == 0 && result.Output.EndsWith(" 0 not refused\n", StringComparison.Ordinal), result.ToString());
        Assert.DoesNotContain("NOT REFUSED", result.Output);
        Assert.DoesNotContain("probe: 0 tried", result.Output);
    }

    [Theory]
    [InlineData("kill:2")]            // open
    [InlineData("kill:41")]           // socket
    [InlineData("kill:57")]           // fork
    [InlineData("kill:59")]           // execve
    [InlineData("kill:62")]           // kill
    [InlineData("kill:101")]          // ptrace
    [InlineData("kill:425")]          // io_uring_setup
    [InlineData("kill:600")]          // none yet
    [InlineData("kill:1073741826")]   // open of x32
    [InlineData("kill:-1")]
    [InlineData("compat:5")]          // open of 32-bit programs
    [InlineData("compat:265")]        // clock_gettime of 32-bit programs, though 64-bit ones may
    public void As_shipped_a_forbidden_call_kills_the_process(string probe)
    {
        using var kernel = new Monitor.Kernel(s_halt);
        var result = Monitor.Run(["--kernel", kernel.Path, "--console", "none"], probe: probe);
        Assert.Equal(128 + 31, result.ExitCode);   // SIGSYS
        Assert.Equal("", result.Errors);
    }

    /// <summary>What is never left out: without it no byte of a guest is looked at, and one sentence says why.</summary>
    [Theory]
    [InlineData(157, 38, "the kernel refuses no_new_privs")]             // prctl(PR_SET_NO_NEW_PRIVS)
    [InlineData(126, -1, "capabilities cannot be dropped")]              // capset
    [InlineData(317, -1, "the kernel refuses the system call filter")]   // seccomp
    public void Where_the_kernel_refuses_the_lock_in_nothing_is_run(int call, int argument, string reason)
    {
        string source = Path.Combine(Repository.Root, "tests", "Domain.Tests", "programs", "refuse.c"), refuse = Path.GetTempFileName();
        Programs.Run("gcc", "-O1", "-o", refuse, source);
        using var kernel = new Monitor.Kernel([0xb0, 0xfe, 0xe6, 0x64]);   // mov al, 0xfe; out 0x64, al
        var result = Monitor.Run(["--kernel", kernel.Path, "--console", "none"], prefix: [refuse, $"{call}", $"{argument}"]);
        File.Delete(refuse);
        Assert.Equal((3, "", $"domain: no sandbox, so nothing is run: {reason}: operation not permitted\n"), (result.ExitCode, result.Output, result.Errors));
    }

    /// <summary>Both by what unshare(1) is told about namespaces in its own, whose limit of more of them it may set.</summary>
    [Theory]
    [InlineData(1000, false)]
    [InlineData(0, true)]
    public void It_says_at_log_level_info_whether_it_has_namespaces_of_its_own(int permitted, bool isMissing)
    {
        using var kernel = new Monitor.Kernel([0xb0, 0xfe, 0xe6, 0x64]);   // mov al, 0xfe; out 0x64, al
        string script = $"for kind in user net mnt ipc uts; do echo {permitted} >/proc/sys/user/max_${{kind}}_namespaces; done; "
            + $"exec {Monitor.Path} --kernel {kernel.Path} --console none --log-level info 2>&1";
        string said = Programs.Run("unshare", "--user", "--map-root-user", "sh", "-c", script);
        Assert.Equal(isMissing, said.Contains("no namespaces of its own", StringComparison.Ordinal));
    }

    [Fact]
    public void Dies_with_its_parent_when_the_parent_wished_so()
    {
        using var kernel = new Monitor.Kernel([0xeb, 0xfe]);   // jmp $
        // A shell that starts the monitor with a death signal, says who it is, and is killed when that has locked itself in.
        string script = $"setpriv --pdeathsig KILL {Monitor.Path} --kernel {kernel.Path} --console none & echo $!; read -r; kill -9 $$";
        using var shell = Process.Start(new ProcessStartInfo("/bin/bash", ["-c", script]) { RedirectStandardOutput = true, RedirectStandardInput = true })!;
        int monitor = int.Parse(shell.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
        Wait.Until(() => File.ReadAllText($"/proc/{monitor}/status").Contains("Seccomp:\t2", StringComparison.Ordinal), "the monitor locks itself in");
        shell.StandardInput.WriteLine();
        Assert.True(shell.WaitForExit(10_000));
        Programs.AssertEnds(monitor);
    }
}
