using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
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
        if (!IsArp(packet))
            return;
        ref ArpFields arp = ref MemoryMarshal.AsRef<ArpFields>(packet);
        if (arp.Operation != BinaryPrimitives.ReverseEndianness(ArpRequest)
            || BinaryPrimitives.ReverseEndianness(arp.Target) != limits.Address
            || arp.SenderMac.IsGroup
            || !Limiter.Allows(AnswerKind.Arp, BinaryPrimitives.ReverseEndianness(arp.Sender)))
            return;
        arp.Operation = BinaryPrimitives.ReverseEndianness(ArpReply);
        arp.TargetMac = arp.SenderMac;
        arp.Target = arp.Sender;
        arp.SenderMac = new Mac(limits.Address);
        arp.Sender = BinaryPrimitives.ReverseEndianness(limits.Address);
        Reply(port, packet.Slice(0, ArpEnd), arp.TargetMac);
    }

    /// <summary>
    /// Answers an Echo Request to the node's own MAC and address. Fragments, IPv4 options, wrong lengths and checksums
    /// and sources that are no host get no answer; a checksum that the sender's card was to complete is taken as right.
    /// </summary>
    private void AnswerEcho(int port, Span<byte> packet)
    {
        if (packet.Length < Headers || !IsIpv4(packet))
            return;
        ref EchoFields echo = ref MemoryMarshal.AsRef<EchoFields>(packet);
        int total = BinaryPrimitives.ReverseEndianness(echo.TotalLength);
        uint source = BinaryPrimitives.ReverseEndianness(echo.Source);
        if (echo.Protocol != ProtocolIcmp
            || (BinaryPrimitives.ReverseEndianness(echo.Fragment) & (MoreFragments | FragmentOffset)) != 0
            || packet[GsoAt] != 0
            || total < Ipv4Size + IcmpSize
            || total > packet.Length - Ipv4At
            || BinaryPrimitives.ReverseEndianness(echo.Target) != limits.Address
            || !IsHost(source)
            || source == limits.Address
            || echo.Frame.Source.IsGroup
            || Checksum(packet.Slice(Ipv4At, Ipv4Size)) != 0
            || echo.Type != EchoRequest)
            return;
        Span<byte> icmp = packet.Slice(IcmpAt, total - Ipv4Size);
        if ((packet[FlagsAt] & NeedsChecksum) == 0 && Checksum(icmp) != 0)
            return;

        if (MagicPing.IsMagic(icmp.Slice(IcmpSize)))
            AnswerMagic(port, packet, icmp.Slice(IcmpSize), source);
        else if (Limiter.Allows(AnswerKind.Echo, source))
            ReplyEcho(port, packet.Slice(0, Ipv4At + total));
    }

    private void AnswerMagic(int port, Span<byte> packet, ReadOnlySpan<byte> payload, uint source)
    {
        Span<byte> reply = stackalloc byte[Headers + MagicReply.Size + Statement.Size];
        Span<byte> statement = reply.Slice(Headers + MagicReply.Size);
        Refusal refusal = Admit(payload, out MagicKind kind, out uint boot, statement);
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
        if (refusal != Refusal.None || kind is not (MagicKind.Query or MagicKind.Refund))
            reply = reply.Slice(0, Headers + MagicReply.Size);
        packet.Slice(0, Headers).CopyTo(reply);
        MagicReply.Emit(reply.Slice(Headers), kind, refusal, limits.Address, boot, Host.Now, limit);
        ReplyEcho(port, reply);
    }

    /// <summary>
    /// Makes the request's headers the reply's and sends the packet, whose payload is the reply's already.
    /// </summary>
    private void ReplyEcho(int port, scoped Span<byte> packet)
    {
        ref EchoFields echo = ref MemoryMarshal.AsRef<EchoFields>(packet);
        echo.TotalLength = BinaryPrimitives.ReverseEndianness((ushort)(packet.Length - Ipv4At));
        echo.Identification = 0;
        echo.Fragment = BinaryPrimitives.ReverseEndianness(DontFragment); // an atomic datagram (RFC 6864 §4)
        echo.Ttl = 64;
        echo.Target = echo.Source;
        echo.Source = BinaryPrimitives.ReverseEndianness(limits.Address);
        echo.HeaderChecksum = 0;
        echo.HeaderChecksum = BinaryPrimitives.ReverseEndianness(Checksum(packet.Slice(Ipv4At, Ipv4Size)));
        echo.Type = EchoReply;
        echo.Checksum = 0;
        echo.Checksum = BinaryPrimitives.ReverseEndianness(Checksum(packet.Slice(IcmpAt)));
        Reply(port, packet, echo.Frame.Source);
    }

    private void Reply(int port, scoped Span<byte> packet, Mac to)
    {
        ref FrameFields frame = ref MemoryMarshal.AsRef<FrameFields>(packet);
        frame.ClearOffload();
        frame.Target = to;
        frame.Source = new Mac(limits.Address);
        Host.Send(port, packet);
    }
}
