using System;
using System.IO;
using Xunit;

namespace Testing;

/// <summary>A test that makes network namespaces, or starts machines under accounts of their own; otherwise it is skipped, and counted as that.</summary>
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() => Skip = RootReason.Refusal;
}

/// <inheritdoc cref="RootFactAttribute"/>
public sealed class RootTheoryAttribute : TheoryAttribute
{
    public RootTheoryAttribute() => Skip = RootReason.Refusal;
}

/// <summary>One that needs IPv6 of the host's kernel as well.</summary>
public sealed class RootIpv6TheoryAttribute : TheoryAttribute
{
    public RootIpv6TheoryAttribute() =>
        Skip = RootReason.Refusal ?? (Directory.Exists("/proc/sys/net/ipv6") ? null : "the host's kernel has no IPv6");
}

/// <summary>A test for those who are not root, for whom it does what others do as root.</summary>
public sealed class NotRootFactAttribute : FactAttribute
{
    public NotRootFactAttribute()
    {
        if (Environment.IsPrivilegedProcess)
            Skip = "not needed by root, for whom the same tests run as they are";
    }
}

/// <summary>What the host's kernel does not do.</summary>
public static class HostKernel
{
    /// <summary>Whether programs can filter their system calls (seccomp(2)), as tests/run has found out.</summary>
    public static bool TakesFilters => Environment.GetEnvironmentVariable("TESTS_WITHOUT_FILTERS") == null;
}

internal static class RootReason
{
    /// <summary>Why such tests do not run here; null when they do.</summary>
    public static string? Refusal => !Environment.IsPrivilegedProcess ? "needs root to make network namespaces"
        : HostKernel.TakesFilters ? null : "the host's kernel takes no filter of system calls";
}
