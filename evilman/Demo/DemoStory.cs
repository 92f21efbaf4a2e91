using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Net;
using System.Threading;
using Evilman.Text;
using Spectre.Console;

namespace Evilman.Demo;

/// <summary>The story of the demo: a guest appears, serves, and moves under load; what its client saw.</summary>
internal sealed class DemoStory(IStage stage, int moves, double maximumFreeze, string outFolder)
{
    const int EchoPort = 7, HttpPort = 80;
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(15);

    /// <summary>How long the probes run before the first move, between moves, and after the last.</summary>
    static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(1.5);

    internal DemoResult Play(long packetdTextBytes, int packetdLines)
    {
        stage.Raise();

        Say.Title("A client uses it");
        // An hour of echoes: far more than any demo lasts, and 64 MiB at most.
        using var echo = EchoProbe.Connect(new IPEndPoint(stage.Guest, EchoPort), s_patience, 3_600_000);
        using var http = new HttpProbe(new IPEndPoint(stage.Guest, HttpPort));
        var begin = Stopwatch.GetTimestamp();
        echo.Start();
        http.Start();
        Thread.Sleep(s_quiet);
        Say.Step("an echo every millisecond on one long TCP connection, HTTP requests beside it");
        Say.Note($"{echo.Received} echoes, half of them within "
            + $"{Quantity.Milliseconds(LatencySeries.Percentile(echo.Echoes, 0.5))}");

        Say.Title(moves == 1 ? "The guest moves itself" : $"The guest moves itself, {moves} times");
        var records = new List<MoveRecord>();
        string? stopped = null;
        var place = 0;
        try
        {
            for (var i = 0; i < moves; i++)
            {
                var next = (place + 1) % stage.Places;
                var record = stage.Move(place, next, () => echo.Broken);
                Thread.Sleep(s_quiet);
                var account = stage.Account();
                record.Freeze = Silence.Longest(echo.Echoes, record.Asked, record.Done + Stopwatch.Frequency);
                foreach (var line in account)
                    Say.Note(line);
                var left = record.SourceGone ? "keeps nothing" : "still runs something";
                Say.Step($"{record.From} → {record.To}: frozen for "
                    + $"{Quantity.Milliseconds(record.Freeze.Milliseconds)} in a move of "
                    + $"{Quantity.Milliseconds(record.TotalMilliseconds)}; "
                    + $"node {record.From} {left}");
                records.Add(record);
                place = next;
            }
            stage.Abandon((place + stage.Places - 1) % stage.Places);
            var before = echo.Received;
            Thread.Sleep(s_quiet);
            Say.Step($"the connection goes on: {echo.Received - before} more echoes");
        }
        catch (Failure failure)
        {
            stopped = failure.Message;
            Say.Warn(failure.Message);
        }

        http.Stop();
        echo.Stop(TimeSpan.FromSeconds(5));
        var end = Stopwatch.GetTimestamp();

        Say.Title("What the client saw");
        var result = Judge(echo, http, records, stopped, packetdLines, packetdTextBytes);
        Chart(echo, records, begin, end, result);
        foreach (var line in result.Complaints)
            Say.Warn(line);
        return result;
    }

    DemoResult Judge(EchoProbe echo, HttpProbe http, List<MoveRecord> records, string? stopped, int packetdLines,
        long packetdTextBytes)
    {
        List<double> freezes = [], totals = [], sizes = [];
        var gone = records.Count > 0;
        foreach (var record in records)
        {
            freezes.Add(record.Freeze.Milliseconds);
            totals.Add(record.TotalMilliseconds);
            sizes.Add(record.WireBytes / 1048576.0);
            gone &= record.SourceGone;
        }
        var result =
            new DemoResult(LatencySeries.Median(freezes), LatencySeries.Median(totals), LatencySeries.Median(sizes),
            http.Requests, http.Failed + (echo.Broken is null ? 0 : 1), http.Resets
                + (echo.Reset ? 1 : 0), gone, packetdLines, packetdTextBytes);
        if (stopped is not null)
            result.Complaints.Add(stopped);
        if (echo.Broken is { } broken)
            result.Complaints.Add($"the long connection broke: {broken}");
        if (http.Complaint is { } complaint)
            result.Complaints.Add($"{http.Failed} of {http.Requests} HTTP requests failed; {complaint}");
        if (http.Requests == 0 || echo.Received == 0)
            result.Complaints.Add("the guest answered nothing");
        if (!gone)
            result.Complaints.Add("a node that the guest left still runs something");
        if (result.FreezeMilliseconds > maximumFreeze)
            result.Complaints.Add(string.Create(CultureInfo.InvariantCulture,
                $"the freeze of {result.FreezeMilliseconds:0.0} ms is longer than {maximumFreeze:0} ms"));
        return result;
    }

    void Chart(EchoProbe echo, List<MoveRecord> records, long begin, long end, DemoResult result)
    {
        foreach (var line in TerminalChart.Draw(echo.Echoes, records, begin, end, Say.Interactive
            ? AnsiConsole.Profile.Width : 100))
            Say.Plain(line);
        Say.Note(string.Create(CultureInfo.InvariantCulture,
            $"{echo.Received} echoes: half within {LatencySeries.Percentile(echo.Echoes, 0.5):0.00} ms, 99% within "
                + $"{LatencySeries.Percentile(echo.Echoes, 0.99):0.00} ms"));
        var file = Path.Combine(outFolder, "demo-latency.svg");
        try
        {
            Directory.CreateDirectory(outFolder);
            File.WriteAllText(file, SvgChart.Draw(echo.Echoes, records, begin, end, result.Verdict));
            Say.Note($"drawn in {file}");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Say.Warn($"the chart was not drawn: {failure.Message}");
        }
    }
}
