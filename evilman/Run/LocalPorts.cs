using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using Evilman.Lab;
using Evilman.Net;

namespace Evilman.Run;

/// <summary>
/// Ports of 127.0.0.1 that are listened on. They stay this machine's whatever network a command goes on in: it hands the
/// sockets on to the program that takes its place, and to one that it leaves behind.
/// </summary>
internal sealed class LocalPorts : IDisposable
{
    /// <summary>Names the descriptors to a program that has them handed on, in the order of the ports.</summary>
    const string Variable = "EVILMAN_LISTENERS";

    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    readonly List<(PortPair Port, Socket Listener)> all = [];
    readonly List<Forwarder> forwarders = [];

    /// <summary>Listens on all of them, or takes over those that were handed on.</summary>
    /// <exception cref="Failure">One is taken. Then none is listened on.</exception>
    internal LocalPorts(IReadOnlyList<PortPair> ports)
    {
        var handed = (Environment.GetEnvironmentVariable(Variable) ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries);
        Environment.SetEnvironmentVariable(Variable, null);
        try
        {
            for (var i = 0; i < ports.Count; i++)
                all.Add((ports[i], handed.Length == ports.Count ? Handed(handed[i]) : Listen(ports[i])));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal IEnumerable<PortPair> Pairs => all.Select(pair => pair.Port);

    static Socket Handed(string word)
    {
        var fd = int.Parse(word, CultureInfo.InvariantCulture);
        Native.SetInherited(fd, false);
        return new Socket(new SafeSocketHandle(fd, ownsHandle: true));
    }

    static Socket Listen(PortPair port)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(new IPEndPoint(IPAddress.Loopback, port.Here));
            listener.Listen();
            return listener;
        }
        catch (SocketException taken)
        {
            listener.Dispose();
            throw new Failure($"port {port.Here} of this machine: {taken.Message}; «ANOTHER:{port.Guest}» takes another");
        }
    }

    /// <summary>From now on every connection is led on.</summary>
    /// <param name="connect">Makes the other half, to the port of the guest.</param>
    internal void Lead(Func<PortPair, Socket> connect)
    {
        foreach (var (port, listener) in all)
            forwarders.Add(new Forwarder(listener, () => connect(port)));
    }

    /// <summary>The same, to a guest that this process reaches, wherever it moves.</summary>
    internal void Lead(IPAddress guest) => Lead(port => Tcp.ConnectSoon(new IPEndPoint(guest, port.Guest), s_patience));

    /// <summary>What the program said before it ended reaches those who are connected, before this process ends.</summary>
    internal void Finish() => forwarders.ForEach(forwarder => forwarder.Finish());

    /// <summary>Before this process becomes another program, which takes them over.</summary>
    internal void HandOn()
    {
        foreach (var (_, listener) in all)
            Native.SetInherited((int)listener.Handle, true);
        Environment.SetEnvironmentVariable(Variable, Descriptors);
    }

    string Descriptors => string.Join(',', all.Select(pair =>
        ((int)pair.Listener.Handle).ToString(CultureInfo.InvariantCulture)));

    /// <summary>Leaves «evilman forward» behind, which leads on for as long as the job is there.</summary>
    internal void LeaveBehind(string job)
    {
        HandOn();
        // Before the command says that it is done: who closes its terminal does not end what is left.
        var start = new ProcessStartInfo("/bin/sh");
        foreach (var word in (string[])["-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", Tool.Need("setsid", "util-linux"),
            Environment.ProcessPath!, "forward", job, .. all.Select(pair => $"{pair.Port}")])
            start.ArgumentList.Add(word);
        using var process = Process.Start(start) ?? throw new Failure("«evilman forward» does not start");
        Environment.SetEnvironmentVariable(Variable, null);
        Dispose();
    }

    public void Dispose()
    {
        forwarders.ForEach(forwarder => forwarder.Dispose());
        all.ForEach(pair => pair.Listener.Dispose());
    }
}
