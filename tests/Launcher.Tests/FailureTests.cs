using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Testing;
using Wire;
using Xunit;

namespace Launcher.Tests;

/// <summary>Whatever is wrong is one sentence on standard error and an exit code, and no monitor runs.</summary>
public class FailureTests
{
    private const int BadArguments = 1, NotStarted = 4;
    private static readonly string s_puppet = Repository.Image("puppet");

    private static IEnumerable<bool> Images => Launch.CanEmulate ? [false, true] : [false];

    private static void AssertSays(int code, string sentence, Launch launch)
    {
        using (launch)
            Assert.Equal((code, "", $"launcher: {sentence}.\n"), launch.End());
    }

    [Theory]
    [InlineData("MONITOR and FIRMWARE are needed; --help explains it")]
    [InlineData("MONITOR and FIRMWARE are needed; --help explains it", "--token-cpu", "1")]
    [InlineData("FIRMWARE is needed; --help explains it", "m")]
    [InlineData("FIRMWARE is needed; --help explains it", "--token-cpu", "1", "m")]
    [InlineData("--token-cpu is one argument too many; --help explains it", "m", "f", "--token-cpu", "1")]
    [InlineData("--frob is not an option; --help lists them", "--frob", "1", "m", "f")]
    [InlineData("- is not an option; --help lists them", "-", "m", "f")]
    [InlineData("--token-cpu=1 is not an option; --help lists them", "--token-cpu=1", "m", "f")]
    [InlineData("--token-cpu needs a value", "--token-cpu")]
    [InlineData("--token-cpu is not of the form and in the range that --help tells", "--token-cpu", "", "m", "f")]
    [InlineData("--token-cpu is not of the form and in the range that --help tells", "--token-cpu", "0", "m", "f")]
    [InlineData("--token-cpu is not of the form and in the range that --help tells", "--token-cpu", "1000001", "m", "f")]
    [InlineData("--token-cpu is not of the form and in the range that --help tells", "--token-cpu", "4294967297", "m", "f")]
    [InlineData("--token-cpu is not of the form and in the range that --help tells", "--token-cpu", "-1", "m", "f")]
    [InlineData("--token-cpu is not of the form and in the range that --help tells", "--token-cpu", "1s", "m", "f")]
    [InlineData("--cgroup needs a value", "--cgroup")]
    [InlineData("--cgroup is not of the form and in the range that --help tells", "--cgroup", "", "m", "f")]
    [InlineData("--cgroup is not of the form and in the range that --help tells", "--cgroup", "/", "m", "f")]
    [InlineData("--cgroup is not of the form and in the range that --help tells", "--cgroup", "sys/fs/cgroup", "m", "f")]
    [InlineData("--cgroup is not of the form and in the range that --help tells", "--cgroup", "./sys", "m", "f")]
    [InlineData("--cgroup is not of the form and in the range that --help tells", "--cgroup", "/sys/fs/cgroup/", "m", "f")]
    [InlineData("--cpu-max needs a value", "--cgroup", "/sys", "--cpu-max")]
    [InlineData("--cpu-max is not of the form and in the range that --help tells", "--cpu-max", "0", "m", "f")]
    [InlineData("--cpu-max is not of the form and in the range that --help tells", "--cpu-max", "6401", "m", "f")]
    [InlineData("--cpu-max is not of the form and in the range that --help tells", "--cpu-max", "50%", "m", "f")]
    [InlineData("--monitor-memory needs a value", "--monitor-memory")]
    [InlineData("--monitor-memory is not of the form and in the range that --help tells", "--monitor-memory", "0", "m", "f")]
    [InlineData("--monitor-memory is not of the form and in the range that --help tells", "--monitor-memory", "1025", "m", "f")]
    [InlineData("--monitor-memory is not of the form and in the range that --help tells", "--monitor-memory", "64M", "m", "f")]
    public void Bad_arguments(string sentence, params string[] arguments)
    {
        foreach (bool arm64 in Images)
            AssertSays(BadArguments, sentence, new Launch(arguments, [Launch.Record()], arm64: arm64));
    }

    [Fact]
    public void A_folder_of_control_groups_has_a_path_of_160_bytes_at_most()
    {
        string path = "/" + new string('x', 159);
        foreach (bool arm64 in Images)
        {
            AssertSays(BadArguments, "--cgroup is not of the form and in the range that --help tells", new Launch(["--cgroup", path + "x", "m", "f"], [Launch.Record()], arm64: arm64));
            using Launch there = new(["--cgroup", path, "m", "f"], [Launch.Record()], arm64: arm64);
            Assert.Equal(NotStarted, there.End().Code);
        }
    }

    [Fact]
    public void A_name_that_is_too_long_for_a_sentence_is_cut()
    {
        string name = "-" + new string('x', 5000);
        AssertSays(BadArguments, name[..200] + " is not an option; --help lists them", new Launch([name, "m", "f"]));
    }

