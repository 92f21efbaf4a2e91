using System;
using System.Diagnostics;
using System.IO;
using System.Text.RegularExpressions;
using Xunit;

namespace Evilman.Tests;

/// <summary>The units of deploy/ as systemd reads them, where systemd's own checker is installed. Nothing is started.</summary>
public sealed class UnitTests : IDisposable
{
    static readonly string s_deploy = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(LabTests.Program)!, "../../deploy"));

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-unit-");

    public void Dispose() => folder.Delete(recursive: true);

    [NeedsTheory("systemd-analyze")]
    [InlineData("packetd@.service")]
    [InlineData("tokenbroker.service")]
    [InlineData("evilman-home.service")]
    public void A_unit_has_nothing_that_systemd_does_not_know(string unit)
    {
        var (code, output) = Analyze("verify", "--man=no", Copy(unit));
        Assert.Equal("", output);
        Assert.Equal(0, code);
    }

    /// <summary>systemd counts from 0, safe, to 100, unsafe; the units' own comments say what the rest is for. Its versions do not all count alike.</summary>
    [NeedsTheory("systemd-analyze")]
    [InlineData("packetd@.service", 32)]
    [InlineData("tokenbroker.service", 18)]
    [InlineData("evilman-home.service", 18)]
    public void A_unit_leaves_its_service_little(string unit, int exposure)
    {
        var (code, output) = Analyze("security", "--offline=true", "--no-pager", $"--threshold={exposure}", Copy(unit));
        Assert.True(code == 0, output);
        Assert.Contains("Overall exposure level", output, StringComparison.Ordinal);
    }

    /// <summary>Without StartLimitIntervalSec= systemd gives a service up that has failed five times in ten seconds (systemd.unit(5)), as a broker whose database comes later.</summary>
    [Theory]
    [InlineData("packetd@.service")]
    [InlineData("tokenbroker.service")]
    [InlineData("evilman-home.service")]
    public void A_service_is_started_again_however_often_it_has_failed(string unit)
    {
        string[] lines = File.ReadAllLines(Path.Combine(s_deploy, unit));
        int service = Array.IndexOf(lines, "[Service]");
        Assert.Contains("StartLimitIntervalSec=0", lines[..service]);
        Assert.Contains("Restart=on-failure", lines[service..]);
    }

    /// <summary>ProtectSystem=strict alone leaves it writable with systemd 252 where ProtectProc=, ProtectKernelTunables= or ProtectControlGroups= stand beside it; and /run/lock is everybody's.</summary>
    [Theory]
    [InlineData("packetd@.service", "TemporaryFileSystem=/run:ro")] // with no socket in it, either
    [InlineData("tokenbroker.service", "ReadOnlyPaths=/run")]
    [InlineData("evilman-home.service", "ReadOnlyPaths=/run")]
    public void A_service_writes_nothing_below_run(string unit, string line) => Assert.Contains(line, File.ReadAllLines(Path.Combine(s_deploy, unit)));

    /// <summary>A copy that starts a program which is there, so that the check finds it.</summary>
    string Copy(string unit)
    {
        string path = Path.Combine(folder.FullName, unit);
        File.WriteAllText(path, Regex.Replace(File.ReadAllText(Path.Combine(s_deploy, unit)), "(?m)^ExecStart=/\\S+", "ExecStart=/bin/sh"));
        return path;
    }

    static (int Code, string Output) Analyze(params string[] words)
    {
        using var process = Process.Start(new ProcessStartInfo("systemd-analyze", words) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
