using System;
using System.Buffers.Binary;
using Netstack;

namespace Guestos;

/// <summary>
/// Lists of sockets (sock_diag(7), include/uapi/linux/inet_diag.h), a part at a time: those that listen or take
/// datagrams first, then connections by the place that each has in the stack.
/// </summary>
internal unsafe ref partial struct NetlinkAnswer
{
    private const ushort ByFamily = 20;
    private const byte Tcp = 6;
    private const byte Udp = 17;

    /// <summary>Positions from here on are places of connections.</summary>
    private const int Connections = 1 << 30;

    /// <summary>
    /// Lists of TCP and UDP. Nobody knows of others, as with Linux that is built without: who asks reads /proc/net
    /// then.
    /// </summary>
    public static bool KnowsSockets(ushort type, ushort asked, byte family, byte protocol) =>
        type == ByFamily && (asked & All) == All && family is Inet or Inet6 && protocol is Tcp or Udp;

    /// <summary>As many as there is room for; true with the last of them, and NLMSG_DONE.</summary>
    /// <param name="states">A bit for each state that is asked for.</param>
    /// <param name="position">Where the last part has ended; 0 at first.</param>
    public bool Sockets(byte family, byte protocol, uint states, ref int position)
    {
        flags = Multiple;
        bool is6 = family == Inet6;
        int ordinal = 0;
        for (Socket* socket = Guestos.Sockets.First; socket != null && position < Connections; socket = socket->Next)
        {
            ordinal++;
            if (ordinal <= position || !IsListed(socket, protocol) || ProcSockets.IsOf6(socket) != is6)
                continue;
            if (Length + MaxSocketLength > bytes.Length)
                return false;
            position = ordinal;
            Network.Stack->GetEndpoints(socket->Handle, out Endpoints endpoints);
            uint state = StateOf(socket, endpoints);
            int waiting = socket->Listening ? 0 : Math.Max(0, Network.Stack->NextDatagramLength(socket->Handle));
            if ((states >> (int)state & 1) != 0)
                Socket(family, state, endpoints, socket, waiting, socket->Listening ? socket->Backlog : 0);
        }
        position = Math.Max(position, Connections);
        while (protocol == Tcp && Network.Stack != null && position - Connections < Network.Stack->ConnectionSlots)
        {
            if (Length + MaxSocketLength > bytes.Length)
                return false;
            int place = position - Connections;
            position++;
            if (!Network.Stack->ConnectionAt(place, out ConnectionInformation connection)
                || ProcSockets.IsOf6(connection) != is6)
                continue;
            uint state = ProcSockets.StateOf(connection.State);
            int sending = connection.UnacknowledgedBytes + connection.QueuedBytes;
            if ((states >> (int)state & 1) != 0)
                Socket(family, state, connection.Endpoints, ProcSockets.OwnerOf(connection),
                    connection.ReadableBytes, sending);
        }
        if (Length + MaxSocketLength > bytes.Length)
            return false;
        Begin(Done);
        Put(0);
        End();
        return true;
    }

    private static bool IsListed(Socket* socket, byte protocol) => protocol == Tcp
        ? socket->Listening
        : socket->Kind == SocketKind.Datagram && socket->Handle >= 0;

    private static uint StateOf(Socket* socket, in Endpoints endpoints)
    {
        if (socket->Listening)
            return ProcSockets.Listening;
        return endpoints.RemoteAddress.IsUnspecified ? ProcSockets.Close : ProcSockets.Established;
    }

    /// <summary>struct inet_diag_msg.</summary>
    private void Socket(byte family, uint state, in Endpoints endpoints, Socket* socket, int reading, int writing)
    {
        const int shutdown = 8;
        const int only6 = 11;
        Begin(ByFamily);
        Put(family | (int)state << 8);
        Span<byte> places = stackalloc byte[sizeof(uint) + 2 * SocketAddress.Length6];
        places.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(places, endpoints.LocalPort);
        BinaryPrimitives.WriteUInt16BigEndian(places.Slice(2), endpoints.RemotePort);
        Write(places.Slice(sizeof(uint)), endpoints.LocalAddress, family);
        Write(places.Slice(sizeof(uint) + SocketAddress.Length6), endpoints.RemoteAddress, family);
        places.CopyTo(bytes.Slice(Length));
        Length += places.Length;
        ulong number = ProcSockets.NumberOf(socket);
        Put(0);                                                     // interface
        Put((int)number);                                           // cookie
        Put(0);
        Put(0);                                                     // timer
        Put(reading);
        Put(writing);
        Put(socket != null ? (int)socket->UserId : 0);
        Put((int)number);
        Span<byte> value = stackalloc byte[1];
        value.Clear();
        if (socket != null)
        {
            if (socket->ReadShut)
                value[0] |= 1;
            if (socket->WriteShut)
                value[0] |= 2;
            Attribute(shutdown, value);
        }
        if (family == Inet6 && state is ProcSockets.Listening or ProcSockets.Close)
        {
            // An address of IPv6 takes no IPv4.
            bool isOnly6 = !endpoints.LocalAddress.IsUnspecified && !endpoints.LocalAddress.IsIpv4;
            value[0] = (byte)(isOnly6 || socket != null && socket->Only6 ? 1 : 0);
            Attribute(only6, value);
        }
        End();
    }

    private static void Write(Span<byte> to, Address address, byte family)
    {
        if (family == Inet6)
            SocketAddress.Write6(to, address);
        else
            BinaryPrimitives.WriteUInt32BigEndian(to, address.Ipv4);
    }
}
