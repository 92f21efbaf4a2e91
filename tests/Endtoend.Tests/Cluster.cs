using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Evilman;
using Evilman.Demo;
using Evilman.Lab;
using Evilman.Minting;
using Evilman.Net;
using Testing;
using Tokens;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>All tests share one lab with one guest, which is on some node and has one long connection, and follow one another.</summary>
[CollectionDefinition("cluster")]
public sealed class ClusterCollection : ICollectionFixture<Cluster>;

/// <summary>Another lab, which stands beside the first one: for tests in which the guest stays, or does not begin.</summary>
[CollectionDefinition("failures")]
public sealed class FailuresCollection : ICollectionFixture<Cluster>;

/// <summary>An empty machine on a node: what it was ordered as, and the process that it is.</summary>
public sealed record OrderedMachine(LabNode Node, IPAddress Boot, int Process, byte[] Key);

/// <summary>
/// The published programs in a lab of their own: two nodes, a client, a guest that serves echo and HTTP. Needs what «make» builds, and
/// root or user namespaces (<see cref="UserNamespaceTests"/>).
/// </summary>
public sealed class Cluster : IDisposable
{
    public static readonly IPAddress Guest = IPAddress.Parse("10.77.0.50"), Client = IPAddress.Parse("10.77.0.250");
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Names the folder of a lab whose client's namespace this process is already in.</summary>
    internal const string InsideVariable = "ENDTOEND_LAB";

    private readonly DirectoryInfo? folder;
    private readonly LabPlan plan;
    private readonly bool inside;
    private readonly string space; // of processes, as /proc/PID/ns/pid names it
    private int addresses = 100; // the last number of the next boot address

    public static byte[] CheckpointLoader { get; } = BootClient.ReadFile(Path.Combine(Repository.Root, "out/images/loader-checkpoint"));

    public Cluster()
    {
        if (Environment.GetEnvironmentVariable(InsideVariable) is { Length: > 0 } directory)
        {
            plan = LabPlan.Load(directory);
            inside = true;
            space = Space(Environment.ProcessId);
        }
        else
        {
            if (!Environment.IsPrivilegedProcess)
                throw new InvalidOperationException("these tests run as root, or inside a lab: UserNamespaceTests takes them there");
            folder = Directory.CreateTempSubdirectory("endtoend-tests-");
            plan = RaiseLab(folder.FullName);
            space = Space(ProcessTable.FirstChild(LabStore.Holder(plan.Directory)));
        }
        try
        {
            Boot();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the guest is.</summary>
    public OrderedMachine Home { get; private set; } = null!;

    /// <summary>The key that the guest obeys.</summary>
    public byte[] GuestKey { get; private set; } = [];

    /// <summary>The echo connection that has been open since the guest booted.</summary>
    public LongConnection Connection { get; private set; } = null!;

    /// <summary>Pages that run any command in the guest, and that write a file in its /tmp.</summary>
    private static readonly (string Name, int Mode, byte[] Content)[] s_pages =
    [
        ("www/cgi-bin", 0x41ED, []), // a folder, drwxr-xr-x, and programs, -rwxr-xr-x
        ("www/cgi-bin/run", 0x81ED, """
            #!/bin/sh
            printf 'Content-Type: text/plain\n\n'
            $(echo "$QUERY_STRING" | tr '+' ' ') 2>&1
            echo "exit $?"

            """u8.ToArray()),
        ("www/cgi-bin/put", 0x81ED, """
            #!/bin/sh
            head -c "$CONTENT_LENGTH" >"/tmp/$QUERY_STRING"
            printf 'Content-Type: text/plain\n\nexit %s\n' $?

            """u8.ToArray()),
    ];

    private void Boot()
    {
        var image = BootClient.Read(Path.Combine(Repository.Root, "out/images/loader-kernel"), Path.Combine(Repository.Root, "out/images/guestos"),
            Path.Combine(Repository.Root, "out/guest.cpio"), "");
        image = image with { Initramfs = GuestKeyArchive.Append(image.Initramfs, s_pages) };
        Home = Order(plan.Nodes[0], image.Loader);
        GuestKey = Mint.GuestKey(Home.Key);
        using (var socket = BootClient.Prove(Connect(Home.Boot, Upload.Port), Home.Key, Patience))
            BootClient.Upload(socket, image.With(GuestKey), (_, _) => { }, Patience);
        Connect(Guest, 80).Dispose();
        Connect(Guest, MoveCommand.Port).Dispose();
        Connection = new LongConnection(Connect(Guest, 7));
    }

    /// <summary>Each test begins with a guest that serves. One that broke it has failed; those after it get another.</summary>
    public Cluster Ready()
    {
        foreach (var node in plan.Nodes)
        {
            if (Packetd(node) == 0)
                RestartPacketd(node);
        }
        if (Connection.Broken is null && Alive(Home.Process))
            return this;
        Connection.Dispose();
        foreach (var node in plan.Nodes)
            RestartPacketd(node);
        Boot();
        return this;
    }

    internal static LabPlan RaiseLab(string folder)
    {
        var evilman = Path.Combine(Repository.Root, "out/bin/evilman");
        Assert.True(File.Exists(evilman), $"{evilman} is missing: run «make» first");
        var (code, output) = Run(evilman, ["lab", "up", "--nodes", "2", "--lifetime", "15m"], folder);
        Assert.True(code == 0, $"no lab, so nothing can be tested: {output}");
        return LabPlan.Load(Directory.GetDirectories(Directory.GetDirectories(folder, "evilman-*")[0])[0]);
    }

    internal static void DropLab(string folder)
    {
        Run(Path.Combine(Repository.Root, "out/bin/evilman"), ["lab", "down", "--all"], folder);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Labs that are begun with a folder for temporary files of their own are not seen by others.</summary>
    internal static (int Code, string Output) Run(string program, IEnumerable<string> words, string folder)
    {
        var start = new ProcessStartInfo(program, words) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TMPDIR"] = folder;
        return Finish(start, TimeSpan.FromMinutes(1));
    }

    internal static (int Code, string Output) Finish(ProcessStartInfo start, TimeSpan limit)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill();
            Assert.Fail($"{start.FileName} did not end within {limit.TotalSeconds} s");
        }
        return (process.ExitCode, output.Result + error.Result);
    }

    // ---- the client ----

    /// <summary>Does something in the client's network namespace.</summary>
    public T AtClient<T>(Func<T> action) => inside ? action() : At("client", action);

    /// <summary>Does something in the bridge's network namespace.</summary>
    public T AtBridge<T>(Func<T> action) => At("lan", action);

    private T At<T>(string part, Func<T> action)
    {
        var root = inside ? "" : $"/proc/{ProcessTable.FirstChild(LabStore.Holder(plan.Directory))}/root";
        T result = default!;
        NetworkNamespace.Run(root + plan.NamespacePath(part), () => result = action());
        return result;
    }

    /// <summary>Runs a program at the client: its exit code, and what it wrote.</summary>
    public (int Code, string Output) RunAtClient(params string[] command) => Finish(In("client", command), Patience);

    public Socket Connect(IPAddress to, int port) => AtClient(() => BootClient.Connect(new IPEndPoint(to, port), Patience));

    /// <summary>A TCP socket of the client, which nothing has been done with but that its address may be used again.</summary>
    public Socket OpenAtClient() => AtClient(() =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        return socket;
    });

