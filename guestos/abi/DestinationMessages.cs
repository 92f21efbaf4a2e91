using System;
using System.Buffers.Binary;
using Netstack;

namespace Guestos;

/// <summary>
/// Where a datagram was sent to, beside its bytes, and where one is to come from: IP_PKTINFO (ip(7)) and IPV6_PKTINFO
/// (RFC 3542 §6).
/// </summary>
internal static unsafe class DestinationMessages
{
    private const int LevelInet = 0;
    private const int LevelInet6 = 41;
    private const int TypeOfService = 1;
    private const int TimeToLive = 2;
    private const int Information = 8;
    private const int Information6 = 50;
    private const int HopLimit6 = 52;
    private const int TrafficClass6 = 67;

    /// <summary>struct in_pktinfo: interface, local address, address of the header; struct in6_pktinfo.</summary>
    private const int Size = 12;
    private const int Size6 = 20;

    /// <param name="local">Our address that it is to come from; a wildcard where nothing is said.</param>
    /// <returns>0, or EFAULT, EINVAL, ENOBUFS, ENODEV.</returns>
    public static long Read(Socket* socket, in MessageHeader message, out Address local)
    {
        local = Address.Any;
        var rest = new ControlReader(message);
        while (true)
        {
            long error = rest.Next(out ControlMessages.Header header, out ulong data);
            if (error <= 0)
                return error;
            error = ReadOne(socket, header, data, ref local);
            if (error < 0)
                return error;
        }
    }

    private static long ReadOne(Socket* socket, in ControlMessages.Header header, UserPointer<byte> data,
        ref Address local)
    {
        bool isOfInet6 = socket->Family == SocketAddress.Inet6;
        ulong length = header.Length - (ulong)sizeof(ControlMessages.Header);
        Span<byte> value = stackalloc byte[Size6];
        switch (header.Level, header.Type)
        {
            case (LevelInet, Information) when length == Size:
                value = value.Slice(0, Size);
                if (!data.TryGetAll(value))
                    return Errno.EFAULT;
                local = BinaryPrimitives.ReadUInt32BigEndian(value.Slice(4));
                return Network.Stack->MayBind(local) ? CheckInterface(value) : Errno.ENETUNREACH;
            case (LevelInet6, Information6) when isOfInet6 && length >= Size6:
                if (!data.TryGetAll(value))
                    return Errno.EFAULT;
                local = SocketAddress.Of(value);
                value = value.Slice(SocketAddress.Length6);
                return Network.Stack->MayBind(local) ? CheckInterface(value) : Errno.EINVAL;
            // Hints: there is one class of service, and one number of hops.
            case (LevelInet, TypeOfService or TimeToLive):
            case (LevelInet6, HopLimit6 or TrafficClass6) when isOfInet6 && length == sizeof(int):
                return 0;
            case (LevelInet, _):
            case (LevelInet6, _) when isOfInet6:
                return Errno.EINVAL;
            default:
                return 0;
        }
    }

    private static long CheckInterface(ReadOnlySpan<byte> index) =>
        BinaryPrimitives.ReadUInt32LittleEndian(index) <= SocketAddress.EthernetIndex ? 0 : Errno.ENODEV;

    /// <summary>
    /// Tells what the socket's options ask for, as far as there is room: flags of the message (MSG_CTRUNC), its control
    /// length what was used.
    /// </summary>
    public static uint Write(Socket* socket, ref MessageHeader message, in Endpoints of)
    {
        ulong room = message.ControlLength;
        message.ControlLength = 0;
        uint flags = 0;
        int index = of.LocalAddress.IsLoopback ? SocketAddress.LoopbackIndex : SocketAddress.EthernetIndex;
        if (Network.Stack->IsLocal(of.RemoteAddress))
            index = SocketAddress.LoopbackIndex;
        Span<byte> value = stackalloc byte[Size6];
        if (socket->TellsDestination && of.LocalAddress.IsIpv4)
        {
            BinaryPrimitives.WriteInt32LittleEndian(value, index);
            BinaryPrimitives.WriteUInt32BigEndian(value.Slice(4), of.LocalAddress.Ipv4);
            BinaryPrimitives.WriteUInt32BigEndian(value.Slice(8), of.LocalAddress.Ipv4);
            flags |= ControlMessages.Put(ref message, room, LevelInet, Information, value.Slice(0, Size));
        }
        if (socket->TellsDestination6 && socket->Family == SocketAddress.Inet6)
        {
            SocketAddress.Write6(value, of.LocalAddress);
            BinaryPrimitives.WriteInt32LittleEndian(value.Slice(SocketAddress.Length6), index);
            flags |= ControlMessages.Put(ref message, room, LevelInet6, Information6, value);
        }
        return flags;
    }
}
