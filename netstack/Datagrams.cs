using System;
using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>UDP and ICMP Echo sockets: demultiplexing, bounded queues, sending.</summary>
internal static unsafe class Datagrams
{
    internal static void ReceiveUdp(Stack* stack, in IpHeader ip, Payload payload, bool checksumValid, bool toBroadcast,
        ulong now)
    {
        ReadOnlySpan<byte> transport = payload.First;
        if (!Udp.TryParse(transport, payload.Length, out Udp udp))
        {
            stack->Counters.UdpMalformed++;
            return;
        }
        payload.Truncate(udp.Length);
        // RFC 768: IPv4 may go without. RFC 8200 §8.1: IPv6 may not.
        bool isWrong = !checksumValid && (udp.HasChecksum
            ? Checksum.Fold(payload.Sum()
                + Checksum.PseudoHeader(ip.Source, ip.Destination, Ipv4.ProtocolUdp, udp.Length)) != 0xffff
            : !ip.Source.IsIpv4);
        if (isWrong)
        {
            stack->Counters.UdpBadChecksum++;
            return;
        }
        DatagramSocket* socket =
            Find(stack, ip.Destination, udp.DestinationPort, ip.Source, udp.SourcePort, isEcho: false, toBroadcast);
        if (socket == null)
        {
            stack->Counters.UdpNoSocket++;
            if (!toBroadcast)
                SendUnreachable(stack, ip, transport, now);
            return;
        }
        payload.Skip(Udp.HeaderLength);
        Append(stack, socket, ip, udp.SourcePort, udp.DestinationPort, payload);
    }

    /// <summary>Nobody has the port.</summary>
    private static void SendUnreachable(Stack* stack, in IpHeader ip, ReadOnlySpan<byte> transport, ulong now)
    {
        if (ip.Source.IsIpv4)
            IcmpMessages.SendUnreachable(stack, ip, transport, Icmp.CodePort, now);
        else
            Icmp6Messages.SendError(stack, ip, Icmp6.DestinationUnreachable, Icmp6.CodePort, 0, now);
    }

    internal static void ReceiveEcho(Stack* stack, in IpHeader ip, in Icmp icmp, Payload payload)
    {
        DatagramSocket* socket = Find(stack, ip.Destination, icmp.Identifier, ip.Source, 0, isEcho: true, false);
        if (socket == null)
            stack->Counters.IcmpIgnored++;
        else
            Append(stack, socket, ip, 0, icmp.Identifier, payload);
    }

    /// <param name="error">Of <see cref="SocketError"/>.</param>
    internal static void Unreachable(Stack* stack, Address source, ushort sourcePort, Address destination,
        ushort destinationPort, int error)
    {
        DatagramSocket* socket = Find(stack, source, sourcePort, destination, destinationPort, isEcho: false, false);
        // Only a connected socket can know which datagram it was (RFC 1122 §4.1.3.3 in Linux's reading).
        if (socket == null || socket->RemoteAddress.IsUnspecified)
            return;
        socket->Error = error;
        Changed(stack, socket, Readiness.None);
    }

    /// <summary>Whether some UDP socket may have sent a datagram with these numbers.</summary>
    internal static bool IsSender(Stack* stack, Address source, ushort sourcePort, Address destination,
        ushort destinationPort) =>
        Find(stack, source, sourcePort, destination, destinationPort, isEcho: false, toBroadcast: false) != null;

    /// <summary>
    /// The most specific socket: a connected one before one bound to an address before one bound to all; of those that
    /// share an address one by the sender.
    /// </summary>
    private static DatagramSocket* Find(Stack* stack, Address local, ushort localPort, Address remote,
        ushort remotePort, bool isEcho, bool toBroadcast)
    {
        DatagramSocket* best = null;
        int bestScore = -1;
        uint count = 0;
        for (int i = 0; i < stack->DatagramCount; i++)
        {
            DatagramSocket* socket = stack->Datagrams + i;
            if (!socket->InUse || socket->IsEcho != isEcho || socket->LocalPort != localPort)
                continue;
            int score = Score(socket, local, remote, remotePort, toBroadcast);
            if (score >= 0 && score == bestScore && socket->Sharers != 0 && socket->Sharers == best->Sharers)
                count++;
            if (score <= bestScore)
                continue;
            best = socket;
            bestScore = score;
            count = 1;
        }
        if (count <= 1)
            return best;
        uint left = (uint)(KeyedHash.Of(stack, local, localPort, remote, remotePort) >> 32) % count;
        for (DatagramSocket* other = best; ; other++)
        {
            bool isOne = other->InUse && !other->IsEcho && other->LocalPort == localPort
                && other->Sharers == best->Sharers && Score(other, local, remote, remotePort, toBroadcast) == bestScore;
            if (isOne && left == 0)
                return other;
            left -= isOne ? 1u : 0;
        }
    }

