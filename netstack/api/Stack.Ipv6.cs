namespace Netstack;

/// <summary>IPv6 on the link: its addresses and where they come from.</summary>
public unsafe partial struct Stack
{
    /// <summary>Most own addresses of IPv6 on the link.</summary>
    public const int MaxAddresses6 = Interface6.MaxAddresses;

    /// <summary>
    /// Speaks IPv6 on the link from now on, with a link-local address of this identifier. Others are asked first
    /// whether they have an address (RFC 4862 §5.4); for that second it may be bound, and is not sent from.
    /// </summary>
    /// <param name="identifier">
    /// The last eight bytes of the addresses that are made here; it has to be no other host's of the link, and to stay
    /// when the machine moves, whose MAC address does not.
    /// </param>
    /// <param name="takesAdvertisements">Routers may say which networks, addresses and routers there are.</param>
    /// <returns>False, and nothing changed, on a link that is too narrow (RFC 8200 §5), or when it is on.</returns>
    public bool StartIpv6(ulong identifier, bool takesAdvertisements, ulong now)
    {
        Stack* stack = Self;
        if (!Address.HasIpv6 || Link6.IsOn || Link.Mtu < Ipv6.MinMtu)
            return false;
        Link6.IsOn = true;
        Link6.TakesAdvertisements = takesAdvertisements;
        Link6.Identifier = identifier;
        Link6.Mtu = Link.Mtu;
        const ulong linkLocal = 0xfe80ul << 48;
        Interface6.Add(stack, new Address(linkLocal, identifier), 64, now);
        if (takesAdvertisements)
            NeighbourDiscovery.StartSoliciting(stack, now);
        return true;
    }

    /// <summary>
    /// Adds an own address of IPv6 (at most 8 with those that are made here), whose network is on the link. False when
    /// the table is full, IPv6 is not spoken, or no host can have the address.
    /// </summary>
    public bool AddAddress6(Address address, int prefixLength, ulong now)
    {
        bool isHost = !address.IsIpv4 && address.High != 0 && !address.IsMulticast6;
        if (!Address.HasIpv6 || !Link6.IsOn || !isHost || prefixLength is < 1 or > 128 || Link6.Find(address) != null
            || Interface6.Add(Self, address, prefixLength, now) == null)
            return false;
        if (!address.IsLinkLocal)
            Link6.SetNetwork(address, prefixLength, Interface6.Forever);
        return true;
    }

    /// <summary>A router, beside those that are heard of.</summary>
    public void AddRouter6(Address address)
    {
        if (Address.HasIpv6 && Link6.IsOn)
            Link6.SetRouter(address, Interface6.Forever);
    }

    /// <summary>The index-th own address of IPv6 on the link, from 0; false where there is none.</summary>
    public readonly bool AddressAt6(int index, out Address address, out int prefixLength, out bool isTentative)
    {
        address = default;
        prefixLength = 0;
        isTentative = false;
        if (!Address.HasIpv6 || index is < 0 or >= Interface6.MaxAddresses || Link6.Addresses[index].Until == 0)
            return false;
        Interface6.OwnAddress* own = Link6.Addresses + index;
        address = own->Address;
        prefixLength = own->PrefixLength;
        isTentative = own->TentativeUntil != 0;
        return true;
    }

    /// <summary>The index-th router of IPv6, from 0; false where there is none.</summary>
    public readonly bool RouterAt6(int index, out Address address)
    {
        address = default;
        if (!Address.HasIpv6 || index is < 0 or >= Interface6.MaxRouters || Link6.Routers[index].Until == 0)
            return false;
        address = Link6.Routers[index].Address;
        return true;
    }

    private readonly bool IsLocal6(Address address) =>
        address.IsLoopback || Address.HasIpv6 && Link6.Find(address) != null;
}
