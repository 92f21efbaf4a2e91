using System;
using System.Buffers.Binary;
using Netstack;

namespace Guestos;

/// <summary>An address that a program has named.</summary>
internal struct SocketName
{
    /// <summary>The family that the program wrote; AF_UNSPEC names nobody.</summary>
    public ushort Family;
    public ushort Port;
    public Address Address;
}

/// <summary>
/// struct sockaddr_in (ip(7)) and struct sockaddr_in6 (ipv6(7)): family, port in network order, address. A socket of
/// AF_INET6 names IPv4 addresses as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
/// </summary>
internal static unsafe class SocketAddress
{
    /// <summary>Of the two structures.</summary>
    public const int Size = 16;
    public const int Size6 = 28;

    /// <summary>Of an address of IPv6.</summary>
    public const int Length6 = 16;

    public const ushort Unspecified = 0;
    public const ushort Inet = 2;
    public const ushort Inet6 = 10;

    /// <summary>Without sin6_scope_id, as RFC 2133 had it; and struct sockaddr_storage.</summary>
    private const int MinSize6 = 24;
    private const uint MaxSize = 128;

    private const int AddressAt6 = 8;
    private const int ScopeAt6 = 24;

    /// <summary>The interfaces, as programs number them: lo and eth0.</summary>
    public const int LoopbackIndex = 1;
    public const int EthernetIndex = 2;

    /// <param name="takesInet">A socket of AF_INET6 takes names of AF_INET here, and AF_UNSPEC.</param>
    /// <returns>0, or -EFAULT, -EINVAL, -EAFNOSUPPORT.</returns>
    public static long Read(Socket* socket, UserPointer<byte> from, ulong length, out SocketName name,
        bool takesInet = false)
    {
        name = default;
        if ((uint)length > MaxSize)
            return Errno.EINVAL;
        Span<byte> at = stackalloc byte[Size6];
        at.Clear();
        if (!from.TryGetAll(at.Slice(0, Math.Min((int)length, Size6))))
            return Errno.EFAULT;
        if ((uint)length < sizeof(ushort))
            return Errno.EINVAL;
        name.Family = BinaryPrimitives.ReadUInt16LittleEndian(at);
        name.Port = BinaryPrimitives.ReadUInt16BigEndian(at.Slice(2));
        if (socket->Family == Inet6 && (name.Family == Inet6 || !takesInet))
        {
            name.Address = Of(at.Slice(AddressAt6, Length6));
            if ((uint)length < MinSize6)
                return Errno.EINVAL;
            if (name.Family != Inet6)
                return Errno.EAFNOSUPPORT;
            // An address that is good on one link only says on which (RFC 4007 §11).
            uint scope = BinaryPrimitives.ReadUInt32LittleEndian(at.Slice(ScopeAt6));
            if (!name.Address.IsLinkLocal || scope == EthernetIndex)
                return 0;
            return scope <= LoopbackIndex ? Errno.EINVAL : Errno.ENODEV;
        }
        if (socket->Family == Inet6 && name.Family == Unspecified)
            return 0;
        name.Address = BinaryPrimitives.ReadUInt32BigEndian(at.Slice(4));
        if ((uint)length < Size)
            return Errno.EINVAL;
        return name.Family is Inet or Unspecified ? 0 : Errno.EAFNOSUPPORT;
    }

    /// <summary>
    /// Where what is sent to a name goes: to a wildcard of either family, to this host (RFC 3493 §3.8 has none; Linux
    /// connects to itself). −ENETUNREACH: an IPv4 address, of a socket of IPv6 only.
    /// </summary>
    public static long Resolve(Socket* socket, ref SocketName name)
    {
        const uint loopback = 0x7f000001;
        if (name.Address.IsUnspecified)
        {
            bool isIpv4 = name.Address.IsIpv4 || socket->LocalAddress.IsIpv4;
            name.Address = isIpv4 ? loopback : Address.Loopback6;
        }
        return socket->Only6 && name.Address.IsIpv4 ? Errno.ENETUNREACH : 0;
    }

    /// <summary>An address of IPv6, as its 16 bytes are written.</summary>
    public static Address Of(ReadOnlySpan<byte> address) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(address), BinaryPrimitives.ReadUInt64BigEndian(address.Slice(8)));

    /// <summary>An address as AF_INET6 has it, <see cref="Length6"/> bytes.</summary>
    public static void Write6(Span<byte> to, Address address)
    {
        BinaryPrimitives.WriteUInt64BigEndian(to, address.High);
        BinaryPrimitives.WriteUInt64BigEndian(to.Slice(8), address.Low);
    }

    /// <param name="to">At least <see cref="Size"/> bytes.</param>
    public static void Write(Span<byte> to, uint address, ushort port)
    {
        to.Slice(0, Size).Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(to, Inet);
        BinaryPrimitives.WriteUInt16BigEndian(to.Slice(2), port);
        BinaryPrimitives.WriteUInt32BigEndian(to.Slice(4), address);
    }

    /// <summary>
    /// An answer by value-result length (getsockname and relatives), in the socket's family: cut to what fits, the true
    /// length told. 0, or -EFAULT, -EINVAL. Who need not be answered has a null address, and does not come here.
    /// </summary>
    public static long Answer(Socket* socket, UserPointer<byte> to, UserPointer<int> lengthAt, Address address,
        ushort port)
    {
        if (!lengthAt.TryGet(out int length))
            return Errno.EFAULT;
        long result = Answer(socket, to, ref length, address, port);
        return result < 0 ? result : lengthAt.Put(length);
    }

    /// <param name="length">What there is room for, then the true length.</param>
    public static long Answer(Socket* socket, UserPointer<byte> to, ref int length, Address address,
        ushort port)
    {
        if (length < 0)
            return Errno.EINVAL;
        Span<byte> whole = stackalloc byte[Size6];
        int size = Size;
        if (socket->Family == Inet6)
        {
            whole.Clear();
            size = Size6;
            BinaryPrimitives.WriteUInt16LittleEndian(whole, Inet6);
            BinaryPrimitives.WriteUInt16BigEndian(whole.Slice(2), port);
            Write6(whole.Slice(AddressAt6), address);
            if (address.IsLinkLocal)
                BinaryPrimitives.WriteInt32LittleEndian(whole.Slice(ScopeAt6), EthernetIndex);
        }
        else
            Write(whole, address.Ipv4, port);
        if (!to.TryPutAll(whole.Slice(0, Math.Min(length, size))))
            return Errno.EFAULT;
        length = size;
        return 0;
    }
}
