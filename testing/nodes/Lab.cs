using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Packetd;
using Wire;
using Xunit;

namespace Testing.Nodes;

/// <summary>
/// The shipped binary on a veth pair: packetd in one network namespace, the test's packet socket and ordinary programs in
/// the other. Everything is gone when it is disposed.
/// </summary>
public sealed class Lab : IDisposable
{
    public const string NodeAddress = "10.0.0.2";
    private static int s_count;
    private readonly int users;
    private readonly string node, client, key;
    private readonly List<string> log = [];
    private readonly string[] options, command;
    private readonly FalseClock? clock;
    private Process? packetd;
    private readonly DirectoryInfo ports = Directory.CreateTempSubdirectory();
    private Emulation? emulation;

    /// <summary>Test runs that were killed leave namespaces, which bear their process's number.</summary>
    static Lab()
    {
        foreach (string space in Directory.Exists("/run/netns") ? Directory.GetFiles("/run/netns", "pt*") : [])
            if (Regex.Match(Path.GetFileName(space), "^pt([0-9]+)x[0-9]+[nc]$") is { Success: true } left && !Directory.Exists($"/proc/{left.Groups[1].Value}"))
                Process.Start("ip", ["netns", "del", Path.GetFileName(space)]).WaitForExit();
    }

    public Lab(params string[] options)
        : this(null, null, options)
    {
    }

    /// <param name="clock">What packetd takes for the time. Then the client has no address either, so that no frame is its kernel's own.</param>
    /// <param name="command">What starts a machine, where that is not a puppet: see <see cref="Puppets"/>.</param>
    public Lab(FalseClock? clock, string[]? command, params string[] options)
    {
        this.clock = clock;
        this.options = options;
        this.command = command ?? Puppets();
        int number = Interlocked.Increment(ref s_count);
        string name = $"pt{Environment.ProcessId}x{number}";
        users = 400_000 + Environment.ProcessId % 10_000 * 10_000 + number % 150 * 64;
        (node, client, key) = (name + "n", name + "c", Path.Combine(Path.GetTempPath(), name + ".key"));
        File.WriteAllBytes(key, TestHost.Key);
        Programs.Run("chmod", "777", ports.FullName); // packetd may be started as anybody
        Programs.Run("ip", "netns", "add", node);
        Programs.Run("ip", "netns", "add", client);
        Programs.Run("ip", "link", "add", "l0", "netns", node, "type", "veth", "peer", "name", "l1", "netns", client);
        Programs.Run("ip", "-n", node, "link", "set", "l0", "addrgenmode", "none", "up");
        Programs.Run("ip", "-n", client, "link", "set", "l1", "address", "52:54:00:12:34:56");
        if (clock == null)
            Programs.Run("ip", "-n", client, "addr", "add", "10.0.0.1/24", "dev", "l1");
        // No IPv6: the kernel's own neighbour discovery would mix with what is counted.
        Programs.Run("ip", "-n", client, "link", "set", "l1", "addrgenmode", "none", "up");
        Socket = PacketSocket.OpenLink(client, "l1", 300);
        Start();
    }

    /// <summary>A packet socket in the client's namespace: whole frames, no virtio-net header.</summary>
    public int Socket { get; }

    public int Pid { get; private set; }

    public string ClientSpace => client;

    /// <summary>The command that starts puppets, with options of the launcher's.</summary>
    public static string[] Puppets(params string[] options) => [Repository.Image("launcher"), .. options, Repository.Image("puppet"), "/dev/null"];

    /// <summary>Starts packetd with a log that is not read after its first line.</summary>
    public static string[] LogReaderLeaves => ["bash", "-c", "exec \"$0\" \"$@\" 2> >(head -n 1 >&2)"];

