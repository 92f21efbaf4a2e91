using System;

namespace Netstack;

/// <summary>
/// Reassembly of packets of either family (RFC 791 §3.2, RFC 815; RFC 8200 §4.5). A few packets at a time, each in a
/// buffer of its own for as long as it is incomplete, at most <see cref="Lifetime"/>. An overlap drops the whole packet
/// (RFC 5722, RFC 3128); a first fragment too small for its headers is not taken. Buffers are lent as rings are
/// (<see cref="Link.TakeRing"/>): without that, fragments are dropped.
/// </summary>
internal static unsafe class Fragments
{
    /// <summary>RFC 1122 §3.3.2 says 60 to 120 s, Linux and we 30.</summary>
    private const ulong Lifetime = 30 * Tcp.Second;

    /// <summary>Packets in reassembly; the oldest gives way. One sender has at most half.</summary>
    internal const int MaxPackets = 4;

    /// <summary>Runs of a packet that have come and do not touch each other.</summary>
    private const int MaxRuns = 32;

    /// <summary>The data of the longest packet.</summary>
    private const int BufferLength = 1 << 16;

    internal struct Packet
    {
        public byte* Buffer;
        public Address Source;
        public Address Destination;
        public uint Identification;
        public byte Protocol;
        public ulong Deadline;

        /// <summary>Bytes of data in all, or -1 until the last fragment has come.</summary>
        public int Length;

        public int RunCount;

        /// <summary>Start and end of each run, sorted.</summary>
        public fixed ushort Runs[MaxRuns * 2];
    }

    /// <summary>Takes a fragment. When its packet is complete, that is delivered.</summary>
    internal static void Receive(Stack* stack, in IpHeader ip, Payload payload, ulong now)
    {
        if (IsHostile(ip, payload.Length))
        {
            stack->Counters.FragmentsRefused++;
            return;
        }
        Packet* packet = Find(stack, ip, now);
        if (packet == null)
        {
            stack->Counters.FragmentsWithoutRoom++;
            return;
        }
        int end = ip.FragmentOffset + payload.Length;
        bool last = !ip.MoreFragments;
        if (last && (packet->Length >= 0 ? packet->Length != end : End(packet) > end)
            || packet->Length >= 0 && end > packet->Length
            || !AddRun(packet, ip.FragmentOffset, end))
        {
            // A repeated fragment is taken for an overlap too: retransmissions have another identification.
            stack->Counters.FragmentsRefused++;
            Release(stack, packet);
            return;
        }
        if (last)
            packet->Length = end;
        // SAFETY: end is at most what the buffer has (IsHostile).
        payload.CopyTo(packet->Buffer + ip.FragmentOffset, payload.Length);
        if (packet->RunCount == 1 && packet->Runs[0] == 0 && packet->Runs[1] == packet->Length)
            Complete(stack, packet, now);
    }

    /// <summary>
    /// Fragments that no correct sender makes: empty ones, ones that are not a multiple of 8 though more follow, that
    /// end behind the longest packet, or that leave a part of the TCP or UDP header to the next (RFC 1858 §3).
    /// </summary>
    private static bool IsHostile(in IpHeader ip, int length)
    {
        const int minTransport = 20;
        const int alignment = 7;
        return length == 0 || ip.MoreFragments && (length & alignment) != 0
            || ip.FragmentOffset + length > Output.MaxData(ip.Source)
            || ip.FragmentOffset == 0
            && length < (ip.Protocol == Ipv4.ProtocolTcp ? minTransport : Udp.HeaderLength)
            || ip.Protocol == Ipv4.ProtocolTcp && ip.FragmentOffset is > 0 and < minTransport;
    }

    private static int End(Packet* packet) => packet->RunCount == 0 ? 0 : packet->Runs[packet->RunCount * 2 - 1];

    /// <summary>The packet that a fragment belongs to, with room for it; null when there is none.</summary>
    private static Packet* Find(Stack* stack, in IpHeader ip, ulong now)
    {
        Packet* free = null;
        Packet* oldest = null;
        Packet* own = null;
        int ofSource = 0;
        for (int i = 0; i < MaxPackets; i++)
        {
            Packet* packet = stack->Reassembly + i;
            if (packet->Buffer != null && packet->Source == ip.Source)
            {
                // RFC 8200 §4.5 has no protocol among what names a packet; its fragments all say the same one.
                if (packet->Identification == ip.Identification && packet->Destination == ip.Destination
                    && packet->Protocol == ip.Protocol)
                    return packet;
                ofSource++;
                own = Older(own, packet);
            }
            if (packet->Buffer == null)
                free = packet;
            else
                oldest = Older(oldest, packet);
        }
        Packet* any = free != null ? free : oldest;
        Packet* taken = ofSource >= MaxPackets / 2 ? own : any;
        if (taken->Buffer != null)
        {
            stack->Counters.FragmentsExpired++;
            Release(stack, taken);
        }
        byte* buffer = stack->Link.TakeRing == null ? null
            : stack->Link.TakeRing(stack->Link.Context, BufferLength, false);
        if (buffer == null)
            return null;
        *taken = default;
        taken->Buffer = buffer;
        taken->Source = ip.Source;
        taken->Destination = ip.Destination;
        taken->Identification = ip.Identification;
        taken->Protocol = ip.Protocol;
        taken->Length = -1;
        taken->Deadline = now + Lifetime;
        stack->Schedule(taken->Deadline);
        return taken;
    }

    private static Packet* Older(Packet* one, Packet* other) =>
        one == null || other->Deadline < one->Deadline ? other : one;

