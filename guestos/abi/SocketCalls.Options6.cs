using Netstack;

namespace Guestos;

/// <summary>
/// Options of AF_INET6 sockets (ipv6(7), RFC 3493, RFC 3542). IPv6 ends at this host, so that hops and classes are kept
/// for who asks for them; what would have to be told of each packet is refused with ENOPROTOOPT.
/// </summary>
public static unsafe partial class SocketCalls
{
    private const ulong LevelIp6 = 41;

    // include/uapi/linux/in6.h
    private const ulong UnicastHops6 = 16;
    private const ulong MulticastHops6 = 18;
    private const ulong MulticastLoop6 = 19;
    private const ulong PathMtuDiscovery6 = 23;
    private const ulong Mtu6 = 24;
    private const ulong Only6 = 26;
    private const ulong PacketInformation6 = 49;
    private const ulong DoNotFragment6 = 62;
    private const ulong TrafficClass6 = 67;
    private const int ByDefault = -1;
    private const int MaxHops = 255;
    private const int LoopbackMtu = 65536;

    private static long SetIp6Option(Socket* socket, ulong name, int number)
    {
        switch (name)
        {
            case Only6 when socket->Bound || socket->Handle >= 0:
                return Errno.EINVAL;
            case Only6:
                socket->Only6 = number != 0;
                socket->LocalAddress = socket->Wildcard;
                return 0;
            case MulticastHops6 when socket->Kind == SocketKind.Stream:
                return Errno.ENOPROTOOPT;
            case UnicastHops6 or MulticastHops6 when number is < ByDefault or > MaxHops:
            case TrafficClass6 when number is < ByDefault or > byte.MaxValue:
            case PathMtuDiscovery6 when number is < 0 or > MaxPathMtu:
            case MulticastLoop6 when number is not (0 or 1):
                return Errno.EINVAL;
            case UnicastHops6:
                socket->UnicastHops6 = (short)number;
                return 0;
            case MulticastHops6:
                socket->MulticastHops6 = (short)number;
                return 0;
            case MulticastLoop6:
                socket->LoopsMulticast6 = number != 0;
                return 0;
            case TrafficClass6:
                socket->TrafficClass6 = number == ByDefault ? (byte)0 : (byte)number;
                return 0;
            case PathMtuDiscovery6:
                socket->PathMtu6 = (byte)number;
                return 0;
            case PacketInformation6:
                socket->TellsDestination6 = number != 0;
                return 0;
            case DoNotFragment6:
                socket->DoNotFragment6 = number != 0;
                return 0;
            default:
                return Errno.ENOPROTOOPT;
        }
    }

    private static bool ReadIp6Option(Socket* socket, ulong name, out int number)
    {
        const int oneHop = 1;
        number = name switch
        {
            Only6 => socket->Only6 ? 1 : 0,
            UnicastHops6 => socket->UnicastHops6 == ByDefault ? DefaultTimeToLive : socket->UnicastHops6,
            MulticastHops6 => socket->MulticastHops6 == ByDefault ? oneHop : socket->MulticastHops6,
            MulticastLoop6 => socket->LoopsMulticast6 ? 1 : 0,
            TrafficClass6 => socket->TrafficClass6,
            PathMtuDiscovery6 => socket->PathMtu6,
            Mtu6 => MtuOf(socket),
            PacketInformation6 => socket->TellsDestination6 ? 1 : 0,
            DoNotFragment6 => socket->DoNotFragment6 ? 1 : 0,
            _ => -1,
        };
        return number >= 0;
    }

    private static int MtuOf(Socket* socket)
    {
        Network.Stack->GetEndpoints(socket->Handle, out Endpoints endpoints);
        return Network.Stack->IsLocal(endpoints.RemoteAddress) ? LoopbackMtu : Network.Mtu;
    }

    private static bool IsConnected(Socket* socket) =>
        socket->Handle >= 0 && Network.Stack->GetEndpoints(socket->Handle, out Endpoints endpoints) == 0
            && !endpoints.RemoteAddress.IsUnspecified;
}