    public HttpAnswer Get(string path) => AtClient(() => SmallHttp.Get(new IPEndPoint(Guest, 80), path, Patience));

    /// <summary>Runs a program in the guest: what it said, and "exit" and its code. The answer comes from wherever the guest is then.</summary>
    public string Run(params string[] words) => Ask($"GET /cgi-bin/run?{string.Join('+', words)} HTTP/1.0\r\n\r\n", []);

    /// <summary>Writes a file in the guest's /tmp.</summary>
    public void Put(string name, byte[] content) =>
        Assert.Equal("exit 0", Ask($"POST /cgi-bin/put?{name} HTTP/1.0\r\nContent-Length: {content.Length}\r\n\r\n", content));

    private string Ask(string head, byte[] body)
    {
        using var socket = Connect(Guest, 80);
        socket.ReceiveTimeout = 120_000;
        socket.Send([.. System.Text.Encoding.ASCII.GetBytes(head), .. body]);
        var answer = new System.Text.StringBuilder();
        var buffer = new byte[4096];
        while (socket.Receive(buffer) is var count and > 0)
            answer.Append(System.Text.Encoding.ASCII.GetString(buffer, 0, count));
        var text = answer.ToString();
        Assert.StartsWith("HTTP/1.1 200 OK", text, StringComparison.Ordinal);
        return text[(text.IndexOf("\n\n", StringComparison.Ordinal) + 2)..].Trim();
    }

    /// <summary>Starts a program of the tree in the client's namespace.</summary>
    public Process StartAtClient(params string[] words)
    {
        var start = In("client", [Path.Combine(Repository.Root, words[0]), .. words[1..]]);
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        return Process.Start(start)!;
    }

    /// <summary>The file of a node's secret.</summary>
    public string KeyFile(LabNode node) => plan.KeyFile(node);

    /// <summary>A file that «make» builds.</summary>
    public static string Built(string name) => Path.Combine(Repository.Root, "out", name);

