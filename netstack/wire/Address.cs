namespace Netstack;

/// <summary>
/// An address of IPv6, or one of IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so that sockets, connections and routes of
/// both families have one table. A number is an IPv4 address in host order. In an image that is built with IPV4_ONLY
/// there is no other family, an address is that number, and what is about IPv6 is not compiled.
/// </summary>
public readonly partial struct Address
{
    /// <summary>Bytes of an address of IPv6.</summary>
    public const int Length6 = 16;

    private const ulong Mapped = 0xffff;

#if IPV4_ONLY
    private readonly uint number;

    public Address(ulong high, ulong low)
    {
        number = (uint)low;
    }

    private Address(uint number)
    {
        this.number = number;
    }

    /// <summary>Whether there is IPv6 at all.</summary>
    internal static bool HasIpv6 => false;

    public static implicit operator Address(uint number) => new(number);

    public static bool operator ==(Address one, Address other) => one.number == other.number;

    public static bool operator !=(Address one, Address other) => one.number != other.number;

    public ulong High => 0;

    public ulong Low => Mapped << 32 | number;

    public uint Ipv4 => number;

    public bool IsIpv4 => true;

    public bool IsUnspecified => number == 0;

    internal const int MaxHeaderLength = Netstack.Ipv4.HeaderLength;
#else
    /// <summary>The first eight bytes as they are on the wire, the first one highest; and the others.</summary>
    public readonly ulong High;
    public readonly ulong Low;

    public Address(ulong high, ulong low)
    {
        High = high;
        Low = low;
    }

    /// <summary>Whether there is IPv6 at all.</summary>
    internal static bool HasIpv6 => true;

    public static implicit operator Address(uint number) => new(0, Mapped << 32 | number);

    public static bool operator ==(Address one, Address other) => one.Low == other.Low && one.High == other.High;

    public static bool operator !=(Address one, Address other) => !(one == other);

    /// <summary>Of an address of IPv4: its number.</summary>
    public uint Ipv4 => (uint)Low;

    /// <summary>True where the address is one of IPv4, its wildcard among them.</summary>
    public bool IsIpv4 => Low >> 32 == Mapped && High == 0;

    /// <summary>0.0.0.0 or :: which name nobody, or everybody of this host.</summary>
    public bool IsUnspecified => High == 0 && (Low == 0 || Low == Mapped << 32);

    /// <summary>The longer one of the families' headers.</summary>
    internal const int MaxHeaderLength = Ipv6.HeaderLength;
#endif

    /// <summary>For tables that are found by addresses.</summary>
    internal uint Folded => IsIpv4 ? Ipv4 : (uint)(High >> 32 ^ High ^ Low >> 32 ^ Low);

    /// <summary>0.0.0.0: all own addresses of IPv4.</summary>
    public static Address Any4 => 0;

    /// <summary>:: which is all own addresses: of both families, unless its socket says otherwise.</summary>
    public static Address Any => default;

    /// <summary>::1 (RFC 4291 §2.5.3).</summary>
    public static Address Loopback6 => new(0, 1);

    /// <summary>All hosts of the link, and all its routers (RFC 4291 §2.7.1).</summary>
    internal static Address AllNodes => new(0xff02ul << 48, 1);
    internal static Address AllRouters => new(0xff02ul << 48, 2);

    /// <summary>Of an address: the group in which its host is asked for it (RFC 4291 §2.7.1).</summary>
    internal Address SolicitedNode => new(0xff02ul << 48, 1ul << 32 | 0xff000000 | Low & 0xffffff);

    /// <summary>127/8 and ::1.</summary>
    public bool IsLoopback => IsIpv4 ? Ipv4 >> 24 == 127 : High == 0 && Low == 1;

    /// <summary>fe80::/10, which is good on one link only (RFC 4291 §2.5.6).</summary>
    public bool IsLinkLocal => !IsIpv4 && High >> 54 == 0x3fa;

    /// <summary>ff00::/8 (RFC 4291 §2.7).</summary>
    public bool IsMulticast6 => !IsIpv4 && High >> 56 == 0xff;

    /// <summary>Its first bits, and zeros behind them.</summary>
    /// <param name="length">0 to 128.</param>
    public Address Prefix(int length)
    {
        ulong high = length == 0 ? 0 : High & ulong.MaxValue << 64 - System.Math.Min(length, 64);
        ulong low = length <= 64 ? 0 : Low & ulong.MaxValue << 128 - length;
        return new Address(high, low);
    }

    /// <summary>Whether the first bits of both are the same.</summary>
    /// <param name="length">0 to 128.</param>
    internal bool HasPrefix(Address prefix, int length)
    {
        if (length <= 64)
            return length == 0 || (High ^ prefix.High) >> 64 - length == 0;
        return High == prefix.High && (length == 64 || (Low ^ prefix.Low) >> 128 - length == 0);
    }

    /// <summary>Whether a socket with this wildcard receives what is sent to an address. False for others.</summary>
    /// <param name="only6">:: has no IPv4 (RFC 3493 §5.3).</param>
    private static bool Covers(Address wildcard, bool only6, Address address) =>
        wildcard.IsUnspecified && (wildcard.IsIpv4 ? address.IsIpv4 : !(only6 && address.IsIpv4));

    /// <summary>Whether a socket that is bound to an address receives what is sent to another.</summary>
    internal static bool Hears(Address bound, bool only6, Address address) =>
        bound == address || Covers(bound, only6, address);

    /// <summary>Whether some address belongs to both: bind(2)'s conflict.</summary>
    public static bool Overlap(Address one, bool isOnly6, Address other, bool otherIsOnly6) =>
        Hears(one, isOnly6, other) || Covers(other, otherIsOnly6, one);
}
