using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Testing;
using Tokenbroker.Commands;
using Tokenbroker.Storage;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>The command line. The console is the process's, so these run one after another.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("broker-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static (int Code, string Output, string Errors) Run(params string[] arguments)
    {
        (TextWriter output, TextWriter errors) = (Console.Out, Console.Error);
        using StringWriter outputs = new(), complaints = new();
        Console.SetOut(outputs);
        Console.SetError(complaints);
        try
        {
            return (Program.Main(arguments), outputs.ToString(), complaints.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(errors);
        }
    }

    private string[] Here(params string[] arguments) => [.. arguments, "--database", Path.Combine(folder, "broker.db"),
        "--master-key", Path.Combine(folder, "master.key")];

    private string Done(params string[] arguments)
    {
        var (code, output, errors) = Run(Here(arguments));
        Assert.True(code == 0 && errors.Length == 0, $"{string.Join(' ', arguments)}: {code} {errors}");
        return output.TrimEnd();
    }

    private string Fails(int expected, params string[] arguments)
    {
        var (code, _, errors) = Run(Here(arguments));
        Assert.Equal(expected, code);
        Assert.StartsWith("tokenbroker: ", errors);
        Assert.DoesNotContain("Exception", errors, StringComparison.Ordinal);
        return errors.TrimEnd();
    }

    [Fact]
    public void Help_of_every_command_fits_eighty_columns()
    {
        int seen = 0;
        void Look(Command command, string[] path)
        {
            var (code, output, _) = Run([.. path, "--help"]);
            Assert.Equal(0, code);
            Assert.All(output.Split('\n'), line => Assert.True(line.Length <= 80, $"{string.Join(' ', path)}: {line}"));
            Assert.NotEmpty(command.Description!);
            seen++;
            foreach (Command inner in command.Subcommands)
                Look(inner, [.. path, inner.Name]);
        }
        Look(Program.Root(), []);
        Assert.True(seen > 12);
    }

    [SqliteFact]
    public void A_shop_is_set_up_sold_from_verified_copied_and_brought_back()
    {
        File.WriteAllText(Path.Combine(folder, "n1.key"), Shop.Key + "\nremarks");
        File.WriteAllText(Path.Combine(folder, "n2.key"), new string('k', 40));
        Assert.StartsWith("tb_", Done("init"), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(Path.Combine(folder, "broker.db")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(Path.Combine(folder, "master.key")));
        Assert.Contains("exists already", Fails(1, "init"), StringComparison.Ordinal);
        Assert.Equal("node 1 n1 10.0.0.1",
            Done("node", "add", "n1", "--address", "10.0.0.1", "--key-file", Path.Combine(folder, "n1.key"),
            "--boot-addresses", "10.0.0.10-10.0.0.19", "--guest-addresses", "10.0.0.100-10.0.0.119", "--memory", "1024",
                "--machines", "4", "--min-cpu-share", "25", "--cpu", "400", "--price-share", "3"));
        Assert.Equal("node n1 key 2", Done("node", "rotate-key", "n1", "--key-file", Path.Combine(folder, "n2.key")));
        Assert.Equal("1 n1 10.0.0.1 machines 0/4 memory 0/1024 MiB cpu 0/400 % key 2", Done("node", "list"));
        Done("plan", "add", "small", "--token-value", "100", "--memory", "64", "--cpu", "50");
        Assert.Equal("1 small token 100 units, 64 MiB, cpu 50 %, guests 1, chain 1024", Done("plan", "list"));
        Done("customer", "add", "alice");
        Assert.Equal("balance 500", Done("deposit", "alice", "500", "--note", "bill 1"));
        string key = Done("customer", "key", "alice", "--scopes", "read,buy");
        Done("customer", "revoke", key.Split('_')[1]);
        Assert.Contains("that is not revoked", Fails(1, "customer", "revoke", key.Split('_')[1]),
            StringComparison.Ordinal);
        string verified = Done("verify");
        Assert.StartsWith("verify: ok entries=1 accounts=4 chains=0 sold=0", verified, StringComparison.Ordinal);
        string head = verified.Split("head=")[1];
        Assert.Equal(verified, Done("verify", "--head", head));
        Done("backup", Path.Combine(folder, "copy"));
        Done("deposit", "alice", "1");
        Assert.Contains("exists already", Fails(1, "restore", Path.Combine(folder, "copy")), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder, "broker.db-wal")), "a command leaves the database closed");
        File.Move(Path.Combine(folder, "broker.db"), Path.Combine(folder, "former"));
        File.WriteAllText(Path.Combine(folder, "broker.db-wal"), "what a broker that was killed has left");
        Assert.Equal($"restored 1 entries, head={head}", Done("restore", Path.Combine(folder, "copy")));
        Assert.Equal("1 alice 500", Done("customer", "list"));
    }

    [SqliteFact]
    public void A_restore_that_fails_leaves_nothing()
    {
        Done("init");
        Done("backup", Path.Combine(folder, "copy"));
        File.Delete(Path.Combine(folder, "broker.db"));
        File.WriteAllText(Path.Combine(folder, "text"), new string('x', 5000));
        File.WriteAllText(Path.Combine(folder, "other.key"), new string('0', 64));
        string[] before = Directory.GetFiles(folder);
        Assert.Contains("is not a database", Fails(1, "restore", Path.Combine(folder, "text")),
            StringComparison.Ordinal);
        Assert.Equal(before.Order(), Directory.GetFiles(folder).Order());
        var (code, _, errors) = Run("restore", Path.Combine(folder, "copy"), "--database",
            Path.Combine(folder, "broker.db"), "--master-key", Path.Combine(folder, "other.key"));
        Assert.Equal(1, code);
        Assert.Contains("another master key", errors, StringComparison.Ordinal);
        Assert.Equal(before.Order(), Directory.GetFiles(folder).Order());
        Done("restore", Path.Combine(folder, "copy"));
    }

    [PostgresFact]
    public void A_restored_database_that_does_not_verify_is_not_used()
    {
        using Scratch good = new("postgres"), bad = new("postgres");
        string[] at(Scratch scratch, params string[] words) =>
            [.. words, "--database", scratch.Where, "--master-key", Path.Combine(folder, "master.key")];
        string copy = Path.Combine(folder, "copy");
        Assert.Equal(0, Run(at(good, "init")).Code);
        Assert.Equal(0, Run(at(good, "customer", "add", "alice")).Code);
        Assert.Equal(0, Run(at(good, "deposit", "alice", "500")).Code);
        using (Session session = good.Database.Open())
            session.Script("ALTER TABLE entry DISABLE TRIGGER ALL; UPDATE entry SET at = at + 1; ALTER TABLE entry ENABLE TRIGGER ALL");
        Assert.Equal(0, Run(at(good, "backup", copy)).Code);
        Assert.Equal(1, Run(at(bad, "restore", copy)).Code);
        (int code, _, string errors) = Run(at(bad, "customer", "list"));
        Assert.Equal(1, code);
        Assert.Contains("does not verify", errors, StringComparison.Ordinal);
        Assert.Contains("entry 1 was changed", Run(at(bad, "verify")).Errors, StringComparison.Ordinal);
        Assert.Contains("is not empty", Run(at(bad, "restore", copy)).Errors, StringComparison.Ordinal);
        Assert.Equal(0, Run(at(good, "customer", "list")).Code);
    }

    [SqliteFact]
    public void A_folder_that_is_missing_is_named_and_nothing_is_made()
    {
        string missing = Path.Combine(folder, "missing");
        string operatorKey = Path.Combine(missing, "operator");
        Assert.Equal($"tokenbroker: there is no folder {missing}", Fails(1, "init", "--operator-key", operatorKey));
        Assert.Empty(Directory.GetFiles(folder));
        var (code, _, errors) = Run("init", "--database", Path.Combine(missing, "broker.db"), "--master-key",
            Path.Combine(folder, "master.key"));
        Assert.Equal((1, $"tokenbroker: there is no folder {missing}"), (code, errors.TrimEnd()));
    }

    [Fact]
    public void More_elements_than_a_node_can_verify_are_not_believed() => Assert.Contains(
        "«100001» is not a number from 1 to 100000", Fails(2, "node", "add", "n1", "--elements-per-packet", "100001"),
        StringComparison.Ordinal);

    /// <summary>A name, or what only looks like an address, is taken by the server for all addresses of the machine.</summary>
    [Theory]
    [InlineData("http://127.0.0.l:8090")]
    [InlineData("http://256.1.1.1:8090")]
    [InlineData("http://broker:8090")]
    [InlineData("http://*:8090")]
    [InlineData("https://127.0.0.1:8090")]
    [InlineData("http://127.0.0.1:99999")]
    [InlineData("http://127.0.0.1:8090/api")]
    [InlineData("http://[::1")]
    [InlineData("ftp://127.0.0.1")]
    [InlineData("127.0.0.1:8090")]
    [InlineData("")]
    public void A_broker_listens_at_addresses_in_digits_only(string place) =>
        Assert.Contains("is not an address of this machine", Fails(2, "serve", "--listen", place), StringComparison.Ordinal);

    [SqliteFact]
    public void Mistakes_are_told_in_a_sentence()
    {
        Assert.Contains("names no database", Run("verify", "--database", "").Errors, StringComparison.Ordinal);
        Assert.Contains("64 hexadecimal digits", Run("init", "--database", Path.Combine(folder, "broker.db"), "--master-key", "/dev/zero").Errors,
            StringComparison.Ordinal);
        Assert.Contains("there is no database", Fails(1, "verify"), StringComparison.Ordinal);
        Assert.Contains("«x» is not a number from 1 to", Fails(2, "deposit", "alice", "x"), StringComparison.Ordinal);
        Assert.Contains("--address", Fails(2, "node", "add", "n1"), StringComparison.Ordinal);
        Done("init", "--operator-key", Path.Combine(folder, "operator"));
        Assert.StartsWith("tb_", File.ReadAllText(Path.Combine(folder, "operator")), StringComparison.Ordinal);
        Assert.Contains("there is no customer alice", Fails(1, "deposit", "alice", "5"), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(folder, "master.key"), "00\n");
        Assert.Contains("64 hexadecimal digits", Fails(1, "verify"), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(folder, "master.key"), new string('0', 64));
        Assert.Contains("was made with another master key", Fails(1, "verify"), StringComparison.Ordinal);
    }

    /// <summary>A process that may have no further thread ends when it wants one.</summary>
    [Theory]
    [InlineData("tokenbroker.service", ServeCommand.MaxThreads + 40, 256)]
    [InlineData("evilman-home.service", Evilman.Commands.HomeCommand.MaxPoolThreads + 20, 64)]
    public void A_unit_leaves_room_for_all_threads_of_the_pool_and_for_those_of_the_runtime(string unit, int least, int most)
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "deploy", unit));
        int tasks = int.Parse(Regex.Match(text, @"(?m)^TasksMax=(\d+)$").Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(tasks, least, most);
    }

    [Theory]
    [InlineData("tokenbroker.service")]
    [InlineData("evilman-home.service")]
    [InlineData("packetd@.service")]
    public void What_a_unit_starts_is_where_a_page_says_that_it_is_put_and_so_is_the_unit(string unit)
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "deploy", unit));
        string program = Regex.Match(text, @"(?m)^ExecStart=[-+!:@]*(\S+)").Groups[1].Value;
        string[] installed = [.. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").SelectMany(File.ReadLines)
            .Where(line => line.TrimStart().StartsWith("install ", StringComparison.Ordinal))];
        Assert.Contains(installed, line => Puts(line, Path.GetFileName(program), program));
        Assert.Contains(installed, line => Puts(line, unit, "/etc/systemd/system/" + unit));

        static bool Puts(string line, string name, string file) => line.Contains($"dist/{name} ", StringComparison.Ordinal)
            && (line.EndsWith(" " + file, StringComparison.Ordinal)
                || line.EndsWith($" {Path.GetDirectoryName(file)}/", StringComparison.Ordinal));
    }
}
