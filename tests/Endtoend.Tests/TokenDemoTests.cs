using System;
using System.IO;
using System.Runtime.InteropServices;
using Testing;
using Xunit;

namespace Endtoend.Tests;

/// <summary>The life of a paid machine, with shorter times, in a lab of its own and with a broker that is built with the tests.</summary>
public sealed class TokenDemoTests
{
    private static readonly string s_broker = Path.Combine(Repository.Root, "tokenbroker", "bin", "Release", "net10.0", "linux-x64");

    private sealed class NeedsSqliteAttribute : FactAttribute
    {
        public NeedsSqliteAttribute() => Skip = new RootFactAttribute().Skip ?? (NativeLibrary.TryLoad("libsqlite3.so", out _) ? null
            : "SQLite's library is not installed (deploy/dependencies installs it for root)");
    }

    [NeedsSqlite]
    public void Paid_machines_live_move_end_and_are_given_back_and_the_ledger_balances()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("endtoend-tokens-");
        try
        {
            var start = new System.Diagnostics.ProcessStartInfo(Cluster.Built("bin/evilman"), ["demo-tokens", "--brief", "--out", folder.FullName]);
            start.Environment["TMPDIR"] = folder.FullName;
            start.Environment["EVILMAN_HOME"] = s_broker;
            var (code, output) = Cluster.Finish(start, TimeSpan.FromMinutes(3));
            Assert.True(code == 0, output);
            Assert.Matches(@"\ndemo-tokens: ok sold=[1-9]\d* burned=[1-9]\d* refunded=[1-9]\d* breakage=[1-9]\d* lost=0 minted_twice=0 unpaid_s=[01]\n$", output);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
