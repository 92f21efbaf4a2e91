using System;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Xunit;

namespace Netstack.Tests;

/// <summary>
/// The host kernel as the peer: a network namespace of our own with one TAP device, whose other end is a faulty wire to a stack.
/// Linux is 10.77.0.1, the stack 10.77.0.2. A thread moves frames.
/// </summary>
public sealed unsafe class LinuxNetwork : IDisposable
{
    public const uint LinuxAddress = 0x0a4d0001, StackAddress = 0x0a4d0002;

    private readonly NetworkNamespace networkNamespace = new();
    private readonly Thread pumpThread;
    private readonly FaultyWire toStack, toLinux;
    private readonly bool offload;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly int tap;
    private volatile bool stopping;
    private Exception? failure;

    /// <summary>Guards the stack: the pump and the test take it in turn.</summary>
    public object Gate { get; } = new();

    public Host Host { get; }

    /// <summary>Run after every turn of the pump, with the gate held: the program on top of the stack.</summary>
    public Action<ulong>? Application { get; set; }

    /// <summary>Frames in the direction of Linux, for tests that look at the wire.</summary>
    public Action<byte[]>? OnFrame { get; set; }

    public ulong Now => (ulong)(clock.Elapsed.TotalNanoseconds) + 1_000_000_000;

    public LinuxNetwork(FaultRates? rates = null, int seed = 1, bool offload = false, Func<StackConfiguration, StackConfiguration>? change = null)
    {
        rates ??= new FaultRates(Delay: 0);
        toStack = new FaultyWire(seed * 2 + 1, rates);
        toLinux = new FaultyWire(seed * 2 + 2, rates);
        this.offload = offload;
        Host = new Host(StackAddress, offload ? LinkCapabilities.TransmitChecksum | LinkCapabilities.Segmentation : LinkCapabilities.None, change);
        Host.OnTransmit = frame => toLinux.Put(this.offload ? WithVirtioHeader(frame) : frame.Bytes, Now);
        tap = networkNamespace.OpenTap("tap0", offload);
        Command("ip", "addr add 10.77.0.1/24 dev tap0");
        Command("ip", "link set tap0 up");
        pumpThread = new Thread(Pump) { IsBackground = true };
        pumpThread.Start();
    }

    public Socket NewSocket() => networkNamespace.NewSocket();

    public Socket ConnectTo(int port)
    {
        Socket socket = NewSocket();
        socket.Connect(new IPEndPoint(new IPAddress(new byte[] { 10, 77, 0, 2 }), port));
        return socket;
    }

    public Socket ListenAt(int port)
    {
        Socket socket = NewSocket();
        socket.Bind(new IPEndPoint(IPAddress.Any, port));
        socket.Listen(16);
        return socket;
    }

    /// <summary>Runs a command in the namespace and returns what it printed.</summary>
    public string Command(string program, string arguments) => networkNamespace.Command(program, arguments);

    /// <summary>Waits until the condition holds, looking with the gate held.</summary>
    public void WaitFor(Func<bool> condition, string what, int seconds = 30)
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (true)
        {
            lock (Gate)
            {
                if (condition())
                    return;
            }
            if (failure != null)
                throw new InvalidOperationException("the pump stopped: " + failure, failure);
            Assert.True(waited.Elapsed.TotalSeconds < seconds, "did not happen in time: " + what);
            Thread.Sleep(1);
        }
    }

    private void Pump()
    {
        byte[] buffer = new byte[70000];
        try
        {
            while (!stopping)
            {
                ulong now = Now;
                ulong next;
                lock (Gate)
                    next = Math.Min(Host.Stack->NextDeadline(), Math.Min(toStack.Next, toLinux.Next));
                long wait = next <= now ? 0 : Math.Min(1_000_000, (long)(next - now));
                TapDevices.WaitReadable([tap], wait);
                lock (Gate)
                {
                    now = Now;
                    fixed (byte* at = buffer)
                    {
                        nint length;
                        for (int i = 0; i < 64 && (length = TapDevices.read(tap, at, buffer.Length)) > 0; i++)
                            toStack.Put(buffer.AsSpan(0, (int)length).ToArray(), now);
                    }
                    while (toStack.TryTake(now, out byte[] frame))
                        Deliver(frame, now);
                    if (now >= Host.Stack->NextDeadline())
                        Host.Stack->Poll(now);
                    Application?.Invoke(now);
                    while (toLinux.TryTake(Now, out byte[] frame))
                    {
                        OnFrame?.Invoke(frame);
                        fixed (byte* at = frame)
                            TapDevices.write(tap, at, frame.Length);
                    }
                }
            }
        }
        catch (Exception e)
        {
            failure = e;
        }
    }

    private void Deliver(byte[] frame, ulong now)
    {
        if (!offload)
        {
            Host.Receive(frame, now);
            return;
        }
        FrameFlags flags = (frame[0] & 3) != 0 ? FrameFlags.ChecksumValid : FrameFlags.None;
        // In pieces, as mergeable buffers come.
        const int Piece = 4096;
        byte[] body = frame[10..];
        int count = (body.Length + Piece - 1) / Piece;
        FramePiece* pieces = stackalloc FramePiece[count];
        fixed (byte* at = body)
        {
            for (int i = 0; i < count; i++)
            {
                pieces[i].Address = at + i * Piece;
                pieces[i].Length = Math.Min(Piece, body.Length - i * Piece);
            }
            Host.Stack->ReceiveFrame(pieces, count, flags, now);
        }
    }

    private static byte[] WithVirtioHeader(SentFrame frame)
    {
        byte[] bytes = new byte[10 + frame.Bytes.Length];
        frame.Bytes.CopyTo(bytes, 10);
        if (frame.NeedsChecksum)
        {
            bytes[0] = 1;
            bytes[6] = 34;
            bytes[8] = 16;
        }
        if (frame.SegmentSize != 0)
        {
            bytes[1] = 1;
            int headers = 34 + (frame.Bytes[46] >> 4) * 4;
            BitConverter.TryWriteBytes(bytes.AsSpan(2), (ushort)headers);
            BitConverter.TryWriteBytes(bytes.AsSpan(4), (ushort)frame.SegmentSize);
        }
        return bytes;
    }

    public void Dispose()
    {
        stopping = true;
        pumpThread.Join();
        TapDevices.close(tap);
        networkNamespace.Dispose();
        Host.Dispose();
    }
}
