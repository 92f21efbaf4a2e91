using System;
using System.Collections.Generic;
using Wire;
using Xunit;
using Xunit.Abstractions;

namespace Guestos.Migrate.Tests;

/// <summary>
/// The whole of it: a guest that works while its checkpoint is taken, and a receiver that knows the stream only. What
/// arrives is what memory was at the fork, whatever is written, mapped, freed and used otherwise before and after.
/// </summary>
public sealed unsafe class StreamTests(ITestOutputHelper output)
{
    private const int Socket = 3;

    public static TheoryData<int, CheckpointOptions> Histories()
    {
        var data = new TheoryData<int, CheckpointOptions>();
        for (int seed = 1; seed <= 4; seed++)
            data.Add(seed, (CheckpointOptions)(seed % 4));
        return data;
    }

    private static CheckpointHash HashOf(CheckpointOptions options) =>
        options == CheckpointOptions.None ? CheckpointHash.None : CheckpointHash.Crc32CSum;

    [Theory, MemberData(nameof(Histories))]
    public void What_is_read_is_memory_at_the_fork(int seed, CheckpointOptions options)
    {
        using var source = new Source(seed);
        var random = new Random(seed);
        Assert.Equal(0, source.Open());
        Assert.Equal(0, source.Ioctl(CheckpointControl.SetOptions, (ulong)options));
        List<byte> stream = [];
        while (true)
        {
            long result = source.Read(stream, (ulong)random.Next(1, 40_000));
            Assert.True(result >= 0, $"read: {result}");
            if (result == 0)
                break;
            // A round of a small guest is over quickly: it writes as much as one of a large one.
            source.Work(random.Next(30));
        }
        var receiver = Receiver.Of(stream.ToArray(), HashOf(options));
        source.Check(receiver);
        Assert.True(receiver.LineRecords > 0, "no page was sent as lines");
        Assert.InRange(receiver.LongestZeros, 16u, CheckpointRecord.MaxZeros);
        Assert.Equal(0, receiver.Rest);
        Assert.Equal("", Console.Text);
        source.Finish();
    }

    [Theory, MemberData(nameof(Histories))]
    public void What_is_handed_over_is_memory_at_the_fork(int seed, CheckpointOptions options)
    {
        using var source = new Source(seed);
        var random = new Random(seed);
        uint socket = source.OpenSocket(5, Socket);
        Assert.Equal(0, source.Open());
        Assert.Equal(0, source.Ioctl(CheckpointControl.SetOptions, (ulong)options));
        Connection connection = Connection.Of(Socket);
        int waiting = -1;
        ForkEntry.Happened += () => waiting = connection.Waiting;
        Connection.Work = () =>
        {
            source.Work(random.Next(20));
            connection.Transmit(random.Next(4));
        };
        while (true)
        {
            long result = source.SendFile(socket, (ulong)random.Next(1, 300_000));
            Assert.True(result >= 0, $"sendfile: {result}");
            if (result == 0)
                break;
            source.Work(random.Next(30));
        }
        connection.Transmit();
        Assert.True(waiting == 0, $"{waiting} pieces are on their way at the fork");
        Assert.Equal([Socket], Network.Speaking!);
        source.Check(Receiver.Of(connection.Arrived.ToArray(), HashOf(options)));
        Assert.Equal("", Console.Text);
        source.Finish();
    }

