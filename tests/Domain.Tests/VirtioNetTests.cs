using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Domain.Devices;
using Xunit;

namespace Domain.Tests;

public class VirtioNetTests
{
    private const ulong Checksum = 1, GuestChecksum = 2, GuestTso4 = 1 << 7, HostTso4 = 1 << 11, Mergeable = 1 << 15;
    private const ulong Everything = Checksum | GuestChecksum | GuestTso4 | HostTso4 | Mergeable;
    private const int Rx = 0, Tx = 1;
    private const ulong RxBuffers = 0x20_0000, TxBuffer = 0x10_0000;

    private static (VirtioDriver Driver, FakeChannel Channel, VirtioNet Net) Start(ulong features, bool offload = true)
    {
        var channel = new FakeChannel(offload);
        var driver = new VirtioDriver(memory => new VirtioNet(memory, channel, [2, 0x45, 10, 0, 0, 1]));
        driver.Start(features);
        return (driver, channel, (VirtioNet)driver.Device);
    }

    private static byte[] Frame(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7))];

    private static void Transmit(VirtioDriver driver, byte[] headerAndFrame, params int[] cuts)
    {
        headerAndFrame.CopyTo(driver.Memory.Slice(TxBuffer, headerAndFrame.Length));
        int from = 0, index = 0;
        foreach (int cut in cuts.Append(headerAndFrame.Length))
        {
            bool last = cut == headerAndFrame.Length;
            driver.Descriptor(Tx, index, TxBuffer + (ulong)from, (uint)(cut - from), last ? (ushort)0 : VirtioDriver.Next, (ushort)(index + 1));
            from = cut;
            index++;
        }
        driver.Offer(Tx, 0);
        driver.Notify(Tx);
    }

    private static void OfferReceive(VirtioDriver driver, int count, uint size)
    {
        for (int i = 0; i < count; i++)
        {
            driver.Descriptor(Rx, i, RxBuffers + (ulong)i * 0x10000, size, VirtioDriver.Write, 0);
            driver.Offer(Rx, (ushort)i);
        }
        driver.Notify(Rx);
    }

    /// <summary>The next frame as the guest sees it, with its 12-byte header, over as many buffers as it says.</summary>
    private static byte[]? Received(VirtioDriver driver)
    {
        var bytes = new List<byte>();
        for (int left = 1, first = 1; left > 0; left--)
        {
            if (driver.TakeUsed(Rx) is not { } used)
                return null;
            bytes.AddRange(driver.Memory.Slice(RxBuffers + used.Head * 0x10000ul, (int)used.Length));
            if (first-- == 1)
                left = BinaryPrimitives.ReadUInt16LittleEndian(bytes.ToArray().AsSpan(10));
        }
        return [.. bytes];
    }

    /// <summary>An unfinished TCP segment over IPv4 as a sender with offload hands it down, behind its 10-byte header.</summary>
    private static byte[] Unfinished(int payload, ushort gsoSize)
    {
        byte[] frame = new byte[10 + 54 + payload];
        var header = frame.AsSpan(0, 10);
        header[0] = 1;
        header[1] = gsoSize > 0 ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], 54);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], gsoSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 34);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], 16);
        var ethernet = frame.AsSpan(10);
        ethernet[12] = 8;
        var ip = ethernet[14..];
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(40 + payload));
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], 0x1234);
        ip[8] = 64;
        ip[9] = 6;
        new byte[] { 10, 0, 0, 1, 10, 0, 0, 2 }.CopyTo(ip[12..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], InternetChecksum.Finish(InternetChecksum.Add(ip[..20], 0)));
        var tcp = ip[20..];
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], 0xffff_fff0);
        tcp[12] = 0x50;
        tcp[13] = 0x99;   // CWR, ACK, PSH, FIN
        for (int i = 0; i < payload; i++)
            tcp[20 + i] = (byte)(i * 31);
        // The sender leaves the sum of the pseudo-header in the field.
        ulong pseudo = InternetChecksum.Add(ip[12..20], 6 + (ulong)(20 + payload));
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], (ushort)~InternetChecksum.Finish(pseudo));
        return frame;
    }

    private static void AssertFinished(ReadOnlySpan<byte> frame)
    {
        var ip = frame[14..34];
        Assert.Equal(0, InternetChecksum.Finish(InternetChecksum.Add(ip, 0)));
        int tcpLength = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]) - 20;
        Assert.Equal(frame.Length, 34 + tcpLength);
        Assert.Equal(0, InternetChecksum.Finish(InternetChecksum.Add(frame[34..], InternetChecksum.Add(ip[12..20], 6 + (ulong)tcpLength))));
    }

    [Theory]
    [InlineData(new int[] { })]
    [InlineData(new[] { 12 })]
    [InlineData(new[] { 1, 5, 20, 21 })]
    public void Sends_a_frame_however_it_is_cut(int[] cuts)
    {
        var (driver, channel, _) = Start(Mergeable);
        byte[] frame = Frame(100);
        Transmit(driver, [.. new byte[12], .. frame], cuts);
        Assert.Equal((0u, 0u), driver.TakeUsed(Tx));
        Assert.Equal([.. new byte[10], .. frame], Assert.Single(channel.Sent));
    }

    [Fact]
    public void Without_offload_the_host_sees_the_bare_frame()
    {
        var (driver, channel, _) = Start(Mergeable, offload: false);
        byte[] frame = Frame(60);
        Transmit(driver, [.. new byte[12], .. frame], 12);
        Assert.Equal(frame, Assert.Single(channel.Sent));
        driver.Set(0x14, 0);
        Assert.Equal(0u, driver.Read(0x10) & (uint)(Checksum | GuestChecksum | GuestTso4 | HostTso4));
    }

    [Fact]
    public void Passes_unfinished_segments_on()
    {
        var (driver, channel, _) = Start(Everything);
        byte[] segment = Unfinished(40_000, 1448);
        Transmit(driver, [.. segment.AsSpan(0, 10), 0, 0, .. segment.AsSpan(10)], 12, 5000);
        Assert.Equal(segment, Assert.Single(channel.Sent));
    }

    public static TheoryData<string> BadFrames => ["short", "header only", "large", "unknown flag", "unknown gso", "not negotiated", "checksum outside", "gso without size"];

    [Theory]
    [MemberData(nameof(BadFrames))]
    public void Frames_that_no_card_sends_are_dropped_and_counted(string kind)
    {
        var (driver, channel, net) = Start(kind == "not negotiated" ? Mergeable : Everything);
        byte[] segment = Unfinished(2000, 1000);
        byte[] bytes = [.. segment.AsSpan(0, 10), 0, 0, .. segment.AsSpan(10)];
        switch (kind)
        {
            case "short":
                bytes = bytes[..25];
                break;
            case "header only":
                bytes = bytes[..7];
                break;
            case "large":
                bytes = new byte[12 + 1515];
                break;
            case "unknown flag":
                bytes[0] = 0x81;
                break;
            case "unknown gso":
                bytes[1] = 3;
                break;
            case "checksum outside":
                bytes[7] = 0xff;
                break;
            case "gso without size":
                bytes[4] = bytes[5] = 0;
                break;
        }
        Transmit(driver, bytes);
        Assert.Equal((0u, 0u), driver.TakeUsed(Tx));
        Assert.Empty(channel.Sent);
        Assert.Equal(1ul, net.Metrics.BadFromGuest);
        Assert.False(driver.NeedsReset);
    }

    [Fact]
    public void A_full_descriptor_keeps_frames_in_order_until_there_is_room()
    {
        var (driver, channel, net) = Start(Mergeable);
        channel.Full = true;
        Transmit(driver, [.. new byte[12], .. Frame(60)]);
        Assert.True(net.WantsOutput);
        Assert.Null(driver.TakeUsed(Tx));
        channel.Full = false;
        net.Service();
        Assert.False(net.WantsOutput);
        Assert.Single(channel.Sent);
        Assert.NotNull(driver.TakeUsed(Tx));
    }

    [Fact]
    public void The_end_of_the_other_side_is_noticed()
    {
        var (driver, channel, net) = Start(Mergeable);
        channel.Closed = true;
        OfferReceive(driver, 2, 2048);
        Assert.True(net.Gone);
    }

    [Theory]
    [InlineData(Everything, 64, 2048u)]
    [InlineData(Everything, 4, 0x10000u)]
    [InlineData(Mergeable, 4, 2048u)]
    [InlineData(Everything & ~Mergeable, 4, 0x10000u)]
    [InlineData(0, 4, 2048u)]
    public void Receives_plain_frames_in_order(ulong features, int buffers, uint size)
    {
        var (driver, channel, net) = Start(features);
        OfferReceive(driver, buffers, size);
        Assert.True(net.WantsInput);
        for (int i = 0; i < 3; i++)
            channel.Incoming.Enqueue([.. new byte[10], .. Frame(60 + i)]);
        net.Service();
        for (int i = 0; i < 3; i++)
            Assert.Equal([.. new byte[10], 1, 0, .. Frame(60 + i)], Received(driver));
        Assert.True(driver.Line.High);
    }

    [Fact]
    public void A_large_segment_is_scattered_over_small_buffers()
    {
        var (driver, channel, net) = Start(Everything);
        OfferReceive(driver, 64, 2048);
        byte[] segment = Unfinished(30_000, 1448);
        channel.Incoming.Enqueue(segment);
        net.Service();
        byte[]? got = Received(driver);
        Assert.Equal([.. segment.AsSpan(0, 10), 15, 0, .. segment.AsSpan(10)], got);
        Assert.Equal(0ul, net.Metrics.Segmented);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(GuestChecksum)]
    [InlineData(Mergeable)]
    public void Segments_in_software_for_a_guest_that_does_not(ulong features)
    {
        var (driver, channel, net) = Start(features);
        OfferReceive(driver, 3, 2048);
        byte[] segment = Unfinished(5000, 1000);
        channel.Incoming.Enqueue(segment);
        net.Service();
        Assert.False(net.WantsInput);
        var payload = new List<byte>();
        for (int i = 0; i < 5; i++)
        {
            if (i == 3)
                OfferReceive(driver, 3, 2048);   // the rest waited for buffers
            byte[] got = Received(driver)!;
            var frame = got.AsSpan(12);
            Assert.Equal(features == GuestChecksum ? 2 : 0, got[0]);
            Assert.Equal(0, got[1]);
            AssertFinished(frame);
            Assert.Equal(0xffff_fff0 + (uint)(i * 1000), BinaryPrimitives.ReadUInt32BigEndian(frame[38..]));
            Assert.Equal(0x1234 + i, BinaryPrimitives.ReadUInt16BigEndian(frame[18..]));
            Assert.Equal((i == 0 ? 0x80 : 0) | 0x10 | (i == 4 ? 9 : 0), frame[47]);
            payload.AddRange(frame[54..]);
        }
        Assert.Equal(segment.AsSpan(64), [.. payload]);
        Assert.Null(Received(driver));
        Assert.Equal(5ul, net.Metrics.Segmented);
    }

    [Fact]
    public void Too_few_buffers_for_a_large_segment_still_make_progress()
    {
        var (driver, channel, net) = Start(Everything);
        OfferReceive(driver, 4, 2048);
        channel.Incoming.Enqueue(Unfinished(30_000, 1448));
        net.Service();
        Assert.Equal(4ul, net.Metrics.Segmented);
        AssertFinished(Received(driver).AsSpan(12));
    }

    [Fact]
    public void Completes_a_checksum_in_software()
    {
        var (driver, channel, net) = Start(Mergeable);
        OfferReceive(driver, 3, 2048);
        channel.Incoming.Enqueue(Unfinished(333, 0));
        net.Service();
        AssertFinished(Received(driver).AsSpan(12));
        Assert.Equal(1ul, net.Metrics.Checksummed);
    }

    [Fact]
    public void A_frame_larger_than_the_only_buffer_is_lost_not_stuck()
    {
        var (driver, channel, net) = Start(0);
        OfferReceive(driver, 2, 100);
        channel.Incoming.Enqueue([.. new byte[10], .. Frame(1000)]);
        channel.Incoming.Enqueue([.. new byte[10], .. Frame(60)]);
        net.Service();
        Assert.Equal(1ul, net.Metrics.ReceiveLost);
        Assert.Equal([.. new byte[10], 1, 0, .. Frame(60)], Received(driver));
    }

    [Fact]
    public void Malformed_frames_from_the_host_are_lost()
    {
        var (driver, channel, net) = Start(Everything);
        OfferReceive(driver, 64, 2048);
        channel.Incoming.Enqueue(new byte[9]);
        channel.Incoming.Enqueue([4, .. new byte[9], .. Frame(60)]);
        channel.Incoming.Enqueue([1, 5, .. new byte[8], .. Frame(60)]);
        channel.Incoming.Enqueue([.. new byte[10], .. Frame(60)]);
        net.Service();
        Assert.Equal(3ul, net.Metrics.ReceiveLost);
        Assert.NotNull(Received(driver));
        Assert.Null(Received(driver));
    }

    [Fact]
    public void No_buffers_no_polling_until_the_guest_offers_some()
    {
        var (driver, channel, net) = Start(Mergeable);
        Assert.False(net.WantsInput);
        channel.Incoming.Enqueue([.. new byte[10], .. Frame(60)]);
        OfferReceive(driver, 1, 2048);
        Assert.NotNull(Received(driver));
        Assert.False(net.WantsInput);
    }

    [Fact]
    public void Written_buffers_are_made_known()
    {
        var (driver, channel, net) = Start(Mergeable);
        OfferReceive(driver, 2, 2048);
        driver.Written.Clear();
        channel.Incoming.Enqueue([.. new byte[10], .. Frame(60)]);
        net.Service();
        Assert.Contains((RxBuffers, 72ul), driver.Written);
    }

    [Theory]
    [InlineData(11u)]
    [InlineData(0u)]
    public void A_receive_buffer_without_room_for_the_header_breaks_the_device(uint size)
    {
        var (driver, _, _) = Start(Mergeable);
        OfferReceive(driver, 1, size);
        Assert.True(driver.NeedsReset);
    }

    [Fact]
    public void A_readable_receive_buffer_or_writable_transmit_buffer_breaks_the_device()
    {
        var (driver, _, _) = Start(Mergeable);
        driver.Descriptor(Rx, 0, RxBuffers, 2048, 0, 0);
        driver.Offer(Rx, 0);
        driver.Notify(Rx);
        Assert.True(driver.NeedsReset);
        driver.Start(Mergeable);
        driver.Descriptor(Tx, 0, TxBuffer, 100, VirtioDriver.Write, 0);
        driver.Offer(Tx, 0);
        driver.Notify(Tx);
        Assert.True(driver.NeedsReset);
    }

    [Theory]
    [InlineData("queue")]
    [InlineData("queue and size")]
    [InlineData("features")]
    [InlineData("driver")]
    [InlineData("failed")]
    [InlineData("broken")]
    public void A_queue_that_was_taken_away_is_written_no_more(string how)
    {
        using var memory = new GuardedMemory(8 << 20);
        var channel = new FakeChannel(offload: true);
        var driver = new VirtioDriver(dma => new VirtioNet(dma, channel, [2, 0x45, 10, 0, 0, 1]), memory.Ram);
        var net = (VirtioNet)driver.Device;
        driver.Start(0);
        // The used ring of a queue with one place ends where RAM ends.
        driver.Set(0x30, Rx);
        driver.Set(0x44, 0);
        ulong used = memory.Ram.Size - 16;
        driver.Place(Rx, 1, VirtioDriver.Descriptors(Rx), VirtioDriver.Available(Rx), used);
        driver.Set(0x44, 1);
        driver.Descriptor(Rx, 0, RxBuffers, 2048, VirtioDriver.Write, 0);
        for (ushort i = 1; i <= 600; i++)
        {
            channel.Incoming.Enqueue([.. new byte[10], .. Frame(60)]);
            driver.Put(VirtioDriver.Available(Rx) + 2, i);
            net.Service();
        }
        Assert.Equal(600, driver.Get<ushort>(used + 2));
        // One more buffer is there when the driver thinks better of it.
        driver.Put(VirtioDriver.Available(Rx) + 2, (ushort)601);
        driver.Notify(Rx);
        switch (how)
        {
            case "queue":
                driver.Set(0x44, 0);
                break;
            case "queue and size":
                driver.Set(0x44, 0);
                driver.Set(0x38, 0xffff);
                break;
            case "features":
                driver.Set(0x70, 7);
                driver.Set(0x70, 15);
                break;
            case "driver":
                driver.Set(0x70, 11);
                driver.Set(0x70, 15);
                break;
            case "failed":
                driver.Set(0x70, 0x8f);
                driver.Set(0x70, 15);
                break;
            case "broken":
                driver.Set(0x44, 0);
                driver.Place(Rx, 64, 0, 0, ulong.MaxValue);
                driver.Set(0x44, 1);
                break;
        }
        driver.Written.Clear();
        channel.Incoming.Enqueue([.. new byte[10], .. Frame(60)]);
        net.Service();
        driver.Notify(Rx);
        net.Service();
        Assert.Empty(driver.Written);
        Assert.Null(memory.Damage);
        Assert.False(net.WantsInput);
    }

    [Fact]
    public void Reset_forgets_buffers_and_held_frames()
    {
        var (driver, channel, net) = Start(0);
        OfferReceive(driver, 1, 2048);
        channel.Incoming.Enqueue(Unfinished(5000, 1000));
        net.Service();
        driver.Start(Everything);
        OfferReceive(driver, 64, 2048);
        channel.Incoming.Enqueue([.. new byte[10], .. Frame(77)]);
        net.Service();
        Assert.Equal([.. new byte[10], 1, 0, .. Frame(77)], Received(driver));
    }
}
