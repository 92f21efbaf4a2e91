using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using System.Threading;
using Evilman.Demo;
using Evilman.Net;
using Xunit;

namespace Evilman.Tests;

public class DemoTests
{
    static Echo At(long sent, long received) => new() { Sent = sent, Received = received };

    [Fact]
    public void The_longest_silence_is_a_wait_not_a_pause_of_the_client()
    {
        // The client itself pauses from 20 to 500; the server is silent from 510 to 560 only.
        Echo[] echoes = [At(10, 12), At(20, 22), At(500, 505), At(510, 560), At(520, 561)];
        var silence = Silence.Longest(echoes, 0, 1000);
        Assert.Equal((510, 560), (silence.Begin, silence.End));
    }

    [Fact]
    public void A_silence_counts_when_it_begins_before_or_ends_after_the_time_looked_at()
    {
        Echo[] echoes = [At(10, 12), At(20, 200), At(30, 201), At(300, 310)];
        Assert.Equal(180, Silence.Longest(echoes, 100, 150).End - Silence.Longest(echoes, 100, 150).Begin);
        Assert.Equal(10, Silence.Longest(echoes, 250, 320).End - Silence.Longest(echoes, 250, 320).Begin);
    }

    [Fact]
    public void An_echo_that_never_comes_is_silence_to_the_end() =>
        Assert.Equal(988, Silence.Longest([At(10, 12), At(12, 0), At(13, 0)], 0, 1000).End - 12);

    [Fact]
    public void The_last_line_is_exactly_the_agreed_one()
    {
        var result = new DemoResult(23.44, 812.3, 71.25, 301, 0, 0, true, 700, 24000);
        Assert.Equal("demo: ok freeze_ms=23.4 total_ms=812 moved_mib=71.3 requests=301 failed=0 resets=0 source_gone=yes packetd_lines=700 packetd_text_bytes=24000", result.LastLine);
        result.Complaints.Add("x");
        Assert.StartsWith("demo: failed ", result.LastLine, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { 3.0 }, 3.0)]
    [InlineData(new[] { 5.0, 1.0, 3.0 }, 3.0)]
    [InlineData(new[] { 4.0, 1.0, 3.0, 2.0 }, 2.5)]
    [InlineData(new double[0], 0.0)]
    public void The_median_is_the_middle(double[] values, double expected) => Assert.Equal(expected, LatencySeries.Median(values));

    /// <summary>An echo server on loopback that may do something to the stream.</summary>
    static EchoProbe ProbeAgainst(Func<byte[], int, int> harm, out Thread server)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        server = new Thread(() =>
        {
            using var connection = listener.AcceptSocket();
            listener.Stop();
            var buffer = new byte[4096];
            try
            {
                for (int count; (count = connection.Receive(buffer)) > 0;)
                {
                    count = harm(buffer, count);
                    if (count < 0)
                    {
                        connection.LingerState = new LingerOption(true, 0); // close with a reset
                        return;
                    }
                    connection.Send(buffer.AsSpan(0, count));
                }
            }
            catch (SocketException)
            {
            }
        });
        server.Start();
        return EchoProbe.Connect((IPEndPoint)listener.LocalEndpoint, TimeSpan.FromSeconds(2), 10_000);
    }

    static EchoProbe Run(Func<byte[], int, int> harm)
    {
        var probe = ProbeAgainst(harm, out var server);
        probe.Start();
        Thread.Sleep(300);
        probe.Stop(TimeSpan.FromMilliseconds(300));
        server.Join();
        return probe;
    }

    [Fact]
    public void An_honest_echo_is_taken_as_one()
    {
        var probe = Run((_, count) => count);
        Assert.Null(probe.Broken);
        Assert.InRange(probe.Received, 20, 400);
        Assert.Equal(probe.Sent, probe.Received);
        foreach (ref readonly var echo in probe.Echoes)
            Assert.True(echo.Received >= echo.Sent);
    }

    [Fact]
    public void One_wrong_byte_is_noticed()
    {
        var seen = 0;
        var probe = Run((buffer, count) =>
        {
            if (++seen == 1)
                buffer[0] ^= 1;
            return count;
        });
        Assert.Contains("is wrong", probe.Broken, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lost_byte_is_noticed()
    {
        var seen = 0;
        Assert.Contains("is wrong", Run((_, count) => ++seen == 1 ? count - 1 : count).Broken, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reset_is_noticed_as_one()
    {
        var seen = 0;
        var probe = Run((_, count) => ++seen == 1 ? -1 : count);
        Assert.NotNull(probe.Broken);
        Assert.True(probe.Reset);
    }

    [Fact]
    public void A_server_that_goes_silent_is_noticed()
    {
        var seen = 0;
        Assert.Contains("never came back", Run((_, count) => ++seen > 1 ? 0 : count).Broken, StringComparison.Ordinal);
    }

    [Fact]
    public void Answers_cut_short_are_failures()
    {
        var server = new IPEndPoint(IPAddress.Loopback, 80);
        Assert.Equal("hello", SmallHttp.Parse("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"u8, server).Body);
        Assert.Equal("a\r\n\r\nb", SmallHttp.Parse("HTTP/1.0 200 OK\r\nContent-Type: text/plain\n\na\r\n\r\nb"u8, server).Body);
        Assert.Throws<Failure>(() => SmallHttp.Parse("HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello"u8, server));
        Assert.Throws<Failure>(() => SmallHttp.Parse("HTTP/1.0 200"u8, server));
        Assert.Throws<Failure>(() => SmallHttp.Parse(""u8, server));
    }

    [Fact]
    public void Both_charts_show_every_move_and_survive_having_nothing_to_show()
    {
        var tick = Stopwatch.Frequency / 1000;
        var echoes = new Echo[2000];
        for (var i = 0; i < echoes.Length; i++)
            echoes[i] = At(i * tick, i * tick + tick / 2);
        var move = new MoveRecord("A", "B", 500 * tick, 900 * tick, 100, true) { Freeze = new Silence(800 * tick, 840 * tick) };
        var svg = SvgChart.Draw(echoes, [move], 0, 2000 * tick, "all <well>");
        Assert.Contains("A → B", svg, StringComparison.Ordinal);
        Assert.Contains("40.0 ms", svg, StringComparison.Ordinal);
        System.Xml.Linq.XDocument.Parse(svg);
        foreach (var what in (string[])["all &lt;well&gt;", "standing still"])
            Assert.Contains(what, svg, StringComparison.Ordinal);
        // Once in the key, and once where the move is.
        foreach (var mark in (string[])["moving", "freeze"])
            Assert.Equal(2, Regex.Count(svg, $"<rect class=\"{mark}\""));

        var lines = TerminalChart.Draw(echoes, [move], 0, 2000 * tick, 80);
        Assert.Contains(lines, line => line.Contains("A→B", StringComparison.Ordinal));
        Assert.All(lines, line => Assert.True(line.Length < 80, line));
        var plot = string.Concat(lines.Take(7)); // its rows
        Assert.True(plot.Contains('█') && plot.Contains('▒') && plot.Contains('·'), plot);
        Assert.Empty(TerminalChart.Draw([], [], 0, 1000, 80));
        System.Xml.Linq.XDocument.Parse(SvgChart.Draw([], new List<MoveRecord>(), 0, 1000, ""));
    }
}
