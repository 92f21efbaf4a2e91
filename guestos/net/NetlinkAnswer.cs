using System;
using System.Buffers.Binary;
using Netstack;

namespace Guestos;

/// <summary>
/// Messages of rtnetlink(7) (include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h) about the interfaces lo and eth0,
/// one behind the other, the last of them NLMSG_DONE where all were asked for.
/// </summary>
internal unsafe ref partial struct NetlinkAnswer
{
    public const int MaxLength = 2048;

    public const ushort GetLink = 18;
    private const ushort GetAddress = 22;
    public const ushort GetRoute = 26;
    private const ushort GetRule = 34;
    private const ushort NewLink = 16;
    private const ushort NewAddress = 20;
    private const ushort NewRoute = 24;
    private const ushort NewRule = 32;
    private const ushort Error = 2;
    private const ushort Done = 3;

    /// <summary>Every answer to a question for sockets is less.</summary>
    private const int MaxSocketLength = 128;

    // NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP
    private const ushort Multiple = 2;
    private const ushort Acknowledge = 4;
    private const ushort All = 0x300;
    private const byte Inet = 2;
    public const byte Inet6 = 10;
    private const int LoopbackIndex = 1;
    private const int EthernetIndex = 2;
    private const uint Loopback = 0x7f000001;

    private readonly Span<byte> bytes;
    private readonly uint sequence;
    private readonly uint port;
    private ushort flags;
    private int start;

    public NetlinkAnswer(Span<byte> bytes, uint sequence, uint port)
    {
        this = default;
        this.bytes = bytes;
        this.sequence = sequence;
        this.port = port;
        bytes.Clear();
    }

    public int Length { get; private set; }

    /// <summary>The number of an interface; −1: there is none of this name.</summary>
    public static int IndexOf(scoped ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("lo"u8))
            return LoopbackIndex;
        return name.SequenceEqual("eth0"u8) ? EthernetIndex : -1;
    }

    /// <param name="destination">An address of the family, for one route; it may be longer.</param>
    public void Make(ushort type, ushort asked, byte family, int index, scoped ReadOnlySpan<byte> destination)
    {
        bool all = (asked & All) == All;
        flags = all ? Multiple : (ushort)0;
        switch (type)
        {
            case GetLink when all || index is LoopbackIndex or EthernetIndex:
                if (index is 0 or LoopbackIndex)
                    Link(LoopbackIndex);
                if (index is 0 or EthernetIndex)
                    Link(EthernetIndex);
                break;
            case GetAddress when all:
                if (family is 0 or Inet)
                    Addresses();
                if (family is 0 or Inet6)
                    Addresses6();
                break;
            case GetRoute when all:
                if (family is 0 or Inet)
                    Routes();
                if (family is 0 or Inet6)
                    Routes6();
                break;
            case GetRule when all:
                if (family is 0 or Inet)
                    Rules(Inet);
                if (family is 0 or Inet6)
                    Rules(Inet6);
                break;
            case GetRoute when family is Inet or Inet6:
                long found = family == Inet
                    ? RouteTo(BinaryPrimitives.ReadUInt32BigEndian(destination))
                    : RouteTo6(SocketAddress.Of(destination));
                if (found == 0)
                    break;
                Fail(type, asked, found);
                return;
            case GetLink:
                Fail(type, asked, Errno.ENODEV);
                return;
            default:
                Fail(type, asked, Permissions.Has(Capability.NET_ADMIN) ? Errno.EOPNOTSUPP : Errno.EPERM);
                return;
        }

        if (all)
        {
            Begin(Done);
            Put(0);
            End();
        }
        else if ((asked & Acknowledge) != 0)
            Fail(type, asked, 0);
    }

    /// <summary>NLMSG_ERROR, with 0 an acknowledgement; the question's header follows.</summary>
    public void Fail(ushort type, ushort asked, long error)
    {
        flags = 0;
        Begin(Error);
        Put((int)error);
        Put(NetlinkSocket.HeaderLength);
        Put(type | asked << 16);
        Put((int)sequence);
        Put((int)port);
        End();
    }

    private void Link(int index)
    {
        const int up = 0x10041;             // IFF_UP, IFF_RUNNING, IFF_LOWER_UP
        const int ofLoopback = 0x8;
        const int ofEthernet = 0x1002;      // IFF_BROADCAST, IFF_MULTICAST
        bool local = index == LoopbackIndex;
        Begin(NewLink);
        // struct ifinfomsg; ARPHRD_LOOPBACK, ARPHRD_ETHER
        Put((local ? 772 : 1) << 16);
        Put(index);
        Put(up | (local ? ofLoopback : ofEthernet));
        Put(0);
        Attribute(3, local ? "lo\0"u8 : "eth0\0"u8);
        Attribute(13, 1000);
        // IF_OPER_UNKNOWN, IF_OPER_UP
        Attribute(16, local ? "\0"u8 : "\x06"u8);
        Attribute(4, local ? 65536 : Network.Mtu);
        Attribute(6, local ? "noqueue\0"u8 : "pfifo\0"u8);
        Span<byte> address = stackalloc byte[6];
        ulong mac = !local && Network.Device != null ? Network.Device->MacAddress : 0;
        for (int i = 0; i < address.Length; i++)
            address[i] = (byte)(mac >> (40 - 8 * i));
        Attribute(1, address);
        address.Fill(local ? (byte)0 : (byte)0xff);
        Attribute(2, address);
        End();
    }

    private void Addresses()
    {
        const int host = 254;
        const int universe = 0;
        Address(LoopbackIndex, Loopback, 0xff000000, host);
        if (Network.Address != 0)
            Address(EthernetIndex, Network.Address, Network.Mask, universe);
    }

    private void Address(int index, uint address, uint mask, int scope)
    {
        const int permanent = 0x80;
        Begin(NewAddress);
        // struct ifaddrmsg
        Put(Inet | System.Numerics.BitOperations.PopCount(mask) << 8 | permanent << 16 | scope << 24);
        Put(index);
        Attribute(1, Reversed(address));
        Attribute(2, Reversed(address));
        if (index != LoopbackIndex)
            Attribute(4, Reversed(address | ~mask));
        Attribute(3, index == LoopbackIndex ? "lo\0"u8 : "eth0\0"u8);
        Attribute(8, permanent);
        End();
    }

    /// <summary>::1 of lo, and what eth0 has.</summary>
    private void Addresses6()
    {
        const int universe = 0;
        const int link = 253;
        const int host = 254;
        const int permanent = 0x80;
        const int tentative = 0x40;
        Address6(LoopbackIndex, Netstack.Address.Loopback6, 128, permanent, host);
        for (int i = 0; i < Netstack.Stack.MaxAddresses6; i++)
        {
            if (!Network.Stack->AddressAt6(i, out Address address, out int length, out bool isTentative))
                continue;
            int flags = isTentative ? permanent | tentative : permanent;
            Address6(EthernetIndex, address, length, flags, address.IsLinkLocal ? link : universe);
        }
    }

    private void Address6(int index, Address address, int length, int flags, int scope)
    {
        Begin(NewAddress);
        Put(Inet6 | length << 8 | flags << 16 | scope << 24);
        Put(index);
        Span<byte> value = stackalloc byte[16];
        SocketAddress.Write6(value, address);
        Attribute(1, value);
        // struct ifa_cacheinfo: preferred and valid for ever, made and changed at the start.
        value.Clear();
        value.Slice(0, 2 * sizeof(int)).Fill(byte.MaxValue);
        Attribute(6, value);
        Attribute(8, flags);
        End();
    }

    /// <summary>The networks of own addresses, and the first router.</summary>
    private void Routes6()
    {
        for (int i = 0; i < Netstack.Stack.MaxAddresses6; i++)
        {
            if (Network.Stack->AddressAt6(i, out Address address, out int length, out _))
                Route6(address.Prefix(length), length, Netstack.Address.Any);
        }
        if (Network.Stack->RouterAt6(0, out Address router))
            Route6(Netstack.Address.Any, 0, router);
    }

    private void Route6(Address destination, int length, Address router)
    {
        const int main = 254;
        const int byKernel = 2;
        const int byBoot = 3;
        const int unicast = 1;
        Begin(NewRoute);
        Put(Inet6 | length << 8);
        Put(main | (router.IsUnspecified ? byKernel : byBoot) << 8 | unicast << 24);
        Put(0);
        Attribute(15, main);
        Span<byte> value = stackalloc byte[16];
        SocketAddress.Write6(value, destination);
        if (length != 0)
            Attribute(1, value);
        SocketAddress.Write6(value, router);
        if (!router.IsUnspecified)
            Attribute(5, value);
        Attribute(4, EthernetIndex);
        End();
    }

    private void Routes()
    {
        if (Network.Address == 0)
            return;
        if (Network.Gateway != 0)
            Route(0, 0, Network.Gateway);
        Route(Network.Address & Network.Mask, Network.Mask, 0);
    }

    private void Route(uint destination, uint mask, uint gateway)
    {
        const int main = 254;
        const int byKernel = 2;
        const int byBoot = 3;
        const int ofLink = 253;
        const int unicast = 1;
        bool isDirect = gateway == 0;
        Begin(NewRoute);
        // struct rtmsg
        Put(Inet | System.Numerics.BitOperations.PopCount(mask) << 8);
        int origin = isDirect ? byKernel | ofLink << 8 : byBoot;
        Put(main | origin << 8 | unicast << 24);
        Put(0);
        Attribute(15, main);
        if (mask != 0)
            Attribute(1, Reversed(destination));
        if (isDirect)
            Attribute(7, Reversed(Network.Address));
        else
            Attribute(5, Reversed(gateway));
        Attribute(4, EthernetIndex);
        End();
    }

    // ---- bytes ----

    private void Begin(ushort type)
    {
        start = Length;
        Put(0);
        Put(type | flags << 16);
        Put((int)sequence);
        Put((int)port);
    }

    private readonly void End() => BinaryPrimitives.WriteInt32LittleEndian(bytes.Slice(start), Length - start);

    private void Put(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes.Slice(Length), value);
        Length += sizeof(int);
    }

    private void Attribute(int type, int value)
    {
        Put(8 | type << 16);
        Put(value);
    }

    private void Attribute(int type, scoped ReadOnlySpan<byte> value)
    {
        Put(4 + value.Length | type << 16);
        value.CopyTo(bytes.Slice(Length));
        Length += value.Length + 3 & ~3;
    }

    /// <summary>An address as its bytes lie in a message.</summary>
    private static int Reversed(uint address) => (int)BinaryPrimitives.ReverseEndianness(address);
}
