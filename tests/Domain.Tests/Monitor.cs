using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Testing;
using Testing.Machines;
using Xunit;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

namespace Domain.Tests;

/// <summary>The monitor as a program: published once, with the probes compiled in, then run as a process.</summary>
public static class Monitor
{
    private static readonly Lazy<string> s_program = new(Publish);

    /// <summary>The published program.</summary>
    public static string Path => s_program.Value;

    private static string Publish()
    {
        string root = Repository.Root, output = System.IO.Path.Combine(root, "out", "test", "domain-probe");
        var build = Process.Start(new ProcessStartInfo("dotnet",
            ["publish", "-c", "Release", "-p:SandboxProbe=true", "-p:IntermediateOutputPath=obj/probe/", "-m:1", "-v:q", "-nologo", "-o", output, System.IO.Path.Combine(root, "domain", "Domain.csproj")])
        { RedirectStandardOutput = true, Environment = { ["MSBUILDDISABLENODEREUSE"] = "1" } })!;
        string said = build.StandardOutput.ReadToEnd();
        build.WaitForExit();
        Assert.True(build.ExitCode == 0, said);
        return System.IO.Path.Combine(output, "domain");
    }

    public sealed record Result(int ExitCode, string Output, string Errors);

    /// <summary>Runs to the end, or kills it after <paramref name="seconds"/> and fails.</summary>
    public static Result Run(IEnumerable<string> arguments, string input = "", string? probe = null, int seconds = 20,
        IReadOnlyList<string>? prefix = null, int port = 0, string? program = null)
    {
        using var process = Start(arguments, probe, prefix, port, program);
        // Process.Dispose leaves the pipes to the garbage collector, and descriptors for the monitor have an end: 1023.
        using var toInput = process.StandardInput;
        using var fromOutput = process.StandardOutput;
        using var fromErrors = process.StandardError;
        var output = Task.Run(fromOutput.ReadToEnd);
        var errors = Task.Run(fromErrors.ReadToEnd);
        if (input.Length > 0)
            toInput.Write(input);
        toInput.Flush();
        bool ended = process.WaitForExit(seconds * 1000);
        if (!ended)
            process.Kill();
        process.WaitForExit();
        Assert.True(ended, $"still running after {seconds} s; said: {output.Result} {errors.Result}");
        return new Result(process.ExitCode, output.Result, errors.Result);
    }

    public static Process Start(IEnumerable<string> arguments, string? probe = null, IReadOnlyList<string>? prefix = null, int port = 0,
        string? program = null)
    {
        var start = new ProcessStartInfo(prefix?[0] ?? program ?? s_program.Value)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        if (prefix is not null)
        {
            foreach (string word in prefix.Skip(1))
                start.ArgumentList.Add(word);
            start.ArgumentList.Add(s_program.Value);
        }
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        if (probe is not null)
        {
            start.Environment["DOMAIN_PROBE"] = probe;
            start.Environment["DOMAIN_PROBE_PORT"] = $"{port}";
        }
        return Process.Start(start)!;
    }

    /// <summary>A kernel image in a file that any user may read; deleted with the object.</summary>
    public sealed class Kernel : IDisposable
    {
        public string Path { get; } = System.IO.Path.GetTempFileName();

        public Kernel(ReadOnlySpan<byte> code)
        {
            File.WriteAllBytes(Path, TinyKernel.Image(code));
            File.SetUnixFileMode(Path, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }

        public void Dispose() => File.Delete(Path);
    }
}
