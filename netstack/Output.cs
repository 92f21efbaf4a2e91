using System;

namespace Netstack;

/// <summary>What became of a packet.</summary>
internal enum SendResult
{
    /// <summary>
    /// The link, the loopback ring or the held frames have it; or the filter dropped it (as the wire may).
    /// </summary>
    Sent,

    /// <summary>The device has no room; <see cref="Stack.LinkReady"/> follows.</summary>
    Busy,

    /// <summary>The neighbour's MAC address is being resolved.</summary>
    Unresolved,

    NoRoute,
}

/// <summary>From a packet to the link: route, neighbour, Ethernet header, filter, loopback.</summary>
internal static unsafe class Output
{
    /// <summary>Bytes before the transport header in every frame that is built: room for either family's.</summary>
    internal const int TransportOffset = Ethernet.HeaderLength + Address.MaxHeaderLength;

    /// <summary>
    /// Sends what <paramref name="frame"/> describes. Its header has <see cref="TransportOffset"/> bytes free in front,
    /// which are filled in here; for IPv4, which needs 20 fewer, Header moves on by so many and the lengths shrink.
    /// </summary>
    /// <param name="neighbourHint">Neighbour entry that was right last time; updated.</param>
    /// <param name="fragment">As in <see cref="Ipv4.Emit"/>.</param>
    /// <param name="hold">Keep a copy of an unresolved frame without fragments until the neighbour answers.</param>
    internal static SendResult Send(Stack* stack, Transmission* frame, Address source, Address destination,
        byte protocol, ref short neighbourHint, bool hold, ulong now,
        uint fragment = Ipv4.DoNotFragmentBit)
    {
        Enclose(frame, source, destination, protocol, fragment);
        if (stack->IsLocal(destination))
        {
            Ethernet.Emit(frame->Header, stack->MacAddress, stack->MacAddress, TypeOf(destination));
            return Loopback.Send(stack, frame);
        }
        if (stack->FilterArmed && !PassesFilter(stack, frame, source, destination, protocol))
        {
            stack->Counters.Filtered++;
            return SendResult.Sent;
        }
        ulong mac;
        if (IsBroadcast(stack, destination))
        {
            mac = Ethernet.Broadcast;
        }
        else if (destination.IsMulticast6)
        {
            mac = Ethernet.GroupOf(destination);
        }
        else
        {
            Address next = NextHop(stack, destination);
            if (next.IsUnspecified)
            {
                stack->Counters.NoRoute++;
                return SendResult.NoRoute;
            }
            Neighbour* neighbour = NeighbourCache.Resolve(stack, next, ref neighbourHint, now);
            if (neighbour->State == NeighbourState.Incomplete)
            {
                if (hold && frame->PieceCount == 0)
                {
                    NeighbourCache.Hold(stack, neighbour, frame);
                    return SendResult.Sent;
                }
                return SendResult.Unresolved;
            }
            mac = neighbour->MacAddress;
        }
        Ethernet.Emit(frame->Header, mac, stack->MacAddress, TypeOf(destination));
        return Transmit(stack, frame);
    }

    /// <summary>Puts the network header before the transport header.</summary>
    private static void Enclose(Transmission* frame, Address source, Address destination, byte protocol, uint fragment)
    {
        int header = HeaderLength(destination);
        int spare = Address.MaxHeaderLength - header;
        frame->Header += spare;
        frame->HeaderLength -= spare;
        frame->TotalLength -= spare;
        if (frame->NeedsChecksum)
            frame->ChecksumStart = (ushort)(Ethernet.HeaderLength + header);
        byte* at = frame->Header + Ethernet.HeaderLength;
        int length = frame->TotalLength - Ethernet.HeaderLength;
        if (destination.IsIpv4)
            Ipv4.Emit(at, source.Ipv4, destination.Ipv4, protocol, length, fragment);
        else
            Ipv6.Emit(at, source, destination, protocol, Ipv6.DefaultHopLimit, length - header);
    }

    /// <summary>Bytes of the network header without options, by its family.</summary>
    internal static int HeaderLength(Address address) => address.IsIpv4 ? Ipv4.HeaderLength : Ipv6.HeaderLength;

    /// <summary>What the longest packet carries: the length of IPv6 does not count its header (RFC 8200 §3).</summary>
    internal static int MaxData(Address address) =>
        address.IsIpv4 ? Ipv4.MaxLength - Ipv4.HeaderLength : Ipv4.MaxLength;

    internal static ushort TypeOf(Address address) => address.IsIpv4 ? Ethernet.TypeIpv4 : Ethernet.TypeIpv6;

    /// <summary>The longest packet that reaches a destination whole, as far as it is known.</summary>
    internal static int PathMtu(Stack* stack, Address destination, ulong now) =>
        destination.IsIpv4 || stack->IsLocal(destination) ? stack->Link.Mtu : Paths6.Mtu(stack, destination, now);

