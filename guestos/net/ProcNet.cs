using System;
using Netstack;

namespace Guestos;

/// <summary>/proc/net (proc(5)), out of the network stack's tables.</summary>
public static unsafe class ProcNet
{
    internal static void Register()
    {
        ProcText.NetworkText = &Make;
        ProcText.NetworkCounters = &Counters;
    }

    private static void Make(ProcNode node, TextBuffer* text)
    {
        switch (node)
        {
            case ProcNode.NetDevices:
                Devices(text);
                break;
            case ProcNode.NetTcp or ProcNode.NetTcp6:
                ProcSockets.Streams(text, node == ProcNode.NetTcp6);
                break;
            case ProcNode.NetUdp or ProcNode.NetUdp6:
                ProcSockets.Datagrams(text, node == ProcNode.NetUdp6);
                break;
            case ProcNode.NetRaw or ProcNode.NetRaw6:
                text->Add("  sl  local_address rem_address   st tx_queue rx_queue"u8);
                text->Add(" tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"u8);
                break;
            case ProcNode.NetUnix:
                text->Add("Num       RefCount Protocol Flags    Type St Inode Path\n"u8);
                Local(text);
                break;
            case ProcNode.NetSockets or ProcNode.NetSockets6:
                ProcStatistics.Sockets(text, node == ProcNode.NetSockets6);
                break;
            case ProcNode.NetSnmp:
                ProcStatistics.Snmp(text);
                break;
            case ProcNode.NetArp:
                text->Add("IP address       HW type     Flags       HW address            Mask     Device\n"u8);
                break;
            case ProcNode.NetRoute:
                Routes(text);
                break;
            case ProcNode.NetInterfaces6:
                Interfaces6(text);
                break;
            case ProcNode.MaxBacklog:
                text->Add((ulong)(Stack.MaxBacklog - 1));
                text->Add((byte)'\n');
                break;
            case ProcNode.BindOnly6 or ProcNode.Disabled6All or ProcNode.Disabled6Default or ProcNode.Disabled6Loopback
                or ProcNode.Disabled6Ethernet:
                text->Add(node == ProcNode.Disabled6Ethernet && !Network.HasIpv6 ? "1\n"u8 : "0\n"u8);
                break;
        }
    }

    /// <summary>What of the network belongs in /proc/evilman/counters: every drop has its line.</summary>
    private static void Counters(TextBuffer* text)
    {
        if (Network.Stack == null)
            return;
        ref Counters counters = ref Network.Stack->Counters;
        ProcText.Counter(text, "net_frames_received"u8, counters.FramesReceived);
        ProcText.Counter(text, "net_frames_sent"u8, counters.FramesSent);
        ProcText.Counter(text, "net_filtered"u8, counters.Filtered);
        ProcText.Counter(text, "net_link_busy"u8, counters.LinkBusy);
        ProcText.Counter(text, "net_neighbour_unresolved"u8, counters.NeighbourUnresolved);
        ProcText.Counter(text, "tcp_segments_received"u8, counters.SegmentsReceived);
        ProcText.Counter(text, "tcp_segments_sent"u8, counters.SegmentsSent);
        ProcText.Counter(text, "net_bad_source"u8, counters.Ipv4BadSource + counters.ArpBadSender
            + counters.Ipv6BadAddress);
        ProcText.Counter(text, "net_packets_reassembled"u8, counters.PacketsReassembled);
        ProcText.Counter(text, "net_fragments_refused"u8, counters.FragmentsRefused + counters.FragmentsWithoutRoom);
        ProcText.Counter(text, "net_fragments_expired"u8, counters.FragmentsExpired);
        ProcText.Counter(text, "tcp_cookies_sent"u8, counters.CookiesSent);
        ProcText.Counter(text, "tcp_cookies_accepted"u8, counters.CookiesAccepted);
        ProcText.Counter(text, "tcp_half_open_evicted"u8, counters.HalfOpenEvicted);
        ProcText.Counter(text, "tcp_syn_dropped"u8, counters.SynDroppedBacklog + counters.SynDroppedTable);
        ProcText.Counter(text, "tcp_rings_missing"u8, counters.RingsMissing);
        ProcText.Counter(text, "tcp_bad_checksum"u8, counters.TcpBadChecksum);
        ProcText.Counter(text, "tcp_outside_window"u8, counters.TcpOutsideWindow);
        ProcText.Counter(text, "tcp_resets_sent"u8, counters.ResetsSent);
        ProcText.Counter(text, "tcp_resets_received"u8, counters.ResetsReceived);
        ProcText.Counter(text, "tcp_connections_accepted"u8, counters.ConnectionsAccepted);
        ProcText.Counter(text, "tcp_connections_opened"u8, counters.ConnectionsOpened);
        ProcText.Counter(text, "tcp_retransmissions"u8, counters.Retransmissions);
        ProcText.Counter(text, "tcp_retransmission_timeouts"u8, counters.RetransmissionTimeouts);
    }