    /// <param name="through">What starts packetd instead of this test, and becomes it.</param>
    /// <param name="logged">Otherwise the caller has taken the log and waits until packetd is ready.</param>
    public void Start(string[]? through = null, bool logged = true)
    {
        string port = Path.Combine(ports.FullName, Path.GetRandomFileName());
        string[] emulated = Platform.Emulator is [string emulator] ? [emulator, "-g", port] : [];
        string[] arguments =
        [
            "netns", "exec", node, "env", "--default-signal", .. through ?? clock?.Launcher ?? [], .. emulated, Platform.Packetd, "--link", "l0", "--address", NodeAddress, "--key-file", key,
            "--uid-base", $"{users}", .. options, .. command,
        ];
        packetd?.Dispose();
        log.Clear();
        packetd = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        packetd.ErrorDataReceived += (_, line) =>
        {
            lock (log)
                log.Add(line.Data ?? "");
        };
        packetd.BeginErrorReadLine();
        Pid = packetd.Id; // ip and env exec, so this is packetd itself; it shall not inherit what this process ignores
        if (emulated is not [])
        {
            emulation?.Dispose();
            emulation = null;
            emulation = new Emulation(Pid, port);
        }
        if (logged)
            WaitForLine("ready as");
        if (clock != null)
            Pid = Programs.Child(Pid);
    }

    /// <summary>Waits for packetd's end; its exit code.</summary>
    public int WaitForEnd()
    {
        Assert.True(packetd!.WaitForExit(5000), "packetd goes on running");
        packetd.WaitForExit(); // for the end of its log
        return packetd.ExitCode;
    }

    /// <summary>What machines write: packetd's standard output.</summary>
    public StreamReader Output => packetd!.StandardOutput;

    /// <summary>The filter that an emulated packetd has asked for.</summary>
    public ulong[] Filter => emulation!.Filter;

    public string[] Log
    {
        get
        {
            lock (log)
                return log.ToArray();
        }
    }

    public void ForgetLog()
    {
        lock (log)
            log.Clear();
    }

    public string WaitForLine(string part, int seconds = 5)
    {
        return Wait.For(() => Log.FirstOrDefault(line => line.Contains(part, StringComparison.Ordinal)),
            () => $"packetd never said \"{part}\" but: {string.Join(" / ", Log)}", seconds);
    }

    /// <summary>A program's output, run in the client's namespace.</summary>
    public string InClient(params string[] command) => Programs.Run("ip", ["netns", "exec", client, .. command]);

    public string InNode(params string[] command) => Programs.Run("ip", ["netns", "exec", node, .. command]);

    /// <summary>Sends a packet of <see cref="Frames"/> onto the wire, without its header.</summary>
    public void Send(byte[] packet) => Assert.True(PacketSocket.Send(Socket, packet.AsSpan(10)));

    /// <summary>The first frame that fits, of those that come before the socket's time is over.</summary>
    public byte[]? Receive(Predicate<byte[]> fits)
    {
        while (PacketSocket.Receive(Socket) is { } frame)
            if (fits(frame))
                return frame;
        return null;
    }

    /// <summary>As <see cref="Receive"/>, for a frame that must come: waits for it as long as a busy machine may need.</summary>
    public byte[]? Await(Predicate<byte[]> fits)
    {
        for (long until = Environment.TickCount64 + 10_000; Environment.TickCount64 < until;)
            if (Receive(fits) is { } frame)
                return frame;
        return null;
    }

    /// <summary>Moves the false clock and waits until packetd has looked at it, and has finished the turn before.</summary>
    public void SetTime(ulong seconds)
    {
        clock!.Time = (seconds, 0);
        for (int tries = 0; clock.Told != clock.Time; tries++)
        {
            Assert.True(tries < 100, "packetd does not look at its clock");
            Send(Frames.Echo([6, 6]));
            Assert.NotNull(Await(frame => frame.Length == 44 && frame[34] == 0));
        }
    }

    /// <summary>Sends a magic ping and reads the answer; nothing when none comes.</summary>
    public Refusal? Ping(byte[] payload)
    {
        Send(Frames.Echo(payload));
        byte[]? reply = Await(frame => frame.Length == 42 + MagicReply.Size && frame[34] == 0 && frame[23] == 1);
        return reply != null && MagicReply.TryParse(reply.AsSpan(42), out MagicReply read) ? read.Refusal : null;
    }

