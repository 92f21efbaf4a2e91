using System;
using System.Buffers.Binary;
using Netstack;

namespace Guestos;

/// <summary>
/// /proc/net/tcp, udp, tcp6 and udp6 (proc(5)): sockets of one family. A connection that no socket has is one of IPv4
/// unless it is by ::1.
/// </summary>
internal static unsafe class ProcSockets
{
    // include/net/tcp_states.h
    public const uint Established = 1;
    public const uint Close = 7;
    public const uint Listening = 10;

    /// <summary>Listeners, then connections.</summary>
    public static void Streams(TextBuffer* text, bool is6)
    {
        Head(text, is6);
        text->Add(" tr tm->when retrnsmt   uid  timeout inode\n"u8);
        ulong place = 0;
        for (Socket* socket = Sockets.First; socket != null; socket = socket->Next)
        {
            if (!socket->Listening || IsOf6(socket) != is6)
                continue;
            Network.Stack->GetEndpoints(socket->Handle, out Endpoints endpoints);
            Row(text, place, endpoints, Listening, 0, 0, is6);
            Owner(text, socket);
            text->Add((byte)'\n');
            place++;
        }
        for (int index = 0; Network.Stack != null && index < Network.Stack->ConnectionSlots; index++)
        {
            if (!Network.Stack->ConnectionAt(index, out ConnectionInformation information)
                || IsOf6(information) != is6)
                continue;
            int sending = information.UnacknowledgedBytes + information.QueuedBytes;
            Row(text, place, information.Endpoints, StateOf(information.State), sending, information.ReadableBytes,
                is6);
            Owner(text, OwnerOf(information));
            text->Add((byte)'\n');
            place++;
        }
    }

    public static void Datagrams(TextBuffer* text, bool is6)
    {
        Head(text, is6);
        text->Add(" tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"u8);
        ulong place = 0;
        for (Socket* socket = Sockets.First; socket != null; socket = socket->Next)
        {
            if (socket->Kind != SocketKind.Datagram || socket->Handle < 0 || IsOf6(socket) != is6)
                continue;
            Network.Stack->GetEndpoints(socket->Handle, out Endpoints endpoints);
            int waiting = Math.Max(0, Network.Stack->NextDatagramLength(socket->Handle));
            Row(text, place, endpoints, endpoints.RemoteAddress.IsUnspecified ? Close : Established, 0, waiting, is6);
            Owner(text, socket);
            text->Add(" 2 0000000000000000 0\n"u8);
            place++;
        }
    }

    private static void Head(TextBuffer* text, bool is6) => text->Add(is6
        ? "  sl  local_address                         remote_address                        st tx_queue rx_queue"u8
        : "  sl  local_address rem_address   st tx_queue rx_queue"u8);

    public static bool IsOf6(Socket* socket) => socket->Family == SocketAddress.Inet6;

    /// <summary>Timer and retransmissions, which nobody is told; the user, the number of the socket.</summary>
    private static void Owner(TextBuffer* text, Socket* socket)
    {
        text->Add(" 00:00000000 00000000 "u8);
        text->Add(socket != null ? socket->UserId : 0, 5);
        text->Add("        0 "u8);
        text->Add(NumberOf(socket));
    }

    /// <summary>Whose connection it is; null: nobody's.</summary>
    public static Socket* OwnerOf(in ConnectionInformation connection) =>
        connection.Handle >= 0 ? SocketTable.Find(connection.Handle) : null;

    /// <summary>As stat(2) tells it of the descriptor; 0 for none.</summary>
    public static ulong NumberOf(Socket* socket) => socket != null ? Vfs.NumberOfObject(socket) : 0;

    public static bool IsOf6(in ConnectionInformation connection)
    {
        Socket* socket = OwnerOf(connection);
        return socket != null ? IsOf6(socket) : !connection.Endpoints.LocalAddress.IsIpv4;
    }

    private static void Row(TextBuffer* text, ulong place, in Endpoints endpoints, uint state, int sending,
        int received, bool is6)
    {
        text->Add(place, 4);
        text->Add(": "u8);
        Address(text, endpoints.LocalAddress, endpoints.LocalPort, is6);
        text->Add((byte)' ');
        Address(text, endpoints.RemoteAddress, endpoints.RemotePort, is6);
        text->Add((byte)' ');
        text->AddHex(state, 2, true);
        text->Add((byte)' ');
        text->AddHex((uint)sending, 8, true);
        text->Add((byte)':');
        text->AddHex((uint)received, 8, true);
    }

    /// <summary>As a little-endian machine prints the words of an address as they lie in memory.</summary>
    private static void Address(TextBuffer* text, Address address, ushort port, bool is6)
    {
        if (is6)
        {
            Span<byte> bytes = stackalloc byte[SocketAddress.Length6];
            SocketAddress.Write6(bytes, address);
            for (int i = 0; i < bytes.Length; i += sizeof(uint))
                text->AddHex(BinaryPrimitives.ReadUInt32LittleEndian(bytes.Slice(i)), 8, true);
        }
        else
            text->AddHex(ProcNet.Reversed(address.Ipv4), 8, true);
        text->Add((byte)':');
        text->AddHex(port, 4, true);
    }

    public static uint StateOf(TcpState state) => state switch
    {
        TcpState.Established => Established,
        TcpState.SynSent => 2,
        TcpState.SynReceived => 3,
        TcpState.FinWait1 => 4,
        TcpState.FinWait2 => 5,
        TcpState.TimeWait => 6,
        TcpState.CloseWait => 8,
        TcpState.LastAck => 9,
        TcpState.Closing => 11,
        _ => Close,
    };
}
