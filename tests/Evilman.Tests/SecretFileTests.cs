using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using Evilman.Minting;
using Testing;
using Tokens;
using Xunit;

namespace Evilman.Tests;

/// <summary>What is written into secrets' files and read from them, by the shipped program.</summary>
public sealed class SecretFileTests : IDisposable
{
    const UnixFileMode OwnersAlone = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-secrets-");

    public void Dispose() => folder.Delete(recursive: true);

    string At(string name) => Path.Combine(folder.FullName, name);

    (int Code, string Error) Evilman(params string[] words) => Run(LabTests.Program, words);

    static (int Code, string Error) Run(string program, string[] words)
    {
        using var process = Process.Start(new ProcessStartInfo(program, words) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(30_000));
        return (process.ExitCode, error.Result);
    }

    string[] MintWords(string name, params string[] more)
    {
        if (!File.Exists(At("node.key")))
            File.WriteAllText(At("node.key"), "0123456789abcdef0123\n");
        File.WriteAllBytes(At("loader"), [0xc3]);
        return ["mint", At(name), "--node", "10.0.0.1", "--key-file", At("node.key"), "--boot-address", "10.0.0.101/24", "--loader", At("loader"), .. more];
    }

    [Fact]
    public void A_token_and_what_belongs_to_it_are_their_owners_alone()
    {
        Assert.Equal((0, ""), Evilman(MintWords("a")));
        foreach (var file in folder.GetFiles("a*"))
            Assert.Equal(OwnersAlone, file.UnixFileMode);
        Assert.True(File.Exists(At("a.chain")));
        Assert.Equal(Mint.MachineKey(File.ReadAllBytes(At("a")), SecretFile.ReadKey(At("node.key"))), MachineKeyFile.Read(At("a.machine-key")));
    }

    /// <summary>Readers and writers hold no lock in common: «evilman forward» looks twice a second whether its job is there.</summary>
    [Fact]
    public void A_file_can_be_read_from_the_moment_on_at_which_it_has_its_name_and_a_draft_in_use_is_not_removed()
    {
        File.WriteAllBytes(At("job"), [1]);
        using var first = new Draft(At("job"), [2]);
        using var second = new Draft(At("job"), [3]);
        first.Become(At("job"), replace: true);
        Assert.Equal([2], Files.Read(At("job"), 10, "a job"));
        second.Become(At("job"), replace: true);
        Assert.Equal([3], Files.Read(At("job"), 10, "a job"));
    }

    [Fact]
    public void A_share_of_a_processor_is_signed_into_a_token_and_a_whole_one_otherwise()
    {
        Assert.Equal((0, ""), Evilman(MintWords("whole")));
        Assert.Equal((0, ""), Evilman(MintWords("quarter", "--cpu-share", "25")));
        Assert.True(Wire.BootToken.TryParse(TokenFile.Read(At("whole")), out var whole));
        Assert.True(Wire.BootToken.TryParse(TokenFile.Read(At("quarter")), out var quarter));
        Assert.Equal((100, 25), (whole.CpuPercent, quarter.CpuPercent));
        Assert.Equal(2, Evilman(MintWords("more", "--cpu-share", "101")).Code);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("a.chain")]
    [InlineData("a.machine-key")]
    public void Minting_over_any_of_them_changes_nothing_unless_it_is_told_to(string present)
    {
        File.WriteAllText(At(present), "mine");
        var (code, error) = Evilman(MintWords("a"));
        Assert.Equal(1, code);
        Assert.Contains($"{At(present)} exists already", error, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(At(present)));
        Assert.Single(folder.GetFiles("a*"));

        Assert.Equal((0, ""), Evilman(MintWords("a", "--force")));
        Assert.True(Wire.BootToken.TryParse(File.ReadAllBytes(At("a")), out var token));
        Assert.Equal(ChainFile.Load(At("a.chain")).Element(10_000), token.ChainEnd.Bytes.ToArray());
    }

