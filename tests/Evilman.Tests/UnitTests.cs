using System;
using System.Diagnostics;
using System.IO;
using Xunit;

namespace Evilman.Tests;

/// <summary>deploy/packetd@.service as systemd reads it, where systemd's own checker is installed. Nothing is started.</summary>
public sealed class UnitTests : IDisposable
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-unit-");

    public void Dispose() => folder.Delete(recursive: true);

    [NeedsFact("systemd-analyze")]
    public void The_unit_has_nothing_that_systemd_does_not_know()
    {
        var (code, output) = Analyze("verify", "--man=no", Unit());
        Assert.Equal("", output);
        Assert.Equal(0, code);
    }

    /// <summary>systemd counts from 0, safe, to 100, unsafe; the unit's own comments say what the rest is for.</summary>
    [NeedsFact("systemd-analyze")]
    public void The_unit_leaves_packetd_little()
    {
        var (code, output) = Analyze("security", "--offline=true", "--no-pager", "--threshold=32", Unit());
        Assert.True(code == 0, output);
        Assert.Contains("Overall exposure level", output, StringComparison.Ordinal);
    }

    /// <summary>A copy that starts the program where the build left it, so that the check finds it.</summary>
    string Unit()
    {
        string tree = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(LabTests.Program)!, "../..")), path = Path.Combine(folder.FullName, "packetd@.service");
        string unit = File.ReadAllText(Path.Combine(tree, "deploy/packetd@.service"));
        File.WriteAllText(path, unit.Replace("ExecStart=/usr/lib/evilman/cgroups", "ExecStart=" + Path.Combine(tree, "deploy/cgroups"), StringComparison.Ordinal));
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
