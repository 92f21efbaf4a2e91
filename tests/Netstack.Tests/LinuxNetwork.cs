using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using Xunit;

namespace Netstack.Tests;

/// <summary>
/// The host kernel as the peer: a network namespace of our own with one TAP device, whose other end is a faulty wire to a stack.
/// Linux is 10.77.0.1, the stack 10.77.0.2. One thread lives in the namespace and makes the kernel's sockets; another moves frames.
/// </summary>
public sealed unsafe class LinuxNetwork : IDisposable
{
    public const uint LinuxAddress = 0x0a4d0001, StackAddress = 0x0a4d0002;

    private readonly BlockingCollection<Action> _inside = [];
    private readonly Thread _namespaceThread, _pumpThread;
    private readonly FaultyWire _toStack, _toLinux;
    private readonly bool _offload;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _tap = -1;
    private volatile bool _stopping;
    private Exception? _failure;

    /// <summary>Guards the stack: the pump and the test take it in turn.</summary>
    public object Gate { get; } = new();

    public Host Host { get; }

    /// <summary>Run after every turn of the pump, with the gate held: the program on top of the stack.</summary>
    public Action<ulong>? Application { get; set; }

    /// <summary>Frames in the direction of Linux, for tests that look at the wire.</summary>
    public Action<byte[]>? OnFrame { get; set; }

    public ulong Now => (ulong)(_clock.Elapsed.TotalNanoseconds) + 1_000_000_000;

    public LinuxNetwork(FaultRates? rates = null, int seed = 1, bool offload = false, Func<StackConfiguration, StackConfiguration>? change = null)
    {
        rates ??= new FaultRates(Delay: 0);
        _toStack = new FaultyWire(seed * 2 + 1, rates);
        _toLinux = new FaultyWire(seed * 2 + 2, rates);
        _offload = offload;
        Host = new Host(StackAddress, offload ? LinkCapabilities.TransmitChecksum | LinkCapabilities.Segmentation : LinkCapabilities.None, change);
        Host.OnTransmit = frame => _toLinux.Put(_offload ? WithVirtioHeader(frame) : frame.Bytes, Now);
        using ManualResetEventSlim ready = new();
        _namespaceThread = new Thread(() => LiveInside(ready)) { IsBackground = true };
        _namespaceThread.Start();
        ready.Wait();
        if (_failure != null)
            throw new InvalidOperationException("the namespace could not be made: " + _failure.Message, _failure);
        _pumpThread = new Thread(Pump) { IsBackground = true };
        _pumpThread.Start();
    }

    /// <summary>Runs in the namespace: sockets made here belong to it wherever they are used.</summary>
    public T Inside<T>(Func<T> make)
    {
        T result = default!;
        Exception? failure = null;
        using ManualResetEventSlim done = new();
        _inside.Add(() =>
        {
            try
            {
                result = make();
            }
            catch (Exception e)
            {
                failure = e;
            }
            done.Set();
        });
        done.Wait();
        return failure == null ? result : throw new InvalidOperationException(failure.Message, failure);
    }

