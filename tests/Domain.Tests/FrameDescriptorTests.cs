using System;
using System.Runtime.InteropServices;
using System.Threading;
using Domain.Devices;
using Domain.Host;
using Domain.Linux;
using Testing;
using Xunit;

namespace Domain.Tests;

/// <summary>Frames over a real pair of sequenced-packet sockets.</summary>
public sealed unsafe partial class FrameDescriptorTests : IDisposable
{
    private readonly int[] pair = new int[2];
    private readonly FrameDescriptor channel;

    public FrameDescriptorTests()
    {
        Assert.Equal(0, socketpair(1, 5 | CloseOnExec, 0, pair));
        // The monitor ignores it for the whole process (Program.Run).
        Libc.signal(Libc.SIGPIPE, Libc.SIG_IGN);
        channel = HostNetwork.Inherit(pair[0], offload: true);
    }

    public void Dispose()
    {
        Libc.close(pair[0]);
        Libc.close(pair[1]);
    }

    private int Receive(Span<byte> first, Span<byte> second)
    {
        fixed (byte* a = first, b = second)
        {
            IoVector* pieces = stackalloc IoVector[] { new IoVector(a, (ulong)first.Length), new IoVector(b, (ulong)second.Length) };
            return channel.Receive(pieces, 2);
        }
    }

    private int Send(int length)
    {
        byte[] bytes = new byte[length];
        fixed (byte* a = bytes)
        {
            var piece = new IoVector(a, (ulong)length);
            return channel.Send(&piece, 1);
        }
    }

    private void PeerSends(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* a = bytes)
            Assert.Equal(bytes.Length, (int)Libc.write(pair[1], a, (nuint)bytes.Length));
    }

    [Fact]
    public void Keeps_frames_apart_and_scatters_them()
    {
        byte[] first = new byte[3], second = new byte[100];
        Assert.Equal(FrameResult.Later, Receive(first, second));
        PeerSends([1, 2, 3, 4, 5]);
        PeerSends([6, 7]);
        Assert.Equal(5, Receive(first, second));
        Assert.Equal((3, 4, 5), (first[2], second[0], second[1]));
        Assert.Equal(2, Receive(first, second));
        Assert.Equal(FrameResult.Later, Receive(first, second));
    }

    [Fact]
    public void A_frame_that_does_not_fit_is_lost_whole()
    {
        byte[] first = new byte[3], second = new byte[3];
        PeerSends(new byte[7]);
        PeerSends(new byte[6]);
        Assert.Equal(FrameResult.Lost, Receive(first, second));
        Assert.Equal(6, Receive(first, second));
    }

    [Fact]
    public void A_peer_that_does_not_read_makes_it_wait_and_one_that_is_gone_ends_it()
    {
        int sent = 0;
        while (Send(60_000) > 0)
            sent++;
        Assert.InRange(sent, 1, 1000);
        Assert.Equal(FrameResult.Later, Send(60_000));
        Libc.close(pair[1]);
        // A process that another test is just starting has a copy of it until it runs.
        Wait.Until(() => Send(100) != FrameResult.Later, "the other end is closed everywhere", seconds: 5);
        Assert.Equal(FrameResult.Gone, Send(100));
        Assert.Equal(FrameResult.Gone, Receive(new byte[10], new byte[10]));
        pair[1] = -1;
    }

    /// <summary>A process that another test starts meanwhile must not keep an end open.</summary>
    private const int CloseOnExec = 0x80000;

    [LibraryImport("libc")]
    private static partial int socketpair(int domain, int type, int protocol, [Out] int[] pair);
}
