using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Netstack.Tests;

/// <summary>
/// A network namespace of our own. One thread lives in it and makes the kernel's sockets, devices and processes: they belong to the
/// namespace wherever they are used. It is gone when they and the thread are.
/// </summary>
public sealed class NetworkNamespace : IDisposable
{
    private readonly BlockingCollection<Action> inside = [];
    private readonly Thread thread;

    public NetworkNamespace()
    {
        thread = new Thread(() =>
        {
            foreach (Action action in inside.GetConsumingEnumerable())
                action();
        })
        { IsBackground = true };
        thread.Start();
        Inside(() =>
        {
            if (TapDevices.unshare(TapDevices.CloneNewNet) != 0)
                throw new InvalidOperationException("unshare(CLONE_NEWNET): errno " + Marshal.GetLastPInvokeError());
            RunProcess("ip", "link set lo up");
            return true;
        });
    }

    public T Inside<T>(Func<T> make)
    {
        T result = default!;
        Exception? failure = null;
        using ManualResetEventSlim done = new();
        inside.Add(() =>
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
        return failure == null ? result : throw new InvalidOperationException("in the namespace: " + failure.Message, failure);
    }

    /// <summary>Runs a command in the namespace and returns what it printed.</summary>
    public string Command(string program, string arguments) => Inside(() => RunProcess(program, arguments));

    public Socket NewSocket()
    {
        const int Tcp = 6, Congestion = 13; // IPPROTO_TCP, TCP_CONGESTION
        Socket socket = Inside(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
        {
            SendTimeout = 30000,
            ReceiveTimeout = 30000,
            NoDelay = true,
        });
        if (Environment.GetEnvironmentVariable("NETSTACK_CONGESTION") is string algorithm)
            Inside(() =>
            {
                socket.SetRawSocketOption(Tcp, Congestion, Encoding.ASCII.GetBytes(algorithm));
                return true;
            });
        return socket;
    }

    /// <summary>A TAP device, still down: the descriptor of its other end, which does not block.</summary>
    /// <param name="offload">With virtio-net headers, and Linux may leave checksums and segmentation undone.</param>
    public int OpenTap(string name, bool offload = false) => Inside(() => TapDevices.OpenTap(name, offload));

    private static string RunProcess(string program, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {arguments}: {output}");
    }

    public void Dispose()
    {
        inside.CompleteAdding();
        thread.Join();
        inside.Dispose();
    }
}
