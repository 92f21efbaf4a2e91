using System;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading;
using Xunit;

namespace Netstack.Tests;

/// <summary>Whether this process may make network namespaces, by itself or behind a user namespace.</summary>
internal static class Namespaces
{
    /// <summary>Null, or why a thread of ours cannot have a network namespace of its own.</summary>
    internal static string? Refusal { get; } = Probe();

    private static string? Probe()
    {
        string? refusal = null;
        Thread thread = new(() =>
        {
            if (TapDevices.unshare(TapDevices.CloneNewNet) != 0)
            {
                refusal = "this process may not make a network namespace (errno " + Marshal.GetLastPInvokeError() + ")";
                return;
            }
            try
            {
                TapDevices.close(TapDevices.OpenTap("tap0", false));
            }
            catch (InvalidOperationException e)
            {
                refusal = "this process may not make a TAP device (" + e.Message + ")";
            }
        });
        thread.Start();
        thread.Join();
        return refusal;
    }
}

/// <summary>A test that needs a network namespace; <see cref="UserNamespaceTests"/> runs it where only a user namespace gives one.</summary>
public sealed class NamespaceFactAttribute : FactAttribute
{
    public NamespaceFactAttribute() => Skip = Namespaces.Refusal;
}

/// <inheritdoc cref="NamespaceFactAttribute"/>
public sealed class NamespaceTheoryAttribute : TheoryAttribute
{
    public NamespaceTheoryAttribute() => Skip = Namespaces.Refusal;
}

/// <summary>For those who are not root: the tests against Linux once more, as root of a user namespace.</summary>
public sealed class UserNamespaceTests
{
    public sealed class NeedsUserNamespaceAttribute : FactAttribute
    {
        public NeedsUserNamespaceAttribute()
        {
            if (Namespaces.Refusal == null)
                Skip = "not needed: the tests against Linux have run already";
            else if (Run("unshare --net true", out _) != 0)
                Skip = "the kernel forbids user namespaces to this user";
        }
    }

    [NeedsUserNamespace]
    public void LinuxTestsAsRootOfAUserNamespace()
    {
        int code = Run($"dotnet vstest {typeof(UserNamespaceTests).Assembly.Location} --TestCaseFilter:FullyQualifiedName~Netstack.Tests.LinuxTests|FullyQualifiedName~Netstack.Tests.Relay", out string output);
        Assert.True(code == 0, output);
        Assert.Matches(@"Passed:\s+\d{2,}", output); // both files have run, none was left out
        Assert.DoesNotContain("[SKIP]", output, StringComparison.Ordinal);
    }

    private static int Run(string command, out string output)
    {
        using Process process = Process.Start(new ProcessStartInfo("unshare", "--user --map-root-user " + command)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
