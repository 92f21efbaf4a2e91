using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Testing;
using Wire;
using Xunit;

namespace Launcher.Tests;

/// <summary>
/// What the launcher does with the files of a machine's control group, in folders that look like one: what it writes, in which order, and what it
/// says when it cannot. What the kernel makes of it is <see cref="ControlGroupKernelTests"/>.
/// </summary>
public sealed class ControlGroupTests : IDisposable
{
    /// <summary>In the order in which they are written: what has a limit already is in the group last.</summary>
    private static readonly string[] s_files = ["memory.max", "memory.swap.max", "cpu.max", "pids.max", "cgroup.procs"];

    private static readonly string s_puppet = Repository.Image("puppet");
    private static readonly string s_user = File.ReadLines("/proc/self/status").Single(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[1];

    private readonly string groups = Directory.CreateTempSubdirectory("groups-").FullName;
    private readonly string group;

    public ControlGroupTests()
    {
        group = Path.Combine(groups, "machine-" + s_user);
        Lay();
    }

    private static IEnumerable<bool> Images => Launch.CanEmulate ? [false, true] : [false];

    public void Dispose() => Directory.Delete(groups, recursive: true);

    /// <summary>The group as deploy/cgroups leaves it, nobody in it.</summary>
    private void Lay(bool populated = false)
    {
        Directory.CreateDirectory(group);
        foreach (string file in s_files.Append("cgroup.kill"))
        {
            File.Delete(At(file));
            File.WriteAllText(At(file), "");
            File.SetUnixFileMode(At(file), UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }
        File.WriteAllText(At("cgroup.events"), $"populated {(populated ? 1 : 0)}\nfrozen 0\n");
    }

    private string At(string file) => Path.Combine(group, file);

    private string[] Written(IEnumerable<string> files) => [.. files.Select(file => File.ReadAllText(At(file)))];

    private Launch Start(string options = "", byte[]? record = null, bool arm64 = false, string? path = null) => new(
        ["--cgroup", path ?? groups, .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), s_puppet, "/dev/null"], [record ?? Launch.Record()], arm64: arm64);

    private void AssertSays(string sentence, string? path = null, bool arm64 = false)
    {
        using Launch launch = Start(path: path, arm64: arm64);
        Assert.Equal((4, "", $"launcher: {sentence}.\n"), launch.End());
    }

    [Theory]
    [InlineData(64u, 100, "", 320L << 20, 100_000)]
    [InlineData(64u, 100, "--monitor-memory 16 --cpu-max 120", 80L << 20, 120_000)]
    [InlineData(1u, 1, "--monitor-memory 1024 --cpu-max 6400", 1025L << 20, 1000)]
    // Where the token says another share than a whole processor it is held to that.
    [InlineData(3071u, 250, "--cpu-max 30", 3327L << 20, 250_000)]
    [InlineData(uint.MaxValue, ushort.MaxValue, "", uint.MaxValue + 256L << 20, 65_535_000)]
    public void It_is_told_what_the_token_says(uint memory, ushort percent, string options, long bytes, int microseconds)
    {
        foreach (bool arm64 in Images)
        {
            Lay();
            using Launch launch = Start(options, Launch.Record(memory: memory, cpu: percent), arm64);
            string folder = launch.AwaitPuppet();
            Assert.Equal([$"{bytes}", "0", $"{microseconds} 100000", "32", "0"], Written(s_files));
            Assert.Equal("", File.ReadAllText(At("cgroup.kill")));
            foreach (string file in s_files)
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode(At(file)));
            // It has none of them open, nor their folder.
            Assert.Equal(["0", "1", "2", "3", "4", "5"], Directory.GetFileSystemEntries(folder + "fd").Select(Path.GetFileName).Order());
        }
    }

    [Fact]
    public void It_is_entered_when_all_its_limits_are_set_and_otherwise_nothing_runs()
    {
        foreach (bool arm64 in Images)
            for (int missing = 0; missing < s_files.Length; missing++)
            {
                Lay();
                File.Delete(At(s_files[missing]));
                AssertSays($"{At(s_files[missing])} cannot be written: error 2", arm64: arm64);
                Assert.DoesNotContain("", Written(s_files[..missing]));
                Assert.All(Written(s_files[(missing + 1)..]), text => Assert.Equal("", text));
            }
    }

