using System;
using System.Diagnostics;
using System.IO;
using Testing;

namespace Corelib.Tests;

/// <summary>Builds what must not build, and runs programs, with a limit on time.</summary>
internal static class ImageBuild
{
    /// <summary>Builds tests/images/Forbidden with one thing in it that an image may not have; the core library that it refers to is there.</summary>
    public static (int Code, string Output) BuildForbidden(string sin) =>
        Run("dotnet", $"build -c Release -nologo -v:m -m:1 -nodeReuse:false -p:BuildProjectReferences=false -p:Sin={sin} -t:Rebuild tests/images/Forbidden/Forbidden.csproj", 120);

    /// <summary>Exit code and everything that was printed.</summary>
    public static (int Code, string Output) Run(string program, string arguments, int seconds)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        })!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(seconds)))
        {
            process.Kill(entireProcessTree: true);
            return (-1, output.Result + errors.Result + $"\nnot finished within {seconds} s");
        }
        return (process.ExitCode, output.Result + errors.Result);
    }
}