    // ---- nodes and machines ----

    public LabNode OtherNode => plan.Nodes[Home.Node.Number == 1 ? 1 : 0];

    /// <summary>
    /// Spends a token and waits until the machine's firmware answers. What an earlier test has left on the node has the guest's address, so it goes.
    /// </summary>
    public OrderedMachine Order(LabNode node, byte[] loader, int memoryMiB = 64, int tokens = 10)
    {
        var (token, boot, key) = Buy(node, loader, memoryMiB, tokens);
        Clear(node);
        var before = Machines(node);
        AtClient(() =>
        {
            using var echo = EchoSocket.Open();
            MagicPinger.Demand(echo, IPAddress.Parse(node.Address), token, TimeSpan.FromSeconds(5));
            var start = Stopwatch.GetTimestamp();
            while (echo.Exchange(boot, new byte[16], TimeSpan.FromMilliseconds(200)) is null)
            {
                Assert.True(Stopwatch.GetElapsedTime(start) < Patience,
                    $"the machine at {boot} does not answer; its node says: {string.Join("; ", Log(node).TakeLast(5))}");
            }
            return 0;
        });
        return new OrderedMachine(node, boot, Assert.Single(Machines(node), pid => !before.Contains(pid)), key);
    }

    /// <summary>A token that nobody has spent, where its machine will be, and its key.</summary>
    /// <param name="forGuest">The machine may have the guest's address.</param>
    public (byte[] Token, IPAddress Boot, byte[] Key) Buy(
        LabNode node, byte[] loader, int memoryMiB = 64, int tokens = 10, TimeSpan? lease = null, bool forGuest = true)
    {
        var boot = IPAddress.Parse($"10.77.0.{addresses}");
        addresses = addresses == 240 ? 100 : addresses + 1;
        var request = new MintRequest
        {
            Node = IPAddress.Parse(node.Address),
            BootAddress = boot,
            Guests = forGuest ? [Guest] : [],
            MemoryBytes = (long)memoryMiB << 20,
            Tokens = tokens,
            Loader = loader,
        };
        if (lease is { } given)
            request = request with { Lease = given };
        var secret = SecretFile.ReadKey(plan.KeyFile(node));
        var token = Signing.Token(request, secret, Chain.Fresh(tokens));
        return (token, boot, Mint.MachineKey(token, secret));
    }

    /// <summary>Kills whatever machines of the node have not got the guest.</summary>
    public void Clear(LabNode node)
    {
        foreach (var left in Machines(node))
        {
            if (left != Home?.Process)
                Kill(left);
        }
        Until(() => !HasUnburied(node), $"the node {node.Name} does not bury its dead");
    }

    /// <summary>The processes of a node's machines.</summary>
    public List<int> Machines(LabNode node) => Packetd(node) is int pid and not 0 ? ProcessTable.Children(pid).ConvertAll(child => child.Pid) : [];

