using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Evilman.Lab;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Tokens;
using Wire;

namespace Evilman.Demo;

/// <summary>The real thing, from inside the client's namespace of a lab: tokens, magic pings, uploads, moves.</summary>
/// <param name="plaintext">The guest's memory crosses the Ethernet as it is.</param>
internal sealed class LabStage(LabPlan plan, long memoryBytes, TimeSpan patience, bool plaintext) : IStage
{
    readonly int[] turns = new int[plan.Nodes.Count];
    readonly byte[] checkpointLoader = BootClient.ReadFile(Files.Find("loader-checkpoint", "run «make»"));
    int machine; // the process of the monitor that the guest runs in
    GuestControl? control;

    /// <summary>An empty machine: where its firmware listens, the process of its monitor, and its key.</summary>
    /// <param name="Asked">When the magic ping left (<see cref="Stopwatch.GetTimestamp"/>).</param>
    sealed record EmptyMachine(IPAddress Boot, int Process, byte[] Key, long Asked);

    public IPAddress Guest { get; } = IPAddress.Parse(LabPlan.GuestAddress);

    /// <summary>What commands the guest, once it is booted.</summary>
    internal byte[] GuestKey { get; private set; } = [];

    public int Places => plan.Nodes.Count;

    public string NameOf(int place) => plan.Nodes[place].Letter.ToString();

    public void Raise()
    {
        Greet();
        Say.Title("A machine appears");
        Boot(BootClient.ReadFile(Files.Find("guest.cpio", "run «make»")));
        var start = Stopwatch.GetTimestamp();
        using (BootClient.Connect(new IPEndPoint(Guest, MoveCommand.Port), patience))
        using (BootClient.Connect(new IPEndPoint(Guest, 80), patience))
            Say.Step($"the guest serves on {Guest}, "
                + $"{Quantity.Milliseconds(Stopwatch.GetElapsedTime(start).TotalMilliseconds)} after the upload");
    }

    /// <summary>Fails unless every node answers a ping.</summary>
    internal void Greet()
    {
        foreach (var node in plan.Nodes)
        {
            using var echo = EchoSocket.Open();
            var reply = echo.Exchange(IPAddress.Parse(node.Address), new byte[56], TimeSpan.FromSeconds(2))
                ?? throw Failure.NoAnswer($"node {node.Letter} ({node.Address}) does not answer a ping; its log: "
                    + $"{Tool.LastLine(Log(node))}");
            Say.Step($"node {node.Letter} at {node.Address} answers an ordinary ping in "
                + $"{Quantity.Milliseconds(reply.RoundTrip.TotalMilliseconds)} (machines by {node.MonitorName})");
        }
    }

    /// <summary>Boots a guest with these first files on place 0.</summary>
    internal void Boot(byte[] initramfs)
    {
        var image = new BootImage(BootClient.ReadFile(Files.Find("loader-kernel", "run «make»")),
            BootClient.ReadFile(Files.Find("guestos", "run «make»")), initramfs, "");
        var empty = Inflate(0, image.Loader);
        machine = empty.Process;
        GuestKey = Mint.GuestKey(empty.Key);
        var connection = BootClient.Connect(new IPEndPoint(empty.Boot, Upload.Port), patience);
        var accepted = Stopwatch.GetElapsedTime(empty.Asked);
        using var socket = BootClient.Prove(connection, empty.Key, patience);
        Say.Step($"its firmware on {empty.Boot}:{Upload.Port} takes a connection "
            + $"{Quantity.Milliseconds(accepted.TotalMilliseconds)} after the ping, and proves that it has the machine's key");
        UploadBar.Show("loader, kernel and files uploaded, encrypted", report =>
            BootClient.Upload(socket, image.With(GuestKey), report, patience));
    }

    /// <summary>Whether the machine that the guest was booted in, or has moved to, is there.</summary>
    internal bool IsAlive => ProcessTable.Alive(machine);

    public MoveRecord Move(int from, int to, Func<string?> broken)
    {
        var waiting = Inflate(to, checkpointLoader);
        using (var echo = EchoSocket.Open())
        {
            var start = Stopwatch.GetTimestamp();
            while (echo.Exchange(waiting.Boot, new byte[16], TimeSpan.FromMilliseconds(200)) is null)
            {
                if (Stopwatch.GetElapsedTime(start) > patience)
                    throw Failure.NoAnswer($"the machine that should receive the guest does not answer; its node's "
                        + $"log: {Tool.LastLine(Log(plan.Nodes[to]))}");
            }
        }

        var bytesBefore = BytesTo(plan.Nodes[to]);
        var asked = Stopwatch.GetTimestamp();
        control?.Dispose();
        try
        {
            control = GuestControl.Move(Guest, GuestKey,
                new MoveOrder(waiting.Boot, waiting.Key) { Flags = plaintext ? MoveFlags.Plaintext : MoveFlags.None });
        }
        catch (Failure)
        {
            End(to, waiting);
            throw;
        }
        while (ProcessTable.Alive(machine))
        {
            var elapsed = Stopwatch.GetElapsedTime(asked);
            if (broken() is { } why)
                throw new Failure($"the move from {NameOf(from)} to {NameOf(to)} failed: {why}; node {NameOf(from)}: "
                    + $"{Tool.LastLine(Log(plan.Nodes[from]))}; node {NameOf(to)}: "
                    + $"{Tool.LastLine(Log(plan.Nodes[to]))}");
            if (elapsed > patience)
                throw new Failure($"the guest did not leave {NameOf(from)} within {patience.TotalSeconds:0} s: "
                    + $"{(control.Lines is [.., var last] ? last : "it says nothing")}");
            if (control.Ended is > 0)
            {
                End(to, waiting);
                throw new Failure($"the guest gave up moving to {NameOf(to)}: {control.Lines[^1]}");
            }
            Thread.Sleep(2);
        }
        machine = waiting.Process;
        var done = Stopwatch.GetTimestamp();
        var bytes = BytesTo(plan.Nodes[to]) - bytesBefore;
        var gone = ProcessTable.Children(PacketdPid(plan.Nodes[from])).Count == 0;
        return new MoveRecord(NameOf(from), NameOf(to), asked, done, bytes, gone);
    }

