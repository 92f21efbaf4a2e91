namespace Netstack;

/// <summary>
/// One host on one link. Lives in the memory given to <see cref="Init"/> and never moves; all tables have a fixed size.
/// Not thread safe: one caller at a time, and no calls from the functions of <see cref="Netstack.Link"/>.
/// </summary>
public unsafe partial struct Stack
{
    private const int MaxAnnouncements = 5;
    private const ulong AnnounceInterval = Tcp.Second;

    // ---- the device's side ----

    /// <summary>
    /// Takes one received Ethernet frame (no FCS, no virtio header) of 14 to 65,549 bytes. Nothing of it is kept.
    /// </summary>
    /// <param name="pieces">Its pieces in order; the first holds all headers.</param>
    public void ReceiveFrame(FramePiece* pieces, int count, FrameFlags flags, ulong now)
    {
        Input.Receive(Self, pieces, count, flags, isLoopback: false, now);
        Loopback.Drain(Self, now);
    }

    /// <summary>The same for a frame in one piece.</summary>
    public void ReceiveFrame(byte* frame, int length, FrameFlags flags, ulong now)
    {
        FramePiece piece;
        piece.Address = frame;
        piece.Length = length;
        ReceiveFrame(&piece, 1, flags, now);
    }

    /// <summary>The device has room again after <see cref="Link.Transmit"/> said false.</summary>
    public void LinkReady(ulong now)
    {
        if (OutputPending)
            TcpOutput.RunPending(Self, now);
        Loopback.Drain(Self, now);
    }

    /// <summary>Runs the timers that are due at <paramref name="now"/>, and waiting output.</summary>
    public void Poll(ulong now)
    {
        Stack* stack = Self;
        if (now < Deadline)
            return;
        // Timers set meanwhile lower it again.
        Deadline = ulong.MaxValue;
        for (int i = 0; i < ConnectionTop; i++)
        {
            if (Deadlines[i] <= now)
            {
                Connection* c = Connections + i;
                Deadlines[i] = ulong.MaxValue;
                if (c->InUse && c->State != TcpState.Closed)
                    Schedule(c, TcpTimers.Poll(stack, c, now));
            }
            Schedule(Deadlines[i]);
        }
        Schedule(NeighbourCache.Poll(stack, now));
        Schedule(Fragments.Poll(stack, now));
        if (Address.HasIpv6)
            Schedule(Interface6.Poll(stack, now));
        if (Announcements > 0 && now >= AnnounceTime)
            AnnounceOnce(now);
        else if (Announcements > 0)
            Schedule(AnnounceTime);
        Rings.Wake(stack);
        Loopback.Drain(stack, now);
    }

    /// <summary>
    /// When <see cref="Poll"/> is needed next; ulong.MaxValue for never. May be earlier than strictly needed, never
    /// later.
    /// </summary>
    public ulong NextDeadline()
    {
        return Deadline;
    }

    // ---- addresses and moving ----

    /// <summary>Adds an own address (at most 8). False when the table is full.</summary>
    public bool AddAddress(uint address, int prefixLength)
    {
        if (address == 0 || prefixLength is < 0 or > 32 || AddressCount == MaxAddresses)
            return false;
        Addresses[AddressCount] = address;
        Masks[AddressCount] = prefixLength == 0 ? 0 : uint.MaxValue << (32 - prefixLength);
        AddressCount++;
        return true;
    }

    /// <summary>True for own addresses, 127/8 and ::1.</summary>
    public readonly bool IsLocal(Address address)
    {
        if (!address.IsIpv4)
            return IsLocal6(address);
        uint number = address.Ipv4;
        for (int i = 0; i < AddressCount; i++)
        {
            if (Addresses[i] == number)
                return true;
        }
        return number >> 24 == 127;
    }

    /// <summary>True for what a socket may be bound to: a local address, or a wildcard.</summary>
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    public readonly bool MayBind(Address address) => address.IsUnspecified || IsLocal(address);

    /// <summary>True for the limited broadcast address and those of our networks.</summary>
    public bool IsBroadcast(Address address) => Output.IsBroadcast(Self, address);

    /// <summary>Copies as many own addresses of IPv4 as there is room for, host order, and returns how many.</summary>
    public readonly int CopyAddresses(System.Span<uint> to)
    {
        int count = System.Math.Min(AddressCount, to.Length);
        for (int i = 0; i < count; i++)
            to[i] = Addresses[i];
        return count;
    }

    /// <summary>Takes the MAC address of the machine it arrived on; <see cref="Announce"/> tells the others.</summary>
    public void ChangeMacAddress(ulong mac)
    {
        MacAddress = mac;
    }

    /// <summary>
    /// Takes another device (and owner's hooks), for instance on arrival on another machine. What routers said of the
    /// former link's MTU is forgotten.
    /// </summary>
    /// <returns>
    /// False, and nothing changed, when its fields are out of range or its MTU is larger than at <see cref="Init"/>.
    /// </returns>
    public bool ChangeLink(in Link link)
    {
        Link full = link;
        Default(ref full.Mtu, 1500);
        Default(ref full.MaxPieces, Link.MaxPiecesOfAnyLink);
        if (!IsValid(full) || full.Mtu + Output.TransportOffset > FrameBufferSize)
            return false;
        Link = full;
        if (Address.HasIpv6)
            Link6.Mtu = full.Mtu;
        for (int i = 0; i < ConnectionTop; i++)
        {
            Connection* c = Connections + i;
            int size = Tcp.MaxSegment(full.Mtu, c->RemoteAddress)
                - (c->TimestampsEnabled ? Tcp.TimestampOptionLength : 0);
            if (c->InUse && c->SegmentSize > size)
                c->SegmentSize = (ushort)size;
        }
        return true;
    }

