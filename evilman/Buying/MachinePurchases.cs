using System;
using Evilman.Net;

namespace Evilman.Buying;

/// <summary>A <see cref="MachinePurchase"/> with the brokers of the inventory and nodes that are asked by magic pings.</summary>
internal static class MachinePurchases
{
    internal static MachinePurchase For(IMachineFile file, TimeSpan? patience = null) => new(file,
        name => new BrokerClient(Inventory.Load().Broker(name)), new NodeLink(patience ?? MagicPinger.Patience),
        () => DateTimeOffset.UtcNow.ToUnixTimeSeconds());
}
