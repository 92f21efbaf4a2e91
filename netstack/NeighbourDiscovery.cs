using System;
using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>
/// Neighbour discovery (RFC 4861), addresses that this host makes itself (RFC 4862), and reports of the groups that it
/// is in, which switches listen to (RFC 3810). What is received is believed as far as ARP is: of a sender that agrees
/// with its frame, and of routers only where the owner wants it. Redirects are not followed.
/// </summary>
internal static unsafe class NeighbourDiscovery
{
    internal const byte HopLimit = 255;

    /// <summary>How long others have to say that an address is theirs (RetransTimer, RFC 4862 §5.1).</summary>
    private const ulong AskTime = Tcp.Second;

    private const int MaxRouterSolicitations = 3;
    private const ulong RouterSolicitationInterval = 4 * Tcp.Second;

    /// <summary>Queries are answered once in so long.</summary>
    private const ulong QueryInterval = Tcp.Second;

    // Options (RFC 4861 §4.6).
    private const byte OptionSource = 1;
    private const byte OptionTarget = 2;
    private const byte OptionPrefix = 3;
    private const byte OptionMtu = 5;
    private const int OptionUnit = 8;
    private const int PrefixLength = 32;

    /// <summary>Target and the reserved bytes before it.</summary>
    private const int TargetAt = 8;
    private const int NeighbourLength = TargetAt + Address.Length6;
    private const int RouterLength = 16;

    // Of an advertisement: it answers a solicitation; it replaces what is known.
    private const byte SolicitedFlag = 0x40;
    private const byte OverrideFlag = 0x20;

    // ---- what is sent ----

    /// <summary>Asks for a neighbour: itself where its MAC address is known, else its group.</summary>
    internal static void Solicit(Stack* stack, Address target, ulong mac)
    {
        Address source = Output.SourceFor(stack, target);
        // From :: it would ask whether anybody has the address.
        if (source.IsUnspecified)
            return;
        Address to = mac != 0 ? target : target.SolicitedNode;
        SendNeighbour(stack, Icmp6.NeighbourSolicitation, 0, target, source, to,
            mac != 0 ? mac : Ethernet.GroupOf(to), OptionSource);
    }

    /// <summary>Asks whether anybody has an address that is to be ours (RFC 4862 §5.4.2).</summary>
    internal static void Ask(Stack* stack, Interface6.OwnAddress* own, ulong now)
    {
        own->TentativeUntil = now + AskTime;
        stack->Schedule(own->TentativeUntil);
        Address group = own->Address.SolicitedNode;
        Report(stack);
        SendNeighbour(stack, Icmp6.NeighbourSolicitation, 0, own->Address, Address.Any, group, Ethernet.GroupOf(group),
            option: 0);
    }

    /// <summary>
    /// Tells all hosts where our addresses are reached now (RFC 4861 §7.2.6), and switches the groups that we are in.
    /// </summary>
    internal static void AnnounceAll(Stack* stack)
    {
        if (!stack->Link6.IsOn)
            return;
        for (int i = 0; i < Interface6.MaxAddresses; i++)
        {
            Interface6.OwnAddress* own = stack->Link6.Addresses + i;
            if (own->Until != 0 && own->TentativeUntil == 0)
                SendNeighbour(stack, Icmp6.NeighbourAdvertisement, OverrideFlag, own->Address, own->Address,
                    Address.AllNodes, Ethernet.GroupOf(Address.AllNodes), OptionTarget);
        }
        Report(stack);
    }

    internal static void SolicitRouters(Stack* stack, ulong now)
    {
        ref Interface6 link = ref stack->Link6;
        link.Solicitations--;
        link.SolicitTime = now + RouterSolicitationInterval;
        stack->Schedule(link.SolicitTime);
        Address source = Output.SourceFor(stack, Address.AllRouters);
        if (stack->FilterArmed || source.IsUnspecified)
            return;
        byte* bytes = stackalloc byte[MessageAt + Icmp6.HeaderLength + OptionUnit];
        byte* at = bytes + MessageAt;
        Begin(at, Icmp6.RouterSolicitation, 0);
        EmitMac(at + Icmp6.HeaderLength, OptionSource, stack->MacAddress);
        Send(stack, bytes, Icmp6.HeaderLength + OptionUnit, source, Address.AllRouters,
            Ethernet.GroupOf(Address.AllRouters));
    }

