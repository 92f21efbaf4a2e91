using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;

namespace Evilman.Lab;

/// <summary>Other programs: finding them, running them, saying what went wrong.</summary>
internal static class Tool
{
    /// <summary>
    /// The path of a program in PATH or in the system's own folders, which unprivileged users often lack in theirs.
    /// </summary>
    internal static string? Find(string program)
    {
        if (program.Contains('/'))
            return File.Exists(program) ? Path.GetFullPath(program) : null;
        foreach (var folder in (Environment.GetEnvironmentVariable("PATH")
            + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            var path = Path.Combine(folder, program);
            if (File.Exists(path))
                return path;
        }
        return null;
    }

    internal static string Need(string program, string package) => Find(program)
        ?? throw Failure.Lacking($"the program «{program}» is missing: install the package {package}");

    /// <summary>
    /// Runs a program to its end, within <paramref name="seconds"/>. Fails with the last line it wrote to standard
    /// error.
    /// </summary>
    internal static string Run(string program, IEnumerable<string> arguments, string? input = null, int seconds = 20)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start) ?? throw new Failure($"{program} does not start");
        try
        {
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEndAsync();
            if (input is not null)
                process.StandardInput.Write(input);
            process.StandardInput.Close();
            if (!process.WaitForExit(TimeSpan.FromSeconds(seconds)))
                throw new Failure($"{Path.GetFileName(program)} did not end within {seconds} s");
            if (process.ExitCode != 0)
                throw new Failure($"{Path.GetFileName(program)} failed: {LastLine(error.Result)}");
            return output.Result;
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    internal static string LastLine(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length == 0 ? "it said nothing" : lines[^1];
    }
}
