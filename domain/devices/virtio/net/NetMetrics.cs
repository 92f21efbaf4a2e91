namespace Domain.Devices;

/// <summary>What the network device moved and why it did not.</summary>
internal struct NetMetrics
{
    public ulong SentFrames, SentBytes, ReceivedFrames, ReceivedBytes;

    /// <summary>Frames from the guest with a header or length that no network card would send.</summary>
    public ulong BadFromGuest;

    /// <summary>Frames that the host refused.</summary>
    public ulong SendLost;

    /// <summary>Frames for the guest that were malformed or larger than anything it had room for.</summary>
    public ulong ReceiveLost;

    /// <summary>Segments and checksums finished here because the guest wants finished frames.</summary>
    public ulong Segmented, Checksummed;
}
