namespace Netstack;

/// <summary>
/// The longest packets that paths of IPv6 carry, where that is less than the link does (RFC 8201). A few destinations,
/// each for ten minutes (§4); the one whose time ends first gives way.
/// </summary>
internal static unsafe class Paths6
{
    internal const int MaxPaths = 16;
    private const ulong Lifetime = 600 * Tcp.Second;

    internal struct Path
    {
        public Address Destination;
        public ulong Until;
        public ushort Mtu;
    }

    internal static int Mtu(Stack* stack, Address destination, ulong now)
    {
        if (!Address.HasIpv6)
            return stack->Link.Mtu;
        for (int i = 0; i < MaxPaths; i++)
        {
            Path* path = stack->Link6.Paths + i;
            if (path->Until > now && path->Destination == destination && path->Mtu < stack->Link6.Mtu)
                return path->Mtu;
        }
        return stack->Link6.Mtu;
    }

    internal static void Learn(Stack* stack, Address destination, ushort mtu, ulong now)
    {
        Path* taken = stack->Link6.Paths;
        for (int i = 0; i < MaxPaths; i++)
        {
            Path* path = stack->Link6.Paths + i;
            if (path->Destination == destination)
            {
                taken = path;
                break;
            }
            if (path->Until < taken->Until)
                taken = path;
        }
        // A larger one is found out by waiting.
        if (taken->Destination == destination && taken->Until > now && taken->Mtu <= mtu)
            return;
        taken->Destination = destination;
        taken->Until = now + Lifetime;
        taken->Mtu = mtu;
    }
}
