namespace Cstrap;

/// <summary>How far a connection to the upload port has come.</summary>
internal enum ClientState : byte
{
    /// <summary>No connection in this slot.</summary>
    None,

    /// <summary>Its first bytes are still coming.</summary>
    Header,

    /// <summary>It sends the loader. At most one client is here.</summary>
    Loader,

    /// <summary>It has had its answer; what it still sends is thrown away, so that no reset overtakes the answer.</summary>
    Leaving,
}

/// <summary>One connection to the upload port.</summary>
internal unsafe struct Client
{
    public const int MostHeader = 256;

    public ClientState State;
    public int Socket;

    /// <summary>When patience ends, in nanoseconds.</summary>
    public ulong Deadline;

    /// <summary>When patience ends whatever happens.</summary>
    public ulong FinalDeadline;

    /// <summary>Bytes in <see cref="Header"/>.</summary>
    public int HeaderLength;

    /// <summary>The upload header, or the beginning of an HTTP request.</summary>
    public fixed byte Header[MostHeader];
}