    /// <summary>
    /// A packet that is longer than the MTU: 8 bytes of header, and the rest. In fragments, or to ourselves in one
    /// piece.
    /// </summary>
    internal static SendResult SendLong(
        Stack* stack, byte* header, ReadOnlySpan<byte> rest, Address source, Address destination, byte protocol,
        ulong now)
    {
        const int headerLength = 8;
        if (!stack->IsLocal(destination))
            return Fragments.Send(stack, new ReadOnlySpan<byte>(header, headerLength), rest, source, destination,
                protocol, now);
        Bytes.Copy(header, stack->Scratch + TransportOffset, headerLength);
        fixed (byte* bytes = rest)
        {
            // SAFETY: the loopback copies during the call.
            FramePiece piece;
            piece.Address = bytes;
            piece.Length = rest.Length;
            Transmission frame = default;
            frame.Header = stack->Scratch;
            frame.HeaderLength = TransportOffset + headerLength;
            frame.Pieces = &piece;
            frame.PieceCount = 1;
            frame.TotalLength = frame.HeaderLength + rest.Length;
            short hint = -1;
            return Send(stack, &frame, source, destination, protocol, ref hint, hold: false, now);
        }
    }

    internal static SendResult Transmit(Stack* stack, Transmission* frame)
    {
        if (!stack->Link.Transmit(stack->Link.Context, frame))
        {
            stack->Counters.LinkBusy++;
            return SendResult.Busy;
        }
        stack->Counters.FramesSent++;
        stack->Counters.BytesSent += (uint)frame->TotalLength;
        return SendResult.Sent;
    }

    private static bool PassesFilter(Stack* stack, Transmission* frame, Address source, Address destination,
        byte protocol)
    {
        if (protocol != Ipv4.ProtocolTcp)
            return false;
        Endpoints connection = default;
        connection.LocalAddress = source;
        connection.RemoteAddress = destination;
        byte* transport = frame->Header + Ethernet.HeaderLength + HeaderLength(destination);
        connection.LocalPort = BigEndian.Load16(transport);
        connection.RemotePort = BigEndian.Load16(transport + 2);
        return stack->PassesFilter(connection);
    }

    /// <summary>Limited broadcast, or that of one of our networks.</summary>
    internal static bool IsBroadcast(Stack* stack, Address address) =>
        address == 0xffffffff || HasHost(stack, address, uint.MaxValue);

    /// <summary>What no connection is made to: everybody, or some, of either family.</summary>
    internal static bool IsGroup(Stack* stack, Address address) =>
        address.IsIpv4
            ? Ipv4.IsBadSource(address.Ipv4) || IsBroadcast(stack, address)
            : address.IsMulticast6;

    /// <summary>The address of one of our networks, which once was a broadcast too (RFC 1122 §3.3.6).</summary>
    internal static bool IsNetwork(Stack* stack, Address address) => HasHost(stack, address, 0);

    private static bool HasHost(Stack* stack, Address address, uint host)
    {
        for (int i = 0; i < stack->AddressCount; i++)
        {
            uint mask = stack->Masks[i];
            // A /31 or /32 has neither (RFC 3021).
            if (mask < 0xfffffffe && address == (stack->Addresses[i] & mask | host & ~mask))
                return true;
        }
        return false;
    }

    /// <summary>
    /// The destination itself when it is on one of our networks, else the router; <see cref="Address.Any4"/> or
    /// <see cref="Address.Any"/> when there is none, as for 0/8.
    /// </summary>
    internal static Address NextHop(Stack* stack, Address destination)
    {
        if (!destination.IsIpv4)
            return Interface6.NextHop(stack, destination);
        uint number = destination.Ipv4;
        if (number >> 24 == 0)
            return Address.Any4;
        for (int i = 0; i < stack->AddressCount; i++)
        {
            if (((number ^ stack->Addresses[i]) & stack->Masks[i]) == 0)
                return destination;
        }
        return stack->Gateway;
    }

    /// <summary>
    /// 0, or why nothing goes from one of our addresses to another: of different families, or from this host's loopback
    /// to others (RFC 1122 §3.2.1.3).
    /// </summary>
    internal static int ErrorOf(Stack* stack, Address source, Address destination)
    {
        if (source.IsIpv4 != destination.IsIpv4)
            return SocketError.NetworkUnreachable;
        return source.IsLoopback && !stack->IsLocal(destination) ? SocketError.Invalid : 0;
    }

    /// <summary>Our address nearest to the destination; one that names nobody when we have none.</summary>
    internal static Address SourceFor(Stack* stack, Address destination)
    {
        if (destination.IsIpv4 && destination.IsLoopback)
            return 0x7f000001;
        if (stack->IsLocal(destination))
            return destination;
        if (!destination.IsIpv4)
            return Interface6.SourceFor(stack, destination);
        uint next = NextHop(stack, destination).Ipv4;
        for (int i = 0; i < stack->AddressCount; i++)
        {
            if (((next ^ stack->Addresses[i]) & stack->Masks[i]) == 0)
                return stack->Addresses[i];
        }
        return stack->AddressCount > 0 ? stack->Addresses[0] : Address.Any4;
    }
}
