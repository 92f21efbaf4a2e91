using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Npgsql;
using Testing;
using Tokenbroker.Storage;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>
/// PostgreSQL from the system's packages, on loopback, in a temporary folder, under an account that is not root.
/// </summary>
internal sealed class PostgresServer
{
    private const string Nobody = "65534";

    /// <summary>
    /// Whether commits wait for the disk; set before the first use. Tests kill the broker, never the database.
    /// </summary>
    internal static bool IsDurable { get; set; }

    private static readonly Lazy<PostgresServer> s_server = new(() => new PostgresServer(IsDurable));
    private static int s_databases;

    private readonly string folder = Directory.CreateTempSubdirectory("broker-postgres-").FullName;
    private readonly Process process;
    private readonly int port;

    /// <summary>Why there is none; null when there is.</summary>
    internal static string? Refusal =>
        Programs is null ? "PostgreSQL is not installed (deploy/dependencies installs it for root)" : null;

    private static string? Programs => Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin"))
            .Where(bin => File.Exists(Path.Combine(bin, "initdb"))).Order().LastOrDefault()
        : new[] { "/usr/bin", "/usr/local/bin" }.FirstOrDefault(bin => File.Exists(Path.Combine(bin, "initdb")));

    private PostgresServer(bool isDurable)
    {
        string data = Path.Combine(folder, "data");
        using (Socket free = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            port = ((IPEndPoint)free.LocalEndPoint!).Port;
        }
        if (Environment.IsPrivilegedProcess)
            Run("chown", Nobody, folder);
        Run([.. AsNobody("initdb"), "-D", data, "-U", "broker", "-A", "trust", "-E", "UTF8", "--no-locale",
            "--no-sync"]);
        string[] command = [.. AsNobody("postgres"), "-D", data, "-p", $"{port}", "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", $"fsync={(isDurable ? "on" : "off")}", "-c", "max_connections=200"];
        // The shell ends the server when its standard input is closed, which happens when this process ends, however it
        // does.
        ProcessStartInfo start = new("/bin/sh",
            ["-c", "\"$@\" & server=$!; while read -r line; do :; done; kill -QUIT $server; wait $server", "sh",
            .. command])
        {
            RedirectStandardInput = true, RedirectStandardError = true, RedirectStandardOutput = true,
                WorkingDirectory = folder,
        };
        process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => End();
        Wait.Until(Answers, "PostgreSQL answers", seconds: 60);
    }

    private static string[] AsNobody(string program)
    {
        string path = Path.Combine(Programs!, program);
        return Environment.IsPrivilegedProcess
            ? ["setpriv", "--reuid", Nobody, "--regid", Nobody, "--clear-groups", path] : [path];
    }

    private static void Run(params string[] command)
    {
        using Process process = Process.Start(
            new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true,
            RedirectStandardError = true, WorkingDirectory = "/" })!;
        string said = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{string.Join(' ', command)}: {said}");
    }

    private string Where(string database) =>
        $"Host=127.0.0.1;Port={port};Username=broker;Database={database};SSL Mode=Disable;Maximum Pool Size=20";

    private bool Answers()
    {
        try
        {
            using NpgsqlConnection connection = new(Where("postgres") + ";Pooling=false;Timeout=2");
            connection.Open();
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    /// <summary>The connection string of a new database.</summary>
    internal static string NewDatabase()
    {
        string database = $"t{Interlocked.Increment(ref s_databases)}";
        Administer($"CREATE DATABASE {database}");
        return s_server.Value.Where(database);
    }

    /// <summary>Removes a database of <see cref="NewDatabase"/>, whoever is still connected to it.</summary>
    internal static void Drop(string where) =>
        Administer($"DROP DATABASE {new NpgsqlConnectionStringBuilder(where).Database} WITH (FORCE)");

    private static void Administer(string statement)
    {
        using NpgsqlConnection connection = new(s_server.Value.Where("postgres"));
        connection.Open();
        using NpgsqlCommand command = new(statement, connection);
        command.ExecuteNonQuery();
    }

    /// <summary>What the server and all that it has forked have used of processors.</summary>
    internal static TimeSpan Used
    {
        get
        {
            int shell = s_server.Value.process.Id;
            HashSet<int> ours = [shell];
            long ticks = 0;
            // A child's number is above its parent's but where numbers have begun anew; the server's children are few.
            foreach (int id in Directory.GetDirectories("/proc").Select(Path.GetFileName)
                .Where(name => name!.All(char.IsAsciiDigit)).Select(int.Parse!).Order())
            {
                string[] fields;
                try
                {
                    // proc_pid_stat(5), from field 3 on.
                    string stat = System.IO.File.ReadAllText($"/proc/{id}/stat");
                    fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                }
                catch (IOException)
                {
                    continue; // it has ended
                }
                const int Parent = 1, User = 11, ReapedSystem = 14;
                if (!ours.Contains(int.Parse(fields[Parent], CultureInfo.InvariantCulture)))
                    continue;
                ours.Add(id);
                for (int i = User; i <= ReapedSystem; i++)
                    ticks += long.Parse(fields[i], CultureInfo.InvariantCulture);
            }
            const int TicksPerSecond = 100;
            return TimeSpan.FromSeconds((double)ticks / TicksPerSecond);
        }
    }

    private void End()
    {
        process.StandardInput.Close();
        process.WaitForExit(5000);
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (IOException)
        {
            // What stays lies in the temporary folder of the run.
        }
    }
}

/// <summary>An empty database of a kind, which goes with the test.</summary>
internal sealed class Scratch : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("broker-").FullName;
    private readonly string kind;

    internal Scratch(string kind)
    {
        this.kind = kind;
        Where = kind == "sqlite" ? Path.Combine(folder, "broker.db") : PostgresServer.NewDatabase();
        Database = Database.At(Where);
    }

    internal string Where { get; }

    internal Database Database { get; }

    /// <summary>What a server of its own has used of processors: nothing where it is a file.</summary>
    internal TimeSpan Used => kind == "sqlite" ? TimeSpan.Zero : PostgresServer.Used;

    internal string File(string name) => Path.Combine(folder, name);

    public void Dispose()
    {
        Database.Dispose();
        if (kind != "sqlite")
            PostgresServer.Drop(Where);
        Directory.Delete(folder, recursive: true);
    }
}