    [Fact]
    public void Help_is_no_failure()
    {
        using Launch launch = new(["--help"], redirect: "3<&- 4<&-");
        (int code, string output, string error) = launch.End();
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("Usage: launcher [OPTIONS] MONITOR FIRMWARE\n", output, StringComparison.Ordinal);
    }

    public static IEnumerable<object[]> NoTokens()
    {
        byte[] token = Launch.Record();
        byte[] With(int at, byte value) => [.. token[..at], value, .. token[(at + 1)..]];
        yield return ["the end", Array.Empty<byte>()];
        yield return ["a byte", token[..1]];
        yield return ["truncated", token[..^1]];
        yield return ["too long", (byte[])[.. token, 0]];
        yield return ["much too long", (byte[])[.. token, .. new byte[4000]]];
        yield return ["wrong magic", With(0, (byte)'X')];
        yield return ["without its key", token[..BootToken.Size]];
        yield return ["version 1", With(4, 1)];
        yield return ["version 2", With(4, 2)];
        yield return ["version 4", With(4, 4)];
        yield return ["five guests", With(41, 5)];
        yield return ["a prefix of 31 bits", With(40, 31)];
        yield return ["no element", Launch.Record(count: 0)];
        yield return ["no memory", Launch.Record(memory: 0)];
        yield return ["no lease", Launch.Record(lease: 0)];
        yield return ["zeros", new byte[BootToken.Size]];
    }

    [Theory]
    [MemberData(nameof(NoTokens))]
    public void A_record_that_is_no_token(string what, byte[] record)
    {
        Assert.NotEmpty(what);
        foreach (bool arm64 in Images)
            AssertSays(NotStarted, "what descriptor 4 gives is not a boot token with its machine key", new Launch([s_puppet, "/dev/null"], [record, Launch.Record()], arm64: arm64));
    }

    [Fact]
    public void A_descriptor_that_gives_none()
    {
        foreach (bool arm64 in Images)
        {
            AssertSays(NotStarted, "what descriptor 4 gives is not a boot token with its machine key", new Launch([s_puppet, "/dev/null"], hungUp: true, arm64: arm64));
            AssertSays(NotStarted, "no boot token can be read from descriptor 4: error 11", new Launch([s_puppet, "/dev/null"], arm64: arm64)); // EAGAIN
            AssertSays(NotStarted, "no boot token can be read from descriptor 4: error 9", new Launch([s_puppet, "/dev/null"], [Launch.Record()], redirect: "4<&-", arm64: arm64)); // EBADF
            AssertSays(NotStarted, "no boot token can be read from descriptor 4: error 88", new Launch([s_puppet, "/dev/null"], [Launch.Record()], redirect: "4</dev/zero", arm64: arm64)); // ENOTSOCK
        }
    }

    [Fact]
    public void A_monitor_that_cannot_be_run()
    {
        string file = Path.GetTempFileName(), absent = file + "/none", missing = file + ".none";
        try
        {
            foreach (bool arm64 in Images)
            {
                AssertSays(NotStarted, $"{missing} cannot be run: error 2", new Launch([missing, "/dev/null"], [Launch.Record()], arm64: arm64)); // ENOENT
                AssertSays(NotStarted, $"{absent} cannot be run: error 20", new Launch([absent, "/dev/null"], [Launch.Record()], arm64: arm64)); // ENOTDIR
                AssertSays(NotStarted, $"{file} cannot be run: error 13", new Launch([file, "/dev/null"], [Launch.Record()], arm64: arm64)); // EACCES
                AssertSays(NotStarted, "/ cannot be run: error 13", new Launch(["/", "/dev/null"], [Launch.Record()], arm64: arm64));
                AssertSays(NotStarted, " cannot be run: error 2", new Launch(["", "/dev/null"], [Launch.Record()], arm64: arm64));
            }
            File.SetUnixFileMode(file, (UnixFileMode)0b111_101_101);
            AssertSays(NotStarted, $"{file} cannot be run: error 8", new Launch([file, "/dev/null"], [Launch.Record()])); // ENOEXEC
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void The_image_is_static_and_has_nothing_writable_that_is_executable()
    {
        byte[] elf = File.ReadAllBytes(Repository.Image("launcher"));
        int headers = (int)Bytes.Le64(elf, 32);
        for (int i = 0; i < Bytes.Le16(elf, 56); i++)
        {
            uint type = Bytes.Le32(elf, headers + 56 * i), flags = Bytes.Le32(elf, headers + 56 * i + 4);
            Assert.DoesNotContain(type, new uint[] { 2, 3 }); // PT_DYNAMIC, PT_INTERP
            Assert.NotEqual(3u, flags & 3); // PF_W | PF_X
        }
        Assert.Contains("freestanding_main", Programs.Run("nm", Repository.Image("launcher.debug")).Split('\n').Select(line => line.Split(' ')[^1]));
    }
}