    /// <summary>How many of the frames that were sent to a puppet, one after the other, came back.</summary>
    public int RoundTrips(uint boot, int count, int size = 100)
    {
        int back = 0;
        for (int i = 0; i < count; i++)
        {
            Send(ToDomain(boot, size));
            back += Await(frame => Packet.HasMac(frame, 6, boot)) != null ? 1 : 0;
        }
        return back;
    }

    public static byte[] ToDomain(uint boot, int size = 100) =>
        Frames.Ipv4(Frames.Mac(boot), Frames.ClientMac, TestHost.Client, boot, 17, new byte[size]);

    /// <summary>Frames that the kernel could not queue for packetd (ss(8), the last of skmem).</summary>
    public int LinkDrops
    {
        get
        {
            MatchCollection drops = Regex.Matches(InNode("ss", "-0", "-m", "-n"), @"\*:l0 .*,d([0-9]+)\)");
            Assert.Equal(2, drops.Count);
            return drops.Sum(drop => int.Parse(drop.Groups[1].Value));
        }
    }

    /// <summary>What packetd says that it counted for a domain which has ended, and how.</summary>
    public Counters Ended(int slot, string how)
    {
        string line = WaitForLine($"domain {slot}: ended: ");
        Match counted = Regex.Match(line, $": ended: {how}; frames sent ([0-9]+), received ([0-9]+), dropped ([0-9]+), forged ([0-9]+)$");
        Assert.True(counted.Success, line);
        ulong[] numbers = [.. counted.Groups.Values.Skip(1).Select(group => ulong.Parse(group.Value))];
        return new Counters(numbers[0], numbers[1], numbers[2], numbers[3]);
    }

    /// <summary>A token for this very moment.</summary>
    public static Tokens Token(int seed, uint boot = 0x0A000032)
    {
        ulong now = (ulong)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        return new Tokens { Seed = seed * 1000 + Environment.ProcessId, Boot = boot, Issued = now, Expires = now + 60 };
    }

    /// <summary>Starts a puppet with the boot address; its process.</summary>
    public int StartDomain(int seed, uint boot = 0x0A000032, params uint[] guests)
    {
        Assert.Equal(Refusal.None, Ping((Token(seed, boot) with { Guests = guests }).Payload()));
        string dotted = string.Join('.', new[] { 24, 16, 8, 0 }.Select(shift => (byte)(boot >> shift)));
        return int.Parse(Regex.Match(WaitForLine($"started for {dotted},"), "process ([0-9]+)").Groups[1].Value);
    }

    /// <summary>
    /// Waits until a process has become a program: packetd says that it has started a machine when the kernel begins to run its first
    /// one, an instant before its arguments can be seen.
    /// </summary>
    public static void AwaitProgram(int pid, string name)
    {
        Wait.Until(Has, $"process {pid} becomes {name}", seconds: 10);

        bool Has() => Path.GetFileName(new FileInfo($"/proc/{pid}/exe").LinkTarget) == name && File.ReadAllText($"/proc/{pid}/cmdline").Length > 0;
    }

    public void Order(uint boot, byte order, params byte[] rest) =>
        Send(Frames.Ethernet(Frames.Mac(boot), Frames.ClientMac, 0x88B5, [order, .. rest]));

    public int Descriptors => Directory.GetFiles($"/proc/{Pid}/fd").Length;

    public void Dispose()
    {
        if (packetd is { HasExited: false })
        {
            packetd.Kill();
            packetd.WaitForExit();
        }
        packetd?.Dispose();
        emulation?.Dispose();
        PacketSocket.close(Socket);
        Programs.Run("ip", "netns", "del", node);
        Programs.Run("ip", "netns", "del", client);
        File.Delete(key);
        ports.Delete(recursive: true);
    }
}
