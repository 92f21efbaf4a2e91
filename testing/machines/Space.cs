using System;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using Xunit;

namespace Testing.Machines;

/// <summary>A network namespace with a bridge, 10.0.0.1/24, that machines are plugged into: the client's end of the wire.</summary>
public sealed partial class Space : IDisposable
{
    public const string Host = "10.0.0.1", Boot = "10.0.0.2";
    private static int s_count;
    private int taps;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int descriptor, int kind);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    public Space()
    {
        Name = $"cs{Environment.ProcessId % 100_000}x{Interlocked.Increment(ref s_count)}";
        Programs.Run("ip", "netns", "add", Name);
        Programs.Run("ip", "-n", Name, "link", "set", "lo", "up");
        // With an address of its own: otherwise a bridge has the lowest of its ports', another one whenever a machine comes or goes.
        Programs.Run("ip", "-n", Name, "link", "add", "br0", "address", "02:45:0a:00:00:01", "type", "bridge");
        Programs.Run("ip", "-n", Name, "addr", "add", Host + "/24", "dev", "br0");
        Programs.Run("ip", "-n", Name, "link", "set", "br0", "addrgenmode", "none", "up");
    }

    /// <summary>The bridge that the next machines are plugged into: the client's, unless a <see cref="LongWire"/> has made another.</summary>
    public string Bridge { get; set; } = Near;

    public const string Near = "br0";

    /// <summary>A port of the bridge for one machine.</summary>
    public string AddTap()
    {
        string tap = $"tap{taps++}";
        Programs.Run("ip", "-n", Name, "tuntap", "add", tap, "mode", "tap", "vnet_hdr");
        Plug(tap, Bridge);
        return tap;
    }

    /// <summary>Makes a device of the namespace a port of one of its bridges.</summary>
    public void Plug(string device, string bridge) =>
        Programs.Run("ip", "-n", Name, "link", "set", device, "addrgenmode", "none", "master", bridge, "up");

    public string Name { get; }

    /// <summary>A TCP connection from inside the namespace.</summary>
    public Socket Connect(int port = Wire.Upload.Port, string address = Boot)
    {
        Socket socket = Open();
        // The machine may still be starting: SYNs are repeated until it answers.
        Assert.True(socket.ConnectAsync(IPAddress.Parse(address), port).Wait(10_000), $"nobody answers on {address}");
        return socket;
    }

    /// <summary>A TCP socket that belongs to the namespace.</summary>
    public Socket Open()
    {
        Socket socket = Open(SocketType.Stream, ProtocolType.Tcp);
        socket.NoDelay = true;
        return socket;
    }

    /// <summary>A socket that belongs to the namespace.</summary>
    public Socket Open(SocketType type, ProtocolType protocol)
    {
        Socket? socket = null;
        // setns(2) moves one thread; the socket stays where it was made.
        var thread = new Thread(() => Enter(() => socket = new Socket(AddressFamily.InterNetwork, type, protocol) { ReceiveTimeout = 15_000, SendTimeout = 15_000 }));
        thread.Start();
        thread.Join();
        Assert.NotNull(socket);
        return socket;
    }

    /// <summary>Moves the calling thread into the namespace, for good, and goes on there.</summary>
    public void Enter(Action action)
    {
        int space = open("/run/netns/" + Name, 0);
        bool isThere = setns(space, 0x4000_0000) == 0;
        close(space);
        if (isThere)
            action();
    }

    public string InSpace(params string[] command) => Programs.Run("ip", ["netns", "exec", Name, .. command]);

    public void Dispose() => Programs.Run("ip", "netns", "del", Name);
}

/// <summary>A test with a machine on a TAP interface of its own, once on each monitor.</summary>
public sealed class MonitorsAttribute : Xunit.Sdk.DataAttribute
{
    public override System.Collections.Generic.IEnumerable<object[]> GetData(System.Reflection.MethodInfo method) => [["qemu"], ["domain"]];
}