    internal static void StartSoliciting(Stack* stack, ulong now)
    {
        stack->Link6.Solicitations = MaxRouterSolicitations;
        // When the link-local address is ours.
        stack->Link6.SolicitTime = now + AskTime;
        stack->Schedule(stack->Link6.SolicitTime);
    }

    private const int MessageAt = Ethernet.HeaderLength + Ipv6.HeaderLength;

    private static void Begin(byte* at, byte type, byte flags)
    {
        BigEndian.Store32(at, (uint)type << 24);
        BigEndian.Store32(at + 4, (uint)flags << 24);
    }

    private static void EmitMac(byte* at, byte option, ulong mac)
    {
        at[0] = option;
        at[1] = 1;
        BigEndian.Store48(at + 2, mac);
    }

    /// <param name="option">Of our MAC address; 0 for none.</param>
    private static void SendNeighbour(Stack* stack, byte type, byte flags, Address target, Address source,
        Address destination, ulong mac, byte option)
    {
        // Another host may have our addresses by now.
        if (stack->FilterPeersOnly)
            return;
        byte* bytes = stackalloc byte[MessageAt + NeighbourLength + OptionUnit];
        byte* at = bytes + MessageAt;
        Begin(at, type, flags);
        Ipv6.StoreAddress(at + TargetAt, target);
        EmitMac(at + NeighbourLength, option, stack->MacAddress);
        Send(stack, bytes, option == 0 ? NeighbourLength : NeighbourLength + OptionUnit, source, destination, mac);
    }

    /// <summary>Completes and sends a message that lies at <see cref="MessageAt"/>.</summary>
    private static void Send(Stack* stack, byte* bytes, int length, Address source, Address destination, ulong mac)
    {
        byte* at = bytes + MessageAt;
        uint sum = Checksum.Sum(at, length) + Checksum.PseudoHeader(source, destination, Ipv6.ProtocolIcmp, length);
        Unsafe.WriteUnaligned(at + 2, (ushort)~Checksum.Fold(sum));
        Ipv6.Emit(bytes + Ethernet.HeaderLength, source, destination, Ipv6.ProtocolIcmp, HopLimit, length);
        SendFrame(stack, bytes, MessageAt + length, mac);
    }

    private static void SendFrame(Stack* stack, byte* bytes, int length, ulong mac)
    {
        Ethernet.Emit(bytes, mac, stack->MacAddress, Ethernet.TypeIpv6);
        Transmission frame = default;
        frame.Header = bytes;
        frame.TotalLength = length;
        frame.HeaderLength = length;
        Output.Transmit(stack, &frame);
    }

    /// <summary>
    /// Reports all groups that we are in, so that switches that watch pass them on (RFC 3810 §5.2): each as one of
    /// which every source is wanted. ff02::1 is never reported (§6).
    /// </summary>
    private static void Report(Stack* stack)
    {
        const int optionsLength = 8;
        const int recordLength = 4 + Address.Length6;
        const byte everySource = 4;
        const ulong alertAndPadding = 0x0502_0000_0100;
        Address all = new(0xff02ul << 48, 0x16);
        if (stack->FilterArmed)
            return;
        byte* bytes = stackalloc byte[MessageAt + optionsLength + Icmp6.HeaderLength
            + Interface6.MaxAddresses * recordLength];
        byte* at = bytes + MessageAt + optionsLength;
        Begin(at, Icmp6.ListenerReport, 0);
        int records = 0;
        int length = Icmp6.HeaderLength;
        for (int i = 0; i < Interface6.MaxAddresses; i++)
        {
            Interface6.OwnAddress* own = stack->Link6.Addresses + i;
            if (own->Until == 0)
                continue;
            BigEndian.Store32(at + length, (uint)everySource << 24);
            Ipv6.StoreAddress(at + length + 4, own->Address.SolicitedNode);
            length += recordLength;
            records++;
        }
        BigEndian.Store16(at + 6, records);
        Address source = Output.SourceFor(stack, all);
        // Router alert, and two bytes of padding (RFC 2711 §2.1).
        bytes[MessageAt] = Ipv6.ProtocolIcmp;
        bytes[MessageAt + 1] = 0;
        BigEndian.Store48(bytes + MessageAt + 2, alertAndPadding);
        uint sum = Checksum.Sum(at, length) + Checksum.PseudoHeader(source, all, Ipv6.ProtocolIcmp, length);
        Unsafe.WriteUnaligned(at + 2, (ushort)~Checksum.Fold(sum));
        Ipv6.Emit(bytes + Ethernet.HeaderLength, source, all, Ipv6.HopByHop, hopLimit: 1, optionsLength + length);
        SendFrame(stack, bytes, MessageAt + optionsLength + length, Ethernet.GroupOf(all));
    }