    public Socket NewSocket() => Inside(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
    {
        SendTimeout = 30000,
        ReceiveTimeout = 30000,
        NoDelay = true,
    });

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
    public string Command(string program, string arguments) => Inside(() => RunProcess(program, arguments));

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
            if (_failure != null)
                throw new InvalidOperationException("the pump stopped: " + _failure, _failure);
            Assert.True(waited.Elapsed.TotalSeconds < seconds, "did not happen in time: " + what);
            Thread.Sleep(1);
        }
    }

    private void LiveInside(ManualResetEventSlim ready)
    {
        try
        {
            if (unshare(CloneNewNet) != 0)
                throw new InvalidOperationException("unshare(CLONE_NEWNET): errno " + Marshal.GetLastPInvokeError());
            _tap = OpenTap();
            RunProcess("ip", "link set lo up");
            RunProcess("ip", "addr add 10.77.0.1/24 dev tap0");
            RunProcess("ip", "link set tap0 up");
        }
        catch (Exception e)
        {
            _failure = e;
        }
        ready.Set();
        foreach (Action action in _inside.GetConsumingEnumerable())
            action();
    }

    private static string RunProcess(string program, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {arguments}: {output}");
    }

    private int OpenTap()
    {
        int fd = open("/dev/net/tun", 2 | 0x800);
        if (fd < 0)
            throw new InvalidOperationException("/dev/net/tun: errno " + Marshal.GetLastPInvokeError());
        byte* request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        "tap0"u8.CopyTo(new Span<byte>(request, 16));
        *(short*)(request + 16) = (short)(0x0002 | 0x1000 | (_offload ? 0x4000 : 0));
        if (ioctl(fd, 0x400454ca, (nint)request) != 0)
            throw new InvalidOperationException("TUNSETIFF: errno " + Marshal.GetLastPInvokeError());
        // TUN_F_CSUM | TUN_F_TSO4: what Linux may leave undone towards us.
        if (_offload && ioctl(fd, 0x400454d0, 1 | 2) != 0)
            throw new InvalidOperationException("TUNSETOFFLOAD: errno " + Marshal.GetLastPInvokeError());
        return fd;
    }

    private void Pump()
    {
        byte[] buffer = new byte[70000];
        try
        {
            while (!_stopping)
            {
                ulong now = Now;
                ulong next;
                lock (Gate)
                    next = Math.Min(Host.Stack->NextDeadline(), Math.Min(_toStack.Next, _toLinux.Next));
                long wait = next <= now ? 0 : Math.Min(1_000_000, (long)(next - now));
                PollDescriptor descriptor = new() { Descriptor = _tap, Events = 1 };
                TimeSpec timeout = new() { Nanoseconds = wait };
                ppoll(&descriptor, 1, &timeout, null);
                lock (Gate)
                {
                    now = Now;
                    fixed (byte* at = buffer)
                    {
                        nint length;
                        for (int i = 0; i < 64 && (length = read(_tap, at, buffer.Length)) > 0; i++)
                            _toStack.Put(buffer.AsSpan(0, (int)length).ToArray(), now);
                    }
                    while (_toStack.TryTake(now, out byte[] frame))
                        Deliver(frame, now);
                    if (now >= Host.Stack->NextDeadline())
                        Host.Stack->Poll(now);
                    Application?.Invoke(now);
                    while (_toLinux.TryTake(Now, out byte[] frame))
                    {
                        OnFrame?.Invoke(frame);
                        fixed (byte* at = frame)
                            write(_tap, at, frame.Length);
                    }
                }
            }
        }
        catch (Exception e)
        {
            _failure = e;
        }
    }

    private void Deliver(byte[] frame, ulong now)
    {
        if (!_offload)
        {
            Host.Receive(frame, now);
            return;
        }
        FrameFlags flags = (frame[0] & 3) != 0 ? FrameFlags.ChecksumValid : FrameFlags.None;
        // In pieces, as mergeable buffers come.
        const int Piece = 4096;
        byte[] body = frame[10..];
        int count = (body.Length + Piece - 1) / Piece;
        Fragment* fragments = stackalloc Fragment[count];
        fixed (byte* at = body)
        {
            for (int i = 0; i < count; i++)
            {
                fragments[i].Address = at + i * Piece;
                fragments[i].Length = Math.Min(Piece, body.Length - i * Piece);
            }
            Host.Stack->ReceiveFrame(fragments, count, flags, now);
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
        _stopping = true;
        _pumpThread.Join();
        _inside.CompleteAdding();
        _namespaceThread.Join();
        close(_tap);
        Host.Dispose();
        _inside.Dispose();
    }

    private const int CloneNewNet = 0x40000000;

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events, Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds, Nanoseconds;
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int unshare(int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int open(string path, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int ioctl(int fd, ulong request, nint argument);

    [DllImport("libc")]
    private static extern nint read(int fd, byte* to, nint count);

    [DllImport("libc")]
    private static extern nint write(int fd, byte* from, nint count);

    [DllImport("libc")]
    private static extern int close(int fd);

    [DllImport("libc")]
    private static extern int ppoll(PollDescriptor* descriptors, ulong count, TimeSpec* timeout, void* mask);
}
