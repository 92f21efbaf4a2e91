using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Migration.Tests;

/// <summary>A running guest at 10.0.0.3, on whatever machine it is, and a client that never stops talking to it.</summary>
internal sealed class Guest : IDisposable
{
    public const string Address = "10.0.0.3";

    private static readonly Lazy<byte[]> s_files = new(Pack);

    /// <summary>Milliseconds that the client bears when a test makes the guest stand still.</summary>
    private const int MaxFreeze = 120_000;

    private readonly List<(int Port, string What)> loads = [];
    private readonly Thread talker;
    private readonly Socket echo;
    private volatile bool stop;
    private volatile string? fault;
    private int echoes;
    private long last, longest;

    /// <summary>Boots the guest on a new machine.</summary>
    /// <param name="entropy">What QEMU's entropy device gives.</param>
    /// <param name="commandLine">What its kernel is told.</param>
    public Guest(Space space, string monitor, int memory = 64, string entropy = "/dev/urandom", string commandLine = "")
    {
        Space = space;
        Memory = memory;
        byte[] loader = Repository.ReadImage("loader-kernel");
        Source = new Machine(space, monitor, loader, memory, entropy: entropy);
        try
        {
            using (SecureSocket socket = Source.UploadLoader(loader))
            {
                socket.Send(Client.Bundle(commandLine, Repository.ReadImage("guestos"), s_files.Value));
                Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None, 0ul), Client.Answer(socket));
            }
            Source.Await("init: ");
            echo = ConnectSoon(space);
        }
        catch
        {
            Source.Dispose();
            throw;
        }
        echo.ReceiveTimeout = echo.SendTimeout = MaxFreeze;
        talker = new Thread(Talk) { IsBackground = true };
        talker.Start();
        Hear(20);
    }

    // It says that it serves a moment before it does.
    private static Socket ConnectSoon(Space space)
    {
        for (int patience = 100; ; patience--)
        {
            try
            {
                return space.Connect(7, Address);
            }
            catch (Exception refusal) when (patience > 0 && refusal.GetBaseException() is SocketException)
            {
                Thread.Sleep(50);
            }
        }
    }

    public Space Space { get; }

    /// <summary>MiB.</summary>
    public int Memory { get; }

    /// <summary>The machine that the guest is on.</summary>
    public Machine Source { get; set; }

    /// <summary>One eight-byte echo every millisecond on one connection: each must come back as it was.</summary>
    private void Talk()
    {
        byte[] question = new byte[8];
        try
        {
            for (ulong number = 0; !stop; number++)
            {
                Bytes.PutLe64(question, 0, number * 0x9E3779B97F4A7C15);
                echo.Send(question);
                if (!Client.ReadRaw(echo, 8).AsSpan().SequenceEqual(question))
                {
                    fault = "a wrong echo";
                    return;
                }
                Interlocked.Increment(ref echoes);
                long now = Stopwatch.GetTimestamp();
                if (last != 0 && now - last > longest)
                    longest = now - last;
                last = now;
                Thread.Sleep(1);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            fault = exception.Message;
        }
    }

    /// <summary>The longest time without an echo since the last time this was asked, which has to be a quiet one.</summary>
    public TimeSpan LongestSilence()
    {
        var silence = new TimeSpan(longest * TimeSpan.TicksPerSecond / Stopwatch.Frequency);
        longest = 0;
        return silence;
    }

    /// <summary>Waits for more echoes on the connection that has been open since the boot.</summary>
    public void Hear(int more)
    {
        int goal = Volatile.Read(ref echoes) + more;
        for (int wait = 0; Volatile.Read(ref echoes) < goal; wait++)
        {
            Assert.True(fault == null, $"the client's connection: {fault}");
            Assert.True(wait < 3000, $"the guest has stopped answering; its machine says:\n{Source.Console}");
            Thread.Sleep(5);
        }
    }

    /// <summary>Runs /bin/migrate in the guest and returns what it said, its exit code last. The answer comes from wherever the guest is then.</summary>
    public string Migrate(params string[] arguments) => Run(["/bin/migrate", "--key", "/etc/machine.key", .. arguments]);

    /// <summary>Runs a program in the guest: what it said, and "exit" and its code.</summary>
    public string Run(params string[] words) => RunIn(Space, words);

    /// <summary>The same in a copy of the guest, in a space of its own.</summary>
    public static string RunIn(Space space, params string[] words)
    {
        using Socket socket = space.Connect(80, Address);
        socket.ReceiveTimeout = 1_200_000; // a move of gigabytes takes minutes on a machine that is busy
        socket.Send(Encoding.ASCII.GetBytes($"GET /cgi-bin/run?{string.Join('+', words)} HTTP/1.0\r\n\r\n"));
        var answer = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (socket.Receive(buffer) is var count and > 0)
            answer.Append(Encoding.ASCII.GetString(buffer, 0, count));
        string text = answer.ToString();
        Assert.StartsWith("HTTP/1.1 200 OK", text, StringComparison.Ordinal);
        return text[(text.IndexOf("\n\n", StringComparison.Ordinal) + 2)..].Trim();
    }

    /// <summary>Starts programs/load.c in the guest.</summary>
    public void Load(string kind, int amount)
    {
        int port = 4000 + loads.Count;
        string said = Run("/bin/load", $"{port}", kind, $"{amount}");
        Assert.True(said == "ready\nexit 0", $"load {kind} {amount}: {said}");
        loads.Add((port, $"{kind} {amount}"));
    }

    /// <summary>Whatever <see cref="Load"/> has put into memory and files is there and right.</summary>
    public void CheckLoads()
    {
        foreach ((int port, string what) in loads)
        {
            string answer = Ask(port);
            Assert.True(answer.StartsWith("right ", StringComparison.Ordinal), $"{what}: {answer}");
        }
    }

    /// <summary>Passes that a load has made.</summary>
    public long Passes(int load) => long.Parse(Ask(loads[load].Port)["right ".Length..]);

    /// <summary>By how much the guest's wall and monotonic clocks are ahead of this host's, by the exchange that took least time. Load "clock".</summary>
    public (TimeSpan Wall, TimeSpan Monotonic) ClockOffsets(int load)
    {
        long least = long.MaxValue, wall = 0, monotonic = 0;
        for (int i = 0; i < 30; i++)
        {
            long before = Stopwatch.GetTimestamp();
            string[] said = Ask(loads[load].Port).Split(' ');
            long took = Stopwatch.GetTimestamp() - before;
            if (took >= least)
                continue;
            least = took;
            wall = long.Parse(said[1]) - (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
            monotonic = long.Parse(said[2]) - Stopwatch.GetTimestamp();
        }
        return (TimeSpan.FromMicroseconds(wall / 1000), TimeSpan.FromMicroseconds(monotonic / 1000));
    }

    /// <summary>Load "wait": the longest time from one waking to the next since the last time this was asked.</summary>
    public TimeSpan LongestWait(int load) => TimeSpan.FromMicroseconds(long.Parse(Ask(loads[load].Port).Split(' ')[1]));

    private string Ask(int port)
    {
        using Socket socket = Space.Connect(port, Address);
        socket.ReceiveTimeout = 60_000;
        byte[] answer = new byte[128];
        int length = 0;
        while (socket.Receive(answer.AsSpan(length)) is var count and > 0)
            length += count;
        return Encoding.ASCII.GetString(answer, 0, length).Trim();
    }

    public void Dispose()
    {
        stop = true;
        echo.Dispose();
        talker.Join();
        Source.Dispose();
    }

    /// <summary>The guest's files, with the programs of this folder and a page that runs any command.</summary>
    private static byte[] Pack()
    {
        string folder = Directory.CreateTempSubdirectory("rootfs").FullName;
        try
        {
            string root = Path.Combine(folder, "root"), archive = Path.Combine(folder, "guest.cpio");
            Programs.Run("cp", "-R", Path.Combine(Repository.Root, "guestos", "rootfs"), root);
            // All machines of these tests have the same key.
            Directory.CreateDirectory(Path.Combine(root, "etc"));
            File.WriteAllText(Path.Combine(root, "etc", "machine.key"), Convert.ToHexStringLower(Client.Key) + "\n");
            string page = Path.Combine(root, "www", "cgi-bin", "run");
            Directory.CreateDirectory(Path.GetDirectoryName(page)!);
            File.WriteAllText(page, """
                #!/bin/sh
                echo "Content-Type: text/plain"
                echo
                $(echo "$QUERY_STRING" | tr '+' ' ') 2>&1
                echo "exit $?"

                """);
            Programs.Run("chmod", "755", page);
            Directory.CreateDirectory(Path.Combine(root, "bin"));
            foreach (string program in new[] { "load", "mover", "killer" })
                Programs.Run("gcc", "-static", "-O1", "-w", "-o", Path.Combine(root, "bin", program),
                    Path.Combine(Repository.Root, "tests", "Migration.Tests", "programs", program + ".c"));
            Programs.Run(Path.Combine(Repository.Root, "deploy", "pack-initramfs"), archive, root, Repository.Image("migrate"), Repository.Image("loader-checkpoint"));
            return File.ReadAllBytes(archive);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
