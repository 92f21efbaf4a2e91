namespace Netstack;

/// <summary>
/// How big a stack is and where it lives. Every field that is 0 takes the default in its comment.
/// IPv4 addresses are numbers in host order everywhere: 10.0.0.1 is 0x0a000001.
/// </summary>
public struct StackConfiguration
{
    /// <summary>The owner and its device.</summary>
    public Link Link;

    /// <summary>
    /// MAC address, its six bytes in the low 48 bits, first byte highest: 02:45:0a:00:00:01 is 0x02450a000001.
    /// </summary>
    public ulong MacAddress;

    /// <summary>The first own address; more by <see cref="Stack.AddAddress"/>. May be 0 (none yet).</summary>
    public uint Address;

    /// <summary>Bits of the network part of <see cref="Address"/>, 0 to 32.</summary>
    public int PrefixLength;

    /// <summary>Default router, or 0.</summary>
    public uint Gateway;

    /// <summary>Secret key of the initial sequence numbers (RFC 6528) and ephemeral ports: 128 random bits.</summary>
    public ulong SecretLow;
    public ulong SecretHigh;

    /// <summary>TCP connections, TIME-WAIT included, 1 to 16,384. Default 16.</summary>
    public int Connections;

    /// <summary>
    /// How many of them only reserved sockets may take (<see cref="Stack.Listen"/>, <see cref="Stack.Connect"/>), less
    /// than all.
    /// </summary>
    public int ReservedConnections;

    /// <summary>Listening sockets, 1 to 1024. Default 4.</summary>
    public int Listeners;

    /// <summary>How many of them are for privileged callers (<see cref="Stack.Listen"/>). Less than all.</summary>
    public int ReservedListeners;

    /// <summary>UDP and ICMP Echo sockets, 0 to 1024; -1 for none. Default 4.</summary>
    public int DatagramSockets;

    /// <summary>How many of them only privileged callers may take (<see cref="Stack.OpenUdp"/>), at most all.</summary>
    public int ReservedDatagramSockets;

    /// <summary>
    /// Receive ring of each TCP connection in bytes, rounded up to a power of two, 4 KiB to 16 MiB. Default 64 KiB.
    /// </summary>
    public int ReceiveBuffer;

    /// <summary>
    /// Send ring of each TCP connection in bytes, rounded up to a power of two, 4 KiB to 16 MiB. Default 64 KiB.
    /// </summary>
    public int SendBuffer;

    /// <summary>
    /// Queue of each datagram socket in bytes, headers included, rounded up to a power of two. Default 16 KiB.
    /// </summary>
    public int DatagramBuffer;

    /// <summary>
    /// Send chunks shared by all connections. A chunk is one SendPage, or one run of Send bytes between two pages.
    /// At least one per connection is added. Default 64.
    /// </summary>
    public int SendChunks;

    /// <summary>Most bytes of page frames queued on one connection. Default 1 MiB.</summary>
    public int PageBytes;

    /// <summary>Neighbour (ARP) entries, 4 to 256. Default 16.</summary>
    public int Neighbours;

    /// <summary>Ring of frames to ourselves (127/8 and own addresses) in bytes; -1 for none. Default 64 KiB.</summary>
    public int LoopbackBuffer;

    /// <summary>
    /// 2·MSL in milliseconds: how long TIME-WAIT lasts. Default 60,000. The oldest gives way when the table is full.
    /// </summary>
    public int TimeWaitMilliseconds;
}
