namespace Netstack;

/// <summary>
/// What there is of IPv6 on the link: own addresses, networks that are on the link, routers (RFC 4861 §5.1), paths. All
/// zero while IPv6 is not spoken there (<see cref="Stack.StartIpv6"/>); ::1 needs nothing of it.
/// </summary>
internal unsafe struct Interface6
{
    internal const int MaxAddresses = 8;
    internal const int MaxNetworks = 8;
    internal const int MaxRouters = 4;

    /// <summary>An address without an end, and a router or a network that was not learnt.</summary>
    internal const ulong Forever = ulong.MaxValue;

    /// <summary>An own address; free while its lifetime is 0.</summary>
    internal struct OwnAddress
    {
        public Address Address;
        public int PrefixLength;

        /// <summary>It was made of a router's advertisement.</summary>
        public bool IsLearnt;

        /// <summary>Until then others are asked whether they have it (RFC 4862 §5.4); 0: it is ours.</summary>
        public ulong TentativeUntil;

        /// <summary>Nothing new begins with it from then on (RFC 4862 §5.5.4); 0: the time has come.</summary>
        public ulong PreferredUntil;

        /// <summary>It is no own address from then on.</summary>
        public ulong Until;
    }

    internal struct Network
    {
        public Address Prefix;
        public int Length;
        public ulong Until;
    }

    internal struct Router
    {
        public Address Address;
        public ulong Until;
    }

    public bool IsOn;

    /// <summary>What routers say of addresses, networks and themselves is believed.</summary>
    public bool TakesAdvertisements;

    /// <summary>The last eight bytes of the addresses that this host makes itself.</summary>
    public ulong Identifier;

    /// <summary>Of the link, or less where a router has said so since it became the link.</summary>
    public int Mtu;

    /// <summary>Router solicitations still to be sent, and when (RFC 4861 §6.3.7).</summary>
    public int Solicitations;
    public ulong SolicitTime;

    /// <summary>When a listener query was last answered.</summary>
    public ulong QueryAnswered;

    public OwnAddress* Addresses;
    public Network* Networks;
    public Router* Routers;
    public Paths6.Path* Paths;

    /// <summary>Bytes of its tables.</summary>
    internal static ulong TablesLength =>
        (ulong)(MaxAddresses * sizeof(OwnAddress) + MaxNetworks * sizeof(Network) + MaxRouters * sizeof(Router)
            + Paths6.MaxPaths * sizeof(Paths6.Path));

    /// <param name="tables">Of <see cref="TablesLength"/> bytes, for its tables, which become empty.</param>
    internal void Lay(byte* tables)
    {
        new System.Span<byte>(tables, (int)TablesLength).Clear();
        Addresses = (OwnAddress*)tables;
        Networks = (Network*)(Addresses + MaxAddresses);
        Routers = (Router*)(Networks + MaxNetworks);
        Paths = (Paths6.Path*)(Routers + MaxRouters);
    }

    /// <summary>The entry of an own address, or null.</summary>
    internal readonly OwnAddress* Find(Address address)
    {
        for (int i = 0; i < MaxAddresses; i++)
        {
            if (Addresses[i].Until != 0 && Addresses[i].Address == address)
                return Addresses + i;
        }
        return null;
    }

    internal readonly bool IsTentative(Address address)
    {
        OwnAddress* own = Find(address);
        return own != null && own->TentativeUntil != 0;
    }

    /// <summary>Whether this host is in a group: all hosts', or one in which it is asked for its addresses.</summary>
    internal readonly bool Listens(Address group)
    {
        if (!IsOn)
            return false;
        if (group == Address.AllNodes)
            return true;
        for (int i = 0; i < MaxAddresses; i++)
        {
            if (Addresses[i].Until != 0 && Addresses[i].Address.SolicitedNode == group)
                return true;
        }
        return false;
    }

    /// <summary>A further own address, which others are asked about first. Null when there is no place.</summary>
    internal static OwnAddress* Add(Stack* stack, Address address, int prefixLength, ulong now)
    {
        for (int i = 0; i < MaxAddresses; i++)
        {
            OwnAddress* own = stack->Link6.Addresses + i;
            if (own->Until != 0)
                continue;
            *own = default;
            own->Address = address;
            own->PrefixLength = prefixLength;
            own->PreferredUntil = Forever;
            own->Until = Forever;
            NeighbourDiscovery.Ask(stack, own, now);
            return own;
        }
        return null;
    }