    /// <summary>A query of which groups are listened to: answered for all of them at once.</summary>
    internal static void AnswerQuery(Stack* stack, in IpHeader ip, ReadOnlySpan<byte> message, ulong now)
    {
        const int minLength = 24;
        ref Interface6 link = ref stack->Link6;
        bool isAnswered = link.QueryAnswered != 0 && now - link.QueryAnswered < QueryInterval;
        if (!link.IsOn || ip.HopLimit != 1 || !ip.Source.IsLinkLocal || message.Length < minLength || isAnswered)
        {
            stack->Counters.NeighbourDiscoveryIgnored++;
            return;
        }
        link.QueryAnswered = now;
        Report(stack);
    }

    // ---- what is received ----

    /// <summary>What the options of a message say.</summary>
    private struct Options
    {
        /// <summary>0 where it is not told.</summary>
        public ulong Source;
        public ulong Target;
        public uint Mtu;
    }

    /// <param name="message">Whole, of code 0, with a correct checksum, from this link (hop limit 255).</param>
    internal static void Receive(Stack* stack, in IpHeader ip, ReadOnlySpan<byte> message, ulong now)
    {
        byte type = message[0];
        int fixedLength = type == Icmp6.RouterAdvertisement ? RouterLength : NeighbourLength;
        if (message.Length < fixedLength || !TryParse(message.Slice(fixedLength), out Options options)
            || IsForged(options.Source, ip) || IsForged(options.Target, ip))
        {
            stack->Counters.NeighbourDiscoveryIgnored++;
            return;
        }
        // SAFETY: the part of fixed length is there.
        fixed (byte* at = message)
        {
            if (type == Icmp6.RouterAdvertisement)
            {
                ReceiveRouter(stack, ip, at, message.Slice(RouterLength), options, now);
                return;
            }
            Address target = Ipv6.LoadAddress(at + TargetAt);
            if (target.IsMulticast6)
                stack->Counters.NeighbourDiscoveryIgnored++;
            else if (type == Icmp6.NeighbourSolicitation)
                ReceiveSolicitation(stack, ip, target, options.Source, now);
            else
                ReceiveAdvertisement(stack, ip, target, at[4], options.Target, now);
        }
    }

    /// <summary>A sender that disagrees with its frame, or that would be a group.</summary>
    private static bool IsForged(ulong mac, in IpHeader ip) =>
        mac != 0 && (mac != ip.SourceMac || Ethernet.IsGroup(mac));

    /// <summary>False when an option is empty or longer than what is left (RFC 4861 §4.6).</summary>
    private static bool TryParse(ReadOnlySpan<byte> rest, out Options options)
    {
        options = default;
        while (rest.Length > 0)
        {
            int length = rest.Length < OptionUnit ? 0 : rest[1] * OptionUnit;
            if (length == 0 || length > rest.Length)
                return false;
            // SAFETY: eight bytes are there.
            fixed (byte* at = rest)
            {
                if (rest[0] == OptionSource)
                    options.Source = BigEndian.Load48(at + 2);
                else if (rest[0] == OptionTarget)
                    options.Target = BigEndian.Load48(at + 2);
                else if (rest[0] == OptionMtu)
                    options.Mtu = BigEndian.Load32(at + 4);
            }
            rest = rest.Slice(length);
        }
        return true;
    }

    private static void ReceiveSolicitation(Stack* stack, in IpHeader ip, Address target, ulong mac, ulong now)
    {
        bool isDuplicateProbe = ip.Source.IsUnspecified;
        Interface6.OwnAddress* own = stack->Link6.Find(target);
        if (own == null || isDuplicateProbe && (mac != 0 || !ip.Destination.IsMulticast6))
        {
            stack->Counters.NeighbourDiscoveryIgnored++;
            return;
        }
        if (own->TentativeUntil != 0)
        {
            // Two who ask for the same address at once: neither gets it (RFC 4862 §5.4.3).
            if (isDuplicateProbe)
                Lose(stack, own);
            return;
        }
        if (stack->FilterPeersOnly)
            return;
        if (mac != 0)
            NeighbourCache.Note(stack, ip.Source, mac, now);
        stack->Counters.ArpRequestsAnswered++;
        if (isDuplicateProbe)
            SendNeighbour(stack, Icmp6.NeighbourAdvertisement, OverrideFlag, target, target, Address.AllNodes,
                Ethernet.GroupOf(Address.AllNodes), OptionTarget);
        else
            SendNeighbour(stack, Icmp6.NeighbourAdvertisement, SolicitedFlag | OverrideFlag, target, target, ip.Source,
                ip.SourceMac, OptionTarget);
    }

