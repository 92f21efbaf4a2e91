using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Migration.Tests;

/// <summary>/dev/checkpoint, for a program that reads the stream and sends it by itself.</summary>
public sealed class DeviceTests
{
    private const int Port = 9000;

    /// <summary>
    /// Its named connections go on speaking after the fork, the kernel says the last word on one of them, and the
    /// machine ends.
    /// </summary>
    [RootTheory, Monitors]
    public void Any_program_can_carry_the_checkpoint(string monitor)
    {
        // A page that has been given up is zeros if it was written between its last turn and the fork, as it most often
        // is: a program that does it all the time cannot know.
        for (int tries = 4; Carry(monitor); tries--)
            Assert.True(tries > 1, "what the mover has given up arrives");
    }

    /// <summary>One move. True when the page that the mover has given up arrives as it was.</summary>
    private static bool Carry(string monitor)
    {
        using var space = new Space();
        using var guest = new Guest(space, monitor);
        using Socket listener = space.Open();
        listener.Bind(new IPEndPoint(IPAddress.Any, Port));
        listener.Listen();
        string? said = null;
        var mover = new Thread(() =>
        {
            try
            {
                said = guest.Run("/bin/mover", Space.Host, $"{Port}");
            }
            catch (Exception exception) when (exception is SocketException or Xunit.Sdk.XunitException)
            {
                // The machine is gone, which is what it should be.
            }
        }) { IsBackground = true };
        mover.Start();
        using Socket stream = Accept(), control = Accept();

        Assert.Equal(CheckpointRefusal.None, CheckpointHeader.Parse(Read(stream, CheckpointHeader.Size), MachineFeatures.Known,
            CheckpointHeader.MaxFrames, out CheckpointHeader header));
        Assert.Equal(0x0A000003u, header.Address(0));
        uint[] checksums = new uint[header.Frames];
        byte[] memory = new byte[header.Frames * (long)CheckpointRecord.PageSize];
        ulong records = 0;
        while (true)
        {
            Assert.Equal(CheckpointRefusal.None, CheckpointRecord.Parse(Read(stream, CheckpointRecord.Size), (uint)checksums.Length, out uint frame, out RecordFlags flags, out uint count));
            if (flags == RecordFlags.End)
                break;
            records++;
            if (flags == RecordFlags.Zero)
            {
                memory.AsSpan((int)frame * CheckpointRecord.PageSize, (int)count * CheckpointRecord.PageSize).Clear();
                checksums.AsSpan((int)frame, (int)count).Fill(Crc32C.ZeroPage);
                continue;
            }
            Span<byte> page = memory.AsSpan((int)frame * CheckpointRecord.PageSize, CheckpointRecord.PageSize);
            ReadPage(stream, flags, page);
            checksums[frame] = Crc32C.Of(page);
        }
        Assert.True(HasPage(memory, Pattern(7, 1)), "what the mover has written does not arrive");
        bool arrives = HasPage(memory, Pattern(11, 5));
        ulong sum = 0;
        for (uint frame = 0; frame < checksums.Length; frame++)
            sum += CheckpointSum.Term(frame, checksums[frame]);
        Assert.Equal(CheckpointRefusal.None, CheckpointTrailer.Parse(Read(stream, CheckpointTrailer.Size), records, sum, CheckpointHash.Crc32CSum));

        control.Send(Client.Record(HandOverKind.Verified));
        Assert.True(HandOver.TryParse(Read(control, HandOver.Size), out HandOverKind kind, out _, out _), "no hand-over record comes");
        Assert.Equal(HandOverKind.Commit, kind);
        Assert.False(guest.Source.HasEnded(100), "the machine ends before it has been answered");
        control.Send(Client.Record(HandOverKind.Running));
        Assert.True(guest.Source.HasEnded(5000), "the machine goes on after its commit");
        Assert.Null(said);
        return arrives;

        Socket Accept()
        {
            Assert.True(listener.Poll(20_000_000, SelectMode.SelectRead), $"the mover does not come: {said}");
            Socket socket = listener.Accept();
            socket.ReceiveTimeout = 30_000;
            return socket;
        }
    }

    /// <summary>
    /// Whether a page begins like this. In the middle of pages the mover's buffer has what it has read of the stream.
    /// </summary>
    private static bool HasPage(byte[] memory, byte[] start)
    {
        for (int page = 0; page < memory.Length; page += CheckpointRecord.PageSize)
        {
            if (memory.AsSpan(page).StartsWith(start))
                return true;
        }
        return false;
    }

    /// <summary>What programs/mover.c writes.</summary>
    private static byte[] Pattern(int factor, int first)
    {
        byte[] bytes = new byte[64];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)(i * factor + first);
        return bytes;
    }

    private static void ReadPage(Socket stream, RecordFlags flags, Span<byte> page)
    {
        if (flags == RecordFlags.Page)
            Read(stream, CheckpointRecord.PageSize).CopyTo(page);
        if (flags != RecordFlags.Lines)
            return;
        Assert.Equal(CheckpointRefusal.None, CheckpointLines.Parse(Read(stream, CheckpointLines.MaskSize), out ulong lines));
        while (CheckpointLines.TakeRun(ref lines, out int offset, out int length))
            Read(stream, length).CopyTo(page.Slice(offset));
    }

    private static byte[] Read(Socket socket, int count)
    {
        byte[] bytes = Client.ReadRaw(socket, count);
        Assert.Equal(count, bytes.Length);
        return bytes;
    }
}
