using System.Net;
using Evilman.Buying;

namespace Evilman.Commands;

/// <summary>What a user calls a node or a machine: an address, or a name that the inventory or the store knows.</summary>
internal readonly record struct Place(IPAddress? Address, string? Name)
{
    internal const string What = "an IPv4 address, nor a name: " + Inventory.NameRule;

    internal static bool TryParse(string text, out Place place)
    {
        place = Text.Quantity.TryAddress(text, out var address) ? new Place(address, null) : new Place(null, text);
        return place.Address is not null || Inventory.IsName(text);
    }

    /// <summary>The node's address.</summary>
    internal IPAddress Node() => Address ?? (Inventory.Load().Node(Name!)
        ?? throw Failure.Usage($"the inventory in {Inventory.Folder} has no node {Name}")).Address;

    /// <summary>The machine that was bought under this name; null where this is no name, or no machine's.</summary>
    internal BoughtMachine? Machine() => Name is null ? null : MachineStore.Standard.Find(Name);

    public override string ToString() => Name ?? $"{Address}";
}