    /// <summary>
    /// Announces every own address by gratuitous ARP, as request and as reply (RFC 5227 §3), or by an advertisement to
    /// all (RFC 4861 §7.2.6), now and four times more, a second apart: one may be lost (RFC 5944 §4.6). Known
    /// neighbours are also sent requests, which carry our MAC address and are repeated until they reply.
    /// </summary>
    public void Announce(ulong now)
    {
        Announcements = MaxAnnouncements;
        NeighbourCache.DoubtAll(Self, now);
        AnnounceOnce(now);
    }

    private void AnnounceOnce(ulong now)
    {
        Announcements--;
        AnnounceTime = now + AnnounceInterval;
        if (Announcements > 0)
            Schedule(AnnounceTime);
        for (int i = 0; i < AddressCount; i++)
            AnnounceFor(Addresses[i]);
        if (Address.HasIpv6)
            NeighbourDiscovery.AnnounceAll(Self);
    }

    /// <summary>
    /// Announces an address as reached here, once, by gratuitous ARP as request and as reply (RFC 5227 §3). It need not
    /// be an own one: a host may announce another that is about to run in its place.
    /// </summary>
    public void AnnounceFor(uint address)
    {
        Stack* stack = Self;
        Arp packet = default;
        packet.Operation = Arp.Request;
        packet.SenderMac = MacAddress;
        packet.SenderAddress = address;
        packet.TargetAddress = address;
        NeighbourCache.Send(stack, packet, Ethernet.Broadcast);
        packet.Operation = Arp.Reply;
        packet.TargetMac = MacAddress;
        NeighbourCache.Send(stack, packet, Ethernet.Broadcast);
    }

    /// <summary>
    /// After a silence on our side: sends again what is unacknowledged and an acknowledgement to every peer, without
    /// waiting for timers.
    /// </summary>
    public void Resume(ulong now)
    {
        Stack* stack = Self;
        for (int i = 0; i < ConnectionTop; i++)
        {
            if (Connections[i].InUse)
                TcpOutput.Resume(stack, Connections + i, now);
        }
        Loopback.Drain(stack, now);
    }

    /// <summary>Most connections that can be let through.</summary>
    public const int MaxFiltered = 8;

    /// <summary>
    /// From now on only the segments of these TCP connections, at most <see cref="MaxFiltered"/>, ARP and neighbour
    /// solicitations and advertisements leave; everything else is dropped and counted.
    /// </summary>
    public void FilterOutgoing(System.ReadOnlySpan<Endpoints> connections)
    {
        FilterCount = 0;
        foreach (ref readonly Endpoints connection in connections)
        {
            if (FilterCount == MaxFiltered)
                break;
            Filtered[FilterCount] = connection;
            FilterCount++;
        }
        FilterArmed = true;
    }

    /// <summary>
    /// From now on this host sends only to the peers that are let through, since another host may have its address by
    /// now: TCP connections to their addresses and ports, new ones too, and answers to their own ARP requests. Nothing
    /// else is answered, neighbour solicitations of IPv6 among it; no ARP request, no solicitation and no announcement
    /// leaves, and the known MAC addresses stay valid. The peers have to be on the link.
    /// </summary>
    public void FilterAllButPeers()
    {
        FilterPeersOnly = true;
        Announcements = 0;
        NeighbourCache.TrustAll(Self);
    }

    private static uint Ports(in Endpoints connection) => (uint)connection.LocalPort << 16 | connection.RemotePort;

    /// <summary>True for the connections that are let through.</summary>
    public readonly bool PassesFilter(in Endpoints connection)
    {
        uint compared = FilterPeersOnly ? (uint)ushort.MaxValue : uint.MaxValue;
        for (int i = 0; i < FilterCount; i++)
        {
            if (Filtered[i].LocalAddress == connection.LocalAddress
                && Filtered[i].RemoteAddress == connection.RemoteAddress
                && ((Ports(Filtered[i]) ^ Ports(connection)) & compared) == 0)
                return true;
        }
        return false;
    }

    /// <summary>
    /// True for the neighbours needed to reach the peers that are let through: the peers, and the router unless frames
    /// go to the peers only.
    /// </summary>
    public readonly bool PassesFilter(Address neighbour)
    {
        for (int i = 0; i < FilterCount; i++)
        {
            if (Filtered[i].RemoteAddress == neighbour)
                return true;
        }
        return FilterCount > 0 && !FilterPeersOnly && neighbour == Gateway;
    }

    /// <summary>Ends <see cref="FilterOutgoing"/> and <see cref="FilterAllButPeers"/>.</summary>
    public void StopFiltering()
    {
        FilterArmed = false;
        FilterPeersOnly = false;
        FilterCount = 0;
    }

    /// <summary>
    /// Mixes random bits into the secrets: on arrival, where a copy must not go on with the numbers of what it was
    /// copied from. Connections are not touched, and cookies that are on their way stay good.
    /// </summary>
    public void Stir(ulong low, ulong high, ulong now)
    {
        ulong stirred = KeyedHash.Of(SecretLow, SecretHigh, low, high, 1);
        SecretHigh = KeyedHash.Of(SecretLow, SecretHigh, low, high, 2) ^ high;
        SecretLow = stirred ^ low;
        EphemeralCounter ^= (uint)KeyedHash.Of(SecretLow, SecretHigh, low, high, 3);
        SynCookies.Renew(Self, now);
    }
}
