using System;
using Wire;

namespace Packetd;

/// <summary>The node's own answers: ARP (RFC 826) and ICMP Echo (RFC 792).</summary>
public ref partial struct Node<THost>
{
    /// <summary>What is before an Echo's payload.</summary>
    private const int Headers = Packet.HeaderSize + Packet.IcmpAt + Packet.IcmpSize;

    private void AnswerArp(int port, Span<byte> packet)
    {
        Span<byte> frame = packet.Slice(Packet.HeaderSize);
        if (!Packet.IsArp(frame) || Bytes.Be16(frame, Packet.ArpOperationAt) != 1
            || Bytes.Be32(frame, Packet.ArpTargetAt) != limits.Address || (frame[Packet.ArpSenderMacAt] & 1) != 0
            || !Limiter.Allows(AnswerKind.Arp, Bytes.Be32(frame, Packet.ArpSenderAt)))
            return;
        Bytes.PutBe16(frame, Packet.ArpOperationAt, 2);
        frame.Slice(Packet.ArpSenderMacAt, 10).CopyTo(frame.Slice(Packet.ArpTargetMacAt));
        Packet.PutMac(frame, Packet.ArpSenderMacAt, limits.Address);
        Bytes.PutBe32(frame, Packet.ArpSenderAt, limits.Address);
        Reply(port, packet.Slice(0, Packet.HeaderSize + Packet.ArpSize), frame.Slice(Packet.ArpTargetMacAt, 6));
    }

    /// <summary>
    /// Answers an Echo Request to the node's own MAC and address. Fragments, IPv4 options, wrong lengths and checksums and
    /// sources that are no host get no answer; a checksum that the sender's card was to complete is taken as right.
    /// </summary>
    private void AnswerEcho(int port, Span<byte> packet)
    {
        Span<byte> frame = packet.Slice(Packet.HeaderSize);
        if (frame.Length < Packet.IcmpAt + Packet.IcmpSize || Bytes.Be16(frame, Packet.TypeAt) != Packet.TypeIpv4
            || frame[Packet.Ipv4At] != 0x45 || frame[Packet.ProtocolAt] != Packet.ProtocolIcmp
            || (Bytes.Be16(frame, Packet.FragmentAt) & 0x3FFF) != 0 || packet[Packet.GsoAt] != 0)
            return;
        int total = Bytes.Be16(frame, Packet.TotalLengthAt);
        uint source = Bytes.Be32(frame, Packet.Ipv4SourceAt);
        if (total < Packet.Ipv4Size + Packet.IcmpSize || total > frame.Length - Packet.EthernetSize
            || Bytes.Be32(frame, Packet.Ipv4TargetAt) != limits.Address || !Packet.IsHost(source) || source == limits.Address
            || (frame[Packet.SourceAt] & 1) != 0 || Packet.Checksum(frame.Slice(Packet.Ipv4At, Packet.Ipv4Size)) != 0)
            return;
        Span<byte> icmp = frame.Slice(Packet.IcmpAt, total - Packet.Ipv4Size);
        if (Bytes.Be16(icmp, 0) != Packet.EchoRequest << 8
            || ((packet[Packet.FlagsAt] & Packet.NeedsChecksum) == 0 && Packet.Checksum(icmp) != 0))
            return;

        if (MagicPing.IsMagic(icmp.Slice(Packet.IcmpSize)))
            AnswerMagic(port, packet, icmp.Slice(Packet.IcmpSize), source);
        else if (Limiter.Allows(AnswerKind.Echo, source))
            ReplyEcho(port, packet.Slice(0, Packet.HeaderSize + Packet.EthernetSize + total));
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
        Span<byte> frame = packet.Slice(Packet.HeaderSize);
        Bytes.PutBe16(frame, Packet.TotalLengthAt, (ushort)(frame.Length - Packet.EthernetSize));
        Bytes.PutBe32(frame, Packet.IdentificationAt, 0x4000); // Don't Fragment: an atomic datagram (RFC 6864)
        frame[Packet.TtlAt] = 64;
        Bytes.PutBe32(frame, Packet.Ipv4TargetAt, Bytes.Be32(frame, Packet.Ipv4SourceAt));
        Bytes.PutBe32(frame, Packet.Ipv4SourceAt, limits.Address);
        Bytes.PutBe16(frame, Packet.HeaderChecksumAt, 0);
        Bytes.PutBe16(frame, Packet.HeaderChecksumAt, Packet.Checksum(frame.Slice(Packet.Ipv4At, Packet.Ipv4Size)));

        Span<byte> icmp = frame.Slice(Packet.IcmpAt);
        Bytes.PutBe32(icmp, 0, Packet.EchoReply << 24);
        Bytes.PutBe16(icmp, 2, Packet.Checksum(icmp));
        Reply(port, packet, frame.Slice(Packet.SourceAt, 6));
    }

    private void Reply(int port, scoped Span<byte> packet, scoped ReadOnlySpan<byte> to)
    {
        Span<byte> frame = packet.Slice(Packet.HeaderSize);
        packet.Slice(0, Packet.HeaderSize).Clear();
        to.CopyTo(frame);
        Packet.PutMac(frame, Packet.SourceAt, limits.Address);
        Host.Send(port, packet);
    }
}
