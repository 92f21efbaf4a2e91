using System;
using System.Diagnostics;
using System.IO;
using Xunit;

namespace Netstack.Tests;

/// <summary>Freestanding images of tests/images, built when a test needs them.</summary>
internal static class Images
{
    /// <summary>The repository.</summary>
    internal static string Root { get; } = FindRoot();

    /// <summary>Builds the project of that folder and returns the path of its image.</summary>
    internal static string Build(string folder, string image)
    {
        Succeeds("dotnet", $"build -c Release -m:1 -v:q -nologo -tl:off -clp:ErrorsOnly;NoSummary tests/images/{folder}/{folder}.csproj");
        return Path.Combine(Root, "out/images", image);
    }

    internal static void Succeeds(string program, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = Root, RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd().Trim();
        Assert.True(process.WaitForExit(180_000), program + " does not end");
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {output}");
    }

    private static string FindRoot()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Minimal.sln")))
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("the tests do not lie in the repository");
        return root;
    }
}