    /// <summary>A file system without room, in a mount namespace of the command's own.</summary>
    [Theory]
    [InlineData("keygen")]
    [InlineData("mint")]
    public void On_a_full_disk_nothing_is_left_and_the_reason_is_told(string command)
    {
        Directory.CreateDirectory(At("full"));
        string[] words = command == "mint" ? MintWords("full/a") : ["keygen", At("full/a")];
        const string Script = """
            mount -t tmpfs -o size=4k tmpfs "$1" && full=$1 && shift && head -c 4096 /dev/zero >"$full/ballast" || exit 99
            "$@"; code=$?
            [ "$(ls "$full")" = ballast ] || exit 98
            exit $code
            """;
        var (code, error) = Run("unshare", ["--user", "--map-root-user", "--mount", "/bin/sh", "-c", Script, "sh", At("full"), LabTests.Program, .. words]);
        Assert.Equal(1, code);
        Assert.Contains("cannot be written", error, StringComparison.Ordinal);
        Assert.Contains("No space left", error, StringComparison.Ordinal);
    }

    /// <summary>No packet may leave, so it does not matter that nobody is at the address: the file is refused first.</summary>
    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("key")]
    [InlineData("long")]
    [InlineData("empty")]
    public void What_is_no_token_is_not_sent(string name)
    {
        File.WriteAllText(At("key"), Convert.ToHexStringLower(Secret.Random(20)) + "\n");
        File.WriteAllBytes(At("long"), new byte[100_000]);
        File.WriteAllText(At("empty"), "");
        var path = name.StartsWith('/') ? name : At(name);
        var (code, error) = Evilman("ping", "127.0.0.1", "--token", path);
        Assert.Equal(1, code);
        Assert.Contains($"{path} is not a boot token", error, StringComparison.Ordinal);
    }

    /// <summary>Before a packet leaves: nobody is at the address, which would be another sentence and another code.</summary>
    [Theory]
    [InlineData("--memory", "1G")]
    [InlineData("--guest", "10.0.0.50")]
    [InlineData("--tokens", "20")]
    [InlineData("--cpu-share", "50")]
    public void Options_of_minting_are_refused_beside_a_token_that_is_there(string option, string value)
    {
        Assert.Equal((0, ""), Evilman(MintWords("a")));
        var (code, error) = Evilman("boot", "10.0.0.1", "--token", At("a"), "--loader", At("loader"), "--kernel", At("loader"), option, value);
        Assert.Equal(2, code);
        Assert.Contains($"{option} says what a new token shall permit", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_guest_without_an_address_is_not_waited_for()
    {
        Assert.Equal((0, ""), Evilman(MintWords("a")));
        var (code, error) = Evilman("boot", "10.0.0.1", "--token", At("a"), "--loader", At("loader"), "--kernel", At("loader"));
        Assert.Equal(2, code);
        Assert.Contains("--guest is missing", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("/dev/null")]
    public void What_is_no_key_file_is_refused(string path)
    {
        var (code, error) = Evilman(MintWords("b", "--key-file", path));
        Assert.NotEqual(0, code);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.False(File.Exists(At("b")));
    }

    [Theory]
    [InlineData("10.0.0.255/24", null, null, "broadcast")]
    [InlineData("10.0.0.0/24", null, null, "network")]
    [InlineData("10.0.0.101/24", "10.0.1.1", null, "not in the subnet")]
    [InlineData("10.0.0.101/24", "10.0.0.255", null, "broadcast")]
    [InlineData("10.0.0.101/24", "10.0.0.101", null, "twice")]
    [InlineData("10.0.0.101/24", null, "10.0.0.255", "broadcast")]
    [InlineData("10.0.0.101/24", null, "10.0.0.101", "twice")]
    [InlineData("10.0.0.101/24", null, "224.0.0.1", "no host's")]
    [InlineData("10.0.0.101/24", null, "127.0.0.1", "no host's")]
    [InlineData("10.0.0.1/24", null, null, "twice")]
    public void Addresses_that_no_machine_may_have_are_refused_when_minting(string boot, string? gateway, string? guest, string why)
    {
        var slash = boot.IndexOf('/');
        var request = new MintRequest
        {
            Node = IPAddress.Parse("10.0.0.1"),
            BootAddress = IPAddress.Parse(boot[..slash]),
            PrefixLength = 24,
            Gateway = gateway is null ? null : IPAddress.Parse(gateway),
            Guests = guest is null ? [] : [IPAddress.Parse(guest)],
            Loader = [0xc3],
        };
        var failure = Assert.Throws<Failure>(() => AddressRules.Demand(request));
        Assert.Equal(ExitCode.Usage, failure.ExitCode);
        Assert.Contains(why, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_write_that_is_refused_half_way_takes_back_what_it_wrote()
    {
        var failure = Assert.Throws<Failure>(() => SecretFile.WriteAll([(At("one"), [1]), (At("no/such/folder"), [2])], replace: false));
        Assert.Equal($"{At("no/such/folder")} cannot be written: its folder is not there", failure.Message);
        Assert.Empty(folder.EnumerateFileSystemInfos());
    }

    /// <summary>Chains are prepaid: what was there before is lost only to what takes its place.</summary>
    [Fact]
    public void Replacing_that_is_refused_half_way_leaves_what_was_there()
    {
        File.WriteAllText(At("one"), "mine");
        Assert.Throws<Failure>(() => SecretFile.WriteAll([(At("one"), [1]), (At("no/such/folder"), [2])], replace: true));
        Assert.Equal("mine", File.ReadAllText(At("one")));
        Assert.Single(folder.EnumerateFileSystemInfos());
    }

    /// <summary>A file that cannot be replaced, since it is mounted, comes last: those before it get back what they were.</summary>
    [Fact]
    public void Replacing_that_fails_at_the_last_file_gives_the_others_back()
    {
        string[] words = [.. MintWords("a"), "--force"];
        foreach (var name in (string[])["a", "a.chain", "a.machine-key"])
            File.WriteAllText(At(name), $"my {name}");
        const string Script = "mount --bind \"$1\" \"$1\" && shift && exec \"$@\"";
        var (code, error) = Run("unshare", ["--user", "--map-root-user", "--mount", "/bin/sh", "-c", Script, "sh", At("a"), LabTests.Program, .. words]);
        Assert.Equal(1, code);
        Assert.Contains($"{At("a")} cannot be written", error, StringComparison.Ordinal);
        foreach (var name in (string[])["a", "a.chain", "a.machine-key"])
            Assert.Equal($"my {name}", File.ReadAllText(At(name)));
        Assert.Equal(3, folder.GetFiles("a*").Length);
    }

    /// <summary>The chain to be replaced is a pipe that nobody writes: with a draft on the disk, the program waits there until it is killed.</summary>
    [Fact]
    public void What_a_killed_program_leaves_is_removed_by_the_next_that_writes_the_same_file()
    {
        Run("mkfifo", [At("a.chain")]);
        string[] words = [.. MintWords("a"), "--force"];
        using (var killed = Process.Start(LabTests.Program, words))
        {
            Wait.Until(() => Drafts().Length == 1, "a draft");
            killed.Kill();
            killed.WaitForExit();
        }
        Assert.Single(Drafts());
        File.Delete(At("a.chain"));
        // Neither what another program is writing now, nor what has only a similar name.
        string[] kept = [At("a.chain.01234567.draft"), At("a.chain.0123456g.draft"), At("b.01234567.draft")];
        File.WriteAllText(kept[1], "mine");
        File.WriteAllText(kept[2], "mine");
        using var written = new FileStream(kept[0], FileMode.CreateNew, FileAccess.Write, FileShare.None);
        Assert.Equal((0, ""), Evilman(words));
        Assert.Equal(kept, Drafts().Order(StringComparer.Ordinal));
    }

    string[] Drafts() => Directory.GetFiles(folder.FullName, "*.draft");

    /// <summary>The guest that has the address already goes on obeying its key.</summary>
    [Fact]
    public void A_boot_that_fails_leaves_the_key_of_the_guest_before()
    {
        MintWords("a");
        File.WriteAllText(At("guest-key"), "mine");
        const string Script = "ip link set lo up && ip address add 10.0.0.50/24 dev lo && exec \"$@\"";
        var (code, error) = Run("unshare", ["--user", "--map-root-user", "--net", "/bin/sh", "-c", Script, "sh", LabTests.Program,
            "boot", "10.0.0.1", "--key-file", At("node.key"), "--boot-address", "10.0.0.101/24", "--guest", "10.0.0.50", "--loader", At("loader"),
            "--kernel", At("loader"), "--guest-key-out", At("guest-key")]);
        Assert.NotEqual(0, code);
        Assert.Contains("is in use", error, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(At("guest-key")));
        Assert.Single(folder.GetFiles("guest-key*"));
    }
}
