namespace Netstack;

/// <summary>What the header of a packet says, of either family.</summary>
public unsafe struct IpHeader
{
    public Address Source;
    public Address Destination;

    /// <summary>Of what the packet carries; in IPv6, what the last header that was passed over announces.</summary>
    public byte Protocol;

    /// <summary>Of IPv6: where in the packet the field lies that says <see cref="Protocol"/>.</summary>
    internal int ProtocolAt;

    /// <summary>Time to live, hop limit.</summary>
    public byte HopLimit;

    /// <summary>Bytes before the data: of IPv4 20 to 60.</summary>
    public int DataOffset;

    /// <summary>Header and data.</summary>
    public int TotalLength;

    public uint Identification;
    public bool MoreFragments;

    /// <summary>Of the data in its packet, in bytes, a multiple of 8.</summary>
    public int FragmentOffset;

    /// <summary>Of IPv6: the MAC address in its frame; 0 where it came in fragments.</summary>
    internal ulong SourceMac;

    /// <summary>
    /// Of IPv6: where the packet begins, and how many bytes of it lie there, while it is being received. Null where it
    /// came in fragments.
    /// </summary>
    internal byte* Start;
    internal int StartLength;
}
