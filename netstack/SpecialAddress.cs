using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>
/// Addresses are numbers of 32 bits: those of IPv4 themselves, and of 0/8, which no packet on a link may have (RFC 1122
/// §3.2.1.3), a few that stand for addresses of IPv6. So sockets of both families have one table, and a connection
/// between two of this host by ::1 costs what one by 127.0.0.1 does. Nothing with such an address leaves the host, and
/// nothing that arrives from a link is taken for it.
/// </summary>
public static class SpecialAddress
{
    /// <summary>0.0.0.0: all own IPv4 addresses.</summary>
    public const uint Any = 0;

    /// <summary>::1 (RFC 4291 §2.5.3).</summary>
    public const uint Loopback6 = 1;

    /// <summary>:: of a socket that takes IPv6 only (RFC 3493 §5.3).</summary>
    public const uint Any6 = 2;

    /// <summary>:: of a socket that takes both families.</summary>
    public const uint AnyOfBoth = 3;

    /// <summary>Any other address of IPv6: it is not ours, and no route leads there.</summary>
    public const uint Elsewhere6 = 4;

    private const uint Last = Elsewhere6;

    /// <summary>True where the address is one of IPv4, its wildcard among them.</summary>
    public static bool IsIpv4(uint address) => address - 1 >= Last;

    /// <summary>True for the three wildcards.</summary>
    public static bool IsAny(uint address) => address <= AnyOfBoth && address != Loopback6;

    /// <summary>Whether a socket with this wildcard receives what is sent to an address. False for others.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool Covers(uint wildcard, uint address)
    {
        if (wildcard == AnyOfBoth)
            return true;
        bool isIpv4 = IsIpv4(address);
        return wildcard == Any ? isIpv4 : wildcard == Any6 && !isIpv4;
    }

    /// <summary>Whether some address belongs to both: bind(2)'s conflict.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool Overlap(uint one, uint other) => one == other || Covers(one, other) || Covers(other, one);
}