    private static void ReceiveAdvertisement(Stack* stack, in IpHeader ip, Address target, byte flags, ulong mac,
        ulong now)
    {
        bool isSolicited = (flags & SolicitedFlag) != 0;
        Interface6.OwnAddress* own = stack->Link6.Find(target);
        if (own != null && own->TentativeUntil != 0)
        {
            Lose(stack, own);
            return;
        }
        if (own != null || isSolicited && ip.Destination.IsMulticast6 || target.IsUnspecified || target.IsLoopback
            || target.IsIpv4)
        {
            // An address that is ours stays ours.
            stack->Counters.NeighbourDiscoveryIgnored++;
            return;
        }
        NeighbourCache.Advertised(stack, target, mac, isSolicited, (flags & OverrideFlag) != 0, now);
    }

    /// <summary>Somebody else has the address.</summary>
    private static void Lose(Stack* stack, Interface6.OwnAddress* own)
    {
        stack->Counters.DuplicateAddresses++;
        own->Until = 0;
    }

    private static void ReceiveRouter(Stack* stack, in IpHeader ip, byte* at, ReadOnlySpan<byte> options,
        in Options known, ulong now)
    {
        ref Interface6 link = ref stack->Link6;
        if (!link.TakesAdvertisements || !ip.Source.IsLinkLocal)
        {
            stack->Counters.NeighbourDiscoveryIgnored++;
            return;
        }
        link.Solicitations = 0;
        ulong lifetime = BigEndian.Load16(at + 6);
        ulong until = lifetime == 0 ? 0 : now + lifetime * Tcp.Second;
        link.SetRouter(ip.Source, until);
        if (known.Source != 0)
            NeighbourCache.Note(stack, ip.Source, known.Source, now);
        if (known.Mtu >= Ipv6.MinMtu && known.Mtu <= (uint)stack->Link.Mtu)
            link.Mtu = (int)known.Mtu;
        while (options.Length > 0)
        {
            int length = options[1] * OptionUnit;
            if (options[0] == OptionPrefix && length == PrefixLength)
            {
                // SAFETY: the option has its length.
                fixed (byte* option = options)
                    ReceivePrefix(stack, option, now);
            }
            options = options.Slice(length);
        }
        stack->Schedule(Interface6.Poll(stack, now));
    }

    /// <summary>
    /// Prefix information (RFC 4861 §4.6.2): length (2), flags (3), valid (4), preferred (8), prefix (16).
    /// </summary>
    private static void ReceivePrefix(Stack* stack, byte* option, ulong now)
    {
        const byte onLink = 0x80;
        const byte makesAddresses = 0x40;
        const int identifierBits = 64;
        const ulong twoHours = 7200 * Tcp.Second;
        int length = option[2];
        Address prefix = Ipv6.LoadAddress(option + 16);
        ulong valid = Until(BigEndian.Load32(option + 4), now);
        ulong preferred = Until(BigEndian.Load32(option + 8), now);
        bool isGlobal = prefix.High != 0 && !prefix.IsLinkLocal && !prefix.IsMulticast6;
        if (!isGlobal || length > 128 || length == 0)
            return;
        ref Interface6 link = ref stack->Link6;
        if ((option[3] & onLink) != 0)
            link.SetNetwork(prefix, length, valid == now ? 0 : valid);
        if ((option[3] & makesAddresses) == 0 || length != identifierBits || preferred > valid)
            return;
        Address address = new(prefix.High, link.Identifier);
        Interface6.OwnAddress* own = link.Find(address);
        if (own == null && valid > now)
        {
            own = Interface6.Add(stack, address, length, now);
            if (own == null)
                return;
            own->IsLearnt = true;
            own->Until = valid;
        }
        if (own == null || !own->IsLearnt)
            return;
        own->PreferredUntil = preferred == now ? 0 : preferred;
        // RFC 4862 §5.5.3 e: nobody can end an address at once.
        if (valid > own->Until || valid > now + twoHours)
            own->Until = valid;
        else if (own->Until > now + twoHours)
            own->Until = now + twoHours;
    }

    private static ulong Until(uint seconds, ulong now) =>
        seconds == uint.MaxValue ? Interface6.Forever : now + seconds * Tcp.Second;
}