    /// <summary>A network that is on the link until then; 0: no more.</summary>
    internal void SetNetwork(Address prefix, int length, ulong until)
    {
        Network* free = null;
        for (int i = 0; i < MaxNetworks; i++)
        {
            Network* network = Networks + i;
            if (network->Until == 0)
                free = network;
            else if (network->Length == length && network->Prefix.HasPrefix(prefix, length))
            {
                network->Until = until;
                return;
            }
        }
        if (free == null || until == 0)
            return;
        free->Prefix = prefix;
        free->Length = length;
        free->Until = until;
    }

    /// <summary>A router until then; 0: no more.</summary>
    internal void SetRouter(Address address, ulong until)
    {
        Router* free = null;
        for (int i = 0; i < MaxRouters; i++)
        {
            Router* router = Routers + i;
            if (router->Until == 0)
                free = router;
            else if (router->Address == address)
            {
                // One that was not learnt stays.
                if (router->Until != Forever)
                    router->Until = until;
                return;
            }
        }
        if (free == null || until == 0)
            return;
        free->Address = address;
        free->Until = until;
    }

    /// <summary>The destination itself where it is on the link, else a router; :: when there is none.</summary>
    internal static Address NextHop(Stack* stack, Address destination)
    {
        ref Interface6 link = ref stack->Link6;
        if (!Address.HasIpv6 || !link.IsOn || destination.High == 0)
            return Address.Any;
        if (destination.IsLinkLocal || destination.IsMulticast6)
            return destination;
        for (int i = 0; i < MaxNetworks; i++)
        {
            if (link.Networks[i].Until != 0 && destination.HasPrefix(link.Networks[i].Prefix, link.Networks[i].Length))
                return destination;
        }
        for (int i = 0; i < MaxRouters; i++)
        {
            if (link.Routers[i].Until != 0)
                return link.Routers[i].Address;
        }
        return Address.Any;
    }

    /// <summary>
    /// Our address for a destination: of its scope, then one that may begin something, then the one with the longest
    /// prefix in common (RFC 6724 §5, rules 2, 3, 8). :: when there is none.
    /// </summary>
    internal static Address SourceFor(Stack* stack, Address destination)
    {
        Address best = Address.Any;
        int bestScore = -1;
        if (!Address.HasIpv6 || !stack->Link6.IsOn)
            return best;
        bool isNear = destination.IsLinkLocal || destination.IsMulticast6;
        for (int i = 0; i < MaxAddresses; i++)
        {
            OwnAddress* own = stack->Link6.Addresses + i;
            if (own->Until == 0 || own->TentativeUntil != 0 || own->Address.IsLinkLocal && !isNear)
                continue;
            const int ofScope = 512;
            const int preferred = 256;
            int score = CommonBits(own->Address, destination);
            if (own->Address.IsLinkLocal == isNear)
                score += ofScope;
            // Poll makes it 0 when its time is over.
            if (own->PreferredUntil != 0)
                score += preferred;
            if (score <= bestScore)
                continue;
            best = own->Address;
            bestScore = score;
        }
        return best;
    }

    private static int CommonBits(Address one, Address other) =>
        one.High != other.High
            ? System.Numerics.BitOperations.LeadingZeroCount(one.High ^ other.High)
            : 64 + System.Numerics.BitOperations.LeadingZeroCount(one.Low ^ other.Low);

    /// <summary>Ends what is over, and does what is due; returns when it wants to be called next.</summary>
    internal static ulong Poll(Stack* stack, ulong now)
    {
        ref Interface6 link = ref stack->Link6;
        ulong next = ulong.MaxValue;
        if (!link.IsOn)
            return next;
        for (int i = 0; i < MaxAddresses; i++)
        {
            OwnAddress* own = link.Addresses + i;
            if (own->Until == 0)
                continue;
            End(ref own->TentativeUntil, now, ref next);
            End(ref own->PreferredUntil, now, ref next);
            End(ref own->Until, now, ref next);
        }
        for (int i = 0; i < MaxNetworks; i++)
            End(ref link.Networks[i].Until, now, ref next);
        for (int i = 0; i < MaxRouters; i++)
            End(ref link.Routers[i].Until, now, ref next);
        if (link.Solicitations > 0 && now >= link.SolicitTime)
            NeighbourDiscovery.SolicitRouters(stack, now);
        if (link.Solicitations > 0 && link.SolicitTime < next)
            next = link.SolicitTime;
        return next;
    }

    private static void End(ref ulong until, ulong now, ref ulong next)
    {
        if (until <= now)
            until = 0;
        else if (until < next)
            next = until;
    }
}
