using System;
using System.Linux;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Wire;
using static System.Linux.Bpf;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace Packetd;

/// <summary>What packetd opens before it gives up the right to open anything.</summary>
internal static class Opening
{
    private const int StandardError = 2;

    /// <summary>
    /// SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT (linux/filter.h): whether the kernel has taken a VLAN tag off.
    /// </summary>
    private const uint VlanTagPresent = 0xFFFF_F030;

    /// <summary>Made from the secret: the file up to its first newline.</summary>
    /// <param name="path">The address of its name, which ends with a zero.</param>
    public static HmacSha1 ReadKey(nint path)
    {
        Span<byte> key = stackalloc byte[HmacSha1.MaxKeySize + 1];
        int file = Call(CallNumber.OpenAt, AT_FDCWD, path, O_CLOEXEC);
        Log.Require(file, "cannot open the key file"u8);
        int count = Call(CallNumber.Read, file, AddressOf(key), key.Length);
        key = key.Slice(0, Log.Require(count, "cannot read the key file"u8));
        Syscall.Close(file);
        int length = 0;
        while (length < key.Length && key[length] != '\n')
            length++;
        if (length is < 16 or > HmacSha1.MaxKeySize)
            Log.Fail("the key file"u8, " does not hold 16 to 64 bytes."u8);
        return new(key.Slice(0, length));
    }

    /// <summary>
    /// A packet socket (packet(7)) with virtio-net headers, which takes either the frames that are for the node itself,
    /// to its MAC or to a group, or all others. Two sockets are two queues: a flood of the node is no flood of its
    /// domains.
    /// </summary>
    public static int Link(ReadOnlySpan<byte> name, uint address, bool own)
    {
        int link = Log.Require(
            Call(CallNumber.Socket, AF_PACKET, SOCK_RAW | SOCK_CLOEXEC), "cannot open a packet socket"u8);
        // What is opened takes the lowest numbers, so after two of these 0 to 4 are in use, and no end of a machine's
        // pairs is among them.
        if (link <= StandardError)
            Log.Fail("standard input, output and error"u8, " must be open."u8);
        Span<byte> request = stackalloc byte[40]; // struct ifreq: 16 bytes of name, then the index
        for (int i = 0; i < 15 && i < name.Length; i++)
            request[i] = name[i];
        Log.Require(Call(CallNumber.Ioctl, link, SIOCGIFINDEX, AddressOf(request)), "there is no such link"u8);
        uint index = Bytes.Le32(request, 16);

        // Large buffers where packetd may have them; but a short queue for the node itself, so that a good token in a
        // flood is soon lost and sent again, or soon answered.
        int size = own ? 1 << 20 : 16 << 20;
        SetSocketOption(link, SOL_SOCKET, SO_SNDBUFFORCE, size);
        SetSocketOption(link, SOL_SOCKET, SO_RCVBUFFORCE, size);
        SetSocketOption(link, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
        PacketMembership all = new() { Index = index, Type = PACKET_MR_PROMISC };
        int error = SetSocketOption(link, SOL_PACKET, PACKET_VNET_HDR, 1)
            | SetFilter(link, address, own)
            | SetSocketOption(link, SOL_PACKET, PACKET_ADD_MEMBERSHIP, all);
        if (error < 0)
            Log.Fail("cannot attach to the link"u8, ": error %."u8, -error);
        LinkAddress place = new() { Family = AF_PACKET, Protocol = ETH_P_ALL << 8, Index = index };
        Log.Require(
            Call(CallNumber.Bind, link, AddressOf(ref place), Unsafe.SizeOf<LinkAddress>()),
            "cannot bind to the link"u8);
        return link;
    }

    /// <summary>
    /// Classic BPF takes no frame with a VLAN tag, which is not in the frame any more here, and tells the two queues
    /// apart by the frame's target: a group, or the last four bytes of the node's MAC. What either queue takes is
    /// looked at again by Node.
    /// </summary>
    private static int SetFilter(int link, uint address, bool own)
    {
        uint toNode = own ? uint.MaxValue : 0;
        Span<SockFilter> filter = stackalloc SockFilter[]
        {
            new(LoadByte, VlanTagPresent),
            new(JumpIfEqual, 0, 6, 0), // a tag: to the last
            new(LoadByte, 0),
            new(JumpIfSet, 2, 0, 1), // a group: to the node
            new(LoadWord, 2),
            new(JumpIfEqual, 0, 1, address),
            new(Return, toNode),
            new(Return, ~toNode),
            new(Return, 0),
        };
        return SetSocketOption(link, SOL_SOCKET, SO_ATTACH_FILTER, new SockProgram(filter));
    }
}

/// <summary>struct packet_mreq (linux/if_packet.h); the rest, an address, is zero.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct PacketMembership
{
    public uint Index;
    public ushort Type;
}

/// <summary>struct sockaddr_ll (linux/if_packet.h); the rest, which bind(2) does not look at, is zero.</summary>
[StructLayout(LayoutKind.Sequential, Size = 20)]
internal struct LinkAddress
{
    public ushort Family;

    /// <summary>In network order.</summary>
    public ushort Protocol;
    public uint Index;
}
