using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Threading;
using Evilman;
using Evilman.Demo;

namespace LiveMigration;

/// <summary>
/// <c>bench-live KERNEL INITRAMFS FOLDER SPACE_A SPACE_B MEMORY MOVES LIMIT…</c> boots the guest on a QEMU in one namespace
/// and lets QEMU migrate it to the other and back, so often with each downtime limit (milliseconds), by turns. The
/// client is that of evilman's demo, run in this process's namespace: an echo every millisecond on one connection, HTTP
/// requests beside it. Prints a line a move, and the medians of each limit.
/// </summary>
internal static class Program
{
    public const string Guest = "10.88.0.50";

    private const int EchoPort = 7, HttpPort = 80, FirstPort = 4100;
    private static readonly string[] s_addresses = ["10.88.0.11", "10.88.0.12"]; // of the nodes, for QEMU's migration
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(1.5); // as in the demo
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>One move; milliseconds. Freeze and total are the client's, downtime and own total QEMU's.</summary>
    private sealed record Move(int Limit, long Asked, long Done, double Downtime, double OwnTotal, double MiB)
    {
        public double Freeze { get; set; }

        public double Total => Stopwatch.GetElapsedTime(Asked, Done).TotalMilliseconds;
    }

    private static int Main(string[] words)
    {
        if (words.Length < 8 || !int.TryParse(words[5], CultureInfo.InvariantCulture, out int memory) || memory < 1
            || !int.TryParse(words[6], CultureInfo.InvariantCulture, out int moves) || moves < 1)
        {
            Console.Error.WriteLine("usage: bench-live KERNEL INITRAMFS FOLDER SPACE_A SPACE_B MEMORY MOVES LIMIT...");
            return ExitCode.Usage;
        }
        int[] limits =
            Array.ConvertAll(words[7..], word =>
                int.TryParse(word, CultureInfo.InvariantCulture, out int limit) ? limit : 0);
        if (Array.Exists(limits, limit => limit < 1))
        {
            Console.Error.WriteLine("bench-live: a downtime limit is a number of milliseconds");
            return ExitCode.Usage;
        }
        try
        {
            // as in the demo: the client must not wait for the processor while it measures
            Native.RunBefore(Environment.ProcessId, -15);
            Run(new MachineKind(words[0], words[1], words[2], words[5]), words[3..5], moves, limits);
            return ExitCode.Done;
        }
        catch (Failure failure)
        {
            Console.Error.WriteLine($"bench-live: {failure.Message}");
            return failure.ExitCode;
        }
        catch (Exception fault)
        {
            Console.Error.WriteLine($"bench-live: this is a fault in bench-live: {fault.GetType().Name}: "
                + $"{fault.Message}");
            return ExitCode.Fault;
        }
    }

    private static void Run(MachineKind kind, string[] spaces, int moves, int[] limits)
    {
        IPAddress guest = IPAddress.Parse(Guest);
        var machine = new QemuMachine(kind, spaces[0], 0, incoming: null);
        try
        {
            using EchoProbe echo = EchoProbe.Connect(new IPEndPoint(guest, EchoPort), s_patience, 600_000);
            using var http = new HttpProbe(new IPEndPoint(guest, HttpPort));
            echo.Start();
            http.Start();
            Thread.Sleep(s_quiet);
            var done = new List<Move>();
            for (int turn = 1; turn <= moves * limits.Length; turn++)
            {
                string incoming = $"tcp:{s_addresses[turn % 2]}:{FirstPort + turn}";
                var destination = new QemuMachine(kind, spaces[turn % 2], turn, incoming);
                try
                {
                    done.Add(Migrate(machine, incoming, limits[turn % limits.Length]));
                }
                catch (Failure failure)
                {
                    destination.Dispose();
                    throw new Failure($"{failure.Message}: "
                        + $"{(destination.LastWords.Length > 0 ? destination.LastWords : machine.LastWords)}");
                }
                machine.Dispose();
                machine = destination;
                Thread.Sleep(s_quiet);
                if (echo.Broken is { } broken)
                    throw new Failure($"the long connection broke: {broken}; the guest says: {machine.Console}");
                Move move = done[^1];
                move.Freeze = Silence.Longest(echo.Echoes, move.Asked, move.Done + Stopwatch.Frequency).Milliseconds;
                Console.WriteLine($"- limit {move.Limit} ms: frozen for {move.Freeze:0.0} ms in a move of {move.Total:0} ms and "
                    + $"{move.MiB:0.0} MiB; QEMU says {move.Downtime:0} ms of {move.OwnTotal:0}");
            }
            http.Stop();
            echo.Stop(TimeSpan.FromSeconds(5));
            if (echo.Broken is not null || http.Failed > 0)
                throw new Failure($"the guest did not serve all the time: {echo.Broken ?? http.Complaint}");
            foreach (int limit in limits)
            {
                List<Move> those = done.FindAll(move => move.Limit == limit);
                Console.WriteLine($"live limit={limit} freeze_ms={Median(those, move => move.Freeze):0.0} "
                    + $"total_ms={Median(those, move => move.Total):0} "
                    + $"downtime_ms={Median(those, move => move.Downtime):0} "
                    + $"own_total_ms={Median(those, move => move.OwnTotal):0} "
                    + $"moved_mib={Median(those, move => move.MiB):0.0}");
            }
        }
        finally
        {
            machine.Dispose();
        }
    }

    private static Move Migrate(QemuMachine source, string to, int limit)
    {
        source.PrepareToLeave(limit);
        long asked = Stopwatch.GetTimestamp();
        source.Control.Execute($$$"""{"execute":"migrate","arguments":{"uri":"{{{to}}}"}}""");
        source.Control.AwaitMigrated();
        long done = Stopwatch.GetTimestamp();
        JsonElement report = source.Control.Report();
        return new Move(limit, asked, done, report.GetProperty("downtime").GetDouble(),
            report.GetProperty("total-time").GetDouble(), report.GetProperty("ram").GetProperty("transferred").GetDouble() / 1048576);
    }

    private static double Median(List<Move> moves, Converter<Move, double> what) =>
        LatencySeries.Median(moves.ConvertAll(what));
}
