using System;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Testing;
using Testing.Machines;

namespace Programs.Tests;

/// <summary>A line that a shell runs in a guest, or in the same files on this host: its input and output are one connection.</summary>
internal sealed class Conversation : IDisposable
{
    private readonly Socket? socket;
    private readonly Process? process;
    private readonly Stream stream;
    private readonly StringBuilder output = new();
    private readonly Task reading;

    /// <summary>A shell where <see cref="Tree"/> is the root, at this address.</summary>
    public Conversation(Space space, string address, string line)
    {
        socket = space.Connect(Tree.Port, address);
        socket.ReceiveTimeout = 0;
        stream = new NetworkStream(socket);
        reading = Task.Factory.StartNew(() => Read(stream), TaskCreationOptions.LongRunning);
        Send(Encoding.ASCII.GetBytes(line + "\n"));
    }

    /// <summary>A shell of this host, outside of the guest, in the network of <paramref name="space"/>.</summary>
    public static Conversation Outside(Space space, string line) => new(Process.Start(new ProcessStartInfo("ip", ["netns", "exec", space.Name, "sh", "-c", $"{{ {line}\n}} 2>&1; echo \"exit $?\""])
    {
        RedirectStandardInput = true, RedirectStandardOutput = true, Environment = { ["LC_ALL"] = "C" },
    })!);

    private Conversation(Process process)
    {
        this.process = process;
        stream = process.StandardInput.BaseStream;
        reading = Task.Factory.StartNew(() => Read(process.StandardOutput.BaseStream), TaskCreationOptions.LongRunning);
    }

    private void Read(Stream from)
    {
        byte[] buffer = new byte[4096];
        try
        {
            for (int count; (count = from.Read(buffer)) > 0;)
            {
                lock (output)
                    output.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }
        }
        catch (IOException failure)
        {
            lock (output)
                output.Append($"[{failure.Message}]");
        }
    }

    /// <summary>All that has been said so far.</summary>
    public string Output
    {
        get
        {
            lock (output)
                return output.ToString();
        }
    }

    /// <summary>Nothing comes after this.</summary>
    public bool HasEnded => reading.IsCompleted;

    public void Send(byte[] input)
    {
        try
        {
            stream.Write(input);
            stream.Flush();
        }
        catch (IOException)
        {
            // It has ended already, and its output says how.
        }
    }

    /// <summary>The end of the input.</summary>
    public void EndInput()
    {
        try
        {
            if (socket != null)
                socket.Shutdown(SocketShutdown.Send);
            else
                stream.Close();
        }
        catch (Exception failure) when (failure is SocketException or IOException)
        {
            // As above.
        }
    }

    /// <summary>Waits for the end of the output; says so in the output when there is none.</summary>
    public string AwaitEnd(TimeSpan limit) => reading.Wait(limit) ? Output : Output + $"[no end within {limit.TotalSeconds:0} s]";

    public void Dispose()
    {
        if (process is { HasExited: false })
            process.Kill(entireProcessTree: true);
        process?.Dispose();
        socket?.Dispose();
    }
}
