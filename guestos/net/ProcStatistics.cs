using Netstack;

namespace Guestos;

/// <summary>/proc/net/sockstat, sockstat6 and snmp (proc(5)), in the form in which Linux has them.</summary>
internal static unsafe class ProcStatistics
{
    /// <summary>How many sockets and connections there are; of IPv4 beside what is of both families.</summary>
    public static void Sockets(TextBuffer* text, bool is6)
    {
        ulong all = 0;
        ulong streams = 0;
        ulong datagrams = 0;
        for (Socket* socket = Guestos.Sockets.First; socket != null; socket = socket->Next)
        {
            all++;
            if (ProcSockets.IsOf6(socket) != is6)
                continue;
            if (socket->Kind == SocketKind.Datagram && socket->Handle >= 0)
                datagrams++;
            else if (socket->Listening)
                streams++;
        }

        for (LocalSocket* socket = LocalSocket.First; socket != null; socket = socket->Next)
            all++;
        ulong orphans = 0;
        ulong waiting = 0;
        for (int index = 0; Network.Stack != null && index < Network.Stack->ConnectionSlots; index++)
        {
            if (!Network.Stack->ConnectionAt(index, out ConnectionInformation connection)
                || ProcSockets.IsOf6(connection) != is6)
                continue;
            if (connection.State == TcpState.TimeWait)
                waiting++;
            else
                streams++;
            if (connection.State != TcpState.TimeWait && ProcSockets.OwnerOf(connection) == null)
                orphans++;
        }

        if (is6)
        {
            Line(text, "TCP6: inuse "u8, streams);
            Line(text, "UDP6: inuse "u8, datagrams);
            text->Add("UDPLITE6: inuse 0\nRAW6: inuse 0\nFRAG6: inuse 0 memory 0\n"u8);
            return;
        }

        Line(text, "sockets: used "u8, all);
        text->Add("TCP: inuse "u8);
        text->Add(streams);
        text->Add(" orphan "u8);
        text->Add(orphans);
        text->Add(" tw "u8);
        text->Add(waiting);
        text->Add(" alloc "u8);
        text->Add(streams);
        text->Add(" mem 0\nUDP: inuse "u8);
        text->Add(datagrams);
        text->Add(" mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n"u8);
    }

    private static void Line(TextBuffer* text, System.ReadOnlySpan<byte> name, ulong value)
    {
        text->Add(name);
        text->Add(value);
        text->Add((byte)'\n');
    }

    /// <summary>
    /// The counters of RFC 4293, 4022 and 4113 that the network stack has; of the others 0. Packets are frames here.
    /// </summary>
    public static void Snmp(TextBuffer* text)
    {
        Counters counters = Network.Stack != null ? Network.Stack->Counters : default;
        ulong established = 0;
        for (int index = 0; Network.Stack != null && index < Network.Stack->ConnectionSlots; index++)
            if (Network.Stack->ConnectionAt(index, out ConnectionInformation connection)
                && connection.State is TcpState.Established or TcpState.CloseWait)
                established++;
        text->Add("Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos"u8);
        text->Add(" InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs"u8);
        text->Add(" ReasmFails FragOKs FragFails FragCreates OutTransmits\nIp: 2 64"u8);
        Field(text, counters.FramesReceived);
        Field(text, counters.Ipv4Malformed + counters.Ipv4BadChecksum);
        Field(text, counters.Ipv4NotForUs + counters.Ipv4BadSource);
        text->Add(" 0"u8);
        Field(text, counters.UnknownProtocol);
        text->Add(" 0"u8);
        Field(text, counters.FramesReceived);
        Field(text, counters.FramesSent);
        Field(text, counters.LinkBusy);
        Field(text, counters.NoRoute);
        Field(text, counters.FragmentsExpired);
        text->Add(" 0"u8);
        Field(text, counters.PacketsReassembled);
        Field(text, counters.FragmentsRefused + counters.FragmentsWithoutRoom);
        text->Add(" 0 0"u8);
        Field(text, counters.FragmentsSent);
        Field(text, counters.FramesSent);
        text->Add("\nTcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets"u8);
        text->Add(" CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\nTcp: 1 200 120000 -1"u8);
        Field(text, counters.ConnectionsOpened);
        Field(text, counters.ConnectionsAccepted);
        Field(text, counters.ConnectionsFailed);
        Field(text, counters.ResetsReceived);
        Field(text, established);
        Field(text, counters.SegmentsReceived);
        Field(text, counters.SegmentsSent);
        Field(text, counters.Retransmissions);
        Field(text, counters.TcpMalformed + counters.TcpBadChecksum);
        Field(text, counters.ResetsSent);
        Field(text, counters.TcpBadChecksum);
        text->Add("\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors"u8);
        text->Add(" IgnoredMulti MemErrors\nUdp:"u8);
        Field(text, DatagramSockets.Received);
        Field(text, counters.UdpNoSocket);
        Field(text, counters.UdpMalformed + counters.UdpBadChecksum + counters.UdpQueueFull);
        Field(text, DatagramSockets.Sent);
        Field(text, counters.UdpQueueFull);
        text->Add(" 0"u8);
        Field(text, counters.UdpBadChecksum);
        text->Add(" 0 0\n"u8);
    }

    private static void Field(TextBuffer* text, ulong value)
    {
        text->Add((byte)' ');
        text->Add(value);
    }
}
