using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Testing;
using Xunit;

namespace Plug.Tests;

/// <summary>The relay and the ends of the shipped binary.</summary>
public sealed class AdapterTests
{
    private static Adapter Run(string script) => new("/bin/bash", "-c", script);

    /// <summary>A monitor that sends back each frame.</summary>
    private static Adapter RunEcho() => Run("exec dd bs=70000 <&3 >&3 2>/dev/null");

    [Fact]
    public void Frames_reach_the_monitor_whole_and_come_back_with_a_header_of_zeros()
    {
        using Adapter adapter = RunEcho();
        for (int i = 0; i < 50; i++)
        {
            byte[] packet = new Packets { Data = i * 1200, SegmentSize = 1200, Seed = i }.Make();
            Wait.Until(() => Descriptors.TrySend(adapter.Frames, packet), "room for a packet");
            List<byte[]> frames = [];
            Packets.Cut(packet, frames);
            foreach (byte[] frame in frames)
                Assert.Equal([.. new byte[10], .. frame], Descriptors.Read(adapter.Frames) ?? []);
        }
        Descriptors.kill(adapter.Child, 15);
        Assert.Null(adapter.Record());
        Assert.Equal(128 + 15, adapter.End());
        Assert.Equal("", adapter.Said);
    }

    [Fact]
    public void What_cannot_be_a_frame_is_dropped_and_counted()
    {
        using Adapter adapter = RunEcho();
        foreach (object[] lie in SegmenterTests.Lies())
            Wait.Until(() => Descriptors.TrySend(adapter.Frames, (byte[])lie[2]), "room for a packet");
        byte[] packet = [.. new byte[10], .. new byte[1514]];
        Wait.Until(() => Descriptors.TrySend(adapter.Frames, packet), "room for a packet");
        Assert.Equal(packet, Descriptors.Read(adapter.Frames) ?? []);
        int Count(Verdict verdict) => SegmenterTests.Lies().Count(lie => (Verdict)lie[0] == verdict);
        Descriptors.kill(adapter.Child, 9);
        Assert.Equal(128 + 9, adapter.End());
        Assert.Equal($"plug: frames dropped: malformed {Count(Verdict.Malformed)}, unsupported {Count(Verdict.Unsupported)}, too large {Count(Verdict.TooLarge)}\n", adapter.Said);
    }

    [Fact]
    public void A_monitor_that_sends_giants_is_not_believed()
    {
        using Adapter adapter = Run("head -c 1515 /dev/zero | dd bs=70000 iflag=fullblock >&3 2>/dev/null; head -c 60 /dev/zero | dd bs=60 iflag=fullblock >&3 2>/dev/null");
        Assert.Equal(new byte[70], Descriptors.Read(adapter.Frames) ?? []);
        Assert.Equal((2u, 0u), adapter.Record());
        Assert.Equal(0, adapter.End());
        Assert.Contains("too large 1", adapter.Said, StringComparison.Ordinal);
    }

    [Fact]
    public void A_monitor_that_does_not_read_holds_up_its_own_queue_and_costs_nothing()
    {
        using Adapter adapter = Run("read -r; exec dd bs=70000 <&3 >&3 2>/dev/null");
        byte[] packet = new Packets { Data = 60_000, SegmentSize = 1000 }.Make();
        int taken = 0;
        // Full is full: it stays so however often one asks.
        for (int quiet = 0; quiet < 50; quiet++, Thread.Sleep(1))
            while (Descriptors.TrySend(adapter.Frames, packet))
                (taken, quiet) = (taken + 1, 0);
        Assert.InRange(taken, 2, 200);
        adapter.AssertSleeps();

        // It loses nothing of what it has taken.
        adapter.Tell();
        for (int i = 0; i < taken * 60; i++)
            Assert.NotNull(Descriptors.Read(adapter.Frames));
        Descriptors.kill(adapter.Pid, 9);
        adapter.End();
    }

    /// <param name="ends">Whether the monitor's last frames fit in its own queue, so that it has ended; or it waits for room.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_node_that_does_not_read_stops_the_monitor_and_costs_nothing(bool ends)
    {
        // More than the node's queue holds, and an eighth of the monitor's. Linux wakes a writer that has found a queue full only when three
        // quarters of it are free again (unix_writable in net/unix/af_unix.c): with more than a quarter left it would wait for the node.
        int queue = Room(1010);
        int count = ends ? queue + queue / 8 : 5000;
        using Adapter adapter = Run($"dd if=/dev/zero bs=1000 count={count} >&3 2>/dev/null; exit 7");
        Descriptors.TrySend(adapter.Frames, new byte[10 + 60]);
        Wait.Until(() => !ends || !Programs.Runs(adapter.Child), "the monitor's end");
        adapter.AssertSleeps();
        for (int i = 0; i < count; i++)
            Assert.Equal(1010, Descriptors.Read(adapter.Frames)!.Length);
        Assert.Equal((4u, 7u), adapter.Record());
        Assert.Equal(7, adapter.End());
    }

    /// <summary>How many datagrams of a size a queue like the node's takes.</summary>
    private static int Room(int size)
    {
        (int writer, int reader) = Descriptors.Pair();
        int count = 0;
        while (Descriptors.TrySend(writer, new byte[size]))
            count++;
        Descriptors.close(writer);
        Descriptors.close(reader);
        return count;
    }

