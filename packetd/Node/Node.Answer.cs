using System;
using Wire;
using static Packetd.Packet;

namespace Packetd;

/// <summary>The node's own answers: ARP (RFC 826) and ICMP Echo (RFC 792).</summary>
public ref partial struct Node<THost>
{
    /// <summary>What is before an Echo's payload.</summary>
    private const int Headers = IcmpAt + IcmpSize;

    private void AnswerArp(int port, Span<byte> packet)
    {
        if (!IsArp(packet)
            || Bytes.Be16(packet, ArpOperationAt) != ArpRequest
            || Bytes.Be32(packet, ArpTargetAt) != limits.Address
            || (packet[ArpSenderMacAt] & 1) != 0
            || !Limiter.Allows(AnswerKind.Arp, Bytes.Be32(packet, ArpSenderAt)))
            return;
        Bytes.PutBe16(packet, ArpOperationAt, ArpReply);
        packet.Slice(ArpSenderMacAt, 10).CopyTo(packet.Slice(ArpTargetMacAt));
        PutMac(packet, ArpSenderMacAt, limits.Address);
        Bytes.PutBe32(packet, ArpSenderAt, limits.Address);
        Reply(port, packet.Slice(0, ArpEnd), packet.Slice(ArpTargetMacAt, 6));
    }

    /// <summary>
    /// Answers an Echo Request to the node's own MAC and address. Fragments, IPv4 options, wrong lengths and checksums
    /// and sources that are no host get no answer; a checksum that the sender's card was to complete is taken as right.
    /// </summary>
    private void AnswerEcho(int port, Span<byte> packet)
    {
        if (packet.Length < Headers
            || !IsIpv4(packet)
            || packet[ProtocolAt] != ProtocolIcmp
            || (Bytes.Be16(packet, FragmentAt) & (MoreFragments | FragmentOffset)) != 0
            || packet[GsoAt] != 0)
            return;
        int total = Bytes.Be16(packet, TotalLengthAt);
        uint source = Bytes.Be32(packet, Ipv4SourceAt);
        if (total < Ipv4Size + IcmpSize
            || total > packet.Length - Ipv4At
            || Bytes.Be32(packet, Ipv4TargetAt) != limits.Address
            || !IsHost(source)
            || source == limits.Address
            || (packet[SourceAt] & 1) != 0
            || Checksum(packet.Slice(Ipv4At, Ipv4Size)) != 0)
            return;
        Span<byte> icmp = packet.Slice(IcmpAt, total - Ipv4Size);
        if (Bytes.Be16(icmp, 0) != EchoRequest << 8
            || ((packet[FlagsAt] & NeedsChecksum) == 0 && Checksum(icmp) != 0))
            return;

        if (MagicPing.IsMagic(icmp.Slice(IcmpSize)))
            AnswerMagic(port, packet, icmp.Slice(IcmpSize), source);
        else if (Limiter.Allows(AnswerKind.Echo, source))
            ReplyEcho(port, packet.Slice(0, Ipv4At + total));
    }

    private void AnswerMagic(int port, Span<byte> packet, ReadOnlySpan<byte> payload, uint source)
    {
        Refusal refusal = Admit(payload, out MagicKind kind, out uint boot);
        uint limit = refusal switch
        {
            Refusal.MemoryTooLarge => limits.MaxMemoryMiB,
            Refusal.ChainTooLong => limits.ChainSteps,
            Refusal.TooManyDomains => (uint)Domains.Length,
            _ => 0,
        };
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

    /// <summary>
    /// Makes the request's headers the reply's and sends the packet, whose payload is the reply's already.
    /// </summary>
    private void ReplyEcho(int port, scoped Span<byte> packet)
    {
        Bytes.PutBe16(packet, TotalLengthAt, (ushort)(packet.Length - Ipv4At));
        Bytes.PutBe32(packet, IdentificationAt, DontFragment); // an atomic datagram (RFC 6864 §4)
        packet[TtlAt] = 64;
        Bytes.PutBe32(packet, Ipv4TargetAt, Bytes.Be32(packet, Ipv4SourceAt));
        Bytes.PutBe32(packet, Ipv4SourceAt, limits.Address);
        Bytes.PutBe16(packet, HeaderChecksumAt, 0);
        Bytes.PutBe16(packet, HeaderChecksumAt, Checksum(packet.Slice(Ipv4At, Ipv4Size)));

        Span<byte> icmp = packet.Slice(IcmpAt);
        Bytes.PutBe32(icmp, 0, EchoReply << 24);
        Bytes.PutBe16(icmp, 2, Checksum(icmp));
        Reply(port, packet, packet.Slice(SourceAt, 6));
    }

    private void Reply(int port, scoped Span<byte> packet, scoped ReadOnlySpan<byte> to)
    {
        packet.Slice(0, HeaderSize).Clear();
        to.CopyTo(packet.Slice(TargetAt));
        PutMac(packet, SourceAt, limits.Address);
        Host.Send(port, packet);
    }
}
