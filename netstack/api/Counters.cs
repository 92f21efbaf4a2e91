namespace Netstack;

/// <summary>
/// What happened, and one counter for each reason of dropping: silence is always explained here.
/// </summary>
public struct Counters
{
    public ulong FramesReceived, FramesSent, BytesReceived, BytesSent;

    // Dropped on receive, below TCP.
    public ulong FrameTooShort, FrameNotForUs, UnknownEtherType, FirstFragmentTooShort;
    public ulong ArpMalformed, ArpBadSender, ArpNotForUs;
    public ulong Ipv4Malformed, Ipv4BadChecksum, Ipv4Fragment, Ipv4NotForUs, Ipv4BadSource, UnknownProtocol;
    public ulong FragmentsRefused, FragmentsWithoutRoom, FragmentsExpired, FragmentsSent, PacketsReassembled;
    public ulong IcmpMalformed, IcmpBadChecksum, IcmpIgnored, IcmpRateLimited;
    public ulong UdpMalformed, UdpBadChecksum, UdpNoSocket, UdpQueueFull;

    // Dropped on transmit.
    public ulong Filtered, NoRoute, NeighbourUnresolved, LinkBusy, LoopbackFull;

    // ARP and ICMP.
    public ulong ArpRequestsAnswered, ArpRequestsSent, EchoRequestsAnswered, UnreachablesSent, UnreachablesReceived;

    // TCP.
    public ulong SegmentsReceived, SegmentsSent, FastPathData, FastPathAcknowledgements;
    public ulong TcpMalformed, TcpBadChecksum, TcpNoConnection, TcpOutsideWindow, TcpOldTimestamp, TcpBadAcknowledgement;
    public ulong TcpNoFlags, TcpDataAfterClose, TcpReceiveRingFull, TcpReassemblyFull;
    public ulong SynDroppedBacklog, SynDroppedTable, TimeWaitRecycled;
    public ulong HalfOpenEvicted, CookiesSent, CookiesAccepted, FirstBytesAwaited, RingsMissing;
    public ulong ResetsSent, ResetsReceived, ResetsIgnored, ChallengeAcknowledgements, ChallengesLimited;
    public ulong ConnectionsOpened, ConnectionsAccepted, ConnectionsFailed, TimedOut;
    public ulong Retransmissions, RetransmissionTimeouts, FastRetransmits, TailLossProbes, ZeroWindowProbes, KeepAliveProbes;
    public ulong DuplicateAcknowledgements, OutOfOrderSegments, DuplicateSegments, DelayedAcknowledgements;
}
