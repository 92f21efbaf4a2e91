using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Testing;
using Wire;
using Xunit;

namespace Launcher.Tests;

/// <summary>A test that needs Landlock's scopes (Linux 6.12).</summary>
public sealed partial class ScopesFactAttribute : FactAttribute
{
    public ScopesFactAttribute()
    {
        const nint CreateRuleset = 444, VersionWanted = 1;
        if (syscall(CreateRuleset, 0, 0, VersionWanted) < 6)
            Skip = "the kernel has no scopes of Landlock";
    }

    [LibraryImport("libc")]
    private static partial nint syscall(nint number, nint a, nint b, nint c);
}

/// <summary>What a monitor finds when it begins.</summary>
public class MonitorTests
{
    private static readonly string s_puppet = Repository.Image("puppet");
    private const string Loader = "000d1a2734414e5b6875828f9ca9b6c3d0ddeaf7";

    public static IEnumerable<object[]> Tokens()
    {
        foreach (bool arm64 in Launch.CanEmulate ? new[] { false, true } : [false])
        {
            yield return [arm64, 64u, 0u, Array.Empty<uint>(), "evilman.boot=10.0.0.254/8 evilman.gateway=0.0.0.0 evilman.lease=60 evilman.loader=" + Loader];
            yield return [arm64, 1u, 0x0A00000Au, Array.Empty<uint>(), $"evilman.boot=10.0.0.254/8 evilman.gateway=10.0.0.10 evilman.lease=60 evilman.loader={Loader}"];
            yield return [arm64, 3071u, 0xC0A80001u, new[] { 0x0A000033u }, $"evilman.boot=10.0.0.254/8 evilman.gateway=192.168.0.1 evilman.lease=60 evilman.loader={Loader} evilman.guests=10.0.0.51"];
            yield return [arm64, 100u, 0u, new[] { 1u, 0xFFFFFFFFu }, $"evilman.boot=10.0.0.254/8 evilman.gateway=0.0.0.0 evilman.lease=60 evilman.loader={Loader} evilman.guests=0.0.0.1,255.255.255.255"];
            yield return [arm64, 999u, 0u, new[] { 0x01020304u, 0x05060708u, 0x090A0B0Cu }, $"evilman.boot=10.0.0.254/8 evilman.gateway=0.0.0.0 evilman.lease=60 evilman.loader={Loader} evilman.guests=1.2.3.4,5.6.7.8,9.10.11.12"];
            // As long as it can become.
            yield return [arm64, uint.MaxValue, uint.MaxValue, new[] { uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue },
                $"evilman.boot=10.0.0.254/8 evilman.gateway=255.255.255.255 evilman.lease=60 evilman.loader={Loader} evilman.guests=255.255.255.255,255.255.255.255,255.255.255.255,255.255.255.255"];
        }
    }

    [Theory]
    [MemberData(nameof(Tokens))]
    public void Its_arguments_are_the_tokens(bool arm64, uint memory, uint gateway, uint[] guests, string append)
    {
        using Launch launch = new([s_puppet, "--image --of="], [Launch.Record(memory: memory, gateway: gateway, guests: guests)], arm64: arm64);
        string[] found = File.ReadAllText(launch.AwaitPuppet() + "cmdline").Split('\0');
        Assert.Equal([s_puppet, "--net-fd", "3", "--control-fd", "4", "--memory", $"{memory}", "--mac", "02:45:0a:00:00:fe", "--append", append, "--initrd", "/proc/self/fd/5", "--kernel", "--image --of=", ""], found);
    }

