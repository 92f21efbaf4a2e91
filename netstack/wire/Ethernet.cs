using System;

namespace Netstack;

/// <summary>Ethernet II header: destination (0), source (6), type (12). No VLAN tags.</summary>
public unsafe struct Ethernet
{
    public const int HeaderLength = 14;
    public const ushort TypeIpv4 = 0x0800;
    public const ushort TypeArp = 0x0806;
    public const ushort TypeIpv6 = 0x86dd;
    public const ulong Broadcast = 0xffffffffffff;

    /// <summary>MAC addresses, first byte highest of the low 48 bits.</summary>
    public ulong Destination;
    public ulong Source;

    public ushort Type;

    /// <summary>True when the bytes hold a header.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Ethernet header)
    {
        header = default;
        if (bytes.Length < HeaderLength)
            return false;
        // SAFETY: the length was checked.
        fixed (byte* at = bytes)
        {
            header.Destination = BigEndian.Load48(at);
            header.Source = BigEndian.Load48(at + 6);
            header.Type = BigEndian.Load16(at + 12);
        }
        return true;
    }

    /// <summary>Writes <see cref="HeaderLength"/> bytes.</summary>
    public static void Emit(byte* at, ulong destination, ulong source, ushort type)
    {
        BigEndian.Store48(at, destination);
        BigEndian.Store48(at + 6, source);
        BigEndian.Store16(at + 12, type);
    }

    /// <summary>The first two bytes of the groups of IPv6 (RFC 2464 §7).</summary>
    internal const ulong GroupPrefix6 = 0x3333;

    /// <summary>Where what is sent to a group of IPv6 goes.</summary>
    internal static ulong GroupOf(Address group) => GroupPrefix6 << 32 | (uint)group.Low;

    /// <summary>Group bit of the first byte (IEEE 802 §8.2): multicast or broadcast.</summary>
    public static bool IsGroup(ulong address) => (address & 0x010000000000) != 0;
}
