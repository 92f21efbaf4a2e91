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

    /// <summary>The neighbour's hardware address is being resolved.</summary>
    Unresolved,

    NoRoute,
}

/// <summary>From an IPv4 packet to the link: route, neighbour, Ethernet header, filter, loopback.</summary>
internal static unsafe class Output
{
    /// <summary>Bytes before the transport header in every frame that is built here.</summary>
    internal const int TransportOffset = Ethernet.HeaderLength + Ipv4.HeaderLength;

    /// <summary>
    /// Sends what <paramref name="frame"/> describes. Its header has <see cref="TransportOffset"/> bytes free in front,
    /// which are filled in here.
    /// </summary>
    /// <param name="neighbourHint">Neighbour entry that was right last time; updated.</param>
    /// <param name="fragment">As in <see cref="Ipv4.Emit"/>.</param>
    /// <param name="hold">Keep a copy of an unresolved frame without fragments until the neighbour answers.</param>
    internal static SendResult Send(Stack* stack, Transmission* frame, uint source, uint destination, byte protocol,
        ref short neighbourHint, bool hold, ulong now,
        uint fragment = Ipv4.DoNotFragmentBit)
    {
        Ipv4.Emit(frame->Header + Ethernet.HeaderLength, source, destination, protocol,
            frame->TotalLength - Ethernet.HeaderLength, fragment);
        if (stack->IsLocal(destination))
        {
            Ethernet.Emit(frame->Header, stack->HardwareAddress, stack->HardwareAddress, Ethernet.TypeIpv4);
            return Loopback.Send(stack, frame);
        }
        if (stack->FilterArmed && !PassesFilter(stack, frame, source, destination, protocol))
        {
            stack->Counters.Filtered++;
            return SendResult.Sent;
        }
        ulong hardware;
        if (IsBroadcast(stack, destination))
        {
            hardware = Ethernet.Broadcast;
        }
        else
        {
            uint next = NextHop(stack, destination);
            if (next == 0)
            {
                stack->Counters.NoRoute++;
                return SendResult.NoRoute;
            }
            Neighbour* neighbour = ArpCache.Resolve(stack, next, ref neighbourHint, now);
            if (neighbour->State == NeighbourState.Incomplete)
            {
                if (hold && frame->FragmentCount == 0)
                {
                    ArpCache.Hold(stack, neighbour, frame);
                    return SendResult.Sent;
                }
                return SendResult.Unresolved;
            }
            hardware = neighbour->HardwareAddress;
        }
        Ethernet.Emit(frame->Header, hardware, stack->HardwareAddress, Ethernet.TypeIpv4);
        return Transmit(stack, frame);
    }

    /// <summary>
    /// A packet that is longer than the MTU: 8 bytes of header, and the rest. In fragments, or to ourselves in one
    /// piece.
    /// </summary>
    internal static SendResult SendLong(
        Stack* stack, byte* header, ReadOnlySpan<byte> rest, uint source, uint destination, byte protocol, ulong now)
    {
        const int headerLength = 8;
        if (!stack->IsLocal(destination))
            return Ipv4Fragments.Send(stack, new ReadOnlySpan<byte>(header, headerLength), rest, source, destination,
                protocol, now);
        Bytes.Copy(header, stack->Scratch + TransportOffset, headerLength);
        fixed (byte* bytes = rest)
        {
            // SAFETY: the loopback copies during the call.
            Fragment fragment;
            fragment.Address = bytes;
            fragment.Length = rest.Length;
            Transmission frame = default;
            frame.Header = stack->Scratch;
            frame.HeaderLength = TransportOffset + headerLength;
            frame.Fragments = &fragment;
            frame.FragmentCount = 1;
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

    private static bool PassesFilter(Stack* stack, Transmission* frame, uint source, uint destination, byte protocol)
    {
        if (protocol != Ipv4.ProtocolTcp)
            return false;
        Endpoints connection = default;
        connection.LocalAddress = source;
        connection.RemoteAddress = destination;
        connection.LocalPort = BigEndian.Load16(frame->Header + TransportOffset);
        connection.RemotePort = BigEndian.Load16(frame->Header + TransportOffset + 2);
        return stack->PassesFilter(connection);
    }

    /// <summary>Limited broadcast, or that of one of our networks.</summary>
    internal static bool IsBroadcast(Stack* stack, uint address) =>
        address == 0xffffffff || HasHost(stack, address, uint.MaxValue);

    /// <summary>The address of one of our networks, which once was a broadcast too (RFC 1122 §3.3.6).</summary>
    internal static bool IsNetwork(Stack* stack, uint address) => HasHost(stack, address, 0);

    private static bool HasHost(Stack* stack, uint address, uint host)
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
    /// The destination itself when it is on one of our networks, else the gateway; 0 when there is none, as for 0/8.
    /// </summary>
    internal static uint NextHop(Stack* stack, uint destination)
    {
        if (destination >> 24 == 0)
            return 0;
        for (int i = 0; i < stack->AddressCount; i++)
        {
            if (((destination ^ stack->Addresses[i]) & stack->Masks[i]) == 0)
                return destination;
        }
        return stack->Gateway;
    }

    /// <summary>
    /// 0, or why nothing goes from one of our addresses to another: of different families, or from this host's loopback
    /// to others (RFC 1122 §3.2.1.3).
    /// </summary>
    internal static int Refusal(Stack* stack, uint source, uint destination)
    {
        if (SpecialAddress.IsIpv4(source) != SpecialAddress.IsIpv4(destination))
            return SocketError.NetworkUnreachable;
        return Ipv4.IsLoopback(source) && !stack->IsLocal(destination) ? SocketError.Invalid : 0;
    }

    /// <summary>Our address nearest to the destination, 0 when we have none.</summary>
    internal static uint SourceFor(Stack* stack, uint destination)
    {
        if (destination >> 24 == 127)
            return 0x7f000001;
        if (stack->IsLocal(destination))
            return destination;
        uint next = NextHop(stack, destination);
        for (int i = 0; i < stack->AddressCount; i++)
        {
            if (((next ^ stack->Addresses[i]) & stack->Masks[i]) == 0)
                return stack->Addresses[i];
        }
        return stack->AddressCount > 0 ? stack->Addresses[0] : 0;
    }
}