    [Fact]
    public void A_file_that_is_a_link_is_not_written()
    {
        string elsewhere = Path.Combine(groups, "elsewhere");
        foreach (string file in s_files)
        {
            Lay();
            File.WriteAllText(elsewhere, "");
            File.Delete(At(file));
            File.CreateSymbolicLink(At(file), elsewhere);
            AssertSays($"{At(file)} cannot be written: error 40"); // ELOOP
            Assert.Equal("", File.ReadAllText(elsewhere));
        }
    }

    [Fact]
    public void A_folder_that_is_none_a_link_or_not_there_is_told()
    {
        string link = Path.Combine(groups, "link"), file = Path.Combine(groups, "file"), machine = "/machine-" + s_user;
        Directory.CreateSymbolicLink(link, groups);
        File.WriteAllText(file, "");
        foreach (bool arm64 in Images)
        {
            AssertSays($"{groups}/none cannot be opened: error 2", groups + "/none", arm64);
            AssertSays($"{link} is a link, or no folder: error 20", link, arm64);
            AssertSays($"{file} is a link, or no folder: error 20", file, arm64);
            // On the way there links are the operator's.
            using (Launch launch = Start(path: link + "/./../" + Path.GetFileName(groups), arm64: arm64))
                launch.AwaitPuppet();
        }
        Directory.Move(group, groups + "/real");
        AssertSays($"{groups}{machine} cannot be opened: error 2");
        Directory.CreateSymbolicLink(group, groups + "/real");
        AssertSays($"{groups}{machine} is a link, or no folder: error 20");
        File.Delete(group);
        Directory.CreateDirectory(group);
        AssertSays($"{groups}{machine}/cgroup.events cannot be read: error 2");
    }

    [Fact]
    public void A_path_may_have_160_bytes_and_its_sentence_is_whole()
    {
        foreach (int length in new[] { 160, 161 })
        {
            string path = groups + "/" + new string('x', length - groups.Length - 1);
            using Launch launch = Start(path: path);
            Assert.Equal(length == 160 ? (4, "", $"launcher: {path} cannot be opened: error 2.\n") : (1, "", "launcher: --cgroup is not of the form and in the range that --help tells.\n"), launch.End());
        }
        string longest = groups + "/" + new string('x', 160 - groups.Length - 1);
        Directory.CreateDirectory(longest);
        Directory.Move(group, $"{longest}/machine-{s_user}");
        File.Delete($"{longest}/machine-{s_user}/memory.swap.max");
        AssertSays($"{longest}/machine-{s_user}/memory.swap.max cannot be written: error 2", longest);
    }

    [Fact]
    public void What_is_left_of_the_machine_before_is_killed_and_waited_for()
    {
        foreach (bool arm64 in Images)
        {
            Lay(populated: true);
            using Launch launch = Start(arm64: arm64);
            Wait.Until(() => File.ReadAllText(At("cgroup.kill")) == "1", "cgroup.kill is written");
            Thread.Sleep(100);
            Assert.All(Written(s_files), text => Assert.Equal("", text));
            File.WriteAllText(At("cgroup.new"), "populated 0\nfrozen 0\n");
            File.Move(At("cgroup.new"), At("cgroup.events"), overwrite: true);
            launch.AwaitPuppet();
            Assert.DoesNotContain("", Written(s_files));
        }
    }

    [Fact]
    public void What_goes_on_running_in_it_keeps_a_machine_from_starting()
    {
        Lay(populated: true);
        AssertSays($"{group} has processes that go on running");
        Assert.All(Written(s_files), text => Assert.Equal("", text));
        // Before Linux 5.14 nothing kills them.
        File.Delete(At("cgroup.kill"));
        AssertSays($"{group}/cgroup.kill cannot be written: error 2");
    }
}
