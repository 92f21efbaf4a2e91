using System;
using Wire;

namespace Packetd;

/// <summary>The node's own answers: ARP (RFC 826) and ICMP Echo (RFC 792).</summary>
public ref partial struct Node<THost>
{
    /// <summary>What is before an Echo's payload.</summary>
    private const int Headers = Packet.IcmpAt + Packet.IcmpSize;

    private void AnswerArp(int port, Span<byte> packet)
    {
        if (!Packet.IsArp(packet) || Bytes.Be16(packet, Packet.ArpOperationAt) != 1
            || Bytes.Be32(packet, Packet.ArpTargetAt) != limits.Address || (packet[Packet.ArpSenderMacAt] & 1) != 0
            || !Limiter.Allows(AnswerKind.Arp, Bytes.Be32(packet, Packet.ArpSenderAt)))
            return;
        Bytes.PutBe16(packet, Packet.ArpOperationAt, 2);
        packet.Slice(Packet.ArpSenderMacAt, 10).CopyTo(packet.Slice(Packet.ArpTargetMacAt));
        Packet.PutMac(packet, Packet.ArpSenderMacAt, limits.Address);
        Bytes.PutBe32(packet, Packet.ArpSenderAt, limits.Address);
        Reply(port, packet.Slice(0, Packet.ArpEnd), packet.Slice(Packet.ArpTargetMacAt, 6));
    }

    /// <summary>
    /// Answers an Echo Request to the node's own MAC and address. Fragments, IPv4 options, wrong lengths and checksums and
    /// sources that are no host get no answer; a checksum that the sender's card was to complete is taken as right.
    /// </summary>
    private void AnswerEcho(int port, Span<byte> packet)
    {
        if (packet.Length < Headers || !Packet.IsIpv4(packet) || packet[Packet.ProtocolAt] != Packet.ProtocolIcmp
            || (Bytes.Be16(packet, Packet.FragmentAt) & 0x3FFF) != 0 || packet[Packet.GsoAt] != 0)
            return;
        int total = Bytes.Be16(packet, Packet.TotalLengthAt);
        uint source = Bytes.Be32(packet, Packet.Ipv4SourceAt);
        if (total < Packet.Ipv4Size + Packet.IcmpSize || total > packet.Length - Packet.Ipv4At
            || Bytes.Be32(packet, Packet.Ipv4TargetAt) != limits.Address || !Packet.IsHost(source) || source == limits.Address
            || (packet[Packet.SourceAt] & 1) != 0 || Packet.Checksum(packet.Slice(Packet.Ipv4At, Packet.Ipv4Size)) != 0)
            return;
        Span<byte> icmp = packet.Slice(Packet.IcmpAt, total - Packet.Ipv4Size);
        if (Bytes.Be16(icmp, 0) != Packet.EchoRequest << 8
            || ((packet[Packet.FlagsAt] & Packet.NeedsChecksum) == 0 && Packet.Checksum(icmp) != 0))
            return;

        if (MagicPing.IsMagic(icmp.Slice(Packet.IcmpSize)))
            AnswerMagic(port, packet, icmp.Slice(Packet.IcmpSize), source);
        else if (Limiter.Allows(AnswerKind.Echo, source))
            ReplyEcho(port, packet.Slice(0, Packet.Ipv4At + total));
    }

    private void AnswerMagic(int port, Span<byte> packet, ReadOnlySpan<byte> payload, uint source)
    {
        Refusal refusal = Admit(payload, out MagicKind kind, out uint boot);
        uint limit = refusal == Refusal.MemoryTooLarge ? limits.MaxMemoryMiB : refusal == Refusal.ChainTooLong ? limits.ChainSteps
            : refusal == Refusal.TooManyDomains ? (uint)Domains.Length : 0;
        if (refusal != Refusal.None)
        {
            if (!Limiter.Allows(AnswerKind.Refusal, source))
                return;
            if (Limiter.Allows(AnswerKind.Line, 0))
                Host.Refused(source, refusal);
        }
        Span<byte> reply = stackalloc byte[Headers + MagicReply.Size];
        packet.Slice(0, Headers).CopyTo(reply);
        MagicReply.Emit(reply.Slice(Headers), kind, refusal, limits.Address, boot, Host.Now, limit);
        ReplyEcho(port, reply);
    }

    /// <summary>Turns the request's headers round and sends the packet, whose payload is already the reply's.</summary>
    private void ReplyEcho(int port, scoped Span<byte> packet)
    {
        Bytes.PutBe16(packet, Packet.TotalLengthAt, (ushort)(packet.Length - Packet.Ipv4At));
        Bytes.PutBe32(packet, Packet.IdentificationAt, 0x4000); // Don't Fragment: an atomic datagram (RFC 6864)
        packet[Packet.TtlAt] = 64;
        Bytes.PutBe32(packet, Packet.Ipv4TargetAt, Bytes.Be32(packet, Packet.Ipv4SourceAt));
        Bytes.PutBe32(packet, Packet.Ipv4SourceAt, limits.Address);
        Bytes.PutBe16(packet, Packet.HeaderChecksumAt, 0);
        Bytes.PutBe16(packet, Packet.HeaderChecksumAt, Packet.Checksum(packet.Slice(Packet.Ipv4At, Packet.Ipv4Size)));

        Span<byte> icmp = packet.Slice(Packet.IcmpAt);
        Bytes.PutBe32(icmp, 0, Packet.EchoReply << 24);
        Bytes.PutBe16(icmp, 2, Packet.Checksum(icmp));
        Reply(port, packet, packet.Slice(Packet.SourceAt, 6));
    }

    private void Reply(int port, scoped Span<byte> packet, scoped ReadOnlySpan<byte> to)
    {
        packet.Slice(0, Packet.HeaderSize).Clear();
        to.CopyTo(packet.Slice(Packet.TargetAt));
        Packet.PutMac(packet, Packet.SourceAt, limits.Address);
        Host.Send(port, packet);
    }
}
