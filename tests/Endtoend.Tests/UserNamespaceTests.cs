using System;
using System.Collections.Generic;
using System.IO;
using Evilman.Lab;
using Testing;
using Xunit;

namespace Endtoend.Tests;

/// <summary>
/// For those who are not root: all of these tests once more, by a process that is started inside the lab, in the client's namespace,
/// where a user namespace makes it root.
/// </summary>
public sealed class UserNamespaceTests
{
    [NotRootFact]
    public void Everything_as_root_of_a_user_namespace()
    {
        var folder = Directory.CreateTempSubdirectory("endtoend-tests-");
        try
        {
            var plan = Cluster.RaiseLab(folder.FullName);
            // One after the other: there is one lab for all.
            List<string> command = ["env", $"{Cluster.InsideVariable}={plan.Directory}", "dotnet", "vstest", typeof(UserNamespaceTests).Assembly.Location, "--", "xUnit.MaxParallelThreads=1"];
            var (code, output) = Cluster.Finish(LabLauncher.Enter(plan, "client", command), TimeSpan.FromMinutes(10));
            Assert.True(code == 0, output);
            Assert.Matches(@"Passed:\s+[1-9]\d", output); // dozens have run, none was left out
            Assert.DoesNotContain("SKIP", output, StringComparison.Ordinal);
        }
        finally
        {
            Cluster.DropLab(folder.FullName);
        }
    }
}
