namespace Netstack;

/// <summary>
/// The MAC addresses of neighbours, resolved when they are needed: those of IPv4 by ARP (RFC 826), of IPv6 by neighbour
/// solicitations (RFC 4861 §7.2). Bounded in entries, attempts and held frames.
/// </summary>
internal static unsafe class NeighbourCache
{
    private const ulong RetryInterval = Tcp.Second;
    private const int MaxAttempts = 4;
    private const ulong ReachableTime = 60 * Tcp.Second;

    /// <summary>How long what nobody asked for is believed (DELAY_FIRST_PROBE_TIME, RFC 4861 §10).</summary>
    private const ulong DelayTime = 5 * Tcp.Second;

    /// <summary>
    /// The entry of an address on our link. When it is unknown a request is sent; the state is then Incomplete.
    /// </summary>
    internal static Neighbour* Resolve(Stack* stack, Address address, ref short hint, ulong now)
    {
        Neighbour* neighbour = (uint)hint < (uint)stack->NeighbourCount ? stack->Neighbours + hint : stack->Neighbours;
        if (neighbour->Address != address || neighbour->State == NeighbourState.Free)
        {
            neighbour = Find(stack, address);
            if (neighbour == null)
            {
                neighbour = Allocate(stack, address, asked: true, now);
                neighbour->State = NeighbourState.Incomplete;
                Ask(stack, neighbour, now);
            }
            hint = (short)(neighbour - stack->Neighbours);
        }
        neighbour->LastUsed = now;
        if (neighbour->State != NeighbourState.Incomplete && now >= neighbour->Deadline && !stack->FilterPeersOnly)
            Doubt(stack, neighbour, now);
        return neighbour;
    }

    /// <summary>
    /// The entry is old: requests go to the neighbour itself, then, if it does not reply, to all. The entry is used
    /// meanwhile.
    /// </summary>
    private static void Doubt(Stack* stack, Neighbour* neighbour, ulong now)
    {
        if (neighbour->State == NeighbourState.Reachable)
        {
            neighbour->State = NeighbourState.Probing;
            neighbour->Attempts = 0;
        }
        if (neighbour->Attempts >= MaxAttempts)
        {
            neighbour->State = NeighbourState.Incomplete;
            neighbour->Attempts = 0;
        }
        Ask(stack, neighbour, now);
    }

    /// <summary>Sends a request to each known neighbour, at the MAC address that it had.</summary>
    internal static void DoubtAll(Stack* stack, ulong now)
    {
        for (int i = 0; i < stack->NeighbourCount; i++)
        {
            Neighbour* neighbour = stack->Neighbours + i;
            if (neighbour->State is NeighbourState.Reachable or NeighbourState.Probing)
            {
                neighbour->State = NeighbourState.Reachable;
                Doubt(stack, neighbour, now);
            }
        }
    }

    /// <summary>A neighbour that is being asked again is reached at its old address.</summary>
    internal static void TrustAll(Stack* stack)
    {
        for (int i = 0; i < stack->NeighbourCount; i++)
        {
            if (stack->Neighbours[i].State == NeighbourState.Probing)
                stack->Neighbours[i].State = NeighbourState.Reachable;
        }
    }

    private static void Ask(Stack* stack, Neighbour* neighbour, ulong now)
    {
        bool unicast = neighbour->State == NeighbourState.Probing && neighbour->Attempts < MaxAttempts - 1;
        neighbour->Attempts++;
        neighbour->Deadline = now + RetryInterval;
        stack->Schedule(neighbour->Deadline);
        if (stack->FilterPeersOnly)
            return;
        stack->Counters.ArpRequestsSent++;
        if (!neighbour->Address.IsIpv4)
        {
            NeighbourDiscovery.Solicit(stack, neighbour->Address, unicast ? neighbour->MacAddress : 0);
            return;
        }
        Arp packet = default;
        packet.Operation = Arp.Request;
        packet.SenderMac = stack->MacAddress;
        packet.SenderAddress = Output.SourceFor(stack, neighbour->Address).Ipv4;
        packet.TargetAddress = neighbour->Address.Ipv4;
        Send(stack, packet, unicast ? neighbour->MacAddress : Ethernet.Broadcast);
    }