    [Fact]
    public void A_monitor_without_a_network_costs_nothing()
    {
        using Adapter adapter = Run("exec 3<&- 4<&-; exec sleep 60");
        Wait.Until(() => !File.Exists($"/proc/{adapter.Child}/fd/3"), "closed");
        for (int i = 0; i < 100; i++)
            Wait.Until(() => Descriptors.TrySend(adapter.Frames, new byte[10 + 60]), "room for a packet");
        adapter.AssertSleeps();
        Descriptors.kill(adapter.Child, 9);
        Assert.Equal(128 + 9, adapter.End());
    }

    [Theory]
    [InlineData("exit 0", 2, 0, 0)]
    [InlineData("exit 1", 4, 1, 1)]
    [InlineData("exit 200", 4, 200, 200)]
    [InlineData("printf 'CPU Reset (CPU 0)\\nTriple fault\\n' >&4", 3, 0, 2)]
    [InlineData("for word in T Tri 'ple fa' ult '\n'; do printf \"$word\" >&4; done", 3, 0, 2)]
    [InlineData("printf 'Triple faulty\\nTriple fault' >&4", 2, 0, 0)]
    [InlineData("head -c 1000000 /dev/zero >&4; echo 'Triple fault' >/proc/self/fd/4", 3, 0, 2)]
    [InlineData("echo 'Triple fault' >&4; exit 9", 4, 9, 9)]
    [InlineData("printf 'CPU Reset (CPU 0)\nGuest crashed' >&4", 5, 0, 2)]
    [InlineData("printf 'Guest Guest crashe' >&4; printf 'dGuest crashed' >&4", 5, 0, 2)]
    [InlineData("printf 'Guest crash ed' >&4", 2, 0, 0)]
    [InlineData("kill -ABRT $$", null, 0, 128 + 6)]
    [InlineData("kill -KILL $$", null, 0, 128 + 9)]
    [InlineData("kill -SEGV $$", null, 0, 128 + 11)]
    [InlineData("kill -PIPE $$", null, 0, 128 + 13)]
    [InlineData("kill -XCPU $$", null, 0, 128 + 24)]
    [InlineData("ulimit -S -t 1; while :; do :; done", null, 0, 128 + 24)]
    [InlineData("ulimit -t 1; trap '' XCPU; while :; do :; done", null, 0, 128 + 9)]
    public void It_ends_as_the_monitor_does(string script, int? kind, int value, int code)
    {
        using Adapter adapter = Run(script);
        (uint, uint)? record = adapter.Record();
        Assert.Equal(kind == null ? null : ((uint)kind, (uint)value), record);
        Assert.Equal(code, adapter.End());
    }

    [Fact]
    public void What_the_monitor_sent_last_arrives()
    {
        using Adapter adapter = Run("dd if=/dev/zero bs=100 count=80 >&3 2>/dev/null");
        Assert.Equal(0, adapter.End());
        for (int i = 0; i < 80; i++)
            Assert.Equal(110, Descriptors.Read(adapter.Frames)!.Length);
        Assert.Empty(Descriptors.Read(adapter.Frames)!);
    }

    [Fact]
    public void A_program_that_is_not_there_is_an_error_of_the_monitor()
    {
        using Adapter adapter = new("/nonexistent");
        Assert.Equal((4u, 127u), adapter.Record());
        Assert.Equal(127, adapter.End());
        Assert.Contains("cannot be run", adapter.Said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void When_the_node_is_gone_the_monitor_is_killed(bool frames)
    {
        using Adapter adapter = Run("trap '' TERM HUP; while :; do sleep 1; done");
        adapter.Close(frames);
        Assert.Equal(0, adapter.End());
    }

    [Theory]
    [InlineData(9)]
    [InlineData(15)]
    [InlineData(24)]
    public void When_it_is_killed_the_monitor_dies_too(int signal)
    {
        using Adapter adapter = Run("trap '' TERM XCPU; while :; do sleep 1; done");
        Descriptors.kill(adapter.Pid, signal);
        Assert.Equal(128 + signal, adapter.End());
    }

    [Fact]
    public void Stopped_and_continued_it_goes_on()
    {
        using Adapter adapter = RunEcho();
        Descriptors.kill(adapter.Pid, 19);
        Wait.Until(() => File.ReadAllText($"/proc/{adapter.Pid}/stat").Contains(") T ", StringComparison.Ordinal), "stopped");
        Descriptors.kill(adapter.Pid, 18);
        Assert.True(Descriptors.TrySend(adapter.Frames, new byte[10 + 60]));
        Assert.Equal(70, Descriptors.Read(adapter.Frames)!.Length);
    }

    [Fact]
    public void It_has_locked_itself_in_and_the_monitor_has_its_own_descriptors_only()
    {
        using Adapter adapter = RunEcho();
        Assert.True(Descriptors.TrySend(adapter.Frames, new byte[10 + 60]));
        Assert.Equal(70, Descriptors.Read(adapter.Frames)!.Length);
        string own = File.ReadAllText($"/proc/{adapter.Pid}/status"), its = File.ReadAllText($"/proc/{adapter.Child}/status");
        Assert.Contains("Seccomp:\t2", own, StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:\t1", own, StringComparison.Ordinal);
        Assert.Contains("Seccomp:\t0", its, StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:\t1", its, StringComparison.Ordinal);
        Assert.Equal(["0", "1", "2", "3", "4"], Directory.GetFiles($"/proc/{adapter.Child}/fd").Select(Path.GetFileName).Order());
    }
}
