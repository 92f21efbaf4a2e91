using System;
using System.Diagnostics;
using Testing;
using Testing.Machines;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Migration.Tests;

/// <summary>What a guest that arrives is told of the time between.</summary>
public sealed class ArrivalTests
{
    private const uint Address = 0x0a000003, SenderOfDamaged = 0x0a00004d, SenderOfWhole = 0x0a00004e;

    /// <summary>
    /// Nobody has looked at the sums of late frames, whatever the source's device has said of them: of two datagrams to a port of
    /// nobody's only the second, which is whole, makes the guest ask for its sender, to answer "port unreachable".
    /// </summary>
    [RootTheory, Monitors]
    public void Damaged_late_frames_are_dropped(string monitor)
    {
        byte[] checkpoint = RecordedCheckpoint.Of(monitor);
        using var space = new Space();
        int link = PacketSocket.OpenLink(space.Name, "br0", 100);
        try
        {
            using Machine machine = RecordedCheckpoint.Resume(checkpoint, space, monitor, Datagram(SenderOfDamaged, damage: 1),
                Datagram(SenderOfWhole, damage: 0));
            var clock = Stopwatch.StartNew();
            while (PacketSocket.Receive(link) is not { Length: >= 42 } frame || AskedFor(frame) is not SenderOfWhole)
                Assert.True(clock.Elapsed.TotalSeconds < 5, "the whole datagram is never answered");
        }
        finally
        {
            _ = PacketSocket.close(link);
        }

        static uint AskedFor(byte[] frame)
        {
            bool asks = Bytes.Be16(frame, 12) == Packetd.Packet.TypeArp && Bytes.Be32(frame, 28) == Address && Bytes.Be32(frame, 38) != Address;
            uint asked = asks ? Bytes.Be32(frame, 38) : 0;
            Assert.NotEqual(SenderOfDamaged, asked);
            return asked;
        }
    }

    /// <summary>A frame with a UDP datagram to the guest, its destination that of another machine, as the source had it.</summary>
    private static byte[] Datagram(uint sender, byte damage)
    {
        const int HeaderSize = 8, PseudoHeaderSize = 12, Port = 9999;
        byte[] pseudo = new byte[PseudoHeaderSize + HeaderSize + 32];
        Bytes.PutBe32(pseudo, 0, sender);
        Bytes.PutBe32(pseudo, 4, Address);
        pseudo[9] = 17;
        byte[] udp = pseudo[PseudoHeaderSize..];
        Bytes.PutBe16(udp, 0, 1000);
        Bytes.PutBe16(udp, 2, Port);
        Bytes.PutBe16(udp, 4, (ushort)udp.Length);
        udp.CopyTo(pseudo, PseudoHeaderSize);
        Bytes.PutBe16(pseudo, 10, (ushort)udp.Length);
        Bytes.PutBe16(udp, 6, Frames.Sum(pseudo));
        udp[^1] ^= damage;
        return Frames.Ipv4(Frames.Mac(0x0a000063), Frames.ClientMac, sender, Address, 17, udp)[Packetd.Packet.HeaderSize..];
    }
}