    private static void Devices(TextBuffer* text)
    {
        text->Add("Inter-|   Receive                                                |  Transmit\n"u8);
        text->Add(" face |bytes    packets errs drop fifo frame compressed multicast"u8);
        text->Add("|bytes    packets errs drop fifo colls carrier compressed\n"u8);
        text->Add("    lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"u8);
        if (Network.Stack == null)
            return;
        ref Counters counters = ref Network.Stack->Counters;
        text->Add("  eth0: "u8);
        text->Add(counters.BytesReceived);
        text->Add((byte)' ');
        text->Add(counters.FramesReceived);
        text->Add(" 0 0 0 0 0 0 "u8);
        text->Add(counters.BytesSent);
        text->Add((byte)' ');
        text->Add(counters.FramesSent);
        text->Add(" 0 0 0 0 0 0\n"u8);
    }

    /// <summary>
    /// As Linux has it: SO_ACCEPTCON, SS_CONNECTED and SS_UNCONNECTED of include/uapi/linux/net.h, abstract names with
    /// an @ for each zero.
    /// </summary>
    private static void Local(TextBuffer* text)
    {
        const uint listening = 0x10000;
        const uint connected = 3;
        for (LocalSocket* socket = LocalSocket.First; socket != null; socket = socket->Next)
        {
            text->Add("0000000000000000: "u8);
            text->AddHex((uint)socket->References, 8, true);
            text->Add(" 00000000 "u8);
            text->AddHex(socket->State == LocalState.Listening ? listening : 0, 8, true);
            text->Add((byte)' ');
            text->AddHex((uint)socket->Kind, 4, true);
            text->Add((byte)' ');
            text->AddHex(socket->Peer != null ? connected : 1, 2, true);
            text->Add((byte)' ');
            text->Add(socket->File != null ? Vfs.NumberOf(socket->File) : 0, 5);
            LocalName* name = socket->Name;
            if (name != null)
                text->Add((byte)' ');
            bool hasEnd = name != null && !name->Address.IsAbstract;
            int length = name == null ? 0 : name->Address.Length;
            for (int i = 0; i < (hasEnd ? length - 1 : length); i++)
                text->Add(name->Address.Path[i] == 0 ? (byte)'@' : name->Address.Path[i]);
            text->Add((byte)'\n');
        }
    }

    /// <summary>
    /// Address, index, length of the prefix, scope (of the host, of the link), flags (permanent, tentative), name.
    /// </summary>
    private static void Interfaces6(TextBuffer* text)
    {
        const uint permanent = 0x80;
        const uint tentative = 0x40;
        const uint link = 0x20;
        text->Add("00000000000000000000000000000001 01 80 10 80       lo\n"u8);
        for (int i = 0; Network.Stack != null && i < Stack.MaxAddresses6; i++)
        {
            if (!Network.Stack->AddressAt6(i, out Address address, out int length, out bool isTentative))
                continue;
            text->AddHex(address.High, 16, true);
            text->AddHex(address.Low, 16, true);
            text->Add(" 02 "u8);
            text->AddHex((uint)length, 2, true);
            text->Add((byte)' ');
            text->AddHex(address.IsLinkLocal ? link : 0, 2, true);
            text->Add((byte)' ');
            text->AddHex(isTentative ? permanent | tentative : permanent, 2, true);
            text->Add("     eth0\n"u8);
        }
    }

    private static void Routes(TextBuffer* text)
    {
        text->Add("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"u8);
        if (Network.Address == 0)
            return;
        if (Network.Gateway != 0)
            Route(text, 0, Network.Gateway, 0, 3);
        Route(text, Network.Address & Network.Mask, 0, Network.Mask, 1);
    }

    /// <param name="flags">RTF_UP 1, RTF_GATEWAY 2.</param>
    private static void Route(TextBuffer* text, uint destination, uint gateway, uint mask, uint flags)
    {
        text->Add("eth0\t"u8);
        text->AddHex(Reversed(destination), 8, true);
        text->Add((byte)'\t');
        text->AddHex(Reversed(gateway), 8, true);
        text->Add((byte)'\t');
        text->AddHex(flags, 4, true);
        text->Add("\t0\t0\t0\t"u8);
        text->AddHex(Reversed(mask), 8, true);
        text->Add("\t0\t0\t0\n"u8);
    }

    /// <summary>An address as a little-endian machine prints its bytes in memory.</summary>
    internal static uint Reversed(uint address) =>
        address << 24 | (address & 0xff00) << 8 | address >> 8 & 0xff00 | address >> 24;
}
