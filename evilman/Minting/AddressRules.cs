using System.Collections.Generic;
using System.Net;
using Evilman.Net;

namespace Evilman.Minting;

/// <summary>
/// Which addresses a token may name: hosts' addresses that fit together (RFC 1122 §3.2.1.3). A node checks the same.
/// </summary>
internal static class AddressRules
{
    /// <exception cref="Failure">
    /// One of them is no host's, or two are the same, or the gateway is not in the boot address's subnet.
    /// </exception>
    internal static void Demand(MintRequest request)
    {
        var (node, boot, prefixLength, gateway) =
            (request.Node, request.BootAddress, request.PrefixLength, request.Gateway);
        var mask = uint.MaxValue << (32 - prefixLength);
        var seen = new HashSet<IPAddress> { node };
        DemandHost(node, "node");
        DemandHost(boot, "boot");
        foreach (var guest in request.Guests)
            DemandHost(guest, "guest");
        if (gateway is null)
            return;
        DemandHost(gateway, "gateway");
        if (((Ipv4.Number(gateway) ^ Ipv4.Number(boot)) & mask) != 0)
            throw Failure.Usage($"the gateway {gateway} is not in the subnet of {boot}/{prefixLength}");

        void DemandHost(IPAddress address, string what)
        {
            var number = Ipv4.Number(address);
            var inSubnet = ((number ^ Ipv4.Number(boot)) & mask) == 0;
            if (number >> 24 is 0 or 127 or > 223)
                throw Failure.Usage($"the {what} address {address} is no host's");
            if (inSubnet && ((number & ~mask) == 0 || (number | mask) == uint.MaxValue))
                throw Failure.Usage($"the {what} address {address} is the "
                    + $"{((number & ~mask) == 0 ? "network" : "broadcast")} address of {boot}/{prefixLength}");
            if (what != "node" && !seen.Add(address))
                throw Failure.Usage($"{address} stands twice: node, machine, guests and gateway each have an address "
                    + $"of their own");
        }
    }
}
