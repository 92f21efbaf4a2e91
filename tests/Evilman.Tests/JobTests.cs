using System;
using System.IO;
using System.IO.Pipes;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Tasks;
using Evilman.Commands;
using Evilman.Net;
using Evilman.Run;
using Wire;
using Xunit;

namespace Evilman.Tests;

/// <summary>Programs that run on nodes, as they are remembered, asked and shown.</summary>
public sealed class JobTests : IDisposable
{
    static readonly byte[] s_key = new byte[MachineKey.Size];

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-jobs-");

    public void Dispose() => folder.Delete(recursive: true);

    static RunningJob Job(string guest, string boot) => new("server", new JobMachine("n1", "10.0.0.1", boot, new string('a', 40), null), guest,
        new string('b', 40), 64, 1_000_000);

    [Fact]
    public void Who_waits_for_a_port_is_told_so_after_three_seconds_and_every_ten()
    {
        var wait = new PortWait(8080, 30);
        Assert.Equal([null, null, "3 s", null, "13 s", null],
            new[] { 0, 2.9, 3.1, 12, 13.5, 22 }.Select(seconds => wait.Remark(seconds)?.Split(" after ")[1].Split(';')[0]));
        Assert.Equal("nothing listens on port 8080 after 23 s; waiting for it, 30 s at most (--timeout)", wait.Remark(47));
        Assert.Null(wait.Remark(52));
        Assert.NotNull(wait.Remark(53));
    }

    [Theory]
    [InlineData(false, false, ExitCode.Failed)]
    [InlineData(true, false, ExitCode.Interrupted)]
    [InlineData(false, true, ExitCode.NoAnswer)]
    public void A_move_that_is_late_is_not_said_to_be_cancelled(bool isCancelled, bool isLate, int code) => Assert.Equal(code, JobMove.Outcome(isCancelled, isLate));

