using System;

namespace Netstack;

/// <summary>
/// IPv6 header (RFC 8200 §3): version, traffic class and flow label (0), payload length (4), next header (6), hop limit
/// (7), source (8), destination (24); and its fragment header (§4.5): next header (0), offset and more (2),
/// identification (4).
/// </summary>
public static unsafe class Ipv6
{
    public const int HeaderLength = 40;
    public const int FragmentHeaderLength = 8;

    /// <summary>What every link carries whole (RFC 8200 §5).</summary>
    public const int MinMtu = 1280;

    // Next headers (RFC 8200 §4).
    public const byte HopByHop = 0;
    public const byte Routing = 43;
    public const byte Fragment = 44;
    public const byte ProtocolIcmp = 58;
    public const byte Nothing = 59;
    public const byte DestinationOptions = 60;

    public const byte DefaultHopLimit = 64;

    private const int NextHeaderAt = 6;
    private const uint Version = 6u << 28;
    private const uint MoreBit = 1;

    /// <param name="bytes">From the header on; must hold the whole header, the data may be elsewhere.</param>
    /// <param name="available">Bytes of the packet in all, link padding included.</param>
    public static bool TryParse(ReadOnlySpan<byte> bytes, int available, out IpHeader header)
    {
        header = default;
        if (bytes.Length < HeaderLength)
            return false;
        // SAFETY: the length was checked.
        fixed (byte* at = bytes)
        {
            header.DataOffset = HeaderLength;
            header.TotalLength = HeaderLength + BigEndian.Load16(at + 4);
            header.Protocol = at[NextHeaderAt];
            header.ProtocolAt = NextHeaderAt;
            header.HopLimit = at[7];
            header.Source = LoadAddress(at + 8);
            header.Destination = LoadAddress(at + 24);
            return at[0] >> 4 == 6 && header.TotalLength <= available;
        }
    }

    /// <summary>Writes <see cref="HeaderLength"/> bytes.</summary>
    public static void Emit(byte* at, Address source, Address destination, byte next, byte hopLimit, int payload)
    {
        BigEndian.Store32(at, Version);
        BigEndian.Store32(at + 4, (uint)payload << 16 | (uint)next << 8 | hopLimit);
        StoreAddress(at + 8, source);
        StoreAddress(at + 24, destination);
    }

    /// <summary>Takes a fragment header of <see cref="FragmentHeaderLength"/> bytes, which must be there.</summary>
    internal static void ParseFragment(byte* at, ref IpHeader header)
    {
        uint word = BigEndian.Load16(at + 2);
        header.Protocol = at[0];
        header.FragmentOffset = (int)(word & ~7u);
        header.MoreFragments = (word & MoreBit) != 0;
        header.Identification = BigEndian.Load32(at + 4);
    }

    /// <summary>Writes <see cref="FragmentHeaderLength"/> bytes.</summary>
    internal static void EmitFragment(byte* at, byte next, int offset, bool more, uint identification)
    {
        BigEndian.Store32(at, (uint)next << 24 | (uint)offset | (more ? MoreBit : 0));
        BigEndian.Store32(at + 4, identification);
    }

    internal static Address LoadAddress(byte* at) => new(BigEndian.Load64(at), BigEndian.Load64(at + 8));

    internal static void StoreAddress(byte* at, Address address)
    {
        BigEndian.Store64(at, address.High);
        BigEndian.Store64(at + 8, address.Low);
    }
}
