using System.Runtime.CompilerServices;
using Wire;

namespace Packetd;

/// <summary>The addresses of a domain: the boot address, then the guest addresses of its token; unused ones are 0.</summary>
[InlineArray(1 + BootToken.MaxGuests)]
public struct Addresses
{
    private uint boot;
}

/// <summary>What the node knows about one domain. A slot without a boot address is free.</summary>
public struct Domain
{
    public Addresses Addresses;

    /// <summary>Frames that the domain sent and the node passed on, and those that it received.</summary>
    public ulong Sent, Received;

    /// <summary>Frames refused because they carried an address that is not the domain's.</summary>
    public ulong Forged;

    /// <summary>Frames for the domain that found its queue full.</summary>
    public ulong Dropped;

    public readonly uint Boot => Addresses[0];

    public static Domain Of(BootToken token)
    {
        Domain domain = default;
        domain.Addresses[0] = token.BootAddress;
        for (int i = 0; i < token.GuestCount; i++)
            domain.Addresses[1 + i] = token.Guest(i);
        return domain;
    }

    public readonly bool Owns(uint address)
    {
        bool owns = false;
        for (int i = 0; i <= BootToken.MaxGuests; i++)
            owns |= Addresses[i] == address;
        return owns && address != 0;
    }
}