    [Fact]
    public void What_nobody_reads_any_more_is_not_written()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        var fd = (int)pipe.SafePipeHandle.DangerousGetHandle();
        Native.WriteOut("read"u8, fd);
        pipe.DisposeLocalCopyOfClientHandle();
        Assert.Throws<IOException>(() => Native.WriteOut("lost"u8, fd));
    }

    [Fact]
    public void A_job_is_remembered_as_it_is_and_readable_by_its_owner_alone()
    {
        var store = new JobStore(folder.FullName);
        Assert.Empty(store.Names);
        var job = Job("10.0.0.50", "10.0.0.100") with
        {
            Ports = [80, 443], IsUp = true, Moves = 3, Next = new JobMachine("n2", "10.0.0.2", "10.0.0.120", new string('c', 40), new string('d', 40)),
        };
        using (store.Lock())
            store.Save("server", job);
        store.Save("other", Job("10.0.0.51", "10.0.0.101"));
        var path = Path.Combine(folder.FullName, "jobs", "server.json");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(["other", "server"], store.Names);
        var read = store.Find("server")!;
        Assert.Equal(job.Ports, read.Ports);
        Assert.Equal(job with { Ports = read.Ports }, read);
        Assert.Equal(["10.0.0.100", "10.0.0.101", "10.0.0.120", "10.0.0.50", "10.0.0.51"], store.Addresses().Order(StringComparer.Ordinal));
        store.Remove("server");
        Assert.Null(store.Find("server"));
        File.WriteAllText(path, "{\"program\":1}");
        Assert.Contains("not what evilman wrote", Assert.Throws<Failure>(() => store.Find("server")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_guest_tells_where_it_is_what_it_uses_and_how_its_job_ended()
    {
        var state = GuestState.Read("""
            code: 7
            eth0      Link encap:Ethernet  HWaddr 02:45:0A:4D:00:64
                      inet addr:10.77.0.51  Bcast:10.77.0.255  Mask:255.255.255.0
            lo        Link encap:Local Loopback
            MemTotal:          61440 kB
            MemFree:           50232 kB
            163.44 163.16
            cpu  15 2 11 16318 0 0 0 0 0 0
            """);
        Assert.Equal(new GuestState(7, IPAddress.Parse("10.77.0.100"), 11208, 61440, 28), state);
        Assert.Equal(new GuestState(null, null, 0, 0, 0), GuestState.Read("code:\neth0 HWaddr 52:54:0A:4D:00:64\n"));
    }

    /// <summary>As by its address, or by itself: what is remembered of its machine is the past.</summary>
    [Theory]
    [InlineData("10.0.0.100", null, "running", false)]
    [InlineData("10.0.0.126", null, "elsewhere", true)]
    [InlineData(null, null, "running", false)]
    [InlineData("10.0.0.126", 3, "ended", true)]
    public void A_guest_that_was_moved_by_other_means_is_told_to_be_elsewhere(string? boot, int? code, string state, bool isElsewhere)
    {
        var job = Job("10.0.0.50", "10.0.0.100") with { IsUp = true };
        var guest = new GuestState(code, boot is null ? null : IPAddress.Parse(boot), 0, 0, 0);
        Assert.Equal((state, isElsewhere), (JobView.StateOf(job, guest, null), job.IsElsewhere(guest)));
        Assert.Equal("gone", JobView.StateOf(job, null, AccountState.Ended));
        Assert.False(job.IsElsewhere(null));

        // A move that is under way may be over.
        var moving = job with { Next = new JobMachine("n2", "10.0.0.2", "10.0.0.126", new string('c', 40)) };
        Assert.Equal(("moving", false), (JobView.StateOf(moving, guest, null), moving.IsElsewhere(guest)));
    }

    [Fact]
    public void The_node_of_a_machine_that_is_not_remembered_is_the_one_with_such_addresses()
    {
        Buying.KnownNode[] nodes = [Node("n1", "10.0.0.100-10.0.0.119/24"), Node("n2", "10.0.0.120-10.0.0.139/24"), Node("n3", "10.0.0.130-10.0.0.149/24"), Node("n4", "")];
        Assert.Equal(["n2", "?", "?"], new[] { "10.0.0.126", "10.0.0.133", "10.0.0.99" }.Select(boot => JobView.PlaceOf(nodes, IPAddress.Parse(boot)).Name));

        static Buying.KnownNode Node(string name, string boot) =>
            new(name, IPAddress.Loopback, "key") { Boot = AddressRange.TryParse(boot, out var range) ? range : null };
    }

    [Fact]
    public void Tables_fit_eighty_columns_whatever_is_in_them()
    {
        var longest = new string('x', 64);
        JobLine[] lines =
        [
            new(longest, longest, longest, "10.0.0.1", "255.255.255.255", "ended", 0, 99999, [], 3071, 255, 12345678.9, 3 << 20, "abcdef"),
            new("a", "b", "c", "10.0.0.1", "10.0.0.50", "unreachable", 0, 0, [], 64),
        ];
        foreach (var table in (string[])[JobTable.Of(lines, 1_000_000_000), JobTable.Top(lines, [])])
        {
            Assert.Equal(3, table.Split('\n').Length);
            Assert.All(table.Split('\n'), line => Assert.InRange(line.Length, 1, 80));
        }
        Assert.Contains("ended (255)", JobTable.Of(lines, 0), StringComparison.Ordinal);
        Assert.Equal(["0s", "119s", "2m", "119m", "2h", "2d"], new long[] { -5, 119, 120, 7199, 7200, 172_800 }.Select(Evilman.Text.Quantity.Age));
    }

    /// <summary>promtool's rules: a HELP and a TYPE before the samples of each name, a number in each.</summary>
    [Fact]
    public void A_nodes_machines_are_told_for_people_and_for_prometheus()
    {
        NodeMachine[] machines =
        [
            new("10.0.0.1", "10.0.0.100", ["10.0.0.50"], 7, 64, 2048, 1.5, 1_000_000), new("10.0.0.1", "255.255.255.255", [], 8, 3071, 99_999_999, 9_999_999.5, 0),
        ];
        Assert.All(OperatorCommands.Table(machines, []).Split('\n'), line => Assert.InRange(line.Length, 1, 80));
        var lines = NodeMachines.Metrics(machines).TrimEnd('\n').Split('\n');
        Assert.Contains("evilman_machine_cpu_seconds_total{node=\"10.0.0.1\",machine=\"10.0.0.100\"} 1.5", lines);
        Assert.Contains("evilman_machine_resident_bytes{node=\"10.0.0.1\",machine=\"10.0.0.100\"} 2097152", lines);
        Assert.Contains("evilman_machines{node=\"10.0.0.1\"} 2", lines);
        foreach (var sample in lines.Where(line => line[0] != '#'))
        {
            var name = sample[..sample.IndexOf('{', StringComparison.Ordinal)];
            Assert.Single(lines, line => line.StartsWith($"# HELP {name} ", StringComparison.Ordinal));
            Assert.Single(lines, line => line.StartsWith($"# TYPE {name} ", StringComparison.Ordinal));
            Assert.True(double.TryParse(sample[(sample.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture, out _));
        }
    }

    [Fact]
    public void Processor_time_is_told_for_the_time_between_two_looks()
    {
        // An hour apart, so that the time between the two lines below is nothing.
        var line = new JobLine("a", "b", "c", "10.0.0.1", "10.0.0.50", "running", 0, 0, [], 64, CpuSeconds: 361);
        System.Collections.Generic.Dictionary<string, (double, long)> before = new() { ["/a"] = (1, Environment.TickCount64 - 3_600_000) };
        Assert.Contains(" 10.0 ", JobTable.Top([line], before), StringComparison.Ordinal);
    }

    [Fact]
    public void A_move_is_as_far_as_what_has_arrived_of_what_is_used()
    {
        var progress = new MoveProgress(1000);
        Assert.True(progress.Take(10, TimeSpan.FromSeconds(1)));
        Assert.Equal((1, null), (progress.Percent, progress.LeftSeconds));
        Assert.True(progress.Take(250, TimeSpan.FromSeconds(1)));
        Assert.Equal((25, 3.0), (progress.Percent, progress.LeftSeconds));
        Assert.False(progress.Take(240, TimeSpan.FromSeconds(2)));
        Assert.True(progress.Take(5000, TimeSpan.FromSeconds(2)));
        Assert.Equal(99, progress.Percent);
    }

    [Fact]
    public void Output_is_put_together_to_lines_wherever_it_is_cut()
    {
        var bytes = Encoding.UTF8.GetBytes("eins\nzwei ü\r\n\nrest");
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            var lines = new System.Collections.Generic.List<string>();
            var reader = new LineReader();
            reader.Take(bytes.AsSpan(0, cut), lines.Add);
            reader.Take(bytes.AsSpan(cut), lines.Add);
            reader.End(lines.Add);
            Assert.Equal(["eins", "zwei ü", "", "rest"], lines);
        }
    }

    [Theory]
    [InlineData("1000", 1000, 100)]
    [InlineData("www", 33, 34)]
    [InlineData("www:staff", 33, 50)]
    [InlineData("7:8", 7, 8)]
    [InlineData("9", 9, 9)]
    public void Users_are_found_as_the_guests_files_name_them(string text, uint user, uint group) => Assert.Equal((user, group), UserName.Find(Accounts(), text));

    [Theory]
    [InlineData("nobody", "no user «nobody»")]
    [InlineData("www:nobody", "no group «nobody»")]
    [InlineData("a:b:c", "is not USER")]
    [InlineData("", "is not USER")]
    public void Users_that_are_not_there_are_refused(string text, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<Failure>(() => UserName.Find(Accounts(), text)).Message, StringComparison.Ordinal);

    static GuestFiles Accounts()
    {
        var files = new GuestFiles();
        files.AddFile("etc/passwd", "root:x:0:0::/:/bin/sh\nwww:x:33:34::/:\njoe:x:1000:100::/:\n"u8.ToArray(), 0x1A4);
        files.AddFile("etc/group", "root:x:0:\nstaff:x:50:joe\n"u8.ToArray(), 0x1A4);
        return files;
    }

    /// <summary>A program's words, input, output and end cross the channel as they are.</summary>
    [Fact]
    public async Task A_program_of_the_guest_is_given_its_words_and_input_and_its_output_and_end_come_back()
    {
        var big = new byte[100_000];
        new Random(1).NextBytes(big);
        using var pair = new Pair(guest =>
        {
            Assert.Equal("cat\0-u\0ü\0", Encoding.UTF8.GetString(guest.Words()));
            guest.Send(ExecFrameKind.Error, "read"u8);
            while (guest.Hear() is { Kind: ExecFrameKind.Input, Data: { Length: > 0 } data })
                guest.Send(ExecFrameKind.Output, data);
            guest.Send(ExecFrameKind.Ended, [1, 9]);
        });
        using var exec = GuestExec.Start(pair.Client, s_key, ["cat", "-u", "ü"], TimeSpan.FromSeconds(5));
        MemoryStream output = new(), error = new();
        Assert.Equal(137, exec.Run(new MemoryStream(big), data => output.Write(data), data => error.Write(data)));
        Assert.True(output.ToArray().AsSpan().SequenceEqual(big));
        Assert.Equal("read", Encoding.UTF8.GetString(error.ToArray()));
        await pair.Guest;
    }

    [Fact]
    public async Task A_connection_that_breaks_is_no_end_of_the_program()
    {
        using var pair = new Pair(guest =>
        {
            guest.Words();
            guest.Send(ExecFrameKind.Output, "half"u8);
        });
        using var exec = GuestExec.Start(pair.Client, s_key, ["true"], TimeSpan.FromSeconds(5));
        Assert.Equal(ExitCode.NoAnswer, Assert.Throws<Failure>(() => exec.Run(null, _ => { }, _ => { })).ExitCode);
        await pair.Guest;
    }

    /// <summary>To nodes that have the address to give, the emptiest first.</summary>
    [Fact]
    public void A_node_is_drained_to_those_that_can_take_its_guests()
    {
        var store = new JobStore(folder.FullName);
        using (store.Lock())
            store.Save("one", Job("10.0.0.51", "10.0.0.101") with { Machine = new JobMachine("n2", "10.0.0.2", "10.0.0.121", new string('a', 40)) });
        Buying.KnownNode[] nodes =
        [
            Node("n1", "10.0.0.50-10.0.0.59"), Node("n2", "10.0.0.50-10.0.0.59"), Node("n3", "10.0.0.50-10.0.0.59"), Node("n4", "10.0.0.60-10.0.0.69"),
            Node("n5", "10.0.0.50-10.0.0.59") with { Boot = null },
            // Their machines are bought, so they come last, and their addresses are the broker's matter.
            new("sold", IPAddress.Loopback, null), Node("lab", "10.0.0.50-10.0.0.59") with { Broker = "lab" },
            Node("elsewhere", "10.0.0.60-10.0.0.69") with { KeyFile = null },
        ];
        Assert.Equal(["n3", "n2", "lab", "sold"], Drain.Targets(nodes, "n1", Job("10.0.0.50", "10.0.0.100"), store).Select(node => node.Name));

        static Buying.KnownNode Node(string name, string guests) => new(name, IPAddress.Loopback, "key")
        {
            Boot = AddressRange.TryParse("10.0.0.100-10.0.0.119/24", out var boot) ? boot : null,
            Guests = AddressRange.TryParse(guests, out var range) ? range : null,
        };
    }

    /// <summary>What a guest answers that is asked something has an end, in bytes and in time.</summary>
    [Theory]
    [InlineData(true, ExitCode.Failed, "answers without end")]
    [InlineData(false, ExitCode.NoAnswer, "has not answered within 1.5 s")]
    public async Task A_guest_that_answers_without_end_is_heard_no_more(bool isFast, int code, string sentence)
    {
        using var pair = new Pair(guest =>
        {
            guest.Words();
            var data = new byte[isFast ? ExecFrame.MaxData : 1];
            try
            {
                for (var sent = 0; sent < 100 * GuestExec.MaxAnswerSize; sent += data.Length)
                {
                    guest.Send(ExecFrameKind.Output, data);
                    if (!isFast)
                        System.Threading.Thread.Sleep(20);
                }
                Assert.Fail("all of it was taken");
            }
            catch (Exception gone) when (gone is SocketException or IOException)
            {
            }
        });
        var start = System.Diagnostics.Stopwatch.StartNew();
        var failure = Assert.Throws<Failure>(() => GuestExec.Ask(pair.Client, s_key, ["true"], TimeSpan.FromSeconds(isFast ? 30 : 1.5)));
        Assert.Equal(code, failure.ExitCode);
        Assert.Contains(sentence, failure.Message, StringComparison.Ordinal);
        Assert.InRange(start.Elapsed.TotalSeconds, 0, 20);
        await pair.Guest;
    }

    /// <summary>A command that ends while another one moves its job waits for that, and does not end machines behind its back.</summary>
    [Fact]
    public async Task A_job_that_is_being_moved_is_ended_when_that_is_over()
    {
        var store = new JobStore(folder.FullName);
        store.Lock().Dispose(); // makes the folder
        using var starting = new StartingJob(store, "server");
        // Who gets as far as the node fails at once: its address is none.
        starting.Begin(Job("10.0.0.50", "10.0.0.100") with { Machine = new JobMachine("n1", "nowhere", "10.0.0.100", new string('a', 40)) });
        Task end;
        using (store.Lock("server"))
        {
            end = Task.Run(() => starting.End("interrupted"));
            Assert.NotSame(end, await Task.WhenAny(end, Task.Delay(500)));
        }
        await Assert.ThrowsAsync<FormatException>(() => end);
        Assert.NotNull(store.Find("server"));
    }

    /// <summary>What is locked is what has the name: a file that has lost it, or that is reached by a link, locks out nobody who comes later.</summary>
    [Fact]
    public void What_another_name_leads_to_is_no_lock()
    {
        string file = Path.Combine(folder.FullName, "b.lock"), link = Path.Combine(folder.FullName, "link.lock");
        Buying.FileLock.Take(file, "the file").Dispose();
        File.CreateSymbolicLink(link, file);
        var refused = Assert.Throws<Failure>(() => Buying.FileLock.Take(link, "the link", TimeSpan.FromMilliseconds(50)));
        Assert.Contains($"the link is in use by another evilman: {link} is a link", refused.Message, StringComparison.Ordinal);
        using var mine = Buying.FileLock.Take(file, "the file");
        Assert.Throws<Failure>(() => Buying.FileLock.Take(file, "the file", TimeSpan.FromMilliseconds(50)));
    }

    /// <summary>Who waits for a lock whose file is removed meanwhile has the lock of the file that is there.</summary>
    [Fact]
    public async Task A_lock_whose_file_was_removed_is_no_lock()
    {
        var path = Path.Combine(folder.FullName, "a.lock");
        var threads = Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 200; i++)
            {
                using var mine = Buying.FileLock.Take(path, "the file");
                Assert.Equal(1, System.Threading.Interlocked.Increment(ref holders));
                System.Threading.Interlocked.Decrement(ref holders);
                File.Delete(path);
            }
        }));
        await Task.WhenAll(threads);
    }

    int holders;

    /// <summary>A guest that runs what the test says.</summary>
    sealed class Pair : IDisposable
    {
        readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

        internal Pair(Action<FakeGuest> does)
        {
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen();
            Guest = Task.Run(() =>
            {
                using var secure = SecureSocket.Accept(listener.Accept(), Wire.MoveCommand.HelloMagic, Wire.MoveCommand.HelloVersion, s_key);
                does(new FakeGuest(secure));
            });
            Client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            Client.Connect(listener.LocalEndPoint!);
        }

        internal Socket Client { get; }

        internal Task Guest { get; }

        public void Dispose() => listener.Dispose();
    }

    sealed class FakeGuest(SecureSocket socket)
    {
        internal byte[] Words()
        {
            Assert.True(ExecCommand.TryParse(Read(ExecCommand.Size), out var length, out _));
            var started = new byte[GuestEvent.HeaderSize];
            GuestEvent.Emit(started, GuestEventKind.Started, 0, 0);
            socket.Send(started);
            var (kind, words) = Hear();
            Assert.Equal((ExecFrameKind.Words, length), (kind, words.Length));
            return words;
        }

        internal (ExecFrameKind Kind, byte[] Data) Hear()
        {
            var header = Read(ExecFrame.HeaderSize);
            byte[] frame = [.. header, .. Read(BitConverter.ToUInt16(header, 2))];
            Assert.True(ExecFrame.TryParse(frame, out var kind, out var data));
            return (kind, data.ToArray());
        }

        internal void Send(ExecFrameKind kind, ReadOnlySpan<byte> data)
        {
            var frame = new byte[ExecFrame.HeaderSize + data.Length];
            ExecFrame.Emit(frame, kind, data.Length);
            data.CopyTo(frame.AsSpan(ExecFrame.HeaderSize));
            socket.Send(frame);
        }

        byte[] Read(int count)
        {
            var bytes = new byte[count];
            for (var have = 0; have < count;)
                have += socket.Receive(bytes.AsSpan(have)) is var got and > 0 ? got : throw new IOException("ended");
            return bytes;
        }
    }
}