    /// <summary>Adds [start, end). False when it overlaps what is there, or there are too many runs.</summary>
    private static bool AddRun(Packet* packet, int start, int end)
    {
        int at = 0;
        while (at < packet->RunCount && packet->Runs[at * 2 + 1] <= start)
            at++;
        if (at < packet->RunCount && packet->Runs[at * 2] < end)
            return false;
        bool joinsBefore = at > 0 && packet->Runs[at * 2 - 1] == start;
        bool joinsAfter = at < packet->RunCount && packet->Runs[at * 2] == end;
        if (joinsBefore && joinsAfter)
        {
            packet->Runs[at * 2 - 1] = packet->Runs[at * 2 + 1];
            packet->RunCount--;
            for (int i = at * 2; i < packet->RunCount * 2; i++)
                packet->Runs[i] = packet->Runs[i + 2];
        }
        else if (joinsBefore)
        {
            packet->Runs[at * 2 - 1] = (ushort)end;
        }
        else if (joinsAfter)
        {
            packet->Runs[at * 2] = (ushort)start;
        }
        else
        {
            if (packet->RunCount == MaxRuns)
                return false;
            for (int i = packet->RunCount * 2 - 1; i >= at * 2; i--)
                packet->Runs[i + 2] = packet->Runs[i];
            packet->Runs[at * 2] = (ushort)start;
            packet->Runs[at * 2 + 1] = (ushort)end;
            packet->RunCount++;
        }
        return true;
    }

    private static void Complete(Stack* stack, Packet* packet, ulong now)
    {
        stack->Counters.PacketsReassembled++;
        Packet whole = *packet;
        // Nothing of it is left when it arrives: what it causes may bring more fragments.
        packet->Buffer = null;
        IpHeader ip = default;
        ip.Source = whole.Source;
        ip.Destination = whole.Destination;
        ip.Protocol = whole.Protocol;
        ip.DataOffset = Output.HeaderLength(ip.Source);
        ip.TotalLength = ip.DataOffset + whole.Length;
        FramePiece piece;
        piece.Address = whole.Buffer;
        piece.Length = whole.Length;
        Payload payload = new(&piece, 1, 0, whole.Length);
        if (ip.Source.IsIpv4)
            Input.Deliver(stack, ip, payload, checksumValid: false, now);
        else
            Ipv6Input.Deliver(stack, ip, payload, checksumValid: false, now);
        GiveBuffer(stack, whole.Buffer);
    }

    /// <summary>Drops what has waited too long; returns when to look again.</summary>
    internal static ulong Poll(Stack* stack, ulong now)
    {
        ulong next = ulong.MaxValue;
        for (int i = 0; i < MaxPackets; i++)
        {
            Packet* packet = stack->Reassembly + i;
            if (packet->Buffer == null)
                continue;
            if (now >= packet->Deadline)
            {
                stack->Counters.FragmentsExpired++;
                Release(stack, packet);
            }
            else if (packet->Deadline < next)
            {
                next = packet->Deadline;
            }
        }
        return next;
    }

    private static void Release(Stack* stack, Packet* packet)
    {
        byte* buffer = packet->Buffer;
        packet->Buffer = null;
        GiveBuffer(stack, buffer);
    }

    private static void GiveBuffer(Stack* stack, byte* buffer) =>
        stack->Link.GiveRing(stack->Link.Context, buffer, BufferLength, false);

    /// <summary>
    /// Sends a packet that is longer than its path takes in fragments (RFC 791 §3.2, RFC 8200 §4.5):
    /// <paramref name="header"/> bytes, then the rest.
    /// </summary>
    internal static SendResult Send(
        Stack* stack, ReadOnlySpan<byte> header, ReadOnlySpan<byte> rest, Address source, Address destination,
        byte protocol, ulong now)
    {
        const int alignment = 8;
        int before = destination.IsIpv4 ? 0 : Ipv6.FragmentHeaderLength;
        int most = (Output.PathMtu(stack, destination, now) - Output.HeaderLength(destination) - before)
            / alignment * alignment;
        int length = header.Length + rest.Length;
        // RFC 6864, RFC 7739: not used again soon, and not foreseen by others.
        uint identification = stack->FragmentCounter + (uint)KeyedHash.Of(stack, source, 0, destination, 0);
        stack->FragmentCounter++;
        for (int offset = 0; offset < length; offset += most)
        {
            int part = length - offset < most ? length - offset : most;
            bool more = offset + part < length;
            // SAFETY: the scratch buffer holds a frame of the MTU.
            byte* at = stack->Scratch + Output.TransportOffset;
            if (!destination.IsIpv4)
                Ipv6.EmitFragment(at, protocol, offset, more, identification);
            var data = new Span<byte>(at + before, part);
            if (offset == 0)
            {
                header.CopyTo(data);
                rest.Slice(0, part - header.Length).CopyTo(data.Slice(header.Length));
            }
            else
            {
                rest.Slice(offset - header.Length, part).CopyTo(data);
            }
            Transmission frame = default;
            frame.Header = stack->Scratch;
            frame.TotalLength = Output.TransportOffset + before + part;
            frame.HeaderLength = frame.TotalLength;
            uint word = identification << 16 | (more ? Ipv4.MoreFragmentsBit : 0) | (uint)(offset / alignment);
            short hint = -1;
            SendResult result = Output.Send(stack, &frame, source, destination,
                destination.IsIpv4 ? protocol : Ipv6.Fragment, ref hint, hold: offset == 0, now, word);
            // A fragment for a neighbour that is not resolved yet is lost, as it may be on the wire.
            if (result is SendResult.Busy or SendResult.NoRoute)
                return result;
            stack->Counters.FragmentsSent++;
        }
        return SendResult.Sent;
    }
}
