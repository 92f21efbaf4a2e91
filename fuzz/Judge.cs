using System;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Testing.Nodes;

namespace Fuzz;

/// <summary>
/// What a packet is, said a second time without the code that is fuzzed: from the RFCs' and docs/protocols.md's offsets, with
/// .NET's own hashes. Offsets count from the virtio-net header of 10 bytes.
/// </summary>
internal static class Judge
{
    public const int Header = 10, Ethernet = 14, Source = Header + 6, Type = Header + 12, Ipv4 = Header + Ethernet, Icmp = Ipv4 + 20, Payload = Icmp + 8;
    public const int ArpSize = Ipv4 + 28, TokenSize = 196, ReplySize = 40, Token = Payload + 16;
    public const uint MaxMemory = 256, MaxSteps = 100, Grace = 5;

    public static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);

    public static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    public static bool HasMac(ReadOnlySpan<byte> packet, int at, uint address) => U16(packet, at) == 0x0245 && U32(packet, at + 2) == address;

    public static bool IsGroup(ReadOnlySpan<byte> packet) => (packet[Header] & 1) != 0;

    public static bool IsArp(ReadOnlySpan<byte> packet) =>
        packet.Length >= ArpSize && U16(packet, Type) == 0x0806 && U32(packet, Ipv4) == 0x0001_0800 && U16(packet, Ipv4 + 4) == 0x0604;

    public static bool IsIpv4(ReadOnlySpan<byte> packet) => packet.Length >= Ipv4 + 20 && U16(packet, Type) == 0x0800 && packet[Ipv4] >> 4 == 4;

    /// <summary>
    /// The packet after the work that its header leaves to the receiver: with the checksum written where the header
    /// says (virtio 1.2 §5.1.6.2).
    /// </summary>
    public static byte[] Completed(ReadOnlySpan<byte> packet)
    {
        byte[] whole = packet.ToArray();
        int start = Header + BinaryPrimitives.ReadUInt16LittleEndian(packet[6..]), at = start + BinaryPrimitives.ReadUInt16LittleEndian(packet[8..]);
        if ((packet[0] & 1) != 0 && start < packet.Length && at + 2 <= packet.Length)
            BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(at), Frames.Sum(packet[start..]));
        return whole;
    }

    public static bool IsHost(uint address) => address >> 24 is not (0 or 127 or >= 224);

    /// <summary>Whether the node may answer with ARP (RFC 826).</summary>
    public static bool IsArpRequest(ReadOnlySpan<byte> packet) =>
        IsArp(packet) && (IsGroup(packet) || HasMac(packet, Header, TestHost.Node)) && U16(packet, Ipv4 + 6) == 1
        && U32(packet, Ipv4 + 24) == TestHost.Node && (packet[Ipv4 + 8] & 1) == 0;

    /// <summary>Whether the node may answer with an Echo Reply (RFC 792, RFC 1122 §3.2.2.6).</summary>
    public static bool IsEchoRequest(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < Payload || !HasMac(packet, Header, TestHost.Node) || U16(packet, Type) != 0x0800 || packet[Ipv4] != 0x45)
            return false;
        int total = U16(packet, Ipv4 + 2);
        uint source = U32(packet, Ipv4 + 12);
        if (total < 28 || Ipv4 + total > packet.Length || (U16(packet, Ipv4 + 6) & 0x3FFF) != 0 || packet[Ipv4 + 9] != 1
            || U32(packet, Ipv4 + 16) != TestHost.Node || !IsHost(source) || source == TestHost.Node || (packet[Source] & 1) != 0
            || Frames.Sum(packet.Slice(Ipv4, 20)) != 0 || packet[1] != 0 || U16(packet, Icmp) != 0x0800)
            return false;
        return (packet[0] & 1) != 0 || Frames.Sum(packet[Icmp..(Ipv4 + total)]) == 0;
    }

    public static bool IsMagic(ReadOnlySpan<byte> packet) =>
        Ipv4 + U16(packet, Ipv4 + 2) >= Payload + 8 && packet.Slice(Payload, 8).SequenceEqual("EvilPing"u8);

    /// <summary>The boot token in an Echo Request; empty when there is none of the right size.</summary>
    public static ReadOnlySpan<byte> BootToken(ReadOnlySpan<byte> packet)
    {
        ReadOnlySpan<byte> payload = packet[Payload..(Ipv4 + U16(packet, Ipv4 + 2))];
        bool boot = payload.Length == 16 + TokenSize && payload[..8].SequenceEqual("EvilPing"u8)
            && payload[8..16].SequenceEqual((ReadOnlySpan<byte>)[1, 0, 1, 0, TokenSize, 0, 0, 0]);
        return boot ? payload[16..] : default;
    }

    public static uint Boot(ReadOnlySpan<byte> token) => U32(token, 32);

    /// <summary>The addresses that the token claims, the boot address first.</summary>
    public static uint[] Addresses(ReadOnlySpan<byte> token)
    {
        uint[] addresses = new uint[1 + token[41]];
        addresses[0] = Boot(token);
        for (int i = 1; i < addresses.Length; i++)
            addresses[i] = U32(token, 44 + 4 * i);
        return addresses;
    }

    /// <summary>docs/protocols.md, "Machine key".</summary>
    public static byte[] MachineKey(ReadOnlySpan<byte> token) => HMACSHA1.HashData(TestHost.Key, (byte[])[.. "EvilMKey"u8, .. token]);

    public static byte[] EndProof(ReadOnlySpan<byte> machineKey) => HMACSHA1.HashData(machineKey, "EvilEnd1"u8);

    /// <summary>The proof in a request to end a domain; empty when this is none of the right form.</summary>
    public static ReadOnlySpan<byte> RequestedEnd(ReadOnlySpan<byte> packet)
    {
        ReadOnlySpan<byte> form = [.. "EvilPing"u8, 1, 0, 3, 0, 24, 0, 0, 0];
        int end = Ipv4 + U16(packet, Ipv4 + 2);
        return end == Token + 24 && packet[Payload..Token].SequenceEqual(form) && U32(packet, end - 4) == 0 ? packet.Slice(Token, 20) : default;
    }

    public static ulong Issued(ReadOnlySpan<byte> token) => BinaryPrimitives.ReadUInt64LittleEndian(token[16..]);

    public static ulong Expires(ReadOnlySpan<byte> token) => BinaryPrimitives.ReadUInt64LittleEndian(token[24..]);

    public static string ChainEnd(ReadOnlySpan<byte> token) => Convert.ToHexString(token.Slice(72, 20));

    public static string Signature(ReadOnlySpan<byte> token) => Convert.ToHexString(token[^20..]);

    /// <summary>Why a token of the right size is good for nothing, whatever else happens on the node; nothing when it is good.</summary>
    public static string? Fault(ReadOnlySpan<byte> token, ulong now, ulong started)
    {
        static uint Le32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
        if (Le32(token, 0) != 0x54425645 || Le32(token, 4) != 3 || token[68] + token[69] == 0 || token[70] + token[71] != 0)
            return "is no boot token of version 3";
        if (token[40] is < 8 or > 30 || token[41] > 4)
            return "has an impossible prefix or too many guests";
        if (U32(token, 8) != TestHost.Node)
            return "is for another node";
        uint memory = Le32(token, 12), count = Le32(token, 64);
        if (memory is 0 or > MaxMemory || count is 0 or > MaxSteps || BinaryPrimitives.ReadUInt16LittleEndian(token[42..]) == 0)
            return "asks for nothing or for too much";
        if (BinaryPrimitives.ReadUInt64LittleEndian(token[152..]) > 1UL << 40)
            return "has elements of too much value";
        if (Le32(token, 44) != 0 || BinaryPrimitives.ReadUInt16LittleEndian(token[42..]) != 100)
            return "asks for a disk or for a share of a processor";
        ulong issued = Issued(token);
        if (issued > now || Expires(token) <= now || Expires(token) <= issued)
            return "is not good at this time";
        if (issued < started)
            return "was issued before the start";
        uint[] addresses = Addresses(token);
        uint mask = uint.MaxValue << (32 - token[40]), subnet = addresses[0] & mask, gateway = U32(token, 36);
        foreach (uint address in addresses)
            if (!IsHost(address) || address == TestHost.Node || address == subnet || address == (subnet | ~mask))
                return "claims an address that no domain may have";
        if (gateway != 0 && ((gateway & mask) != subnet || (gateway & ~mask) == 0 || (gateway | mask) == uint.MaxValue || Array.IndexOf(addresses, gateway) >= 0))
            return "has a gateway that is no other host of its subnet";
        if (!HMACSHA1.HashData(TestHost.Key, token[..^20]).AsSpan().SequenceEqual(token[^20..]))
            return "has a wrong signature";
        Span<byte> element = stackalloc byte[20];
        token.Slice(92, 20).CopyTo(element);
        for (uint i = 1; i < count; i++)
            SHA1.HashData(element, element);
        return element.SequenceEqual(token.Slice(72, 20)) ? null : "has a broken chain";
    }
}
