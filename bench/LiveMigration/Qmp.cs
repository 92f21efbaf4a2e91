using System;
using System.Diagnostics;
using System.IO;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Threading;
using Evilman;

namespace LiveMigration;

/// <summary>
/// A QEMU's control socket: commands and events in JSON, one a line (QEMU Machine Protocol specification,
/// docs/interop/qmp-spec of QEMU's sources). One command at a time.
/// </summary>
internal sealed class Qmp : IDisposable
{
    private const int Patience = 60_000; // milliseconds

    private readonly Socket socket;
    private readonly StreamReader lines;

    private Qmp(Socket connected)
    {
        socket = connected;
        socket.ReceiveTimeout = socket.SendTimeout = Patience;
        lines = new StreamReader(new NetworkStream(socket), Encoding.UTF8);
    }

    /// <summary>Connects as soon as <paramref name="process"/> has made its socket.</summary>
    public static Qmp Connect(string path, Process process)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                var qmp = new Qmp(socket);
                qmp.Next(); // its greeting
                qmp.Execute("""{"execute":"qmp_capabilities"}""");
                return qmp;
            }
            catch (SocketException)
            {
                socket.Dispose();
                if (process.HasExited || clock.ElapsedMilliseconds > Patience)
                    throw new Failure("QEMU does not open its control socket");
                Thread.Sleep(5);
            }
        }
    }

    /// <summary>Sends a command and returns what it gives back; events before that are passed over.</summary>
    public JsonElement Execute(string command)
    {
        try
        {
            socket.Send(Encoding.UTF8.GetBytes(command + "\n"));
        }
        catch (SocketException gone)
        {
            throw new Failure($"QEMU does not take {command}: {gone.Message}");
        }
        while (true)
        {
            JsonElement answer = Next();
            if (answer.TryGetProperty("return", out JsonElement result))
                return result;
            if (answer.TryGetProperty("error", out JsonElement error))
                throw new Failure($"QEMU refuses {command}: {Word(error, "desc")}");
        }
    }

    /// <summary>Waits for the MIGRATION event (capability "events") that says how it ended.</summary>
    public void AwaitMigrated()
    {
        while (true)
        {
            JsonElement answer = Next();
            if (!answer.TryGetProperty("event", out JsonElement name) || name.GetString() != "MIGRATION")
                continue;
            if (!answer.TryGetProperty("data", out JsonElement data))
                throw Unreadable(answer.ToString());
            string status = Word(data, "status");
            if (status == "completed")
                return;
            if (status is "failed" or "cancelled")
                throw new Failure($"QEMU's migration has {status}");
        }
    }

    /// <summary>
    /// What query-migrate says of a migration that is completed. QEMU tells of its end before it has worked out how
    /// long it took.
    /// </summary>
    public JsonElement Report()
    {
        for (var clock = Stopwatch.StartNew(); clock.ElapsedMilliseconds < 5000; Thread.Sleep(1))
        {
            JsonElement report = Execute("""{"execute":"query-migrate"}""");
            if (report.TryGetProperty("total-time", out JsonElement total) && total.GetDouble() > 0)
                return report;
        }
        throw new Failure("QEMU does not say how long its migration took");
    }

    private JsonElement Next()
    {
        try
        {
            string line = lines.ReadLine() ?? throw new Failure("QEMU closed its control socket");
            return Parse(line);
        }
        catch (IOException failure)
        {
            throw new Failure($"QEMU says nothing on its control socket: {failure.Message}");
        }
    }

    private static JsonElement Parse(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone()
                : throw Unreadable(line);
        }
        catch (JsonException)
        {
            throw Unreadable(line);
        }
    }

    private static string Word(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out JsonElement word)
        && word.ValueKind == JsonValueKind.String ? word.GetString()! : throw Unreadable(of.ToString());

    private static Failure Unreadable(string line) =>
        new($"QEMU says nothing that can be read on its control socket: {line}");

    public void Dispose()
    {
        lines.Dispose();
        socket.Dispose();
    }
}
