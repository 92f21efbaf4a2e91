using System.Collections.Generic;
using System.Linq;
using Tokenbroker.Ledger;
using Tokenbroker.Storage;

namespace Tokenbroker.Market;

/// <summary>
/// What sales have read and changed in the transaction that is under way (<see cref="Session.Memory"/>), so that those
/// after them ask for less. Nothing depends on it being right: the database refuses an entry, a sale or an address that
/// does not follow from what it has.
/// </summary>
internal sealed class SalesMemory
{
    private readonly Dictionary<string, PlanView> plans = [];
    private readonly Dictionary<(long Memory, int Tokens, string Name), NodeChoice> choices = [];
    private readonly Dictionary<long, NodeLoad> loads = [];

    /// <summary>What the next sale goes on from; null where that is not known.</summary>
    internal Numbers? Numbers { get; set; }

    /// <summary>By customer.</summary>
    internal Dictionary<long, Purse> Payers { get; } = [];

    internal AddressMemory Addresses { get; } = new();

    internal PlanView Plan(Session session, string name)
    {
        if (!plans.TryGetValue(name, out PlanView? plan))
        {
            plan = Broker.PlanNamed(session, name);
            plans.Add(name, plan);
        }
        return plan;
    }

    /// <summary>The nodes of a choice that has been asked for before, the emptiest first; null: it is to be asked for.</summary>
    internal List<NodeLoad>? Nodes(long memory, int tokens, string name)
    {
        if (!choices.TryGetValue((memory, tokens, name), out NodeChoice? choice))
            return null;
        List<NodeLoad> fit = [.. choice.Nodes.Where(node => node.HasRoom(memory)).OrderBy(node => node.Share)
            .ThenBy(node => node.Node.Id)];
        return fit.Count > 0 && fit[0].Share <= choice.Bound ? fit : null;
    }

    /// <summary>Remembers nodes that were read now.</summary>
    /// <param name="isAll">There are no others; otherwise none of them is emptier than the last one here.</param>
    /// <returns>The same, or those that stand for them.</returns>
    internal List<NodeLoad> Keep(long memory, int tokens, string name, List<NodeLoad> nodes, bool isAll)
    {
        for (int i = 0; i < nodes.Count; i++)
        {
            if (!loads.TryAdd(nodes[i].Node.Id, nodes[i]))
                nodes[i] = loads[nodes[i].Node.Id];
        }
        if (nodes.Count > 0)
            choices[(memory, tokens, name)] = new NodeChoice(nodes, isAll ? long.MaxValue : nodes[^1].Share);
        return nodes;
    }

    private sealed record NodeChoice(List<NodeLoad> Nodes, long Bound);
}

/// <summary>The numbers of the next machine, account and chain, and the journal's end.</summary>
internal sealed record Numbers(long Machine, long Account, long Chain, Head Head);

/// <summary>A node and what is taken of it.</summary>
internal sealed class NodeLoad(Broker.Node node, long memory, long machines, long usedMemory, long usedMachines,
    uint bootNext, uint guestNext)
{
    internal Broker.Node Node { get; } = node;

    internal long UsedMemory { get; set; } = usedMemory;

    internal long UsedMachines { get; set; } = usedMachines;

    /// <summary>Where addresses are looked for first.</summary>
    internal uint BootNext { get; set; } = bootNext;

    internal uint GuestNext { get; set; } = guestNext;

    /// <summary>How full it is, in thousandths.</summary>
    internal long Share => UsedMemory * 1000 / memory;

    internal bool HasRoom(long wanted) => UsedMachines < machines && UsedMemory + wanted <= memory;
}

/// <summary>Which addresses somebody has, where that was asked for.</summary>
internal sealed class AddressMemory
{
    private readonly HashSet<long> taken = [];
    private readonly List<(long First, long Last)> asked = [];

    /// <summary>Asks for what is not known yet of two ranges; an empty one has a first that is above its last.</summary>
    internal void Ask(Session session, long first, long last, long otherFirst, long otherLast)
    {
        if (IsKnown(first, last) && IsKnown(otherFirst, otherLast))
            return;
        taken.UnionWith(session.All(
            "SELECT address FROM claim WHERE address BETWEEN $1 AND $2 OR address BETWEEN $3 AND $4",
            row => row.GetInt64(0), first, last, otherFirst, otherLast));
        asked.Add((first, last));
        asked.Add((otherFirst, otherLast));
    }

    private bool IsKnown(long first, long last) =>
        first > last || asked.Exists(range => range.First <= first && last <= range.Last);

    /// <summary>Of an address that was asked for.</summary>
    internal bool IsTaken(long address) => taken.Contains(address);

    internal void Take(long address) => taken.Add(address);
}