    [Fact]
    public void It_has_no_environment_no_blocked_signal_and_descriptors_0_to_5()
    {
        using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()]);
        string folder = launch.AwaitPuppet();
        Assert.Equal("", File.ReadAllText(folder + "environ"));
        Assert.Contains("SigBlk:\t0000000000000000\n", File.ReadAllText(folder + "status"), StringComparison.Ordinal);
        Assert.Equal(["0", "1", "2", "3", "4", "5"], Directory.GetFiles(folder + "fd").Select(Path.GetFileName).Order());
        // A puppet exchanges the addresses of what comes on descriptor 3.
        byte[] packet = [.. new byte[10], 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0, .. new byte[20]];
        Assert.True(Descriptors.TrySend(launch.Frames, packet));
        Assert.Equal([.. new byte[10], 4, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2, 8, 0, .. new byte[20]], Descriptors.Read(launch.Frames) ?? []);
    }

    [Fact]
    public void Its_machine_key_is_in_descriptor_5_and_nowhere_else()
    {
        foreach (bool arm64 in Launch.CanEmulate ? new[] { false, true } : [false])
            foreach (string[] through in new string[][] { [], ["bash", "-c", "exec 5</dev/null; exec \"$@\"", "bash"] }) // started by hand
            {
                using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()], through: through, arm64: arm64);
                string folder = launch.AwaitPuppet();
                byte[] module = File.ReadAllBytes(folder + "fd/5");
                Assert.Equal([.. "EVMK"u8, 1, 0, 0, 0, .. Launch.Key], module);
                Assert.True(KeyModule.TryParse(module, out ReadOnlySpan<byte> key) && key.SequenceEqual(Launch.Key));
                Assert.Equal(["0", "1", "2", "3", "4", "5"], Directory.GetFiles(folder + "fd").Select(Path.GetFileName).Order());
                Assert.Contains("memfd:machine-key", new FileInfo(folder + "fd/5").LinkTarget, StringComparison.Ordinal);
            }
    }

    [Fact]
    public void What_follows_the_token_is_the_monitors()
    {
        string script = Path.GetTempFileName();
        try
        {
            File.WriteAllText(script, "#!/bin/sh\nexec dd bs=4096 count=1 <&4 2>/dev/null\n");
            File.SetUnixFileMode(script, (UnixFileMode)0b111_101_101);
            using Launch launch = new([script, "/dev/null"], [Launch.Record(), "the next record"u8.ToArray()]);
            Assert.Equal((0, "the next record", ""), launch.End());
        }
        finally
        {
            File.Delete(script);
        }
    }

    [Theory]
    [InlineData(10u, 64u, "", 36_000, 1088)]
    [InlineData(10u, 64u, "--token-cpu 1", 10, 1088)]
    [InlineData(3u, 3071u, "--token-cpu 7 --token-cpu 1000000", 3_000_000, 4095)]
    // More than the kernel can count is as much as it can.
    [InlineData(uint.MaxValue, 1u, "--token-cpu 1000000", 1_000_000_000, 1025)]
    [InlineData(1u, uint.MaxValue, "", 3600, uint.MaxValue + 1024L)]
    public void Its_limits_are_what_the_token_pays_for(uint count, uint memory, string options, long seconds, long megabytes)
    {
        using Launch launch = new([.. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), s_puppet, "/dev/null"], [Launch.Record(count, memory)]);
        string limits = File.ReadAllText(launch.AwaitPuppet() + "limits");
        Assert.Matches($"Max cpu time +{seconds} +{seconds + 1} ", limits);
        Assert.Matches($"Max data size +{megabytes << 20} +{megabytes << 20} ", limits);
        Assert.Matches($"Max address space +{megabytes + 1024 << 20} +{megabytes + 1024 << 20} ", limits);
        Assert.Matches("Max core file size +0 +0 ", limits);
        Assert.Matches("Max open files +64 +64 ", limits);
    }

    [RootFact]
    public void Its_user_has_64_processes_where_that_is_not_root()
    {
        using Launch roots = new([s_puppet, "/dev/null"], [Launch.Record()], through: ["prlimit", "--nproc=1000:2000"]);
        Assert.Matches("Max processes +1000 +2000 ", File.ReadAllText(roots.AwaitPuppet() + "limits"));
        using Launch others = new([s_puppet, "/dev/null"], [Launch.Record()], through: ["prlimit", "--nproc=1000:2000", .. s_stranger]);
        string folder = others.AwaitPuppet();
        Assert.Matches("Max processes +64 +64 ", File.ReadAllText(folder + "limits"));
        Assert.Contains($"Uid:\t{s_stranger[1].Split('=')[1]}\t", File.ReadAllText(folder + "status"), StringComparison.Ordinal);
    }

    [RootFact]
    public void Limits_that_are_lower_already_are_not_raised_and_nothing_runs()
    {
        foreach ((string limit, string name) in new[] { ("nofile", "descriptors"), ("data", "memory"), ("cpu", "CPU time"), ("nproc", "processes"), ("as", "address space") })
        {
            using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()], through: ["prlimit", $"--{limit}={(limit is "data" or "as" ? 1 << 30 : 40)}", .. s_stranger]);
            Assert.Equal((4, "", $"launcher: cannot set the limit of {name}: error 1.\n"), launch.End());
        }
    }

    [Fact]
    public void It_is_refused_what_would_reach_past_its_machine()
    {
        const int Mmap = 9, Mprotect = 10, Socket = 41, SocketPair = 53, SendMsg = 46, SendMmsg = 307, GetPid = 39, SetPgid = 109, SetSid = 112, IoUringSetup = 425, X32 = 0x40000000, Stream = 1, NotPermitted = -1;
        using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()]);
        string status = File.ReadAllText(launch.AwaitPuppet() + "status");
        Assert.Contains("Seccomp:\t2\n", status, StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:\t1\n", status, StringComparison.Ordinal);
        foreach (int family in new[] { 0, 2, 10, 16, 17, 38, 40, 44 }) // of which are IPv4, IPv6, netlink, packet, vsock
            Assert.Equal([NotPermitted, NotPermitted], [Ask(Socket, family, Stream), Ask(SocketPair, family, Stream)]);
        Assert.Equal(NotPermitted, Ask(Socket, unchecked((long)0xFFFFFFFF00000002), Stream));
        Assert.Equal(NotPermitted, Ask(Socket | X32, 1, Stream));
        Assert.Equal([NotPermitted, NotPermitted, NotPermitted], [Ask(SetSid), Ask(SetPgid), Ask(SetPgid, 0, 0)]);
        Assert.Equal([NotPermitted, NotPermitted], [Ask(IoUringSetup), Ask(IoUringSetup, 1, 1)]);
        Assert.Equal([NotPermitted, NotPermitted], [Ask(SendMsg, 4, 0), Ask(SendMmsg, 4, 0)]);
        Assert.Equal(NotPermitted, Ask(GetPid | X32));
        // Memory that its limit does not count: shared, growing downwards, without an owner.
        foreach (int flags in new[] { 0x21, 0x23, 0x122, 0x101, 0x161, 0x41, 0x63, 0x4061, 0x8061 })
            Assert.Equal(NotPermitted, Ask(Mmap, 0, 4096, 3, flags));
        Assert.True(Ask(Mmap, 0, 4096, 3, 0x22) > 0);
        foreach (int call in new[] { 29, 64, 68, 240, 319, 447 }) // shmget, semget, msgget, mq_open, memfd_create, memfd_secret
            Assert.Equal(NotPermitted, Ask(call, 0, 4096, 0x3ff));
        // Modes and owners of files, by every call that changes one: chmod, fchmod, chown, fchown, lchown, fchownat, fchmodat, fchmodat2.
        foreach (int call in new[] { 90, 91, 92, 93, 94, 260, 268, 452 })
            Assert.Equal(NotPermitted, Ask(call, -1, -1, -1));
        // What was written and cannot be any more is not counted as memory, and ends at the limit of the address space.
        int pieces = 0;
        while (Ask(Mmap, 0, 64 << 20, 3, 0x4022) is > 0 and long at && Ask(Mprotect, at, 64 << 20, 1) == 0)
            pieces++;
        Assert.InRange(pieces, 1, (64 + 1024 + 1024) / 64);
        // What the host has in common: huge pages, contexts for asynchronous I/O, and others' System V queues and semaphores (msgsnd, msgrcv, semop, semtimedop).
        Assert.Equal(NotPermitted, Ask(Mmap, 0, 2 << 20, 3, 0x40022));
        foreach (int call in new[] { 206, 69, 70, 65, 220 })
            Assert.Equal(NotPermitted, Ask(call, 0, 0, 0, 0));
        long socket = Ask(Socket, 1, Stream);
        Assert.True(socket > 4);
        Assert.Equal(NotPermitted, Ask(50, socket, 4096)); // listen: what connections that nobody accepts have brought is kept
        Assert.Equal(-14, Ask(SocketPair, 1, Stream)); // EFAULT: it got as far as its result
        Assert.True(Ask(GetPid) > 1);

        long Ask(params long[] call) => MonitorTests.Ask(launch, call);
    }

    /// <summary>What the kernel keeps for others' calls, and past their end: pages in a pipe, keys, programs, segments that are there already.</summary>
    [Fact]
    public void The_kernel_keeps_nothing_for_it_that_its_limits_do_not_count()
    {
        const int Fcntl = 72, Ftruncate = 77, Prctl = 157, Fallocate = 285, GetSeals = 1034, SetMemory = 35, MapSize = 15, SetName = 15, MachineKey = 5, NotPermitted = -1, BadAddress = -14,
            Filter = 317, SetModeFilter = 1, Synchronise = 1, NewListener = 8;
        using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()]);
        launch.AwaitPuppet();
        foreach (int call in new[] { 278, 30, 248, 321, 467, 249, 250 }) // vmsplice, shmat, add_key, bpf, open_tree_attr, request_key, keyctl
            Assert.Equal(NotPermitted, Ask(launch, call, -1, 0, 0, 0));
        // A listener keeps the filters of a thread that has ended.
        Assert.Equal([NotPermitted, BadAddress], [Ask(launch, Filter, SetModeFilter, NewListener, 0), Ask(launch, Filter, SetModeFilter, Synchronise, 0)]);
        // Where its heap lies, by which brk(2) unmaps what munmap(2) may not.
        Assert.Equal([NotPermitted, NotPermitted], [Ask(launch, Prctl, SetMemory, MapSize), Ask(launch, Prctl, 1L << 32 | SetMemory, MapSize)]);
        Assert.Equal(BadAddress, Ask(launch, Prctl, SetName, 1));
        // The file with its key is memory, too.
        Assert.Equal([NotPermitted, NotPermitted, NotPermitted], [Ask(launch, Ftruncate, MachineKey, 1 << 30), Ask(launch, Ftruncate, MachineKey, 0), Ask(launch, Fallocate, MachineKey, 0, 0, 1 << 30)]);
        Assert.Equal(15, Ask(launch, Fcntl, MachineKey, GetSeals) & 15);
    }

    /// <summary>Such memory lives as long as it is mapped, and counts as address space once for each address.</summary>
    [Fact]
    public void It_may_write_code_at_one_address_and_execute_it_at_another_within_its_limits()
    {
        const int Mmap = 9, Mprotect = 10, Mremap = 25, Piece = 64 << 20, SharedAnonymous32 = 0x61, MayMove = 1, NoMemory = -12;
        using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()]);
        launch.AwaitPuppet();
        long executable = Ask(launch, Mmap, 0, Piece, 3, SharedAnonymous32);
        Assert.InRange(executable, 1, int.MaxValue);
        int pieces = 0;
        long answer;
        while ((answer = Ask(launch, Mremap, executable, 0, Piece, MayMove)) > 0)
            pieces++;
        Assert.Equal(NoMemory, answer);
        Assert.InRange(pieces, 1, (64 + 1024 + 1024) / 64);
        Assert.Equal(0, Ask(launch, Mprotect, executable, Piece, 5));
    }

    /// <summary>Of shared memory a page that is left holds all, and the limits count what is mapped: so its first address stays whole.</summary>
    [Fact]
    public void What_is_shared_stays_mapped_as_a_whole()
    {
        const int Mmap = 9, Munmap = 11, Mremap = 25, Madvise = 28, ProcessMadvise = 440, Page = 4096, Piece = 1 << 20, Shared32 = 0x61, Private = 0x22,
            Fixed = 0x10, MayMove = 1, MovesTo = 2, DontNeed = 4, DontFork = 10, NotPermitted = -1;
        const long Tag = 1L << 57;
        using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()]);
        launch.AwaitPuppet();
        long low = Ask(launch, Mmap, 0, Piece, 3, Shared32), high = Ask(launch, Mremap, low, 0, Piece, MayMove), other = Ask(launch, Mmap, 0, Piece, 3, Private);
        Assert.InRange(low, 1, int.MaxValue);
        Assert.True(high > int.MaxValue && other > int.MaxValue);
        long[][] refused =
        [
            [Munmap, low, Piece], [Munmap, low, Page], [Munmap, low + Page, Piece - Page], [Munmap, Tag | low, Piece], [Munmap, int.MaxValue & -Page, Piece],
            [Mremap, low, Piece, Page, 0], [Mremap, low, Page, Page, MayMove], [Mremap, low, 1L << 32, Page, MayMove], [Mremap, Tag | low, Page, Page, MayMove],
            [Mremap, other, Page, Page, MayMove | MovesTo], // to address 0, which is below 2 GiB
            [Mmap, low, Page, 3, Private | Fixed], [Mmap, low + Page, Piece, 0, Private | Fixed],
            [Madvise, low, Page, DontFork], [Madvise, Tag | low, Page, DontFork], [ProcessMadvise, 0, 0, 0, DontFork],
        ];
        Assert.All(refused, call => Assert.Equal(NotPermitted, Ask(launch, call)));
        long[][] permitted =
        [
            [Madvise, low, Page, DontNeed], [Madvise, other, Page, DontFork], [Munmap, high, Page], [Munmap, high + Page, Piece - Page],
            [Munmap, other + Page, Page],
        ];
        Assert.All(permitted, call => Assert.Equal(0, Ask(launch, call)));
        Assert.Equal(other, Ask(launch, Mmap, other, Page, 3, Private | Fixed));
        Assert.True(Ask(launch, Mremap, other, Page, 2 * Page, MayMove) > int.MaxValue);
    }

    /// <summary>
    /// In a namespace of his own any user may mount a file system in memory, of which no limit of a process counts anything; one that he answers
    /// for himself, and then cannot be killed; and a namespace of the network on a file, which then stays without a descriptor.
    /// </summary>
    [Fact]
    public void Nothing_is_mounted_but_an_empty_root()
    {
        const int Mount = 165, FsOpen = 430, FsPick = 433, MountSetAttr = 442, OpenTree = 428, MoveMount = 429, ReadOnly = 1, NoSetUser = 2, Remount = 32, Bind = 4096,
            Recursive = 1 << 14, Private = 1 << 18, EmptyRoot = 15, NotPermitted = -1, BadAddress = -14;
        using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()]);
        launch.AwaitPuppet();
        foreach (int flags in new[] { 0, NoSetUser, Remount, Remount | Bind, Bind, Private, Recursive, Private | Recursive | Bind, ReadOnly, ReadOnly | Bind, EmptyRoot | Bind, EmptyRoot | Remount })
            Assert.Equal(NotPermitted, Ask(launch, Mount, 0, 0, 0, flags));
        foreach (long options in new[] { 1, 1L << 32 })
            Assert.Equal(NotPermitted, Ask(launch, Mount, 0, 0, 0, EmptyRoot, options));
        foreach (int flags in new[] { EmptyRoot, Private | Recursive })
            Assert.Equal(BadAddress, Ask(launch, Mount, 0, 0, 0, flags)); // it got to the kernel
        Assert.Equal([NotPermitted, NotPermitted, NotPermitted], [Ask(launch, FsOpen), Ask(launch, FsPick), Ask(launch, MountSetAttr)]);
        Assert.Equal([NotPermitted, NotPermitted], [Ask(launch, OpenTree, -1, 0, 0), Ask(launch, MoveMount, -1, 0, -1, 0)]);
    }

    /// <summary>packetd waits for each of its children, one by one, so a monitor gives it none.</summary>
    [Fact]
    public void Its_children_are_its_own()
    {
        const int Clone = 56, Clone3 = 435, NotPermitted = -1, NoSuchCall = -38;
        const long ChildSignal = 17, Parent = 0x8000;
        using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()]);
        launch.AwaitPuppet();
        Assert.Equal([NotPermitted, NoSuchCall], [Ask(launch, Clone, Parent | ChildSignal), Ask(launch, Clone3, 0, 88)]);
        Assert.True(Ask(launch, Clone, ChildSignal) >= 0);
    }

    /// <summary>A name that begins with zero is in no folder: whoever is in the same network namespace reaches it, before a monitor has locked itself in too.</summary>
    [ScopesFact]
    public void It_reaches_no_socket_with_an_abstract_name()
    {
        const int Read = 0, Mmap = 9, GetPid = 39, Socket = 41, Connect = 42, Kill = 62, Page = 4096, Stream = 1, NotPermitted = -1;
        string name = $"\0launcher-tests-{Environment.ProcessId}";
        using System.Net.Sockets.Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(name));
        listener.Listen();
        using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record()]);
        launch.AwaitPuppet();
        long room = Ask(launch, Mmap, 0, Page, 3, 0x22), socket = Ask(launch, Socket, 1, Stream);
        byte[] address = [1, 0, .. Encoding.ASCII.GetBytes(name)]; // struct sockaddr_un
        Order(launch, Read, 3, room, Page);
        Assert.True(Descriptors.TrySend(launch.Frames, address));
        Assert.Equal(address.Length, Answer(launch));
        Assert.Equal(NotPermitted, Ask(launch, Connect, socket, room, address.Length));
        // Nor does it reach a process outside, its parent's user or not; itself it does.
        Assert.Equal(NotPermitted, Ask(launch, Kill, Environment.ProcessId, 0));
        Assert.Equal(0, Ask(launch, Kill, Ask(launch, GetPid), 0));
    }

    /// <summary>The shipped monitor and firmware: it executes what it has translated, which nothing can write where it is executed.</summary>
    [Fact]
    public void A_machine_is_translated()
    {
        using Launch launch = new([Repository.Program("domain"), Repository.Image("cstrap")], [Launch.Record()]);
        string folder = launch.AwaitPuppet();
        Assert.NotNull(Descriptors.Read(launch.Frames, 10_000));
        string[] mappings = [.. File.ReadLines(folder + "maps").Select(line => line.Split(' ')[1])];
        Assert.Single(mappings, "r-xs");
        Assert.Single(mappings, "rw-s");
        Assert.DoesNotContain(mappings, mapping => mapping.Contains('w') && mapping.Contains('x'));
    }

    /// <summary>What has a price the node meters: by the clock of one process, so there is no other.</summary>
    [Fact]
    public void A_machine_whose_cpu_time_has_a_price_has_one_process_and_no_limit_of_its_time()
    {
        const int Clone = 56, Fork = 57, VFork = 58, Clone3 = 435, GetPid = 39, NoSuchCall = -38, NotPermitted = -1, ThreadInvalid = -22;
        const long ChildSignal = 17, SharedMemory = 0x100, VForked = 0x4000, Thread = 0x10000;
        using Launch launch = new([s_puppet, "/dev/null"], [Launch.Record(priced: Resource.Cpu)]);
        Assert.Matches("Max cpu time +1000000000 +1000000001 ", File.ReadAllText(launch.AwaitPuppet() + "limits"));
        Assert.Equal([NotPermitted, NotPermitted, NoSuchCall], [Ask(launch, Fork), Ask(launch, VFork), Ask(launch, Clone3, 0, 88)]);
        foreach (long flags in new[] { ChildSignal, SharedMemory | ChildSignal, SharedMemory | VForked | ChildSignal, 0 })
            Assert.Equal(NotPermitted, Ask(launch, Clone, flags));
        Assert.Equal(ThreadInvalid, Ask(launch, Clone, Thread)); // EINVAL: it got to the kernel, which wants memory and signals shared, too
        Assert.True(Ask(launch, GetPid) > 1);

        // Where nothing but existence has a price, processes are as free as ever.
        using Launch other = new([s_puppet, "/dev/null"], [Launch.Record(priced: Resource.Existence)]);
        Assert.Matches("Max cpu time +1000000000 +1000000001 ", File.ReadAllText(other.AwaitPuppet() + "limits"));
        Assert.True(Ask(other, Fork) >= 0);
    }

    private static long Ask(Launch launch, params long[] call)
    {
        Order(launch, call);
        return Answer(launch);
    }

    private static void Order(Launch launch, params long[] call)
    {
        byte[] order = [.. new byte[10], .. new byte[12], 0x88, 0xB5, 12, .. call.Concat(new long[6]).Take(6).SelectMany(BitConverter.GetBytes)];
        Assert.True(Descriptors.TrySend(launch.Frames, order));
    }

    private static long Answer(Launch launch)
    {
        byte[]? record = Descriptors.Read(launch.Control, 10_000);
        Assert.True(record is { Length: 16 } && BitConverter.ToInt64(record) == 12, "the puppet does not answer");
        return BitConverter.ToInt64(record, 8);
    }

    /// <summary>A user that no test has processes of.</summary>
    private static readonly string[] s_stranger = ["setpriv", $"--reuid={1_200_000 + Environment.ProcessId % 100_000}", "--clear-groups"];
}
