using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Testing;
using Xunit;

namespace Guestos.Tests;

/// <summary>The test programs: compiled once each, statically, against the host's C library.</summary>
internal static class Programs
{
    private static readonly ConcurrentDictionary<string, string> s_built = new();

    /// <summary>A folder of this run for what tests make, which goes with it.</summary>
    public static readonly string Scratch = MakeScratch();

    /// <summary>A new one in it.</summary>
    public static string Folder() => Directory.CreateDirectory(System.IO.Path.Combine(Scratch, System.IO.Path.GetRandomFileName())).FullName;

    public static string Path(string name) => s_built.GetOrAdd(name, Compile);

    public static byte[] Bytes(string name) => File.ReadAllBytes(Path(name));

    /// <summary>
    /// Runs a test program on this host: everything it printed. One that looks at ports and at lists of connections has a
    /// network namespace to itself where root runs it: others' connections would be among its own.
    /// </summary>
    public static string RunOnHost(string name, params string[] arguments)
    {
        string[] command = name is "inet6" or "socketlist" && Environment.IsPrivilegedProcess
            ? ["unshare", "--net", "sh", "-c", "sysctl -qw net.ipv6.conf.lo.disable_ipv6=0; ip link set lo up; exec \"$0\" \"$@\"", Path(name), .. arguments]
            : [Path(name), .. arguments];
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardInput = true })!;
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(20_000), "the program does not end on the host");
        return output;
    }

    private static string Compile(string name)
    {
        string program = System.IO.Path.Combine(Scratch, name);
        using Process process = Process.Start(new ProcessStartInfo("gcc",
            ["-static", "-O1", "-w", "-o", program, System.IO.Path.Combine(Repository.Root, "tests", "Guestos.Tests", "programs", name + ".c")])
        { RedirectStandardError = true })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
        return program;
    }

    private static string MakeScratch()
    {
        string folder = Directory.CreateTempSubdirectory("guestos-tests-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }
}