    /// <summary>How closely a socket with the right port fits, -1 where it does not.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Score(DatagramSocket* socket, Address local, Address remote, ushort remotePort,
        bool toBroadcast)
    {
        bool hasPeer = !socket->RemoteAddress.IsUnspecified;
        if (hasPeer && (socket->RemoteAddress != remote || (!socket->IsEcho && socket->RemotePort != remotePort)))
            return -1;
        // What is sent to everybody is heard by all of IPv4.
        Address heard = toBroadcast && local.IsIpv4 ? Address.Any4 : local;
        if (!Address.Overlap(socket->LocalAddress, socket->Only6, heard, otherIsOnly6: false))
            return -1;
        int score = socket->LocalAddress == local ? 1 : 0;
        return hasPeer ? score + 2 : score;
    }

    private static void Append(Stack* stack, DatagramSocket* socket, in IpHeader ip, ushort sourcePort,
        ushort destinationPort, Payload payload)
    {
        int need = sizeof(DatagramRecord) + ((payload.Length + 7) & ~7);
        if (!Rings.HasQueue(stack, socket) || need > (int)socket->RingMask + 1 - socket->Count)
        {
            stack->Counters.UdpQueueFull++;
            return;
        }
        DatagramRecord record;
        record.Source = ip.Source;
        record.Destination = ip.Destination;
        record.SourcePort = sourcePort;
        record.DestinationPort = destinationPort;
        record.Length = payload.Length;
        uint at = socket->Head + (uint)socket->Count;
        // SAFETY: need bytes are free; Put wraps at the ring's end.
        Put(socket, at, (byte*)&record, sizeof(DatagramRecord));
        at += (uint)sizeof(DatagramRecord);
        while (payload.Length > 0)
        {
            int part = payload.First.Length;
            fixed (byte* bytes = payload.First)
                Put(socket, at, bytes, part);
            at += (uint)part;
            payload.Skip(part);
        }
        socket->Count += need;
        Changed(stack, socket, Readiness.Readable);
    }

    private static void Put(DatagramSocket* socket, uint at, byte* bytes, int length)
    {
        uint offset = at & socket->RingMask;
        int first = (int)(socket->RingMask + 1 - offset);
        if (first > length)
            first = length;
        Bytes.Copy(bytes, socket->Ring + offset, first);
        Bytes.Copy(bytes + first, socket->Ring, length - first);
    }

    private static void Get(DatagramSocket* socket, uint at, byte* bytes, int length)
    {
        uint offset = at & socket->RingMask;
        int first = (int)(socket->RingMask + 1 - offset);
        if (first > length)
            first = length;
        Bytes.Copy(socket->Ring + offset, bytes, first);
        Bytes.Copy(socket->Ring, bytes + first, length - first);
    }

    /// <summary>
    /// Copies of the oldest datagram from <paramref name="skip"/> on what fits; returns its full length, or an error.
    /// </summary>
    internal static int Peek(DatagramSocket* socket, int skip, Span<byte> into, out Endpoints endpoints)
    {
        endpoints = default;
        if (socket->Error != 0)
        {
            int error = socket->Error;
            socket->Error = 0;
            return error;
        }
        if (socket->Count == 0)
            return SocketError.WouldBlock;
        DatagramRecord record;
        Get(socket, socket->Head, (byte*)&record, sizeof(DatagramRecord));
        int length = record.Length - skip < into.Length ? record.Length - skip : into.Length;
        // SAFETY: length is at most what the record has behind skip, and at most the span's.
        if (length > 0)
            fixed (byte* to = into)
                Get(socket, socket->Head + (uint)(sizeof(DatagramRecord) + skip), to, length);
        endpoints.RemoteAddress = record.Source;
        endpoints.RemotePort = record.SourcePort;
        endpoints.LocalAddress = record.Destination;
        endpoints.LocalPort = record.DestinationPort;
        return record.Length;
    }

    /// <summary>Takes the oldest datagram, if there is one.</summary>
    internal static void Drop(Stack* stack, DatagramSocket* socket)
    {
        if (socket->Count == 0)
            return;
        int taken = sizeof(DatagramRecord) + ((NextLength(socket) + 7) & ~7);
        socket->Head += (uint)taken;
        socket->Count -= taken;
        if (socket->Count > 0)
            return;
        socket->Head = 0;
        Rings.GiveQueue(stack, socket);
    }

    internal static void Close(Stack* stack, DatagramSocket* socket)
    {
        socket->Count = 0;
        Rings.GiveQueue(stack, socket);
        socket->InUse = false;
        socket->Generation++;
    }

    internal static int NextLength(DatagramSocket* socket)
    {
        if (socket->Count == 0)
            return SocketError.WouldBlock;
        DatagramRecord record;
        Get(socket, socket->Head, (byte*)&record, sizeof(DatagramRecord));
        return record.Length;
    }

    /// <param name="from">Our address that it comes from; a wildcard: the socket's own.</param>
    internal static int Send(Stack* stack, DatagramSocket* socket, ReadOnlySpan<byte> payload, Address remote,
        ushort remotePort, Address from, ulong now)
    {
        if (from.IsUnspecified)
            from = socket->LocalAddress;
        if (remote.IsUnspecified)
        {
            remote = socket->RemoteAddress;
            remotePort = socket->RemotePort;
        }
        if (remote.IsUnspecified || (!socket->IsEcho && remotePort == 0)
            || (socket->IsEcho && payload.Length < Icmp.HeaderLength))
            return SocketError.Invalid;
        Address source = from.IsUnspecified ? Output.SourceFor(stack, remote) : from;
        if (source.IsUnspecified)
            return SocketError.NetworkUnreachable;
        int error = Output.ErrorOf(stack, source, remote);
        if (error != 0)
            return error;
        int header = socket->IsEcho ? 0 : Udp.HeaderLength;
        int length = header + payload.Length;
        if (length > Output.MaxData(remote))
            return SocketError.MessageTooLong;
        SendResult result = Output.HeaderLength(remote) + length > Output.PathMtu(stack, remote, now)
            ? SendLong(stack, socket, payload, source, remote, remotePort, now)
            : SendShort(stack, socket, payload, source, remote, remotePort, now);
        return result switch
        {
            SendResult.Sent => payload.Length,
            SendResult.Busy => SocketError.WouldBlock,
            SendResult.NoRoute => SocketError.NetworkUnreachable,
            _ => SocketError.HostUnreachable,
        };
    }

    private static SendResult SendShort(
        Stack* stack, DatagramSocket* socket, ReadOnlySpan<byte> payload, Address source, Address remote,
        ushort remotePort, ulong now)
    {
        int header = socket->IsEcho ? 0 : Udp.HeaderLength;
        int length = header + payload.Length;
        byte* at = stack->Scratch + Output.TransportOffset;
        // SAFETY: the scratch buffer holds a frame of the MTU.
        payload.CopyTo(new Span<byte>(at + header, payload.Length));
        if (socket->IsEcho)
        {
            RequestOf(socket, payload).Emit(at);
            return IcmpMessages.Send(stack, length, source, remote, now);
        }
        HeaderOf(socket, remotePort, length).Emit(at);
        PutChecksum(at, Checksum.Sum(at, length), source, remote, length);
        Transmission frame = default;
        frame.Header = stack->Scratch;
        frame.TotalLength = Output.TransportOffset + length;
        frame.HeaderLength = frame.TotalLength;
        short hint = -1;
        return Output.Send(stack, &frame, source, remote, Ipv4.ProtocolUdp, ref hint, hold: true, now);
    }

    private static SendResult SendLong(
        Stack* stack, DatagramSocket* socket, ReadOnlySpan<byte> payload, Address source, Address remote,
        ushort remotePort, ulong now)
    {
        if (socket->IsEcho)
            return IcmpMessages.SendLong(stack, RequestOf(socket, payload), payload.Slice(Icmp.HeaderLength), source,
                remote, now);
        int length = Udp.HeaderLength + payload.Length;
        byte* header = stackalloc byte[Udp.HeaderLength];
        HeaderOf(socket, remotePort, length).Emit(header);
        fixed (byte* bytes = payload)
            PutChecksum(header, Checksum.Sum(header, Udp.HeaderLength) + Checksum.Sum(bytes, payload.Length), source,
                remote, length);
        return Output.SendLong(stack, header, payload, source, remote, Ipv4.ProtocolUdp, now);
    }

    private static Icmp RequestOf(DatagramSocket* socket, ReadOnlySpan<byte> payload)
    {
        Icmp.TryParse(payload, out Icmp icmp);
        icmp.Type = Icmp.EchoRequest;
        icmp.Code = 0;
        icmp.Identifier = socket->LocalPort;
        return icmp;
    }

    private static Udp HeaderOf(DatagramSocket* socket, ushort remotePort, int length) => new()
    {
        SourcePort = socket->LocalPort,
        DestinationPort = remotePort,
        Length = length,
        HasChecksum = true,
    };

    private static void PutChecksum(byte* header, uint sum, Address source, Address remote, int length)
    {
        sum = ~Checksum.Fold(sum + Checksum.PseudoHeader(source, remote, Ipv4.ProtocolUdp, length)) & 0xffff;
        // 0 would say "no checksum" (RFC 768).
        Unsafe.WriteUnaligned(header + 6, (ushort)(sum == 0 ? 0xffff : sum));
    }

    internal static int Open(Stack* stack, Address address, bool only6, ushort port, bool isEcho,
        bool privileged, ulong sharers)
    {
        if (!stack->MayBind(address))
            return SocketError.AddressNotAvailable;
        if (port == 0)
        {
            for (int attempt = 0; attempt < 1000 && port == 0; attempt++)
            {
                ushort candidate = (ushort)(Tcp.FirstEphemeralPort + stack->EphemeralCounter % Tcp.EphemeralPorts);
                stack->EphemeralCounter++;
                if (!IsTaken(stack, address, only6, candidate, isEcho, sharers: 0))
                    port = candidate;
            }
        }
        if (port == 0 || IsTaken(stack, address, only6, port, isEcho, sharers))
            return SocketError.AddressInUse;
        DatagramSocket* free = null;
        int freeCount = 0;
        for (int i = 0; i < stack->DatagramCount; i++)
        {
            DatagramSocket* socket = stack->Datagrams + i;
            if (socket->InUse)
                continue;
            free = free == null ? socket : free;
            freeCount++;
        }
        if (freeCount <= (privileged ? 0 : stack->ReservedDatagrams))
            return SocketError.NoRoom;
        free->InUse = true;
        free->IsEcho = isEcho;
        free->Reserved = privileged;
        free->BoundAddress = address;
        free->LocalAddress = address;
        free->LocalPort = port;
        free->RemoteAddress = default;
        free->Only6 = only6;
        free->Sharers = sharers;
        free->RemotePort = 0;
        free->Error = 0;
        free->Head = 0;
        free->Count = 0;
        return Handles.Of(free);
    }

    /// <summary>
    /// Remembers the peer and our address nearest to it, or with one that names nobody forgets both. 0, or why nothing
    /// can be sent there.
    /// </summary>
    internal static int Connect(Stack* stack, DatagramSocket* socket, Address remote, ushort remotePort)
    {
        Address local = socket->BoundAddress;
        if (!remote.IsUnspecified)
        {
            bool isNear = stack->IsLocal(remote) || Output.IsBroadcast(stack, remote);
            if (local.IsUnspecified)
                local = Output.SourceFor(stack, remote);
            if (local.IsUnspecified || (!isNear && Output.NextHop(stack, remote).IsUnspecified))
                return SocketError.NetworkUnreachable;
            int error = Output.ErrorOf(stack, local, remote);
            if (error != 0)
                return error;
        }
        socket->LocalAddress = local;
        socket->RemoteAddress = remote;
        socket->RemotePort = remotePort;
        return 0;
    }

    private static bool IsTaken(Stack* stack, Address address, bool only6, ushort port, bool isEcho, ulong sharers)
    {
        for (int i = 0; i < stack->DatagramCount; i++)
        {
            DatagramSocket* socket = stack->Datagrams + i;
            if (socket->InUse && socket->IsEcho == isEcho && socket->LocalPort == port
                && Address.Overlap(socket->LocalAddress, socket->Only6, address, only6)
                && (sharers == 0 || sharers != socket->Sharers))
                return true;
        }
        return false;
    }

    private static void Changed(Stack* stack, DatagramSocket* socket, Readiness what)
    {
        if (stack->Link.Changed != null)
            stack->Link.Changed(stack->Link.Context, Handles.Of(socket), what);
    }
}
