using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>What goes wrong around the shipped binary, and what is lost by it.</summary>
public class FaultTests
{
    private const uint Boot = 0x0A000032, Other = 0x0A000033;
    private const int SigKill = 9, SigCont = 18, SigStop = 19;

    [RootFact]
    public void A_monitor_that_floods_its_descriptors_leaves_the_others_their_traffic()
    {
        using var lab = new Lab();
        int flooder = lab.StartDomain(200, Boot);
        lab.StartDomain(201, Other);
        // Forged, so that the flood ends in packetd and not on the test's own wire.
        byte[] forged = Frames.Ipv4(Frames.ClientMac, Frames.Mac(Other), Other, TestHost.Client, 17, new byte[500]);
        lab.Order(Boot, 7, forged);
        var clock = Stopwatch.StartNew();
        ulong trips = 0;
        for (; clock.ElapsedMilliseconds < 500 || (Writes(flooder) < 1000 && clock.ElapsedMilliseconds < 20_000); trips += 50)
            Assert.Equal(50, lab.RoundTrips(Other, 50));
        PacketSocket.kill(flooder, SigStop);
        Assert.Equal(1, lab.RoundTrips(Other, 1));
        ulong written = Writes(flooder);
        PacketSocket.kill(flooder, SigKill);
        Counters counted = lab.Ended(0, "signal 9");
        Assert.Equal((0UL, 1UL, 0UL), (counted.Sent, counted.Received, counted.Dropped));
        // One was its first record; some are lost that were in its queue when it died.
        Assert.InRange(counted.Forged, Math.Max(written, 1000) - 1000, written);
        Assert.InRange(written, 1000UL, ulong.MaxValue);

        flooder = lab.StartDomain(202, Boot);
        lab.Order(Boot, 8, new byte[16]);
        Assert.Equal(50, lab.RoundTrips(Other, 50));
        PacketSocket.kill(flooder, 9);
        Programs.AssertEnds(flooder);
        Assert.Equal(5, lab.RoundTrips(Other, 5));
        lab.Order(Other, 1, 0);
        Assert.Equal(new Counters(trips + 56, trips + 57, 0, 0), lab.Ended(1, "exit code 0"));
    }

    [RootFact]
    public void Frames_for_a_machine_that_hangs_up_harm_nobody()
    {
        using var lab = new Lab();
        for (int round = 0; round < 5; round++)
        {
            int pid = lab.StartDomain(260 + round);
            // The order and the flood are in packetd's queue together: it finds out by writing.
            lab.Order(Boot, 6);
            for (int i = 0; i < 300; i++)
                lab.Send(Lab.ToDomain(Boot));
            Programs.AssertEnds(pid);
            lab.WaitForLine("domain 0: ended: signal 9");
            lab.ForgetLog();
        }
        Assert.True(Programs.Runs(lab.Pid));
    }

    [RootFact]
    public void A_log_that_nobody_reads_any_more_is_no_reason_to_end()
    {
        using var lab = new Lab();
        PacketSocket.kill(lab.Pid, 9);
        lab.WaitForEnd();
        lab.Start(Lab.LogReaderLeaves);
        Thread.Sleep(50);
        byte[] token = Lab.Token(270).Payload();
        Assert.Equal(Refusal.None, lab.Ping(token));
        Assert.Equal(Refusal.Replayed, lab.Ping(token));
        Assert.Equal(5, lab.RoundTrips(Boot, 5));
        Assert.DoesNotContain(lab.Log, line => line.Contains("started for", StringComparison.Ordinal));
    }