    /// <summary>
    /// A hash that is asked for is made page by page as they are sent and received. Between the fork and the last word of it neither side hashes anything but what is sent
    /// then, however large the guest is.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void With_a_checksum_nothing_is_hashed_after_the_fork_but_what_is_sent_then(int seed)
    {
        using var source = new Source(seed);
        var random = new Random(seed);
        Assert.Equal(0, source.Open());
        Assert.Equal(0, source.Ioctl(CheckpointControl.SetOptions, (ulong)CheckpointOptions.Checksum));
        List<byte> stream = [];
        long hashedBefore = 0;
        ulong sentBefore = 0;
        ForkEntry.Begins = () =>
        {
            hashedBefore = Crc32C.Hashed;
            sentBefore = Checkpoint.State->PagesSent;
        };
        Crc32C.Hashed = 0;
        // Up to where the guest had not forked yet.
        int mark = 0;
        while (true)
        {
            bool wasForked = Checkpoint.State->IsForked;
            long result = source.Read(stream, (ulong)random.Next(1, 40_000));
            Assert.True(result >= 0, $"read: {result}");
            if (result == 0)
                break;
            if (!wasForked && !Checkpoint.State->IsForked)
                mark = stream.Count;
            source.Work(random.Next(6));
        }
        long sent = CheckpointRecord.PageSize * (long)(Checkpoint.State->PagesSent - sentBefore), hashed = Crc32C.Hashed - hashedBefore;
        byte[] bytes = stream.ToArray();
        var receiver = Receiver.Of(bytes, CheckpointHash.Crc32CSum);
        source.Check(receiver);
        long content = 0;
        for (uint frame = CheckpointHeader.FirstFrame; frame < Frames.Count; frame++)
            content += receiver.Page(frame)?.AsSpan().ContainsAnyExcept((byte)0) == true ? CheckpointRecord.PageSize : 0;
        Assert.True(hashedBefore > content, $"only {hashedBefore} of {content} bytes were hashed before the fork, which is not what this is about");
        Assert.True(hashed <= sent && hashed < content / 2, $"of {content} bytes the guest sent {sent} after the fork and hashed {hashed}");

        Assert.Equal(CheckpointRefusal.None, Destination.Take(bytes, mark));
        // The loader hashes a page that comes again twice: as it was, to take it out of the sum, and as it is. The call in which the fork fell may begin before it, and with a record that names as many
        // frames of zeros as are looked at for one.
        const long Zeros = 64 * CheckpointRecord.PageSize;
        long behind = Destination.HashedBehind;
        Assert.True(behind <= 2 * (hashed + 40_000) + Zeros && behind < content, $"of {content} bytes the loader hashed {Destination.HashedBefore} before the fork and {behind} after it");
        output.WriteLine($"of {content} bytes hashed before the fork {hashedBefore} by the guest and {Destination.HashedBefore} by the loader, after it {hashed} and {behind}");
        source.Finish();
    }

    /// <summary>The loader's own reader makes of the stream what the guest's memory was.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void The_loader_finds_what_memory_was_at_the_fork(int seed)
    {
        using var source = new Source(seed);
        var random = new Random(seed);
        Assert.Equal(0, source.Open());
        Assert.Equal(0, source.Ioctl(CheckpointControl.SetOptions, (ulong)CheckpointOptions.Checksum));
        List<byte> stream = [];
        while (source.Read(stream, (ulong)random.Next(1, 40_000)) > 0)
            source.Work(random.Next(30));
        byte[] bytes = stream.ToArray();
        var witness = Receiver.Of(bytes, CheckpointHash.Crc32CSum);
        source.Check(witness);
        Assert.Equal(CheckpointRefusal.None, Destination.Take(bytes, 0));
        for (uint frame = CheckpointHeader.FirstFrame; frame < Frames.Count; frame++)
            Assert.True(witness.Page(frame) is not { } page || Destination.Page(frame).SequenceEqual(page), $"frame {frame:x} is not what was sent");
        source.Finish();
    }

    /// <summary>
    /// A line of 20 MB/s, and a process that writes to 300 pages over and over, several times as fast, whenever it may:
    /// it is slowed until what is left is sent within the budget, which is what the freeze then takes.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Who_writes_faster_than_the_line_takes_is_slowed_until_the_move_succeeds(int seed)
    {
        const ulong NanosecondsOfByte = 50;
        using var source = new Source(seed);
        uint socket = source.OpenSocket(5, Socket);
        Assert.Equal(0, source.Open());
        Connection connection = Connection.Of(Socket);
        Clock.Step = 0;
        ulong page = 0, written = 0;
        int before = 0, atFork = 0;
        // As long as the line needs for what has left, the process may write: a page in 20 µs.
        void Pass()
        {
            int bytes = connection.Arrived.Count - before;
            before = connection.Arrived.Count;
            Clock.Monotonic += (ulong)bytes * NanosecondsOfByte;
            Process* current = Process.Current;
            Process.Current = source.Writer;
            for (int i = 0; i < bytes / 400 && !RateLimit.MustWait(Checkpoint.State, source.Writer); i++)
            {
                source.WriteUser(source.Space(1), page++ % 300);
                written++;
            }
            Process.Current = current;
        }
        ForkEntry.Happened += () => atFork = connection.Arrived.Count;
        Connection.Work = () =>
        {
            connection.Transmit(4);
            Pass();
        };
        long result = 1;
        for (int i = 0; result > 0 && i < 20_000; i++)
        {
            result = source.SendFile(socket, 100_000);
            connection.Transmit(20);
            Pass();
        }
        Assert.Equal(0, result);
        connection.Transmit();
        Assert.True(written > 1000, "the process has hardly written");
        Assert.InRange(Checkpoint.State->Round, 4ul, RateLimit.SlowestRound);
        // Ten milliseconds of the line, and what the trailer and two pages that were underestimated need.
        int rest = connection.Arrived.Count - atFork;
        Assert.InRange(rest, 1, (int)(ForkThreshold.StandardBudget / NanosecondsOfByte) + 2 * Frames.Size);
        source.Check(Receiver.Of(connection.Arrived.ToArray(), CheckpointHash.None));
        source.Finish();
    }
}
