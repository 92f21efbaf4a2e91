using System;
using System.Collections.Generic;
using Wire;
using Xunit;

namespace Guestos.Migrate.Tests;

/// <summary>
/// The whole of it: a guest that works while its checkpoint is taken, and a receiver that knows the stream only. What
/// arrives is what memory was at the fork, whatever is written, mapped, freed and used otherwise before and after.
/// </summary>
public sealed unsafe class StreamTests
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
}
