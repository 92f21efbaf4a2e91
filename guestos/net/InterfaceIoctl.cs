using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>
/// The SIOCGIF… requests by which ifconfig and ping ask for the interfaces lo and eth0 (include/uapi/linux/sockios.h;
/// struct ifreq is a name of 16 bytes and an answer of 24, netdevice(7)). Setting is refused: the machine says what the
/// interface is.
/// </summary>
internal static unsafe class InterfaceIoctl
{
    private const uint GetName = 0x8910;
    private const uint GetList = 0x8912;
    private const uint GetFlags = 0x8913;
    private const uint GetAddress = 0x8915;
    private const uint GetDestination = 0x8917;
    private const uint GetBroadcast = 0x8919;
    private const uint GetMask = 0x891b;
    private const uint GetMetric = 0x891d;
    private const uint GetMtu = 0x8921;
    private const uint GetHardwareAddress = 0x8927;
    private const uint GetIndex = 0x8933;
    private const uint GetQueueLength = 0x8942;
    private const uint GetMap = 0x8970;
    private const int NameLength = 16;
    private const int RequestLength = 40;
    private const uint Loopback = 0x7f000001;

    public static long Call(uint request, ulong argument)
    {
        if (request == GetList)
            return List(argument);
        if (request is not (GetFlags or GetAddress or GetDestination or GetBroadcast or GetMask or GetMetric or GetMtu
            or GetHardwareAddress or GetIndex or GetQueueLength or GetMap or GetName))
            return Errno.ENOTTY;
        UserPointer<byte> at = argument;
        Span<byte> whole = stackalloc byte[RequestLength];
        if (!at.TryGetAll(whole))
            return Errno.EFAULT;
        long result = request == GetName
            ? NameOf(BinaryPrimitives.ReadInt32LittleEndian(whole.Slice(NameLength)), whole.Slice(0, NameLength))
            : Answer(request, whole.Slice(0, NameLength), whole.Slice(NameLength));
        if (result < 0)
            return result;
        return at.TryPutAll(whole) ? 0 : Errno.EFAULT;
    }

    private static long NameOf(int index, Span<byte> name)
    {
        if (index is not (1 or 2))
            return Errno.ENODEV;
        name.Clear();
        (index == 1 ? "lo"u8 : "eth0"u8).CopyTo(name);
        return 0;
    }

    private static long Answer(uint request, ReadOnlySpan<byte> name, Span<byte> answer)
    {
        bool local = name.StartsWith("lo\0"u8);
        if (!local && !name.StartsWith("eth0\0"u8))
            return Errno.ENODEV;
        uint address = local ? Loopback : Network.Address;
        uint mask = local ? 0xff000000 : Network.Mask;
        switch (request)
        {
            case GetFlags:
                // UP, RUNNING, and LOOPBACK or BROADCAST, MULTICAST
                BinaryPrimitives.WriteUInt16LittleEndian(answer, (ushort)(local ? 0x49 : 0x1043));
                return 0;
            case GetMtu:
                BinaryPrimitives.WriteInt32LittleEndian(answer, local ? 65536 : 1500);
                return 0;
            case GetIndex:
                BinaryPrimitives.WriteInt32LittleEndian(answer, local ? 1 : 2);
                return 0;
            case GetMetric:
                BinaryPrimitives.WriteInt32LittleEndian(answer, 0);
                return 0;
            case GetQueueLength:
                BinaryPrimitives.WriteInt32LittleEndian(answer, 1000);
                return 0;
            case GetMap:
                answer.Clear();
                return 0;
            case GetHardwareAddress:
                answer.Slice(0, SocketAddress.Size).Clear();
                // ARPHRD_LOOPBACK, ARPHRD_ETHER
                BinaryPrimitives.WriteUInt16LittleEndian(answer, (ushort)(local ? 772 : 1));
                ulong mac = !local && Network.Device != null ? Network.Device->MacAddress : 0;
                for (int i = 0; i < 6; i++)
                    answer[2 + i] = (byte)(mac >> (40 - 8 * i));
                return 0;
            case GetMask:
                SocketAddress.Write(answer, mask, 0);
                return 0;
            case GetBroadcast:
                SocketAddress.Write(answer, local ? 0 : address | ~mask, 0);
                return 0;
            default:
                if (address == 0)
                    return Errno.EADDRNOTAVAIL;
                SocketAddress.Write(answer, address, 0);
                return 0;
        }
    }

    /// <summary>struct ifconf.</summary>
    private struct InterfaceList
    {
        public int Length;
        public int Padding;
        public UserPointer<byte> Requests;
    }

    private static long List(UserPointer<InterfaceList> argument)
    {
        if (!argument.TryGet(out InterfaceList list))
            return Errno.EFAULT;
        int count = Network.Address != 0 ? 2 : 1;
        if (!list.Requests.IsNull)
            count = Math.Min(count, Math.Max(list.Length, 0) / RequestLength);
        Span<byte> requests = stackalloc byte[2 * RequestLength];
        requests.Clear();
        for (int i = 0; i < count; i++)
        {
            Span<byte> request = requests.Slice(i * RequestLength, RequestLength);
            (i == 0 ? "lo"u8 : "eth0"u8).CopyTo(request);
            SocketAddress.Write(request.Slice(NameLength), i == 0 ? Loopback : Network.Address, 0);
        }

        list.Length = count * RequestLength;
        bool told = list.Requests.IsNull || list.Requests.TryPutAll(requests.Slice(0, list.Length));
        return told && argument.TryPut(list) ? 0 : Errno.EFAULT;
    }
}
