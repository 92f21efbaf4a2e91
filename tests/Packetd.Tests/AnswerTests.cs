using System;
using System.Linq;
using PacketDotNet;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>ARP and ICMP Echo, read back by PacketDotNet.</summary>
public class AnswerTests
{
    private static byte[][] Answers(params byte[][] packets)
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[4]);
        foreach (byte[] packet in packets)
            node.Receive(Port.Link, packet);
        Assert.All(host.Sent, sent => Assert.Equal(Port.Link, sent.Port));
        return host.Sent.Select(sent => sent.Packet).ToArray();
    }

    private static EthernetPacket Read(byte[] packet) =>
        (EthernetPacket)PacketDotNet.Packet.ParsePacket(LinkLayers.Ethernet, packet[10..]);

    [Fact]
    public void An_arp_request_for_the_nodes_address_is_answered()
    {
        byte[] answer = Assert.Single(Answers(Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node)));
        EthernetPacket frame = Read(answer);
        var arp = frame.Extract<ArpPacket>();
        Assert.Equal(ArpOperation.Response, arp.Operation);
        Assert.Equal("02450A000002", frame.SourceHardwareAddress.ToString());
        Assert.Equal("02450A000002", arp.SenderHardwareAddress.ToString());
        Assert.Equal("10.0.0.2", arp.SenderProtocolAddress.ToString());
        Assert.Equal("525400123456", frame.DestinationHardwareAddress.ToString());
        Assert.Equal("525400123456", arp.TargetHardwareAddress.ToString());
        Assert.Equal("10.0.0.1", arp.TargetProtocolAddress.ToString());
        Assert.Equal(new byte[10], answer[..10]);
        Assert.Equal(52, answer.Length);
    }

    [Fact]
    public void A_unicast_request_and_a_probe_are_answered_too()
    {
        Assert.Single(Answers(Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node, Frames.Mac(TestHost.Node))));
        Assert.Single(Answers(Frames.Arp(1, Frames.ClientMac, 0, TestHost.Node)));
    }

    [Fact]
    public void Other_arp_is_silence()
    {
        byte[] request = Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node);
        Assert.Empty(Answers(Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node + 1)));
        Assert.Empty(Answers(Frames.Arp(2, Frames.ClientMac, TestHost.Client, TestHost.Node)));
        Assert.Empty(Answers(Frames.Arp(1, [255, 255, 255, 255, 255, 255], TestHost.Client, TestHost.Node)));
        for (int length = 0; length < request.Length; length++)
            Assert.Empty(Answers(request[..length]));
        for (int at = 22; at < 32; at++) // type, hardware and protocol types and lengths, operation
        {
            byte[] other = request.ToArray();
            other[at] ^= 0x10;
            Assert.Empty(Answers(other));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(56)]
    [InlineData(1472)]
    [InlineData(8972)]
    [InlineData(65507)]
    public void An_echo_of_any_size_comes_back_as_it_was(int size)
    {
        byte[] payload = new byte[size];
        new Random(size).NextBytes(payload);
        byte[] request = Frames.Echo(payload);
        byte[] answer = Assert.Single(Answers(request.ToArray()));
        EthernetPacket frame = Read(answer);
        var ip = frame.Extract<IPv4Packet>();
        var icmp = frame.Extract<IcmpV4Packet>();
        Assert.True(ip.ValidChecksum);
        Assert.Equal("10.0.0.2", ip.SourceAddress.ToString());
        Assert.Equal("10.0.0.1", ip.DestinationAddress.ToString());
        Assert.Equal(64, ip.TimeToLive);
        Assert.Equal(IcmpV4TypeCode.EchoReply, icmp.TypeCode);
        Assert.Equal((0x1234, 7), (icmp.Id, icmp.Sequence));
        Assert.Equal(request[(10 + 42)..], answer[(10 + 42)..]);
        Assert.Equal(0, Frames.Sum(answer.AsSpan(10 + 34)));
        Assert.Equal("525400123456", frame.DestinationHardwareAddress.ToString());
    }

    [Fact]
    public void Every_small_size_has_right_checksums()
    {
        for (int size = 0; size < 200; size++)
        {
            byte[] answer = Assert.Single(Answers(Frames.Echo(Enumerable.Repeat((byte)0xFF, size).ToArray())));
            Assert.Equal(0, Frames.Sum(answer.AsSpan(24, 20)));
            Assert.Equal(0, Frames.Sum(answer.AsSpan(44)));
        }
    }

    [Fact]
    public void Padding_behind_the_datagram_is_not_echoed()
    {
        byte[] request = Frames.Echo([1, 2, 3]);
        byte[] answer = Assert.Single(Answers(request.Concat(new byte[15]).ToArray()));
        Assert.Equal(request.Length, answer.Length);
    }

    [Fact]
    public void A_checksum_left_to_the_card_is_taken_as_right_and_the_answers_is_whole()
    {
        byte[] request = Frames.Echo([1, 2, 3, 4]);
        request[10 + 36] ^= 0x55;
        Assert.Empty(Answers(request.ToArray()));
        request[0] = Packet.NeedsChecksum;
        request[6] = 34;
        request[8] = 2;
        byte[] answer = Assert.Single(Answers(request));
        Assert.Equal(0, Frames.Sum(answer.AsSpan(44)));
        Assert.Equal(new byte[10], answer[..10]);
    }

    [Theory]
    [InlineData("broadcast frame")]
    [InlineData("multicast frame")]
    [InlineData("broadcast source")]
    [InlineData("other target")]
    [InlineData("multicast source")]
    [InlineData("zero source")]
    [InlineData("loopback source")]
    [InlineData("own source")]
    [InlineData("first fragment")]
    [InlineData("last fragment")]
    [InlineData("options")]
    [InlineData("header checksum")]
    [InlineData("icmp checksum")]
    [InlineData("version")]
    [InlineData("udp")]
    [InlineData("echo reply")]
    [InlineData("code")]
    [InlineData("total length too long")]
    [InlineData("total length too short")]
    [InlineData("segmentation")]
    [InlineData("other mac")]
    public void What_is_not_a_clean_echo_request_is_silence(string flaw)
    {
        byte[] request = Frames.Echo(new byte[32]);
        void Put(int at, byte value) => request[10 + at] = value;
        void Resum()
        {
            Bytes.PutBe16(request, 10 + 24, 0);
            Bytes.PutBe16(request, 10 + 24, Frames.Sum(request.AsSpan(24, 20)));
            Bytes.PutBe16(request, 10 + 36, 0);
            Bytes.PutBe16(request, 10 + 36, Frames.Sum(request.AsSpan(44)));
        }
        switch (flaw)
        {
            case "broadcast frame": request = Frames.Echo(new byte[32], to: [255, 255, 255, 255, 255, 255]); break;
            case "multicast frame": request = Frames.Echo(new byte[32], to: [1, 0, 0x5E, 0, 0, 1]); break;
            case "broadcast source": request = Frames.Echo(new byte[32], from: [255, 255, 255, 255, 255, 255]); break;
            case "other mac": request = Frames.Echo(new byte[32], to: [2, 0x45, 10, 0, 0, 3]); break;
            case "other target": request = Frames.Echo(new byte[32], target: TestHost.Node + 1); break;
            case "multicast source": request = Frames.Echo(new byte[32], source: 0xE0000001); break;
            case "zero source": request = Frames.Echo(new byte[32], source: 0); break;
            case "loopback source": request = Frames.Echo(new byte[32], source: 0x7F000001); break;
            case "own source": request = Frames.Echo(new byte[32], source: TestHost.Node); break;
            case "first fragment": Put(20, 0x20); Resum(); break;
            case "last fragment": Put(21, 1); Resum(); break;
            case "options": Put(14, 0x46); Resum(); break;
            case "header checksum": Put(22, 63); break;
            case "icmp checksum": Put(50, 1); break;
            case "version": Put(14, 0x65); Resum(); break;
            case "udp": Put(23, 17); Resum(); break;
            case "echo reply": Put(34, 0); Resum(); break;
            case "code": Put(35, 1); Resum(); break;
            case "total length too long": Put(17, 100); Resum(); break;
            case "total length too short": Put(17, 27); Resum(); break;
            case "segmentation": request[1] = Packet.GsoUdp; break;
        }
        Assert.Empty(Answers(request));
    }

    [Fact]
    public void Every_truncation_is_silence()
    {
        byte[] request = Frames.Echo(new byte[32]);
        for (int length = 0; length < request.Length; length++)
            Assert.Empty(Answers(request[..length]));
    }

    [Fact]
    public void A_flood_of_arp_is_answered_so_often_and_no_more_until_time_passes()
    {
        var host = new TestHost();
        var node = host.MakeNode(new Domain[1]);
        byte[] request = Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node);
        for (int i = 0; i < 1000; i++)
            node.Receive(Port.Link, request.ToArray());
        Assert.Equal(100, host.Sent.Count);
        node.Receive(Port.Link, Frames.Echo([]));
        Assert.Equal(101, host.Sent.Count);
        node.Limiter.Tick(1);
        node.Receive(Port.Link, request.ToArray());
        Assert.Equal(102, host.Sent.Count);
    }
}
