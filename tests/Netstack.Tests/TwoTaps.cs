using System;
using System.IO;
using System.Net;
using System.Net.Sockets;

namespace Netstack.Tests;

/// <summary>Who sits at the far end of the wire.</summary>
public enum Far
{
    /// <summary>The kernel's TCP again, as the witness of what the wire allows.</summary>
    Kernel,

    /// <summary>Our stack, which listens.</summary>
    OursListens,

    /// <summary>Our stack, which connects.</summary>
    OursConnects,
}

/// <summary>
/// Two network namespaces with a TAP device each and a <see cref="Relay"/> between them. In A, 10.78.0.1, the kernel's TCP; in B,
/// 10.78.0.2, either the kernel's too or our stack in a process of its own, on a packet socket of B's device as a real host would be.
/// </summary>
public sealed class TwoTaps : IDisposable
{
    public const int Port = 5001;
    private static readonly IPAddress s_farAddress = IPAddress.Parse("10.78.0.2");
    private readonly NetworkNamespace a = new(), b = new();
    private readonly Socket? listener;

    public TwoTaps(FaultRates rates, int seed, Far far, int connections, int darkFrom = 0, double darkSeconds = 0, int receiveBuffer = 0)
    {
        int tapA = Open(a), tapB = Open(b);
        a.Command("ip", "addr add 10.78.0.1/24 dev tap0");
        Relay = new Relay(tapA, tapB, seed, rates)
        {
            DarkFrom = darkFrom,
            DarkFor = TimeSpan.FromSeconds(darkSeconds),
            Inspect = (fromA, frame) =>
            {
                if (HasZeroWindow(frame))
                    _ = fromA ? ZeroWindowsOfA++ : ZeroWindowsOfB++;
            },
        };
        ReceiveBuffer = receiveBuffer;
        a.Command("ip", "link set tap0 up");
        if (far == Far.Kernel)
            b.Command("ip", "addr add 10.78.0.2/24 dev tap0");
        b.Command("ip", "link set tap0 up");
        if (far == Far.OursConnects)
        {
            listener = NewSocket();
            listener.Bind(new IPEndPoint(IPAddress.Any, Port));
            listener.Listen(connections);
        }
        Relay.Start();
        Host = far switch
        {
            Far.Kernel => new KernelHost(b, Port),
            Far.OursListens => new OurHost(b, $"serve {Port}"),
            _ => new OurHost(b, $"connect 10.78.0.1 {Port} {connections}"),
        };
    }

    public Relay Relay { get; }

    public FarHost Host { get; }

    /// <summary>Receive buffer of the sockets in A, 0 for the kernel's choice.</summary>
    public int ReceiveBuffer { get; }

    /// <summary>TCP segments that said that their sender's window is closed.</summary>
    public int ZeroWindowsOfA { get; private set; }

    /// <inheritdoc cref="ZeroWindowsOfA"/>
    public int ZeroWindowsOfB { get; private set; }

    /// <summary>One more connection between A and B, as the kernel's socket at A.</summary>
    public Socket NewConnection()
    {
        if (listener != null)
        {
            Socket accepted = listener.Accept();
            accepted.NoDelay = true;
            accepted.SendTimeout = accepted.ReceiveTimeout = 30000;
            return accepted;
        }
        Socket socket = NewSocket();
        socket.Connect(new IPEndPoint(s_farAddress, Port));
        return socket;
    }

    private Socket NewSocket()
    {
        Socket socket = a.NewSocket();
        if (ReceiveBuffer > 0)
            socket.ReceiveBufferSize = ReceiveBuffer;
        return socket;
    }

    /// <summary>Without IPv6, which would send frames of its own accord whenever it likes.</summary>
    private static int Open(NetworkNamespace at)
    {
        int tap = at.OpenTap("tap0");
        at.Inside(() =>
        {
            const string Setting = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
            if (File.Exists(Setting))
                File.WriteAllText(Setting, "1");
            return true;
        });
        return tap;
    }

    /// <summary>An IPv4 TCP segment that is no RST and no SYN and announces no room (its window field is 0 whatever the scale).</summary>
    private static bool HasZeroWindow(byte[] frame) =>
        frame.Length >= 54 && frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45 && frame[23] == 6
        && (frame[47] & 6) == 0 && frame[48] == 0 && frame[49] == 0;

    public void Dispose()
    {
        Host.Dispose();
        listener?.Dispose();
        Relay.Dispose();
        a.Dispose();
        b.Dispose();
    }
}