    public IReadOnlyList<string> Account()
    {
        // Its last word comes from the destination, in a moment.
        AwaitLastWord(TimeSpan.FromSeconds(2));
        return control?.Lines ?? [];
    }

    /// <summary>
    /// Whether the guest that has left by the last <see cref="Move"/> says from its new machine that it is there; it
    /// is given some time. If not, its old machine has ended with it.
    /// </summary>
    internal bool HasArrived()
    {
        AwaitLastWord(TimeSpan.FromSeconds(10));
        return control is { Ended: 0 } || GuestControl.Obeys(Guest, GuestKey);
    }

    void AwaitLastWord(TimeSpan limit)
    {
        var start = Stopwatch.GetTimestamp();
        while (control is { Ended: null, Broken: null } && Stopwatch.GetElapsedTime(start) < limit)
            Thread.Sleep(5);
    }

    /// <summary>
    /// Has the node end a machine that nothing will move into, since its addresses are in use as long as it is there.
    /// </summary>
    void End(int place, EmptyMachine empty)
    {
        try
        {
            using var echo = EchoSocket.Open();
            MagicPinger.End(echo, IPAddress.Parse(plan.Nodes[place].Address), empty.Key, MagicPinger.Patience);
        }
        catch (Exception failure) when (failure is Failure or SocketException)
        {
            Say.Warn($"the machine that waits on node {NameOf(place)} ends when its lease does: {failure.Message}");
        }
    }

    /// <summary>
    /// Bytes of all frames that the bridge has sent to a node (proc_net_dev: the ninth number of the link's line).
    /// </summary>
    long BytesTo(LabNode node)
    {
        long bytes = 0;
        NetworkNamespace.Run(plan.NamespacePath("lan"), () =>
        {
            foreach (var line in File.ReadLines("/proc/thread-self/net/dev"))
            {
                var words = line.Split([' ', ':'], StringSplitOptions.RemoveEmptyEntries);
                if (words.Length > 9 && words[0] == node.Name)
                    bytes = long.Parse(words[9], CultureInfo.InvariantCulture);
            }
        });
        return bytes;
    }

    public void Abandon(int place)
    {
        var node = plan.Nodes[place];
        var pid = PacketdPid(node);
        Native.kill(pid, Native.SignalKill);
        for (var waited = 0; ProcessTable.Alive(pid) && waited < 200; waited++)
            Thread.Sleep(10);
        Say.Step($"packetd of node {node.Letter} is killed");
    }

    /// <summary>
    /// Mints a token and spends it on the node.
    /// </summary>
    EmptyMachine Inflate(int place, byte[] loader)
    {
        var node = plan.Nodes[place];
        var boot = IPAddress.Parse(node.BootAddress(turns[place]++));
        var token = Signing.Token(new MintRequest
        {
            Node = IPAddress.Parse(node.Address),
            BootAddress = boot,
            Guests = [Guest],
            MemoryBytes = memoryBytes,
            Loader = loader,
        }, SecretFile.ReadKey(plan.KeyFile(node)), Chain.Fresh(100));
        var key = Mint.MachineKey(token, SecretFile.ReadKey(plan.KeyFile(node)));

        var packetd = PacketdPid(node);
        var before = ProcessTable.Children(packetd);
        using var echo = EchoSocket.Open();
        NodeAnswer answer;
        var asked = Stopwatch.GetTimestamp();
        try
        {
            answer = MagicPinger.Demand(echo, IPAddress.Parse(node.Address), token, MagicPinger.Patience);
        }
        catch (Failure failure)
        {
            throw new Failure($"node {node.Letter}: {failure.Message.TrimEnd('.')}; its log: {Tool.LastLine(Log(node))}",
                failure.ExitCode);
        }
        var process = 0;
        foreach (var child in ProcessTable.Children(packetd))
        {
            if (!before.Exists(old => old.Pid == child.Pid))
                Native.RunBefore(process = child.Pid, -10); // a session of its own, which runs before others like its node
        }
        Say.Step($"node {node.Letter} took a boot token in "
            + $"{Quantity.Milliseconds(answer.RoundTrip.TotalMilliseconds)}: an empty machine of "
            + $"{Quantity.Bytes(memoryBytes)} at {boot}");
        return new EmptyMachine(boot, process, key, asked);
    }

    string Log(LabNode node) => File.Exists(plan.LogFile(node)) ? File.ReadAllText(plan.LogFile(node)) : "";

    int PacketdPid(LabNode node) => int.Parse(File.ReadAllText(plan.PidFile(node)), CultureInfo.InvariantCulture);
}
