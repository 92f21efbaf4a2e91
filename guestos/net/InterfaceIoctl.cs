using System;

namespace Guestos;

/// <summary>
/// The SIOCGIF… requests by which ifconfig and ping ask for the interfaces lo and eth0 (include/uapi/linux/sockios.h; struct ifreq is a
/// name of 16 bytes and an answer of 24, netdevice(7)). Setting is refused: the machine says what the interface is.
/// </summary>
internal static unsafe class InterfaceIoctl
{
    private const uint GetList = 0x8912, GetFlags = 0x8913, GetAddress = 0x8915, GetDestination = 0x8917, GetBroadcast = 0x8919, GetMask = 0x891b,
        GetMetric = 0x891d, GetMtu = 0x8921, GetHardwareAddress = 0x8927, GetIndex = 0x8933, GetQueueLength = 0x8942, GetMap = 0x8970;
    private const int NameLength = 16, RequestLength = 40;
    private const uint Loopback = 0x7f000001;

    public static long Call(uint request, ulong argument)
    {
        if (request == GetList)
            return List(argument);
        if (request is not (GetFlags or GetAddress or GetDestination or GetBroadcast or GetMask or GetMetric or GetMtu or GetHardwareAddress or GetIndex
            or GetQueueLength or GetMap))
            return Errno.NotTerminal;
        if (!UserMemory.Writable(argument, RequestLength))
            return Errno.Fault;
        // SAFETY: 40 bytes were made writable; the name is in the first 16, the answer goes behind it.
        var name = new ReadOnlySpan<byte>((byte*)argument, NameLength);
        byte* answer = (byte*)argument + NameLength;
        bool local = name.StartsWith("lo\0"u8);
        if (!local && !name.StartsWith("eth0\0"u8))
            return Errno.NoSuchDevice;
        uint address = local ? Loopback : Network.Address;
        uint mask = local ? 0xff000000 : Network.Mask;
        switch (request)
        {
            case GetFlags:
                *(ushort*)answer = (ushort)(local ? 0x49 : 0x1043); // UP, RUNNING, and LOOPBACK or BROADCAST, MULTICAST
                return 0;
            case GetMtu:
                *(int*)answer = local ? 65536 : 1500;
                return 0;
            case GetIndex:
                *(int*)answer = local ? 1 : 2;
                return 0;
            case GetMetric:
                *(int*)answer = 0;
                return 0;
            case GetQueueLength:
                *(int*)answer = 1000;
                return 0;
            case GetMap:
                Memory.Clear(answer, RequestLength - NameLength);
                return 0;
            case GetHardwareAddress:
                Memory.Clear(answer, NameLength);
                *(ushort*)answer = (ushort)(local ? 772 : 1); // ARPHRD_LOOPBACK, ARPHRD_ETHER
                ulong hardware = !local && Network.Device != null ? Network.Device->HardwareAddress : 0;
                for (int i = 0; i < 6; i++)
                    answer[2 + i] = (byte)(hardware >> (40 - 8 * i));
                return 0;
            case GetMask:
                SocketAddress.Write(answer, mask, 0);
                return 0;
            case GetBroadcast:
                SocketAddress.Write(answer, local ? 0 : address | ~mask, 0);
                return 0;
            default:
                if (address == 0)
                    return Errno.AddressNotAvailable;
                SocketAddress.Write(answer, address, 0);
                return 0;
        }
    }

    /// <summary>struct ifconf: an int of room, padding, the address of an array of struct ifreq.</summary>
    private static long List(ulong argument)
    {
        if (!UserMemory.Writable(argument, 16))
            return Errno.Fault;
        int room = *(int*)argument;
        ulong list = *(ulong*)(argument + 8);
        int count = Network.Address != 0 ? 2 : 1;
        if (list != 0)
            count = Math.Min(count, Math.Max(room, 0) / RequestLength);
        if (list != 0 && !UserMemory.Writable(list, (ulong)(count * RequestLength)))
            return Errno.Fault;
        for (int i = 0; i < count && list != 0; i++)
        {
            // SAFETY: made writable above.
            byte* at = (byte*)list + i * RequestLength;
            Memory.Clear(at, RequestLength);
            (i == 0 ? "lo"u8 : "eth0"u8).CopyTo(new Span<byte>(at, NameLength));
            SocketAddress.Write(at + NameLength, i == 0 ? Loopback : Network.Address, 0);
        }

        *(int*)argument = count * RequestLength;
        return 0;
    }
}
