namespace Netstack;

/// <summary>What happened, with a counter for each reason for which a packet is dropped.</summary>
public struct Counters
{
    public ulong FramesReceived;
    public ulong FramesSent;
    public ulong BytesReceived;
    public ulong BytesSent;

    // Dropped on receive, below TCP.
    public ulong FrameTooShort;
    public ulong FrameNotForUs;
    public ulong UnknownEtherType;
    public ulong FirstFragmentTooShort;
    public ulong ArpMalformed;
    public ulong ArpBadSender;
    public ulong ArpNotForUs;
    public ulong Ipv4Malformed;
    public ulong Ipv4BadChecksum;
    public ulong Ipv4NotForUs;
    public ulong Ipv4BadSource;
    public ulong UnknownProtocol;
    public ulong FragmentsRefused;
    public ulong FragmentsWithoutRoom;
    public ulong FragmentsExpired;
    public ulong Ipv6Malformed;
    public ulong Ipv6NotForUs;
    public ulong Ipv6BadAddress;
    public ulong Ipv6HeaderRefused;
    public ulong NeighbourDiscoveryIgnored;
    public ulong IcmpMalformed;
    public ulong IcmpBadChecksum;
    public ulong IcmpIgnored;
    public ulong IcmpRateLimited;
    public ulong UdpMalformed;
    public ulong UdpBadChecksum;
    public ulong UdpNoSocket;
    public ulong UdpQueueFull;

    // Fragments that came, packets that were made of them, fragments that were sent.
    public ulong Ipv4Fragment;
    public ulong Ipv6Fragment;
    public ulong PacketsReassembled;
    public ulong FragmentsSent;

    // Own addresses of IPv6 that another host turned out to have.
    public ulong DuplicateAddresses;

    // Dropped on transmit.
    public ulong Filtered;
    public ulong NoRoute;
    public ulong NeighbourUnresolved;
    public ulong LinkBusy;
    public ulong LoopbackFull;

    // ARP's requests and neighbour solicitations; ICMP and ICMPv6. Of received errors ICMPv6 counts every kind.
    public ulong ArpRequestsAnswered;
    public ulong ArpRequestsSent;
    public ulong EchoRequestsAnswered;
    public ulong UnreachablesSent;
    public ulong UnreachablesReceived;

    // TCP.
    public ulong SegmentsReceived;
    public ulong SegmentsSent;
    public ulong FastPathData;
    public ulong FastPathAcknowledgements;
    public ulong TcpMalformed;
    public ulong TcpBadChecksum;
    public ulong TcpNoConnection;
    public ulong TcpOutsideWindow;
    public ulong TcpOldTimestamp;
    public ulong TcpBadAcknowledgement;
    public ulong TcpNoFlags;
    public ulong TcpDataAfterClose;
    public ulong TcpReceiveRingFull;
    public ulong TcpReassemblyFull;
    public ulong SynDroppedBacklog;
    public ulong SynDroppedTable;
    public ulong TimeWaitRecycled;
    public ulong OrphansEnded;
    public ulong HalfOpenEvicted;
    public ulong CookiesSent;
    public ulong CookiesAccepted;
    public ulong FirstBytesAwaited;
    public ulong RingsMissing;
    public ulong ResetsSent;
    public ulong ResetsReceived;
    public ulong ResetsIgnored;
    public ulong ChallengeAcknowledgements;
    public ulong ChallengesLimited;
    public ulong ConnectionsOpened;
    public ulong ConnectionsAccepted;
    public ulong ConnectionsFailed;
    public ulong TimedOut;
    public ulong Retransmissions;
    public ulong RetransmissionTimeouts;
    public ulong FastRetransmits;
    public ulong TailLossProbes;
    public ulong ZeroWindowProbes;
    public ulong KeepAliveProbes;
    public ulong DuplicateAcknowledgements;
    public ulong OutOfOrderSegments;
    public ulong DuplicateSegments;
    public ulong DelayedAcknowledgements;
}
