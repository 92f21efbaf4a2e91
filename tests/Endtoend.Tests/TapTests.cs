using System;
using System.Net.Sockets;
using System.Threading;
using Evilman.Lab;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>What an observer of every frame on the bridge finds of the guest's memory.</summary>
[Collection("cluster")]
public sealed class TapTests(Cluster shared)
{
    private readonly Cluster cluster = shared.Ready();

    // The marker stands in the guest's memory and in no other traffic: it is a text of its own busybox.

    [ClusterFact]
    public void A_tap_on_the_bridge_sees_no_byte_of_a_guests_memory_unless_it_was_asked_for()
    {
        var (frames, found) = Tap(() => cluster.Move(how: order => order with { Flags = MoveFlags.Plaintext }));
        Assert.True(found > 0, $"the marker is not in {frames} frames of a plain move, so this test finds nothing");
        (frames, found) = Tap(() => cluster.Move());
        Assert.True(frames > 500, $"only {frames} frames were seen");
        Assert.Equal(0, found);
    }

    /// <summary>How many frames went over the bridge meanwhile, and how often the marker did.</summary>
    private (int Frames, int Found) Tap(Action action)
    {
        const ProtocolType AllInNetworkOrder = (ProtocolType)0x0300; // ETH_P_ALL
        using var tap = cluster.AtBridge(() => new Socket(AddressFamily.Packet, SocketType.Raw, AllInNetworkOrder) { ReceiveBufferSize = 1 << 26, ReceiveTimeout = 200 });
        var (frames, found, stop) = (0, 0, false);
        var thread = new Thread(() =>
        {
            var frame = new byte[1 << 17];
            while (!Volatile.Read(ref stop))
            {
                try
                {
                    var count = tap.Receive(frame);
                    frames++;
                    if (frame.AsSpan(0, count).IndexOf("BusyBox is copyrighted by many authors"u8) >= 0)
                        found++;
                }
                catch (SocketException silence) when (silence.SocketErrorCode is SocketError.WouldBlock or SocketError.TimedOut)
                {
                }
            }
        });
        thread.Start();
        try
        {
            action();
            Thread.Sleep(300);
        }
        finally
        {
            Volatile.Write(ref stop, true);
            thread.Join();
        }
        return (frames, found);
    }
}