    internal static void Send(Stack* stack, in Arp packet, ulong destination)
    {
        byte* bytes = stackalloc byte[Ethernet.HeaderLength + Arp.Length];
        Ethernet.Emit(bytes, destination, stack->MacAddress, Ethernet.TypeArp);
        packet.Emit(bytes + Ethernet.HeaderLength);
        Transmission frame = default;
        frame.Header = bytes;
        frame.TotalLength = Ethernet.HeaderLength + Arp.Length;
        frame.HeaderLength = frame.TotalLength;
        Output.Transmit(stack, &frame);
    }

    internal static void Receive(Stack* stack, in Arp packet, ulong now)
    {
        bool toUs = IsOwn(stack, packet.TargetAddress);
        if (packet.SenderAddress != 0)
        {
            // RFC 826: merge what is known; a new entry is made only by packets for one of our addresses.
            Neighbour* neighbour = Find(stack, packet.SenderAddress);
            if (neighbour == null && toUs)
                neighbour = Allocate(stack, packet.SenderAddress, asked: false, now);
            if (neighbour != null)
                Learn(stack, neighbour, packet.SenderMac, now);
        }
        if (!toUs)
        {
            stack->Counters.ArpNotForUs++;
            return;
        }
        if (packet.Operation != Arp.Request || (stack->FilterPeersOnly && !stack->PassesFilter(packet.SenderAddress)))
            return;
        Arp reply = default;
        reply.Operation = Arp.Reply;
        reply.SenderMac = stack->MacAddress;
        reply.SenderAddress = packet.TargetAddress;
        reply.TargetMac = packet.SenderMac;
        reply.TargetAddress = packet.SenderAddress;
        stack->Counters.ArpRequestsAnswered++;
        Send(stack, reply, packet.SenderMac);
    }

    /// <summary>
    /// A neighbour of IPv6 has told its MAC address in a solicitation or advertisement of its own accord (RFC 4861
    /// §7.2.3, §6.3.4): it is asked again before long.
    /// </summary>
    internal static void Note(Stack* stack, Address address, ulong mac, ulong now)
    {
        Neighbour* neighbour = Find(stack, address);
        if (neighbour == null)
            neighbour = Allocate(stack, address, asked: false, now);
        bool isNews = neighbour->State is NeighbourState.Free or NeighbourState.Incomplete
            || neighbour->MacAddress != mac;
        if (isNews)
        {
            Learn(stack, neighbour, mac, now);
            neighbour->Deadline = now + DelayTime;
        }
    }

    /// <summary>A neighbour advertisement (RFC 4861 §7.2.5). One that nobody asked for makes no entry.</summary>
    /// <param name="mac">0 where it is not told.</param>
    internal static void Advertised(Stack* stack, Address address, ulong mac, bool isSolicited, bool overrides,
        ulong now)
    {
        Neighbour* neighbour = Find(stack, address);
        if (neighbour == null)
        {
            stack->Counters.NeighbourDiscoveryIgnored++;
            return;
        }
        bool isKnown = neighbour->State != NeighbourState.Incomplete;
        bool isOther = mac != 0 && mac != neighbour->MacAddress;
        if (!isKnown && mac == 0)
            return;
        if (isKnown && isOther && !overrides)
        {
            // Somebody else's word against what is known: it is asked again.
            neighbour->Deadline = now;
            return;
        }
        if (isSolicited || !isKnown || isOther)
            Learn(stack, neighbour, mac != 0 ? mac : neighbour->MacAddress, now);
        if (!isSolicited && (!isKnown || isOther))
            neighbour->Deadline = now + DelayTime;
    }

    private static void Learn(Stack* stack, Neighbour* neighbour, ulong mac, ulong now)
    {
        bool waited = neighbour->State == NeighbourState.Incomplete;
        neighbour->MacAddress = mac;
        neighbour->State = NeighbourState.Reachable;
        neighbour->Attempts = 0;
        neighbour->Deadline = now + ReachableTime;
        if (!waited)
            return;
        if (neighbour->Held >= 0)
        {
            int held = neighbour->Held;
            neighbour->Held = -1;
            Transmission frame = default;
            frame.Header = stack->HeldFrames + held * stack->FrameBufferSize;
            frame.TotalLength = stack->HeldLength[held];
            frame.HeaderLength = frame.TotalLength;
            stack->HeldLength[held] = 0;
            Ethernet.Emit(frame.Header, mac, stack->MacAddress, Output.TypeOf(neighbour->Address));
            Output.Transmit(stack, &frame);
        }
        if (stack->OutputPending)
            TcpOutput.RunPending(stack, now);
    }