    /// <summary>Whether a machine of the node has ended that packetd does not know of yet: until then its addresses are taken.</summary>
    private bool HasUnburied(LabNode node)
    {
        var packetd = Packetd(node);
        return Directory.EnumerateDirectories("/proc").Any(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var pid)
            && ProcessTable.TryRead(pid, out var entry) && entry.State == 'Z' && entry.Parent == packetd);
    }

    /// <summary>The process of a node's packetd, or 0.</summary>
    public int Packetd(LabNode node)
    {
        foreach (var process in ProcessTable.All())
        {
            var words = ProcessTable.Arguments(process.Pid);
            if (words.Length > 1 && Path.GetFileName(words[0]) == "packetd" && Array.IndexOf(words, node.Address) > 0 && Space(process.Pid) == space)
                return process.Pid;
        }
        return 0;
    }

    public static bool Alive(int pid) => ProcessTable.Alive(pid);

    /// <summary>It may have ended by itself.</summary>
    public static void Kill(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill();
        }
        catch (ArgumentException)
        {
        }
        Until(() => !Alive(pid), $"process {pid} does not end");
    }

    /// <summary>Kills a node's packetd, its machines die with it, and starts another, with options for what starts its machines.</summary>
    public void RestartPacketd(LabNode node, params string[] launcherOptions)
    {
        if (Packetd(node) is int pid and not 0)
            Kill(pid);
        var ready = Lines(node, "ready as");
        List<string> command = ["/bin/sh", "-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", plan.LogFile(node), .. PacketdCommand.For(plan, node, launcherOptions)];
        Process.Start(In(node.Name, command))!.Dispose();
        Until(() => Lines(node, "ready as") > ready, $"packetd of {node.Name} does not come back");
    }

    /// <summary>How many lines of the node's log hold a text.</summary>
    public int Lines(LabNode node, string text) => Log(node).FindAll(line => line.Contains(text, StringComparison.Ordinal)).Count;

    public List<string> Log(LabNode node) => [.. File.ReadAllLines(plan.LogFile(node))];

    /// <summary>Pulls or plugs the cable of a node, at the bridge.</summary>
    public void SetLink(LabNode node, bool up)
    {
        var (code, output) = Finish(In("lan", ["ip", "link", "set", node.Name, up ? "up" : "down"]), Patience);
        Assert.True(code == 0, output);
    }

    /// <summary>Bytes of all frames that the bridge has sent to a node (proc_net_dev: the ninth number of the link's line).</summary>
    public long BytesTo(LabNode node)
    {
        var (code, output) = Finish(In("lan", ["cat", "/proc/self/net/dev"]), Patience);
        Assert.True(code == 0, output);
        foreach (var line in output.Split('\n'))
        {
            var words = line.Split([' ', ':'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 9 && words[0] == node.Name)
                return long.Parse(words[9], CultureInfo.InvariantCulture);
        }
        throw new InvalidOperationException($"the bridge has no link to {node.Name}");
    }

    private ProcessStartInfo In(string part, IReadOnlyList<string> command) =>
        inside ? LabHolder.InNamespace(plan, part, command) : LabLauncher.Enter(plan, part, command);

    private static string Space(int pid)
    {
        try
        {
            return new FileInfo($"/proc/{pid}/ns/pid").LinkTarget ?? "";
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    // ---- moves ----

    /// <summary>The move that was commanded last.</summary>
    public GuestControl Moving { get; private set; } = null!;

    /// <summary>Tells the guest to move.</summary>
    public void AskToMove(OrderedMachine to, Func<MoveOrder, MoveOrder>? how = null)
    {
        Moving?.Dispose();
        Moving = Command(to, how);
    }

    /// <summary>A connection of its own to the guest's port for commands.</summary>
    public GuestControl Command(OrderedMachine to, Func<MoveOrder, MoveOrder>? how = null)
    {
        var order = new MoveOrder(to.Boot, to.Key);
        return GuestControl.Move(Connect(Guest, MoveCommand.Port), GuestKey, how is null ? order : how(order));
    }

    public string[] Progress() => Moving.Lines;

    /// <summary>Waits until migrate has ended: its exit code and what it said.</summary>
    public (int Code, string[] Said) AwaitEnd()
    {
        Until(() => Moving.Ended is not null || Moving.Broken is not null, "migrate does not end");
        Assert.True(Moving.Broken is null, Moving.Broken);
        return (Moving.Ended!.Value, Moving.Lines);
    }

    /// <summary>Moves the guest into a new machine, and looks at everything that should be so afterwards.</summary>
    public void Move(LabNode? to = null, Func<MoveOrder, MoveOrder>? how = null) => MoveInto(Order(to ?? OtherNode, CheckpointLoader), how);

    public void MoveInto(OrderedMachine target, Func<MoveOrder, MoveOrder>? how = null)
    {
        var source = Home;
        AskToMove(target, how);
        Arrive(source, target);
    }

    /// <summary>The guest has moved without having been asked.</summary>
    public void Take(OrderedMachine target) => Home = target;

    /// <summary>The rest of a move that has been asked for.</summary>
    public void Arrive(OrderedMachine source, OrderedMachine target)
    {
        Until(() => !Alive(source.Process) || Moving.Ended is > 0, "the guest does not leave");
        Assert.False(Alive(source.Process), string.Join("; ", Progress()));
        Home = target;
        var (code, said) = AwaitEnd();
        Assert.True(code == 0, string.Join("; ", said));
        Assert.Contains(said, line => line.Contains("we have arrived", StringComparison.Ordinal));
        AssertServes();
    }

    /// <summary>The guest is where it was, and its clients have noticed nothing but a delay.</summary>
    public void AssertStayed()
    {
        Assert.True(Alive(Home.Process), "the guest's machine has ended");
        AssertServes();
    }

    public void AssertServes()
    {
        Connection.AssertWorks();
        Assert.Contains("Hello from a guest", Get("/").Body, StringComparison.Ordinal);
    }

    public static void Until(Func<bool> done, string otherwise)
    {
        var start = Stopwatch.GetTimestamp();
        while (!done())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, otherwise);
            Thread.Sleep(20);
        }
    }

    public void Dispose()
    {
        Connection?.Dispose();
        Moving?.Dispose();
        if (folder is not null)
        {
            DropLab(folder.FullName);
            return;
        }
        // The next one has the same lab: it begins without machines.
        foreach (var node in plan.Nodes)
            RestartPacketd(node);
    }
}
