namespace Netstack;

/// <summary>
/// The transmission control block (RFC 9293 §3.3.1), with its rings and timers. Written by the Tcp* classes, each its
/// own part. Sequence numbers are compared modulo 2^32 (<see cref="Tcp.Before"/>).
/// </summary>
internal unsafe struct Connection
{
    /// <summary>Disjoint ranges of out-of-order data that are kept.</summary>
    public const int MaxRanges = 16;

    // ---- identity ----
    public Address LocalAddress;
    public Address RemoteAddress;
    public ushort LocalPort;
    public ushort RemotePort;
    public TcpState State;

    /// <summary>The slot is taken.</summary>
    public bool InUse;

    /// <summary>A user holds the handle.</summary>
    public bool Owned;

    /// <summary>Next in the hash chain, or -1.</summary>
    public short HashNext;

    /// <summary>This slot's own number.</summary>
    public short Index;

    /// <summary>The listener whose backlog this counts in until it is accepted, or -1.</summary>
    public short Listener;

    /// <summary>Neighbours in a <see cref="ConnectionList"/>, or the next free slot; -1 for none.</summary>
    public short QueueNext;
    public short QueuePrevious;

    /// <summary>May take the slots and rings that are kept for the owner's own purposes.</summary>
    public bool Reserved;

    /// <summary>Its port may be bound again while it lasts (SO_REUSEADDR).</summary>
    public bool Reuse;

    /// <summary>The user was told to wait because there was no ring for sending.</summary>
    public bool WaitsForRing;

    /// <summary>True when it waits in the listener's queue.</summary>
    public bool Queued;

    /// <summary>In <see cref="Stack.Orphans"/>.</summary>
    public bool Orphan;

    public uint Generation;

    /// <summary>A <see cref="SocketError"/> that the user has not been told, or 0.</summary>
    public int Error;

    /// <summary>Neighbour entry that was right last time.</summary>
    public short NeighbourHint;

    // ---- send: RFC 9293 names in comments ----
    /// <summary>SND.UNA</summary>
    public uint SendUnacknowledged;

    /// <summary>SND.NXT: goes back for a SYN that is sent again; what data is sent again says the scoreboard.</summary>
    public uint SendNext;

    /// <summary>The end of everything ever sent.</summary>
    public uint SendMaximum;

    /// <summary>SND.WND, scaled.</summary>
    public uint SendWindow;

    public uint MaxSendWindow;

    /// <summary>SND.WL1, SND.WL2</summary>
    public uint WindowSequence;
    public uint WindowAcknowledgement;

    /// <summary>ISS</summary>
    public uint InitialSend;

    /// <summary>
    /// Sequence number of the first queued byte, and of the first free one after the last (where FIN goes).
    /// </summary>
    public uint QueueStart;
    public uint QueueEnd;

    public byte* SendRing;
    public uint SendRingMask;

    /// <summary>The owner has lent this connection its ring: it keeps it, empty or not, to its end.</summary>
    public bool SendRingIsLent;

    /// <summary>Ring position of the oldest byte, and bytes in use.</summary>
    public uint SendRingHead;
    public int SendRingCount;

    /// <summary>Chunk list, -1 when empty; and where the last look-up ended.</summary>
    public int ChunkHead;
    public int ChunkTail;
    public int ChunkCursor;
    public uint ChunkCursorSequence;

    /// <summary>Bytes queued by reference.</summary>
    public int PageBytes;

    /// <summary>The user has shut our direction down; FIN follows the queue.</summary>
    public bool FinQueued;

    public bool NoDelay;
    public bool Corked;

    /// <summary>Of what was sent last more follows.</summary>
    public bool MoreFollows;
    public byte SendShift;
    public byte ReceiveShift;

    /// <summary>Stream bytes per segment, timestamps subtracted.</summary>
    public ushort SegmentSize;

    /// <summary>Output is to be tried again when the link or the neighbour is ready.</summary>
    public bool OutputPending;

    // ---- receive ----
    /// <summary>RCV.NXT</summary>
    public uint ReceiveNext;

    /// <summary>RCV.NXT + RCV.WND as last told to the peer; never goes back.</summary>
    public uint ReceiveEdge;

    /// <summary>IRS</summary>
    public uint InitialReceive;

    public byte* ReceiveRing;
    public uint ReceiveRingMask;

    /// <summary>Ring position of the oldest unread byte.</summary>
    public uint ReceiveRingHead;

    public int Readable;

    /// <summary>The peer's FIN was taken in order.</summary>
    public bool FinReceived;

    /// <summary>A FIN came ahead of missing data, at <see cref="PendingFinSequence"/>.</summary>
    public bool FinPending;
    public uint PendingFinSequence;

    /// <summary>An acknowledgement is owed now.</summary>
    public bool AcknowledgeNow;

    /// <summary>Stream bytes received since the last acknowledgement.</summary>
    public uint UnansweredBytes;

