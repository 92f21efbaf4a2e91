using System;
using Xunit;

namespace Endtoend.Tests;

/// <summary>A test that needs to be root, at least inside a lab; <see cref="UserNamespaceTests"/> runs it for those who are not.</summary>
public sealed class ClusterFactAttribute : FactAttribute
{
    public ClusterFactAttribute() => Skip = Refusal;

    internal static string? Refusal => Environment.IsPrivilegedProcess ? null : "runs inside a user namespace (UserNamespaceTests)";
}

/// <inheritdoc cref="ClusterFactAttribute"/>
public sealed class ClusterTheoryAttribute : TheoryAttribute
{
    public ClusterTheoryAttribute() => Skip = ClusterFactAttribute.Refusal;
}