    /// <summary>Keeps the newest datagram of an unresolved neighbour. Its checksums must be complete.</summary>
    internal static void Hold(Stack* stack, Neighbour* neighbour, Transmission* frame)
    {
        int held = neighbour->Held;
        for (int i = 0; held < 0 && i < Stack.MaxHeldFrames; i++)
        {
            if (stack->HeldLength[i] == 0)
                held = i;
        }
        if (held < 0 || frame->HeaderLength > stack->FrameBufferSize)
        {
            stack->Counters.NeighbourUnresolved++;
            return;
        }
        if (neighbour->Held >= 0)
            stack->Counters.NeighbourUnresolved++;
        neighbour->Held = (short)held;
        stack->HeldLength[held] = frame->HeaderLength;
        Bytes.Copy(frame->Header, stack->HeldFrames + held * stack->FrameBufferSize, frame->HeaderLength);
    }

    /// <summary>Asks again, or gives up; returns when it wants to be called next.</summary>
    internal static ulong Poll(Stack* stack, ulong now)
    {
        ulong next = ulong.MaxValue;
        for (int i = 0; i < stack->NeighbourCount; i++)
        {
            Neighbour* neighbour = stack->Neighbours + i;
            if (neighbour->State is not (NeighbourState.Incomplete or NeighbourState.Probing))
                continue;
            if (now >= neighbour->Deadline)
            {
                if (neighbour->Attempts >= MaxAttempts)
                {
                    Address address = neighbour->Address;
                    Forget(stack, neighbour);
                    Tcp.NeighbourFailed(stack, address);
                    continue;
                }
                Ask(stack, neighbour, now);
            }
            if (neighbour->Deadline < next)
                next = neighbour->Deadline;
        }
        return next;
    }

    internal static void Forget(Stack* stack, Neighbour* neighbour)
    {
        if (neighbour->Held >= 0)
        {
            stack->HeldLength[neighbour->Held] = 0;
            stack->Counters.NeighbourUnresolved++;
        }
        *neighbour = new Neighbour { Held = -1 };
    }

    private static Neighbour* Find(Stack* stack, Address address)
    {
        for (int i = 0; i < stack->NeighbourCount; i++)
        {
            if (stack->Neighbours[i].Address == address && stack->Neighbours[i].State != NeighbourState.Free)
                return stack->Neighbours + i;
        }
        return null;
    }

    /// <summary>
    /// A free entry, or one that gives way. Unresolved entries have at most half of the table, so that addresses that
    /// do not exist cannot displace neighbours that do; a resolved neighbour displaces an unresolved entry first.
    /// </summary>
    private static Neighbour* Allocate(Stack* stack, Address address, bool asked, ulong now)
    {
        Neighbour* free = null;
        Neighbour* known = null;
        Neighbour* unknown = null;
        int unknowns = 0;
        for (int i = 0; i < stack->NeighbourCount; i++)
        {
            Neighbour* neighbour = stack->Neighbours + i;
            if (neighbour->State == NeighbourState.Free)
            {
                free = neighbour;
            }
            else if (neighbour->State == NeighbourState.Incomplete)
            {
                unknowns++;
                unknown = Older(unknown, neighbour);
            }
            else
            {
                known = Older(known, neighbour);
            }
        }
        bool takeUnknown = asked ? unknowns >= stack->NeighbourCount / 2 : free == null && unknown != null;
        Neighbour* unasked = free != null ? free : known;
        Neighbour* taken = takeUnknown ? unknown : unasked;
        Forget(stack, taken);
        taken->Address = address;
        taken->LastUsed = now;
        return taken;
    }

    private static Neighbour* Older(Neighbour* one, Neighbour* other) =>
        one == null || other->LastUsed < one->LastUsed ? other : one;

    private static bool IsOwn(Stack* stack, uint address)
    {
        for (int i = 0; i < stack->AddressCount; i++)
        {
            if (stack->Addresses[i] == address)
                return true;
        }
        return false;
    }
}
