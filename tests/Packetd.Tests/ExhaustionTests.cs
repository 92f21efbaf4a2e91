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

/// <summary>A node on a host that has nothing left: no disk, no processes, no descriptors. What runs goes on, what cannot start is refused and may be tried again.</summary>
public class ExhaustionTests
{
    private const uint Boot = 0x0A000032, Other = 0x0A000033, Third = 0x0A000034;

    private static int s_labs;

    /// <summary>A hundred users that no other test has processes of.</summary>
    private static int NextUsers() => 1_000_000 + Environment.ProcessId % 100_000 * 1000 + Interlocked.Increment(ref s_labs) * 100;

    [RootFact]
    public void On_a_full_disk_only_lines_are_lost()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("packetd-tests-");
        try
        {
            using var lab = new Lab();
            PacketSocket.kill(lab.Pid, 9);
            lab.WaitForEnd();
            // Two pages: behind what a node says first the log has 96 bytes left in one, what machines write 96 in the other. "ip netns exec" has
            // mounts of its own.
            const string First = "packetd: CPU shares are 100 to 100 percent: tokens for others are refused";
            string fill = $"cd {folder.FullName} && mount -t tmpfs -o size=8k none . && cd {folder.FullName} "
                + $"&& printf '%{4000 - First.Length - 1}s' >log && printf '%4000s' >out";
            lab.Start(["bash", "-c", $"{fill} && exec \"$0\" \"$@\" >>out 2>>log"], logged: false);
            string inside = $"/proc/{lab.Pid}/root{folder.FullName}/";
            for (int i = 0; i < 1000 && !Log().Contains("ready as", StringComparison.Ordinal); i++)
                Thread.Sleep(5);

            byte[][] tokens = [.. new[] { Boot, Other, Third }.Select((boot, i) => Lab.Token(500 + i, boot).Payload())];
            Assert.All(tokens, token => Assert.Equal(Refusal.None, lab.Ping(token)));
            Assert.All(tokens, token => Assert.Equal(Refusal.Replayed, lab.Ping(token)));
            for (int i = 0; i < 20; i++)
                lab.Order(Boot, 5, new byte[1000]);
            Assert.Equal([20, 20, 20], [lab.RoundTrips(Boot, 20), lab.RoundTrips(Other, 20), lab.RoundTrips(Third, 20)]);
            // Of the three lines about machines and three about replays the first fits, and nothing of the 20 kB but 96 bytes.
            Assert.Equal((4096, 4096), (new FileInfo(inside + "log").Length, new FileInfo(inside + "out").Length));
            string[] whole = Log().Trim().Split('\n');
            Assert.Equal(["packetd: ready as 10.0.0.2", First], whole[..2]);
            Assert.Contains("domain 0: started for 10.0.0.50,", whole[2], StringComparison.Ordinal);
            Assert.InRange(whole.Length, 3, 4);

            // Room again: the next line is said, and nothing was miscounted meanwhile.
            using (FileStream output = File.OpenWrite(inside + "out"))
                output.SetLength(0);
            lab.Order(Other, 1, 0);
            for (int i = 0; i < 1000 && !Log().Contains("ended", StringComparison.Ordinal); i++)
                Thread.Sleep(5);
            Assert.Contains("domain 1: ended: exit code 0; frames sent 20, received 21, dropped 0, forged 0\n", Log(), StringComparison.Ordinal);

            string Log() => File.Exists(inside + "log") ? File.ReadAllText(inside + "log") : "";
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [RootFact]
    public void Without_processes_a_token_is_refused_and_stays_good()
    {
        int users = NextUsers();
        using var lab = new Lab("--uid-base", $"{users}");
        PacketSocket.kill(lab.Pid, 9);
        lab.WaitForEnd();
        // The limit is on a user, and not on root.
        const string Needed = "+net_raw,+net_admin,+setuid,+setgid,+kill";
        string[] user = ["--reuid", $"{users + 99}", "--regid", $"{users + 99}", "--clear-groups"];
        lab.Start(["setpriv", .. user, "--inh-caps", Needed, "--ambient-caps", Needed]);
        lab.StartDomain(510, Other);
        int descriptors = lab.Descriptors;
        byte[] token = Lab.Token(511).Payload();
        Programs.Run("setpriv", [.. user, "prlimit", "--pid", $"{lab.Pid}", "--nproc=1:100"]);
        for (int i = 0; i < 5; i++)
            Assert.Equal(Refusal.StartFailed, lab.Ping(token));
        Assert.Equal(descriptors, lab.Descriptors);
        Assert.Equal(10, lab.RoundTrips(Other, 10));
        Programs.Run("setpriv", [.. user, "prlimit", "--pid", $"{lab.Pid}", "--nproc=100:100"]);
        Assert.Equal((Refusal.None, Refusal.Replayed), (lab.Ping(token), lab.Ping(token)));
        lab.Order(Other, 1, 0);
        Assert.Equal(new Counters(10, 11, 0, 0), lab.Ended(0, "exit code 0"));
        Assert.Equal(2, lab.Log.Count(line => line.Contains("started for", StringComparison.Ordinal)));
    }

    [RootFact]
    public void Where_a_machines_user_has_too_many_processes_it_makes_no_other_and_its_neighbour_does()
    {
        int users = NextUsers();
        using var lab = new Lab("--uid-base", $"{users}");
        lab.StartDomain(520, Boot);
        Assert.Equal(5, lab.RoundTrips(Boot, 5));
        // As many as a machine's user may have, without the machine.
        const string Readers = "exec 3<&0; for i in $(seq 66); do cat <&3 & done; echo; wait";
        using var readers = Process.Start(new ProcessStartInfo("setpriv", ["--reuid", $"{users}", "--clear-groups", "bash", "-c", Readers])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        })!;
        readers.StandardOutput.ReadLine();
        lab.StartDomain(521, Other);
        Assert.Equal(5, lab.RoundTrips(Other, 5));
        lab.Order(Boot, 11);
        Assert.Equal(new Counters(5, 6, 0, 0), lab.Ended(0, "exit code 11")); // EAGAIN
        lab.Order(Other, 11);
        Assert.Equal(new Counters(5, 6, 0, 0), lab.Ended(1, "exit code 0"));
        readers.StandardInput.Close();
        readers.WaitForExit();
        lab.ForgetLog();
        lab.StartDomain(522, Boot);
        lab.Order(Boot, 11);
        Assert.Equal(new Counters(0, 1, 0, 0), lab.Ended(0, "exit code 0"));
    }

    /// <summary>Two nodes whose ranges of users overlap: whose machine is there first has the user.</summary>
    [RootFact]
    public void A_machine_whose_user_has_a_process_already_does_not_run()
    {
        int users = NextUsers();
        using var lab = new Lab("--uid-base", $"{users}");
        using var other = new Lab("--uid-base", $"{users - 1}");
        lab.StartDomain(530, Boot);
        Assert.Equal(5, lab.RoundTrips(Boot, 5));
        other.StartDomain(531, Other); // as user users - 1
        Assert.Equal(5, other.RoundTrips(Other, 5));
        other.StartDomain(532, Boot);
        other.WaitForLine("domain 1: ended: exit code 4", seconds: 20);
        Assert.Equal((5, 5), (lab.RoundTrips(Boot, 5), other.RoundTrips(Other, 5)));
        // And when that is gone it does.
        lab.Order(Boot, 1, 0);
        lab.WaitForLine("domain 0: ended: exit code 0");
        other.ForgetLog();
        other.StartDomain(533, Boot);
        Assert.Equal(5, other.RoundTrips(Boot, 5));
    }
}
