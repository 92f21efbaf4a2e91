namespace Guestos;

/// <summary>The SIOCGIF… requests by which ifconfig and ping ask for the one interface, eth0 (include/uapi/linux/sockios.h; struct ifreq, 40 bytes).</summary>
internal static unsafe class InterfaceIoctl
{
    private const uint GetFlags = 0x8913, GetAddress = 0x8915, GetMtu = 0x8921, GetHardwareAddress = 0x8927, GetIndex = 0x8933;

    public static long Call(uint request, ulong argument)
    {
        if (request is not (GetFlags or GetAddress or GetMtu or GetHardwareAddress or GetIndex))
            return Errno.NotTerminal;
        if (!UserMemory.Writable(argument, 40))
            return Errno.Fault;
        // SAFETY: 40 bytes were made writable; the name is in the first 16, the answer goes behind it.
        byte* name = (byte*)argument;
        byte* answer = name + 16;
        if (name[0] != 'e' || name[1] != 't' || name[2] != 'h' || name[3] != '0' || name[4] != 0)
            return Errno.NoSuchDevice;
        switch (request)
        {
            case GetFlags:
                *(ushort*)answer = 0x1043; // UP, BROADCAST, RUNNING, MULTICAST
                return 0;
            case GetMtu:
                *(int*)answer = 1500;
                return 0;
            case GetIndex:
                *(int*)answer = 2;
                return 0;
            case GetHardwareAddress:
                *(ushort*)answer = 1; // ARPHRD_ETHER
                ulong hardware = Network.Device != null ? Network.Device->HardwareAddress : 0;
                for (int i = 0; i < 6; i++)
                    answer[2 + i] = (byte)(hardware >> (40 - 8 * i));
                return 0;
            default:
                SocketAddress.Write(answer, Network.Address, 0);
                return 0;
        }
    }
}
