using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Threading;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>The binary that is shipped, with real peers.</summary>
public class BinaryTests
{
    private const uint Boot = 0x0A000032, Other = 0x0A000033;

    [Fact]
    public void The_image_is_static_small_and_has_nothing_writable_that_is_executable()
    {
        byte[] elf = File.ReadAllBytes(Platform.Packetd);
        Assert.InRange(elf.Length, 1, Platform.SizeLimit);
        int headers = (int)Bytes.Le64(elf, 32);
        for (int i = 0; i < Bytes.Le16(elf, 56); i++)
        {
            uint type = Bytes.Le32(elf, headers + 56 * i), flags = Bytes.Le32(elf, headers + 56 * i + 4);
            Assert.NotEqual(2u, type); // PT_DYNAMIC
            Assert.NotEqual(3u, type); // PT_INTERP
            Assert.NotEqual(3u, flags & 3); // PF_W | PF_X
        }
        string symbols = Programs.Run("nm", Platform.Packetd + ".debug");
        Assert.Contains("Packetd_Node", symbols, StringComparison.Ordinal);
        foreach (string allocator in new[] { "RhpNew", "RhNew", "malloc", "RhpGcAlloc", "BoxedBy" })
            Assert.DoesNotContain(allocator, symbols, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("--address is needed", "--link", "--frob")]
    [InlineData("--50%@ is not an option", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--50%@", "v", "p")]
    [InlineData("--frob is not an option", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--frob", "1", "p")]
    [InlineData("--frob is not an option", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--frob")]
    [InlineData("--monitor is not an option", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--monitor", "m", "--firmware", "f")]
    [InlineData("--link is needed, and its value", "--link")]
    [InlineData("--link is needed, and its value", "p", "--link", "l")]
    [InlineData("--log-level is needed, and its value", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--log-level")]
    [InlineData("--min-cpu-share is not of the form and in the range", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--min-cpu-share", "101", "p")]
    [InlineData("--address is not of the form", "--link", "l", "--address", "10.0.0")]
    [InlineData("--address is not of the form", "--link", "l", "--address", "10..0.2")]
    [InlineData("--address is not of the form", "--link", "l", "--address", "10.0.0.2.")]
    [InlineData("--address is not of the form", "--link", "l", "--address", "10.0.0.256")]
    [InlineData("--address is not of the form and in the range", "--link", "l", "--address", "224.0.0.1")]
    [InlineData("--address is not of the form and in the range", "--link", "l", "--address", "0.0.0.1")]
    [InlineData("--max-domains is not of the form and in the range", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--max-domains", "0", "p")]
    [InlineData("--max-domains is not of the form and in the range", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--max-domains", "65", "p")]
    [InlineData("--max-memory is not of the form and in the range", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--max-memory", "12x", "p")]
    [InlineData("--key-file is needed", "--link", "eth0", "--address", "10.0.0.2")]
    [InlineData("PROGRAM is needed", "--link", "l", "--address", "10.0.0.2", "--key-file", "k")]
    [InlineData("PROGRAM is needed", "--link", "l", "--address", "10.0.0.2", "--key-file", "k", "--max-domains", "64")]
    [InlineData("cannot open the key file", "--link", "nolink", "--address", "10.0.0.2", "--key-file", "/nonexistent", "p")]
    [InlineData("cannot open the key file", "--link", "nolink", "--address", "10.0.0.2", "--key-file", "/proc/sys/kernel/random/uuid", "--former-key-file", "/nonexistent", "p")]
    [InlineData("--former-key-file is needed, and its value", "--link", "nolink", "--address", "10.0.0.2", "--key-file", "k", "--former-key-file")]
    [InlineData("does not hold 16 to 64 bytes", "--link", "nolink", "--address", "10.0.0.2", "--key-file", "/dev/null", "p")]
    // What follows PROGRAM is not looked at here.
    [InlineData("cannot open the key file", "--link", "nolink", "--address", "10.0.0.2", "--key-file", "/nonexistent", "p", "--max-domains", "0", "--frob", "--key-file", "/dev/null", "--help")]
    public void Wrong_options_end_in_one_sentence(string sentence, params string[] arguments)
    {
        string[] command = [.. Platform.Emulator, Platform.Packetd, .. arguments];
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
        string said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(1, process.ExitCode);
        Assert.StartsWith("packetd: ", said, StringComparison.Ordinal);
        Assert.Contains(sentence, said, StringComparison.Ordinal);
        Assert.Equal(1, said.Count(c => c == '\n'));
    }

    [RootFact]
    public void Ping_arping_and_tshark_are_content()
    {
        using var lab = new Lab();
        // With -c alone ping waits for the last answer only twice as long as the slowest of those before took.
        Assert.Contains("3 received", lab.InClient("ping", "-c", "3", "-i", "0.1", "-w", "10", Lab.NodeAddress), StringComparison.Ordinal);
        Assert.Contains("2 received", lab.InClient("ping", "-c", "2", "-i", "0.1", "-w", "10", "-s", "1472", Lab.NodeAddress), StringComparison.Ordinal);
        Assert.Contains("2 received", lab.InClient("ping", "-c", "2", "-i", "0.1", "-w", "10", "-s", "0", Lab.NodeAddress), StringComparison.Ordinal);
        Assert.Contains("02:45:0A:00:00:02", lab.InClient("arping", "-c", "1", "-w", "2", "-I", "l1", Lab.NodeAddress), StringComparison.Ordinal);

        // Everything that the node says, as tshark reads it.
        string file = Path.GetTempFileName();
        using (var capture = new BinaryWriter(File.Create(file)))
        {
            foreach (uint word in new uint[] { 0xA1B2C3D4, 0x0004_0002, 0, 0, 70_000, 1 })
                capture.Write(word);
            lab.Ping(Lab.Token(1).Payload());
            lab.Send(Frames.Echo(new byte[1000]));
            lab.Send(Frames.Echo(new Tokens().Payload()));
            lab.Send(Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node));
            int frames = 0;
            while (lab.Receive(frame => Packet.HasMac(frame, 6, TestHost.Node)) is { } frame)
            {
                foreach (uint word in new uint[] { 0, 0, (uint)frame.Length, (uint)frame.Length })
                    capture.Write(word);
                capture.Write(frame);
                frames++;
            }
            Assert.Equal(3, frames);
        }
        string[] check = ["-r", file, "-o", "ip.check_checksum:TRUE"];
        string wrong = Programs.Run("tshark", [.. check, "-Y", "_ws.malformed or ip.checksum.status == 0 or icmp.checksum.status == 0 or _ws.expert.severity >= 6291456"]);
        Assert.DoesNotContain("→", wrong, StringComparison.Ordinal);
        string all = Programs.Run("tshark", check);
        Assert.Equal(3, all.Split('\n').Count(line => line.Contains("10.0.0.2", StringComparison.Ordinal)));
        File.Delete(file);
    }

    [RootFact]
    public void A_node_divides_a_processor_as_far_as_it_was_told_and_says_so()
    {
        static byte[] Share(byte seed, ushort percent) => (Lab.Token(seed) with { CpuPercent = percent }).Payload();
        using (var whole = new Lab())
            Assert.Equal([Refusal.CpuShareNotGiven, Refusal.None], [whole.Ping(Share(1, 99)), whole.Ping(Share(1, 100))]);
        using var lab = new Lab("--min-cpu-share", "30");
        lab.WaitForLine("CPU shares are 30 to 100 percent: tokens for others are refused");
        Assert.Equal([Refusal.CpuShareNotGiven, Refusal.CpuShareNotGiven, Refusal.None],
            [lab.Ping(Share(1, 29)), lab.Ping(Share(1, 101)), lab.Ping(Share(1, 30))]);
    }

    [RootFact]
    public void A_domain_runs_as_nobody_in_particular_with_nothing_but_its_two_descriptors()
    {
        using var lab = new Lab("--uid-base", "300000");
        int before = lab.Descriptors, pid = lab.StartDomain(2, Boot, Other);
        Lab.AwaitProgram(pid, "puppet");
        string status = File.ReadAllText($"/proc/{pid}/status");
        foreach (string line in new[] { "Uid:\t300000\t300000\t300000\t300000", "Gid:\t300000\t300000\t300000\t300000", "Groups:\t \n",
            "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapInh:\t0000000000000000", "NoNewPrivs:\t1", "SigBlk:\t0000000000000000" })
            Assert.Contains(line, status, StringComparison.Ordinal);
        Assert.Equal(["0", "1", "2", "3", "4", "5"], Directory.GetFiles($"/proc/{pid}/fd").Select(Path.GetFileName).Order());
        string limits = File.ReadAllText($"/proc/{pid}/limits");
        Assert.Matches("Max open files +64 +64", limits);
        Assert.Matches("Max core file size +0 +0", limits);
        Assert.Matches("Max processes +64 +64", limits);
        Assert.Matches("Max data size +1140850688 +1140850688", limits);
        Assert.Matches("Max cpu time +36000 +36001", limits); // ten tokens of an hour each
        string[] command = File.ReadAllText($"/proc/{pid}/cmdline").Split('\0');
        Assert.Equal([Repository.Image("puppet"), "--net-fd", "3", "--control-fd", "4", "--memory", "64", "--mac", "02:45:0a:00:00:32", "--append",
            $"evilman.boot=10.0.0.50/24 evilman.gateway=0.0.0.0 evilman.lease=60 evilman.loader={new string('0', 40)} evilman.guests=10.0.0.51",
            "--initrd", "/proc/self/fd/5", "--kernel", "/dev/null", ""], command);

        string own = File.ReadAllText($"/proc/{lab.Pid}/status");
        foreach (string line in new[] { "CapPrm:\t00000000000000e0", "CapEff:\t00000000000000e0", "NoNewPrivs:\t1" })
            Assert.Contains(line, own, StringComparison.Ordinal);
        // An emulator has a vDSO of its own, and no filter is in force.
        if (!Platform.Emulated)
        {
            Assert.Contains("Seccomp:\t2", own, StringComparison.Ordinal);
            Assert.DoesNotContain("[vdso]", File.ReadAllText($"/proc/{lab.Pid}/maps"), StringComparison.Ordinal);
        }
        Assert.Equal(before + 2, lab.Descriptors);
    }

    [RootFact]
    public void Frames_pass_both_ways_and_between_domains()
    {
        using var lab = new Lab();
        lab.StartDomain(3, Boot);
        lab.StartDomain(4, Other);
        foreach (int size in new[] { 10, 1000, 1480 })
        {
            byte[] body = new byte[size];
            new Random(size).NextBytes(body);
            lab.Send(Frames.Ipv4(Frames.Mac(Boot), Frames.ClientMac, TestHost.Client, Boot, 17, body));
            byte[]? back = lab.Await(frame => Packet.HasMac(frame, 6, Boot));
            Assert.NotNull(back);
            Assert.Equal(body, back[34..]);
        }
        // One puppet sends to the other, which sends back; then the first tells the client nothing of it.
        byte[] inner = Frames.Ipv4(Frames.Mac(Other), Frames.Mac(Boot), Boot, Other, 17, new byte[8]);
        lab.Order(Boot, 0, inner);
        Assert.Null(lab.Receive(frame => Packet.HasMac(frame, 6, Boot) || Packet.HasMac(frame, 6, Other)));
        lab.Order(Boot, 1, 0);
        // The mirror of the mirror of the mirror …: the two play until one is gone.
        Assert.Matches("sent [0-9]{2,}, received [0-9]{2,}, dropped [0-9]+, forged 0", lab.WaitForLine("domain 0: ended: exit code 0"));
    }

    [RootFact]
    public void A_domain_that_forges_reaches_nobody()
    {
        using var lab = new Lab();
        lab.StartDomain(5, Boot);
        lab.StartDomain(6, Other);
        object[][] forgeries = RelayTests.Forgeries().ToArray();
        foreach (object[] forgery in forgeries)
            lab.Order(Boot, 0, (byte[])forgery[1]);
        byte[] good = Frames.Ipv4(Frames.ClientMac, Frames.Mac(Boot), Boot, TestHost.Client, 17, new byte[100]);
        lab.Order(Boot, 0, good);
        byte[]? first = lab.Await(frame => frame[12] != 0x86); // the client's own neighbour discovery
        Assert.Equal(good[10..], first);
        Assert.Null(lab.Receive(frame => Packet.HasMac(frame, 6, Boot)));
        lab.Order(Boot, 1, 7);
        Assert.Contains($"exit code 7; frames sent 1, received {forgeries.Length + 2}, dropped 0, forged {forgeries.Length}", lab.WaitForLine("domain 0: ended"), StringComparison.Ordinal);
        lab.Order(Other, 1, 0);
        Assert.Contains("received 1,", lab.WaitForLine("domain 1: ended"), StringComparison.Ordinal);
    }

    [RootFact]
    public void However_a_monitor_ends_it_is_one_line_and_nothing_stays()
    {
        using var lab = new Lab();
        int before = lab.Descriptors;
        (string, Action<int>)[] ends =
        [
            ("ended: exit code 3;", _ => lab.Order(Boot, 1, 3)),
            ("ended: signal 4;", _ => lab.Order(Boot, 2)),
            ("ended: signal 9;", pid => PacketSocket.kill(pid, 9)),
            ("ended: signal 9;", _ => lab.Order(Boot, 6)), // closed its frames, and sleeps
            ("ended: exit code 2;", _ => { lab.Order(Boot, 4, new byte[16]); lab.Order(Boot, 9); lab.Order(Boot, 1, 2); }), // after words that nobody reads
        ];
        int seed = 10;
        foreach ((string line, Action<int> end) in ends)
        {
            int lines = lab.Log.Length, pid = lab.StartDomain(seed++);
            end(pid);
            Programs.AssertEnds(pid);
            for (int i = 0; i < 2000 && lab.Log.Length < lines + 2; i++)
                Thread.Sleep(5);
            Assert.Contains(line, Assert.Single(lab.Log[(lines + 1)..]), StringComparison.Ordinal);
            // The line may be said before the last descriptor is closed.
            for (int i = 0; i < 400 && lab.Descriptors != before; i++)
                Thread.Sleep(5);
            Assert.Equal(before, lab.Descriptors);
            lab.ForgetLog();
        }
    }

    [RootFact]
    public void A_stopped_or_looping_monitor_harms_nobody_and_dies_with_packetd()
    {
        using var lab = new Lab();
        int looping = lab.StartDomain(20, Boot), stopped = lab.StartDomain(21, Other);
        lab.Order(Boot, 3);
        PacketSocket.kill(stopped, 19);
        for (int i = 0; i < 5000; i++)
        {
            lab.Send(Frames.Ipv4(Frames.Mac(Boot), Frames.ClientMac, TestHost.Client, Boot, 17, new byte[1000]));
            lab.Send(Frames.Ipv4(Frames.Mac(Other), Frames.ClientMac, TestHost.Client, Other, 17, new byte[1000]));
        }
        Assert.Contains("1 received", lab.InClient("ping", "-c", "1", "-W", "1", Lab.NodeAddress), StringComparison.Ordinal);
        PacketSocket.kill(lab.Pid, 15);
        Assert.Equal(128 + 15, lab.WaitForEnd());
        Programs.AssertEnds(looping);
        Programs.AssertEnds(stopped);
    }

    [RootFact]
    public void The_command_is_run_as_it_stands_and_finds_the_token_and_no_environment()
    {
        const string Script = "tr '\\0' '|' </proc/$$/environ; echo; dd bs=4096 count=1 <&4 2>/dev/null | od -An -v -w4096 -tx1; exec cat <&3 >/dev/null";
        using var lab = new Lab(null, ["/bin/sh", "-c", Script, "--link", "--log-level", "0", "--frob"]);
        byte[] token = Lab.Token(41).Payload();
        Assert.Equal(Refusal.None, lab.Ping(token));
        int pid = int.Parse(lab.WaitForLine("started for").Split("process ")[1]);
        Assert.Equal("", lab.Output.ReadLine());
        byte[] bytes = token[^BootToken.Size..], key = HMACSHA1.HashData(TestHost.Key, (byte[])[.. "EvilMKey"u8, .. bytes]);
        Assert.Equal(string.Concat(bytes.Concat(key).Select(value => $" {value:x2}")), lab.Output.ReadLine());
        Lab.AwaitProgram(pid, "cat");
        PacketSocket.kill(pid, 9);
        lab.WaitForLine("ended: signal 9");

        using var other = new Lab(null, [Repository.Image("puppet"), "--link", "--log-level", "0", "--frob"]);
        pid = other.StartDomain(42);
        Lab.AwaitProgram(pid, "puppet");
        Assert.Equal([Repository.Image("puppet"), "--link", "--log-level", "0", "--frob", ""], File.ReadAllText($"/proc/{pid}/cmdline").Split('\0'));
        Assert.Equal(5, other.RoundTrips(Boot, 5));
    }

    [RootFact]
    public void A_program_that_cannot_start_is_a_refusal_and_leaves_nothing()
    {
        using var lab = new Lab(null, ["/nonexistent"]);
        int before = lab.Descriptors;
        Assert.Equal(Refusal.StartFailed, lab.Ping(Lab.Token(40).Payload()));
        Assert.Equal(before, lab.Descriptors);
        Assert.DoesNotContain(lab.Log, line => line.Contains("domain", StringComparison.Ordinal));
    }

    [RootFact]
    public void A_monitor_that_cannot_start_is_a_sentence_of_the_launchers_and_an_end_or_a_refusal()
    {
        using var lab = new Lab(null, [Repository.Image("launcher"), "/nonexistent", "/dev/null"]);
        int before = lab.Descriptors;
        for (int i = 0; i < 8; i++) // fewer than there are refusals in a tenth of a second
        {
            // The launcher may have ended when packetd looks whether it has started, or not yet.
            Refusal? answer = lab.Ping(Lab.Token(1000 + i).Payload());
            Assert.Equal("launcher: /nonexistent cannot be run: error 2.", lab.Output.ReadLine());
            if (answer == Refusal.None)
                Assert.Equal(new Counters(0, 0, 0, 0), lab.Ended(0, "exit code 4"));
            else
                Assert.Equal(Refusal.StartFailed, answer);
            Assert.Equal(answer == Refusal.None ? 2 : 0, lab.Log.Count(line => line.Contains("domain 0", StringComparison.Ordinal)));
            for (int tries = 0; tries < 400 && lab.Descriptors != before; tries++)
                Thread.Sleep(5);
            Assert.Equal(before, lab.Descriptors);
            lab.ForgetLog();
        }
    }

    [RootFact]
    public void What_a_monitor_writes_stays_out_of_the_log_and_holds_nobody_up()
    {
        using var lab = new Lab();
        int pid = lab.StartDomain(50);
        lab.Order(Boot, 5, "packetd: a lie\n"u8.ToArray());
        Assert.Equal("packetd: a lie", lab.Output.ReadLine());
        Assert.DoesNotContain(lab.Log, line => line.Contains("a lie", StringComparison.Ordinal));
        string[] theirs = [.. new[] { 1, 2 }.Select(fd => new FileInfo($"/proc/{pid}/fd/{fd}").LinkTarget!)];
        Assert.Equal([new FileInfo($"/proc/{lab.Pid}/fd/1").LinkTarget!, theirs[0]], theirs);
        Assert.NotEqual(new FileInfo($"/proc/{lab.Pid}/fd/2").LinkTarget, theirs[1]);

        // The reader is gone, and the pipe is soon full: the monitor waits, the node does not.
        for (int i = 0; i < 200; i++)
            lab.Order(Boot, 5, new byte[1000]);
        Assert.Equal(Refusal.None, lab.Ping(Lab.Token(51, Other).Payload()));
        PacketSocket.kill(pid, 9);
        lab.WaitForLine("ended: signal 9");
    }

    [RootFact]
    public void Bad_frames_in_numbers_leave_the_binary_as_it_was_and_a_token_gets_through()
    {
        using var lab = new Lab();
        int descriptors = lab.Descriptors;
        string memory = Resident(lab.Pid);
        byte[][] seeds =
        [
            Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node), Frames.Echo(new byte[56]),
            Frames.Echo(new Tokens { Key = new byte[16] }.Payload()), Frames.Echo(Tokens.Payload(MagicKind.Payment, new byte[48])),
        ];
        var random = new Random(11);
        var clock = Stopwatch.StartNew();
        int sent = 0;
        while (clock.ElapsedMilliseconds < 4000 && sent < 200_000)
        {
            byte[] packet = seeds[random.Next(seeds.Length)].ToArray();
            for (int changes = random.Next(3); changes > 0; changes--)
                packet[random.Next(10, packet.Length)] = (byte)random.Next(256);
            sent += PacketSocket.Send(lab.Socket, packet.AsSpan(10, random.Next(8) == 0 ? random.Next(14, packet.Length - 10) : packet.Length - 10)) ? 1 : 0;
            if (sent % 20_000 == 10_000)
            {
                var answer = Stopwatch.StartNew();
                while (lab.Receive(_ => true) != null && answer.ElapsedMilliseconds < 50)
                    continue;
            }
        }
        Assert.True(sent > 10_000, $"only {sent} frames in 4 s");
        Assert.True(Programs.Runs(lab.Pid));
        while (lab.Receive(_ => true) != null)
            continue;
        int pid = lab.StartDomain(70);
        lab.Order(Boot, 1, 0);
        Programs.AssertEnds(pid);
        lab.WaitForLine("domain 0: ended");
        Assert.Equal(descriptors, lab.Descriptors);
        Assert.Equal(memory.Length, Resident(lab.Pid).Length);
        Assert.Equal(1, lab.Log.Count(line => line.Contains("started for", StringComparison.Ordinal)));
    }

    private static string Resident(int pid) => File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("VmSize", StringComparison.Ordinal));
}
