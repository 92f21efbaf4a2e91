using System;
using Xunit;

namespace Netstack.Tests;

/// <summary>Addresses that nobody may send from are dropped and counted (RFC 1122 §3.2.1.3); announcements that are lost are repeated.</summary>
public sealed unsafe class SourceTests
{
    private const uint A = 0x0a000001, B = 0x0a000002;

    [Theory]
    [InlineData(0x0a0000ffu)]
    [InlineData(0x0a000000u)]
    [InlineData(0u)]
    [InlineData(0x00010203u)]
    [InlineData(0xe0000001u)]
    [InlineData(0xf0000001u)]
    [InlineData(0xffffffffu)]
    [InlineData(0x7f000001u)]
    [InlineData(A)]
    public void NeverASource(uint source)
    {
        using Host host = new(A);
        host.Stack->Listen(0, 80, 4);
        foreach (byte protocol in new[] { Ipv4.ProtocolIcmp, Ipv4.ProtocolTcp, Ipv4.ProtocolUdp })
        {
            byte[] frame = new byte[14 + 20 + 20];
            fixed (byte* at = frame)
            {
                Ethernet.Emit(at, 0x024500000000UL | A, 0x024500000000UL | B, Ethernet.TypeIpv4);
                Ipv4.Emit(at + 14, source, A, protocol, 40);
                switch (protocol)
                {
                    case Ipv4.ProtocolIcmp:
                        at[34] = Icmp.EchoRequest;
                        *(ushort*)(at + 36) = (ushort)~Checksum.Sum(at + 34, 20);
                        break;
                    case Ipv4.ProtocolTcp:
                        at[37] = 80;
                        at[46] = 0x50;
                        at[47] = (byte)TcpFlags.Syn;
                        break;
                    default:
                        at[37] = 9;
                        at[39] = 20;
                        break;
                }
            }
            host.Receive(frame, 1, FrameFlags.ChecksumValid);
        }
        Assert.Equal(3ul, host.Stack->Counters.Ipv4BadSource);
        Assert.Empty(host.Sent);
    }

    private static byte[] Ask(uint sender, ushort operation = Arp.Request)
    {
        byte[] frame = new byte[14 + Arp.Length];
        fixed (byte* at = frame)
        {
            Ethernet.Emit(at, Ethernet.Broadcast, 0x024500000000UL | B, Ethernet.TypeArp);
            Arp packet = default;
            packet.Operation = operation;
            packet.SenderMac = 0x024500000000UL | B;
            packet.SenderAddress = sender;
            packet.TargetAddress = A;
            packet.Emit(at + 14);
        }
        return frame;
    }

    [Theory]
    [InlineData(0x0a0000ffu)]
    [InlineData(0x0a000000u)]
    [InlineData(0xe0000001u)]
    [InlineData(0xffffffffu)]
    [InlineData(0x7f000001u)]
    [InlineData(A)]
    public void NeverAnArpSender(uint sender)
    {
        using Host host = new(A);
        host.Receive(Ask(sender), 1);
        host.Receive(Ask(sender, Arp.Reply), 1);
        Assert.Equal(2ul, host.Stack->Counters.ArpBadSender);
        Assert.Empty(host.Sent);
    }

    /// <summary>A probe for our address (RFC 5227 §2.1.1) is answered; nothing is learnt from it.</summary>
    [Fact]
    public void ProbesAreAnswered()
    {
        using Host host = new(A);
        host.Receive(Ask(0), 1);
        host.Receive(Ask(0, Arp.Reply), 1);
        Assert.Single(host.Sent);
        Assert.Equal(1ul, host.Stack->Counters.ArpBadSender);
        Assert.True(Arp.TryParse(host.Sent[0].Bytes.AsSpan(14), out Arp reply));
        Assert.Equal((Arp.Reply, A, 0u), (reply.Operation, reply.SenderAddress, reply.TargetAddress));
    }

    /// <summary>
    /// The first announcements of the new MAC address are lost, and our peer sends no request: it learns the address all the same.
    /// </summary>
    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public void LostAnnouncementsAreRepeated(int lost)
    {
        using TwoHosts pair = new(new FaultRates(), 1, A, B);
        (int atA, int atB) = pair.Connect();
        pair.Pass(1);
        int left = lost;
        pair.Inspect = (fromA, frame) => !fromA || frame[12] != 8 || frame[13] != 6 || --left < 0;
        pair.A.Stack->ChangeMacAddress(0x024500000077);
        pair.A.Stack->Announce(pair.Now);
        pair.Pass(4.5);
        ulong wrong = pair.A.Stack->Counters.FrameNotForUs;
        Assert.Equal(4, pair.B.Stack->Send(atB, new byte[4], pair.Now));
        pair.Pass(0.01);
        Assert.Equal(4, pair.A.Stack->Receive(atA, new byte[10], pair.Now));
        Assert.Equal(wrong, pair.A.Stack->Counters.FrameNotForUs);
        // And it ends.
        ulong asked = pair.A.Stack->Counters.FramesSent;
        pair.Pass(30);
        Assert.InRange(pair.A.Stack->Counters.FramesSent - asked, 0ul, 6ul);
    }
}
