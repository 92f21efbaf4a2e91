using System.Runtime.CompilerServices;
using Wire;

namespace Packetd;

/// <summary>
/// The addresses of a domain: the boot address, then the guest addresses of its token; unused ones are 0.
/// </summary>
[InlineArray(1 + BootToken.MaxGuests)]
public struct Addresses
{
    private uint boot;
}

/// <summary>What the node knows about one domain. A slot without a boot address is free.</summary>
public struct Domain
{
    public Addresses Addresses;

    /// <summary>What ends the domain (<see cref="MachineKey.EndProof"/>).</summary>
    public Digest EndProof;

    /// <summary>Index of its account, plus 1; 0 for a domain that pays nothing.</summary>
    public int Account;

    /// <summary>Of the Ethernet frames that <see cref="Sent"/> and <see cref="Received"/> count.</summary>
    public ulong Bytes;

    /// <summary>Frames that the domain sent and the node passed on.</summary>
    public ulong Sent;

    /// <summary>Frames that went into the domain's queue.</summary>
    public ulong Received;

    /// <summary>Frames that the domain sent and <see cref="Filter"/> refused, for any reason.</summary>
    public ulong Forged;

    /// <summary>Frames for the domain that found its queue full.</summary>
    public ulong Dropped;

    public readonly uint Boot => Addresses[0];

    /// <summary>
    /// False when one of the addresses is no host's, the node's own, or its subnet's first or last (RFC 1122 §3.2.1.3),
    /// or the gateway is no other host of the subnet.
    /// </summary>
    public static bool TryMake(BootToken token, uint node, out Domain domain)
    {
        domain = default;
        uint hosts = uint.MaxValue >> token.PrefixLength;
        uint first = token.BootAddress & ~hosts;
        uint last = token.BootAddress | hosts;
        bool allowed = true;
        for (int i = 0; i <= token.GuestCount; i++)
        {
            uint address = i == 0 ? token.BootAddress : token.Guest(i - 1);
            allowed &= Packet.IsHost(address) && address != node && address != first && address != last;
            domain.Addresses[i] = address;
        }
        uint gateway = token.Gateway;
        return allowed && (gateway == 0 || (gateway > first && gateway < last && !domain.Owns(gateway)));
    }

    public readonly bool Owns(uint address)
    {
        bool owns = false;
        for (int i = 0; i <= BootToken.MaxGuests; i++)
            owns |= Addresses[i] == address;
        return owns && address != 0;
    }
}