    /// <summary>Out-of-order data in the ring: sorted, disjoint, not touching.</summary>
    public int OutOfOrderCount;

    /// <summary>The range that grew last goes first into SACK (RFC 2018 §4).</summary>
    public uint LastOutOfOrder;

    /// <summary>Largest segment seen, for the delayed acknowledgement.</summary>
    public uint PeerPayload;

    // ---- options ----
    public bool SackPermitted;
    public bool TimestampsEnabled;
    public bool WindowScaling;
    public uint TimestampOffset;

    /// <summary>TS.Recent, Last.ACK.sent (RFC 7323 §4.3)</summary>
    public uint TimestampRecent;
    public uint LastAcknowledgementSent;
    public ulong TimestampRecentTime;

    // ---- data received twice (RFC 2883), told once; empty for none ----
    public uint TwiceStart;
    public uint TwiceEnd;

    // ---- congestion: TcpCongestion, TcpCubic ----
    public uint CongestionWindow;
    public uint SlowStartThreshold;

    /// <summary>In fast recovery until <see cref="RecoveryPoint"/> is acknowledged.</summary>
    public bool InRecovery;
    public uint RecoveryPoint;

    /// <summary>Without SACK (RFC 6582): in a row, and bytes that have left the network since recovery began.</summary>
    public int DuplicateAcknowledgements;
    public uint Inflation;

    /// <summary>W_max and cwnd_prior of RFC 9438 §4.1.2, in bytes; when its epoch began, 0 for not yet.</summary>
    public uint CubicMaximum;
    public uint CubicPrior;
    public ulong CubicEpoch;

    /// <summary>Of the epoch: K in milliseconds, W_est in bytes, and the part of a byte that each is behind.</summary>
    public uint CubicPeriod;
    public uint CubicEstimate;
    public ulong CubicCredit;
    public ulong CubicEstimateCredit;

    /// <summary>What the last reduction took, to be given back when it turns out that nothing was lost.</summary>
    public uint UndoWindow;
    public uint UndoThreshold;
    public uint UndoMaximum;
    public uint UndoStart;

    /// <summary>Segments sent again since then that the peer has not reported as received twice.</summary>
    public int UndoSegments;
    public bool MayUndo;

    // ---- loss detection: TcpScoreboard, TcpRack ----
    public uint SackedBytes;
    public uint LostBytes;

    /// <summary>What was sent, in a ring at the end of this struct, and the highest time in it.</summary>
    public int SentHead;
    public int SentCount;
    public uint SentTime;

    /// <summary>
    /// RACK.xmit_ts, RACK.end_seq, RACK.rtt, RACK.min_RTT, RACK.fack (RFC 8985 §5.2). Times in
    /// <see cref="TcpScoreboard.Ticks"/>; a round trip of 0 is not known.
    /// </summary>
    public bool HasRack;
    public uint RackTime;
    public uint RackEnd;
    public uint RackRoundTrip;
    public uint MinRoundTrip;
    public uint ForwardAcknowledgement;

    /// <summary>RACK.reordering_seen, reo_wnd_mult, reo_wnd_persist, dsack_round.</summary>
    public bool ReorderingSeen;
    public bool InDuplicateRound;
    public byte ReorderMultiplier;
    public byte ReorderPersist;
    public uint DuplicateRound;

    /// <summary>TLP.end_seq is set; TLP.is_retrans; TLP.end_seq.</summary>
    public bool ProbeSent;
    public bool ProbeRepeats;
    public uint ProbeEnd;

    // ---- time, in nanoseconds; deadlines of 0 are off ----
    public ulong RetransmitDeadline;
    public ulong ProbeDeadline;
    public ulong ReorderDeadline;
    public ulong PersistDeadline;
    public ulong AcknowledgeDeadline;
    public ulong KeepAliveDeadline;
    public ulong LingerDeadline;
    public ulong SmoothedRoundTrip;
    public ulong RoundTripVariation;
    public ulong RetransmissionTimeout;
    public int Backoff;

    /// <summary>When the SYN was sent, while it is answered at the first try; 0 otherwise.</summary>
    public ulong RoundTripStart;

    /// <summary>When <see cref="MinRoundTrip"/> was measured.</summary>
    public ulong MinRoundTripTime;

    /// <summary>When the oldest unacknowledged byte was first found unanswered; for the user timeout.</summary>
    public ulong LastProgress;
    public ulong LastReceived;
    public ulong LastSent;
    public ulong LastChallenge;
    public bool KeepAlive;
    public int KeepAliveProbes;
    public int KeepAliveCount;
    public ulong KeepAliveIdle;
    public ulong KeepAliveInterval;
    public ulong UserTimeout;
    public uint Retransmissions;

    // ---- tables at the end, so that what is used together lies together ----
    public fixed uint OutOfOrderEdges[MaxRanges * 2];
    public fixed uint SentRanges[TcpScoreboard.MaxRanges * SentRange.Words];
}
