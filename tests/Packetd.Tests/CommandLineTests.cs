using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Testing;
using Testing.Nodes;
using Xunit;
using Xunit.Abstractions;

namespace Packetd.Tests;

/// <summary>Random command lines at each of the node's programs: always one sentence and a documented exit code.</summary>
public sealed partial class CommandLineTests : IDisposable
{
    private const int Runs = 10_000;

    /// <summary>Words that mean something somewhere, none of which names a link or a key, so that nothing ever begins to serve.</summary>
    private static readonly string[] s_words =
    [
        "--link", "--address", "--key-file", "--former-key-file", "--max-domains", "--max-memory", "--chain-steps", "--uid-base", "--min-cpu-share", "--log-level", "--token-cpu", "--cgroup", "--cpu-max", "--monitor-memory", "--help",
        "no-such-link", "10.0.0.2", "223.255.255.255", "224.0.0.1", "1.2.3", "1..2.3", "1.2.3.4.5", "010.1.1.1", "/dev/null", "/", "/none/key", "16", "0", "1",
        "64", "65", "3071", "3072", "4294967295", "4294967296", "18446744073709551616", "99999999999999999999999999", "-1", "+1", "1e3", "0x10", " 1",
        "/bin/true", "launcher", "-", "--", "---", "--link=eth0", "--LINK", "-h", "%", "@", "%%@@%", "", "ü", "--max-domains\0"
    ];

    private readonly ITestOutputHelper log;
    private readonly int[] output = Pipe(), error = Pipe();
    private readonly nint actions = Marshal.AllocHGlobal(512);

    public CommandLineTests(ITestOutputHelper log)
    {
        this.log = log;
        posix_spawn_file_actions_init(actions);
        posix_spawn_file_actions_adddup2(actions, output[1], 1);
        posix_spawn_file_actions_adddup2(actions, error[1], 2);
    }

    [Fact]
    public void Packetd() => AssertAlwaysSaysWhatIsWrong("packetd", 1,
        "packetd: .*( is needed, and its value; --help explains it| is not an option; --help lists them| is needed; --help explains it"
        + "| is not of the form and in the range that --help tells|: error [0-9]+| does not hold 16 to 64 bytes)\\.\n");

    [Fact]
    public void Launcher() => AssertAlwaysSaysWhatIsWrong("launcher", 1,
        "launcher: .*( is not an option; --help lists them| needs a value| is not of the form and in the range that --help tells"
        + "|(are|is) needed; --help explains it| is one argument too many; --help explains it)\\.\n",
        "launcher: no boot token can be read from descriptor 4: error [0-9]+\\.\n");

    /// <param name="wrong">The sentences that go with the exit code.</param>
    /// <param name="notStarted">Those that go with exit code 4, where the arguments are right.</param>
    private void AssertAlwaysSaysWhatIsWrong(string program, int code, string wrong, string notStarted = "(?!)")
    {
        var run = new RandomRun(Runs);
        var seen = new Dictionary<int, int>();
        while (run.Next())
        {
            byte[][] line = [.. Enumerable.Range(0, run.Random.Next(1, run.Random.Next(2, 14))).Select(_ => Word(run.Random))];
            (int status, string said, string complained) = Run(Repository.Image(program), line);
            string shown = $"{run}, {program} {string.Join(' ', line.Select(Convert.ToHexString))}: status {status:x}, said \"{said}\", \"{complained}\"";
            Assert.True((status & 0x7F) == 0, shown);
            int exit = status >> 8;
            seen[exit] = seen.GetValueOrDefault(exit) + 1;
            if (exit == 0)
                Assert.True(said.StartsWith($"Usage: {program} ", StringComparison.Ordinal) && complained == "" && line[0].SequenceEqual("--help"u8.ToArray()), shown);
            else if (complained.Length < 200) // what is longer is cut, and may have lost its end
                Assert.True(said == "" && Regex.IsMatch(complained, $"^{(exit == code ? wrong : exit == 4 ? notStarted : "(?!)")}$", RegexOptions.Singleline), shown);
            else
                Assert.True(said == "" && complained.Length <= 400 && complained.StartsWith(program, StringComparison.Ordinal) && complained.EndsWith('\n'), shown);
        }
        log.WriteLine($"{program}: {run}");
        Assert.True(seen[0] > 10 && seen[code] > run.Begun / 2, $"{run}: {string.Join(", ", seen)}");
    }

    private static byte[] Word(Random random)
    {
        byte[] word = Encoding.UTF8.GetBytes(s_words[random.Next(s_words.Length)]);
        switch (random.Next(8))
        {
            case 0: // any bytes
                word = new byte[random.Next(4) == 0 ? random.Next(5000) : random.Next(20)];
                random.NextBytes(word);
                break;
            case 1 when word.Length > 0:
                word[random.Next(word.Length)] = (byte)random.Next(256);
                break;
            case 2: // a number of any length
                word = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => (byte)random.Next('0', '9' + 1))];
                break;
        }
        return word;
    }

    private unsafe (int Status, string Said, string Complained) Run(string path, byte[][] line)
    {
        // SAFETY: the vector and its texts are pinned until the program has its own copy; each text ends with a zero, the vector with a null.
        GCHandle[] pinned = [.. line.Prepend(Encoding.UTF8.GetBytes(path)).Select(word => GCHandle.Alloc((byte[])[.. word, 0], GCHandleType.Pinned))];
        nint[] vector = [.. pinned.Select(handle => handle.AddrOfPinnedObject()), 0], nothing = [0];
        int pid, status;
        fixed (nint* arguments = vector, environment = nothing)
            Assert.Equal(0, posix_spawn(&pid, path, actions, 0, arguments, environment));
        Assert.Equal(pid, waitpid(pid, &status, 0));
        foreach (GCHandle handle in pinned)
            handle.Free();
        return (status, Read(output[0]), Read(error[0]));
    }

    private static unsafe string Read(int pipe)
    {
        byte* text = stackalloc byte[65536];
        nint length = read(pipe, text, 65536);
        return length > 0 ? Encoding.Latin1.GetString(text, (int)length) : "";
    }

    private static unsafe int[] Pipe()
    {
        const int CloseOnExec = 0x80000, NonBlocking = 0x800;
        int[] ends = new int[2];
        fixed (int* at = ends)
            Assert.Equal(0, pipe2(at, CloseOnExec | NonBlocking));
        return ends;
    }

    public void Dispose()
    {
        foreach (int end in output.Concat(error))
            PacketSocket.close(end);
        posix_spawn_file_actions_destroy(actions);
        Marshal.FreeHGlobal(actions);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int posix_spawn(int* pid, string path, nint actions, nint attributes, nint* arguments, nint* environment);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(nint actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(nint actions, int from, int to);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_destroy(nint actions);

    [LibraryImport("libc")]
    private static unsafe partial int waitpid(int pid, int* status, int options);

    [LibraryImport("libc")]
    private static unsafe partial nint read(int fd, byte* to, nint length);

    [LibraryImport("libc")]
    private static unsafe partial int pipe2(int* ends, int flags);
}