    [RootFact]
    public void The_binary_honours_two_secrets()
    {
        string former = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(former, [.. TestHost.FormerKey, (byte)'\n']);
            using var lab = new Lab("--former-key-file", former);
            Assert.Equal(Refusal.None, lab.Ping((Lab.Token(280) with { Key = TestHost.FormerKey }).Payload()));
            Assert.Equal(Refusal.None, lab.Ping(Lab.Token(281, Other).Payload()));
            Assert.Equal(Refusal.BadSignature, lab.Ping((Lab.Token(282) with { Key = new byte[16] }).Payload()));
        }
        finally
        {
            File.Delete(former);
        }
        using var alone = new Lab();
        Assert.Equal(Refusal.BadSignature, alone.Ping((Lab.Token(283) with { Key = TestHost.FormerKey }).Payload()));
    }

    [RootFact]
    public void A_machine_that_loops_ends_when_its_tokens_CPU_time_is_spent()
    {
        using var lab = new Lab(null, Lab.Puppets("--token-cpu", "1"));
        Assert.Equal(Refusal.None, lab.Ping((Lab.Token(210) with { Count = 1 }).Payload()));
        int looping = int.Parse(lab.WaitForLine("started for").Split("process ")[1]);
        lab.StartDomain(211, Other);
        lab.Order(Boot, 3);
        Assert.Contains("ended: signal 24, its CPU time is spent; frames sent 0", lab.WaitForLine("domain 0: ended", seconds: 60), StringComparison.Ordinal);
        Programs.AssertEnds(looping);
        Assert.Equal(5, lab.RoundTrips(Other, 5));
    }

    [RootFact]
    public void A_link_that_goes_down_and_up_loses_only_what_was_sent_meanwhile()
    {
        using var lab = new Lab();
        int pid = lab.StartDomain(220);
        lab.StartDomain(221, Other);
        Assert.Equal(10, lab.RoundTrips(Boot, 10));
        // Seven frames wait in the machine, which will send them back when there is no link.
        PacketSocket.kill(pid, SigStop);
        for (int i = 0; i < 7; i++)
            lab.Send(Lab.ToDomain(Boot));
        Assert.Equal(1, lab.RoundTrips(Other, 1));
        lab.InNode("ip", "link", "set", "l0", "down");
        PacketSocket.kill(pid, SigCont);
        for (int i = 0; i < 5; i++)
            PacketSocket.Send(lab.Socket, Lab.ToDomain(Boot).AsSpan(10));
        WaitUntilAsleep(pid, lab.Pid);
        long before = CpuTicks(lab.Pid);
        Thread.Sleep(500);
        Assert.InRange(CpuTicks(lab.Pid) - before, 0, 5);

        lab.InNode("ip", "link", "set", "l0", "up");
        byte[]? pong = null;
        for (int i = 0; i < 20 && pong == null; i++)
        {
            PacketSocket.Send(lab.Socket, Frames.Echo([7]).AsSpan(10));
            pong = lab.Receive(frame => frame.Length == 43);
        }
        Assert.NotNull(pong);
        Assert.Equal(10, lab.RoundTrips(Boot, 10));
        Assert.Equal(Refusal.Replayed, lab.Ping(Lab.Token(221, Other).Payload()));
        lab.Order(Boot, 1, 0);
        // The machine's seven left it and reached nobody, the client's five never came.
        Assert.Equal(new Counters(27, 28, 0, 0), lab.Ended(0, "exit code 0"));
    }

    [RootFact]
    public void A_machine_that_is_killed_loses_the_frames_in_it_and_nobody_elses()
    {
        using var lab = new Lab();
        int pid = lab.StartDomain(225);
        lab.StartDomain(226, Other);
        Assert.Equal(60, lab.RoundTrips(Boot, 60));
        PacketSocket.kill(pid, SigStop);
        for (int i = 0; i < 20; i++)
            lab.Send(Lab.ToDomain(Boot));
        Assert.Equal(1, lab.RoundTrips(Other, 1)); // behind them in packetd's queue
        PacketSocket.kill(pid, SigKill);
        Assert.Equal(new Counters(60, 80, 0, 0), lab.Ended(0, "signal 9"));
        for (int i = 0; i < 20; i++)
            lab.Send(Lab.ToDomain(Boot));
        Assert.Equal(40, lab.RoundTrips(Other, 40));
        Assert.Null(lab.Receive(frame => Packet.HasMac(frame, 6, Boot)));
        lab.Order(Other, 1, 0);
        Assert.Equal(new Counters(41, 42, 0, 0), lab.Ended(1, "exit code 0"));
    }

    [RootFact]
    public void Of_a_stopped_machine_every_frame_is_received_or_dropped_and_its_neighbour_loses_none()
    {
        using var lab = new Lab();
        int stopped = lab.StartDomain(410, Boot);
        lab.StartDomain(411, Other);
        PacketSocket.kill(stopped, SigStop);
        const int Batch = 100, Batches = 100;
        int neighbours = 0;
        for (int i = 0; i < Batches; i++)
        {
            for (int j = 0; j < Batch; j++)
                lab.Send(Lab.ToDomain(Boot, 1000));
            // Behind them in the same queue, so none is lost before packetd.
            neighbours += lab.RoundTrips(Other, 1);
        }
        Assert.Equal((Batches, 0), (neighbours, lab.LinkDrops));
        PacketSocket.kill(stopped, SigCont);
        Assert.Equal(1, lab.RoundTrips(Other, 1));
        while (lab.Receive(_ => true) != null)
            continue; // as above
        lab.Order(Boot, 1, 0);
        Counters counted = lab.Ended(0, "exit code 0");
        Assert.Equal(Batch * Batches + 1UL, counted.Received + counted.Dropped);
        Assert.InRange(counted.Dropped, 1UL, Batch * Batches - 1UL);
        Assert.Equal(counted.Received - 1, counted.Sent);
    }

    [RootFact]
    public void Killed_outright_packetd_takes_its_domains_along_and_a_restart_honours_no_earlier_token()
    {
        using var lab = new Lab();
        uint[] boots = [Boot, Other, Boot + 2];
        byte[][] used = [.. boots.Select((boot, i) => Lab.Token(230 + i, boot).Payload())];
        byte[][] unused = [.. boots.Select((boot, i) => Lab.Token(235 + i, boot).Payload())];
        Assert.All(used, token => Assert.Equal(Refusal.None, lab.Ping(token)));
        int[] pids = [.. boots.Select((_, i) => int.Parse(lab.WaitForLine($"domain {i}: started").Split("process ")[1]))];
        Assert.All(used, token => Assert.Equal(Refusal.Replayed, lab.Ping(token)));
        PacketSocket.kill(lab.Pid, SigKill);
        Assert.All(pids, Programs.AssertEnds);
        lab.WaitForEnd();
        // These have no receiver, and are dropped.
        foreach (uint boot in boots)
            lab.Send(Lab.ToDomain(boot));
        lab.Send(Frames.Echo(unused[0]));
        lab.Start();
        Assert.All([.. used, .. unused], token => Assert.Equal(Refusal.IssuedBeforeStart, lab.Ping(token)));
        Assert.Equal(Refusal.None, lab.Ping(Lab.Token(239).Payload()));
        Assert.Equal(1, lab.RoundTrips(Boot, 1));
        lab.Order(Boot, 1, 0);
        Assert.Equal(new Counters(1, 2, 0, 0), lab.Ended(0, "exit code 0"));
        Assert.Equal(1, lab.Log.Count(line => line.Contains("started for", StringComparison.Ordinal)));
    }

    [RootFact]
    public void Without_descriptors_a_token_is_refused_and_stays_good()
    {
        // Few, because the kernel polls no more descriptors than a process may have.
        using var lab = new Lab("--max-domains", "2");
        lab.StartDomain(241, Other);
        byte[] token = Lab.Token(240).Payload();
        // Each number leaves room for a little more of what a machine needs: two pairs of sockets.
        int highest = Directory.GetFiles($"/proc/{lab.Pid}/fd").Max(path => int.Parse(Path.GetFileName(path)));
        int open = lab.Descriptors;
        foreach (int room in new[] { 0, 1, 2, 3 })
        {
            int limit = FirstFree(lab.Pid, room);
            Programs.Run("prlimit", "--pid", $"{lab.Pid}", $"--nofile={limit}:1024");
            Assert.Equal(Refusal.StartFailed, lab.Ping(token));
            Assert.Equal(open, lab.Descriptors);
            Assert.Equal(5, lab.RoundTrips(Other, 5));
        }
        Assert.True(highest < 1024);
        Programs.Run("prlimit", "--pid", $"{lab.Pid}", "--nofile=1024:1024");
        Assert.Equal((Refusal.None, Refusal.Replayed), (lab.Ping(token), lab.Ping(token)));
        lab.Order(Other, 1, 0);
        Assert.Equal(new Counters(20, 21, 0, 0), lab.Ended(0, "exit code 0"));
    }

    [RootFact]
    public void With_fewer_descriptors_than_it_may_have_machines_packetd_still_sleeps_and_serves()
    {
        using var lab = new Lab("--max-domains", "64");
        lab.StartDomain(245);
        Programs.Run("prlimit", "--pid", $"{lab.Pid}", $"--nofile={FirstFree(lab.Pid, 0)}:1024");
        Assert.Equal(5, lab.RoundTrips(Boot, 5));
        long before = CpuTicks(lab.Pid);
        Thread.Sleep(500);
        Assert.InRange(CpuTicks(lab.Pid) - before, 0, 5);
        lab.Order(Boot, 1, 0);
        Assert.Equal(new Counters(5, 6, 0, 0), lab.Ended(0, "exit code 0"));
    }

    [RootFact]
    public void Whoever_started_packetd_without_caring_for_its_childrens_ends_hears_of_them_none_the_less()
    {
        using var lab = new Lab();
        PacketSocket.kill(lab.Pid, 9);
        lab.WaitForEnd();
        lab.Start(["bash", "-c", "trap '' CHLD; exec \"$0\" \"$@\""]);
        for (int seed = 270; seed < 273; seed++)
        {
            lab.StartDomain(seed);
            lab.Order(Boot, 1, 0);
            Assert.Equal(new Counters(0, 1, 0, 0), lab.Ended(0, "exit code 0"));
            lab.ForgetLog();
        }
    }

    [RootFact]
    public void Machines_that_never_were_leave_nothing_to_bury()
    {
        using var lab = new Lab(null, ["/nonexistent"]);
        for (int seed = 280; seed < 330; seed++)
            lab.Send(Frames.Echo(Lab.Token(seed).Payload(), source: 0x0A000100u + (uint)seed));
        lab.InClient("ping", "-c", "3", "-i", "0.2", "-W", "5", Lab.NodeAddress);
        Wait.Until(() => Programs.Children(lab.Pid) is [], () => $"left: {string.Join(' ', Programs.Children(lab.Pid))}", seconds: 5);
    }

    /// <summary>The limit under which only so many descriptors more can be opened.</summary>
    private static int FirstFree(int pid, int room)
    {
        var used = Directory.GetFiles($"/proc/{pid}/fd").Select(path => int.Parse(Path.GetFileName(path))).ToHashSet();
        int limit = 0;
        for (int free = 0; free < room || used.Contains(limit); limit++)
            free += used.Contains(limit) ? 0 : 1;
        return limit;
    }

    /// <summary>Waits until none of the processes has had anything to do for a while.</summary>
    private static void WaitUntilAsleep(params int[] pids)
    {
        int asleep = 0;
        for (int i = 0; i < 2000 && asleep < 10; i++, Thread.Sleep(5))
            asleep = pids.All(pid => Status(pid)[0] == "S") ? asleep + 1 : 0;
        Assert.Equal(10, asleep);
    }

    /// <summary>How often a process has written (proc(5), io).</summary>
    private static ulong Writes(int pid) =>
        ulong.Parse(File.ReadLines($"/proc/{pid}/io").First(line => line.StartsWith("syscw: ", StringComparison.Ordinal))[7..]);

    private static string[] Status(int pid) => File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1].Split(' ');

    private static long CpuTicks(int pid)
    {
        string[] words = Status(pid);
        return long.Parse(words[11]) + long.Parse(words[12]);
    }
}
