using System;
using System.Diagnostics;
using System.IO;
using Xunit;

namespace Netstack.Tests;

/// <summary>The same sources without a runtime, a heap or a libc: builds the image of tests/images/NetstackFreestanding and runs it.</summary>
public sealed class FreestandingTests
{
    [Fact]
    public void TwoStacksTalkInAFreestandingImage()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Minimal.sln")))
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("the tests do not lie in the repository");
        Succeeds("dotnet", "build -c Release -m:1 -v:q -nologo -tl:off -clp:ErrorsOnly;NoSummary tests/images/NetstackFreestanding/NetstackFreestanding.csproj", root);
        Succeeds(Path.Combine(root, "out/images/netstack-freestanding"), "", root);
    }

    private static void Succeeds(string program, string arguments, string folder)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        })!;
        string output = process.StandardOutput.ReadToEnd().Trim();
        Assert.True(process.WaitForExit(180_000), program + " does not end");
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {output}");
    }
}
