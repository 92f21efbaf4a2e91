using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Evilman.Net;

namespace Evilman.Demo;

/// <summary>
/// The other client of the demo: HTTP requests one after another, each on a connection of its own, each answer
/// compared.
/// </summary>
public sealed class HttpProbe(IPEndPoint server) : IDisposable
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    readonly ManualResetEventSlim stopping = new();
    Thread? thread;
    string? expected;

    public int Requests { get; private set; }

    public int Failed { get; private set; }

    public int Resets { get; private set; }

    /// <summary>The first thing that went wrong.</summary>
    public string? Complaint { get; private set; }

    public void Start()
    {
        thread = new Thread(Ask) { IsBackground = true };
        thread.Start();
    }

    public void Stop()
    {
        stopping.Set();
        thread?.Join();
    }

    void Ask()
    {
        while (!stopping.IsSet)
        {
            try
            {
                var answer = SmallHttp.Get(server, "/", s_patience);
                expected ??= answer.Body;
                Requests++;
                if (answer.Status != 200)
                    Fail($"status {answer.Status}");
                else if (answer.Body != expected)
                    Fail("another page than before");
            }
            catch (SocketException failure)
            {
                Requests++;
                if (failure.SocketErrorCode == SocketError.ConnectionReset)
                    Resets++;
                Fail(failure.Message);
            }
            catch (Failure failure)
            {
                Requests++;
                Fail(failure.Message);
            }
            stopping.Wait(s_pause);
        }
    }

    void Fail(string why)
    {
        Failed++;
        Complaint ??= $"request {Requests}: {why}";
    }

    public void Dispose()
    {
        Stop();
        stopping.Dispose();
    }
}
