using System;
using Netstack;

namespace Guestos;

/// <summary>
/// The route that packets to one address take (RTM_GETROUTE without NLM_F_DUMP, ip route get), and routing rules.
/// </summary>
internal unsafe ref partial struct NetlinkAnswer
{
    // RT_TABLE_DEFAULT, RT_TABLE_MAIN, RT_TABLE_LOCAL
    private const int DefaultTable = 253;
    private const int MainTable = 254;
    private const int LocalTable = 255;

    // RTN_UNICAST to RTN_MULTICAST
    private const int Unicast = 1;
    private const int Local = 2;
    private const int Broadcast = 3;
    private const int Multicast = 5;

    // struct rta_cacheinfo
    private const int CacheLength = 32;

    /// <summary>Of IPv4: 0, or ENETUNREACH.</summary>
    private long RouteTo(uint destination)
    {
        const uint everyHost = uint.MaxValue;
        bool isLoopback = destination >> 24 == Loopback >> 24 || destination == 0;
        if (isLoopback || destination == Network.Address)
        {
            uint source = isLoopback ? Loopback : destination;
            RouteTo(destination, Local, LoopbackIndex, source, 0);
            return 0;
        }
        if (Network.Address == 0)
            return Errno.ENETUNREACH;
        bool isNear = ((destination ^ Network.Address) & Network.Mask) == 0;
        if (destination == everyHost || isNear && (destination | Network.Mask) == everyHost)
            RouteTo(destination, Broadcast, EthernetIndex, Network.Address, 0);
        else if (destination >> 28 == 14)
            RouteTo(destination, Multicast, EthernetIndex, Network.Address, 0);
        else if (isNear)
            RouteTo(destination, Unicast, EthernetIndex, Network.Address, 0);
        else if (Network.Gateway != 0)
            RouteTo(destination, Unicast, EthernetIndex, Network.Address, Network.Gateway);
        else
            return Errno.ENETUNREACH;
        return 0;
    }

    private void RouteTo(uint destination, int type, int index, uint source, uint gateway)
    {
        // RTM_F_CLONED, and RTCF_LOCAL to RTCF_BROADCAST as routes are kept.
        const int cloned = 0x200;
        const int local = unchecked((int)0x80000000);
        const int multicast = 0x20000000;
        const int broadcast = 0x10000000;
        int table = type == Local ? LocalTable : MainTable;
        int kind = type switch
        {
            Local => local,
            Broadcast => local | broadcast,
            Multicast => local | multicast,
            _ => 0,
        };
        Begin(NewRoute);
        Put(Inet | 32 << 8);
        Put(table | type << 24);
        Put(kind | cloned);
        Attribute(15, table);
        Attribute(1, Reversed(destination));
        Attribute(4, index);
        Attribute(7, Reversed(source));
        if (gateway != 0)
            Attribute(5, Reversed(gateway));
        Attribute(25, (int)Credentials.Current.RealUserId);
        CacheInfo();
        End();
    }

    /// <summary>Of IPv6: 0, or ENETUNREACH.</summary>
    private long RouteTo6(Address destination)
    {
        if (destination == Netstack.Address.Loopback6)
        {
            RouteTo6(destination, Local, destination, default);
            return 0;
        }
        Address own = default;
        bool isNear = false;
        for (int i = 0; i < Netstack.Stack.MaxAddresses6; i++)
        {
            if (!Network.Stack->AddressAt6(i, out Address address, out int length, out _))
                continue;
            if (address == destination)
            {
                RouteTo6(destination, Local, destination, default);
                return 0;
            }
            bool isOfItsNetwork = destination.Prefix(length) == address.Prefix(length);
            if (isOfItsNetwork || !isNear && !address.IsLinkLocal)
                own = address;
            isNear |= isOfItsNetwork;
        }
        Address router = default;
        if (!isNear && (own.IsUnspecified || !Network.Stack->RouterAt6(0, out router)))
            return Errno.ENETUNREACH;
        RouteTo6(destination, Unicast, own, router);
        return 0;
    }

    private void RouteTo6(Address destination, int type, Address source, Address router)
    {
        const int byKernel = 2;
        const int byBoot = 3;
        const int ofNetwork = 256;
        const int ofRouter = 1024;
        bool isLocal = type == Local;
        int table = isLocal ? LocalTable : MainTable;
        int metric = router.IsUnspecified ? ofNetwork : ofRouter;
        Begin(NewRoute);
        Put(Inet6 | 128 << 8 | 128 << 16);
        Put(table | (router.IsUnspecified ? byKernel : byBoot) << 8 | type << 24);
        Put(0);
        Attribute(15, table);
        Span<byte> value = stackalloc byte[16];
        SocketAddress.Write6(value, destination);
        Attribute(1, value);
        value.Clear();
        Attribute(2, value);
        SocketAddress.Write6(value, source);
        Attribute(7, value);
        Attribute(6, isLocal ? 0 : metric);
        SocketAddress.Write6(value, router);
        if (!router.IsUnspecified)
            Attribute(5, value);
        Attribute(4, isLocal ? LoopbackIndex : EthernetIndex);
        CacheInfo();
        Attribute(20, "\0"u8);
        End();
    }

    /// <summary>The tables that every packet's route is looked for in: local, main, and for IPv4 default.</summary>
    private void Rules(byte family)
    {
        const int main = 32766;
        const int byDefault = 32767;
        Rule(family, LocalTable, 0);
        Rule(family, MainTable, main);
        if (family == Inet)
            Rule(family, DefaultTable, byDefault);
    }

    private void Rule(byte family, int table, int priority)
    {
        const int toTable = 1;
        Begin(NewRule);
        // struct fib_rule_hdr; FRA_TABLE, FRA_SUPPRESS_PREFIXLEN, FRA_PROTOCOL (RTPROT_KERNEL), FRA_PRIORITY
        Put(family);
        Put(table | toTable << 24);
        Put(0);
        Attribute(15, table);
        Attribute(14, -1);
        Attribute(21, "\x02"u8);
        if (priority != 0)
            Attribute(6, priority);
        End();
    }

    /// <summary>RTA_CACHEINFO: nothing is remembered of a route.</summary>
    private void CacheInfo()
    {
        Span<byte> nothing = stackalloc byte[CacheLength];
        nothing.Clear();
        Attribute(12, nothing);
    }
}
