using System;
using System.Diagnostics;
using System.IO;
using Testing;
using Xunit;

namespace Netstack.Tests;

/// <summary>Freestanding images of tests/images, built when a test needs them.</summary>
internal static class Images
{
    /// <summary>Builds the project of that folder and returns the path of its image.</summary>
    internal static string Build(string folder, string image)
    {
        Succeeds("dotnet", $"build -c Release -m:1 -v:q -nologo -tl:off -clp:ErrorsOnly;NoSummary tests/images/{folder}/{folder}.csproj");
        return Repository.Image(image);
    }

    internal static void Succeeds(string program, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = Repository.Root, RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd().Trim();
        Assert.True(process.WaitForExit(180_000), program + " does not end");
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {output}");
    }
}
