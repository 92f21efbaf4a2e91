using System;

namespace Netstack;

/// <summary>
/// ARP for IPv4 over Ethernet (RFC 826): types (0..6), operation (6), sender MAC (8), IP (14), target MAC (18), IP
/// (24).
/// </summary>
public unsafe struct Arp
{
    public const int Length = 28;
    public const ushort Request = 1;
    public const ushort Reply = 2;

    public ushort Operation;
    public ulong SenderMac;
    public ulong TargetMac;
    public uint SenderAddress;
    public uint TargetAddress;

    /// <summary>Asks whether an address is in use, without having one yet (RFC 5227 §1.1).</summary>
    public readonly bool IsProbe => Operation == Request && SenderAddress == 0;

    /// <summary>True for a request or reply about IPv4 on Ethernet. Trailing bytes (padding) are allowed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Arp packet)
    {
        packet = default;
        if (bytes.Length < Length)
            return false;
        // SAFETY: the length was checked.
        fixed (byte* at = bytes)
        {
            if (BigEndian.Load32(at) != 0x00010800 || BigEndian.Load16(at + 4) != 0x0604)
                return false;
            packet.Operation = BigEndian.Load16(at + 6);
            packet.SenderMac = BigEndian.Load48(at + 8);
            packet.SenderAddress = BigEndian.Load32(at + 14);
            packet.TargetMac = BigEndian.Load48(at + 18);
            packet.TargetAddress = BigEndian.Load32(at + 24);
        }
        return packet.Operation is Request or Reply && !Ethernet.IsGroup(packet.SenderMac);
    }

    /// <summary>Writes <see cref="Length"/> bytes.</summary>
    public readonly void Emit(byte* at)
    {
        BigEndian.Store32(at, 0x00010800);
        BigEndian.Store16(at + 4, 0x0604);
        BigEndian.Store16(at + 6, Operation);
        BigEndian.Store48(at + 8, SenderMac);
        BigEndian.Store32(at + 14, SenderAddress);
        BigEndian.Store48(at + 18, TargetMac);
        BigEndian.Store32(at + 24, TargetAddress);
    }
}
