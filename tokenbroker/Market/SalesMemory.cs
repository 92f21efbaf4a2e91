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
    private readonly Dictionary<(Need Need, int Tokens, string Name), NodeChoice> choices = [];
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
    internal List<NodeLoad>? Nodes(Need need, int tokens, string name)
    {
        if (!choices.TryGetValue((need, tokens, name), out NodeChoice? choice))
            return null;
        List<NodeLoad> fit = [.. choice.Nodes.Where(node => node.HasRoom(need)).OrderBy(node => node.Share)
            .ThenBy(node => node.Node.Id)];
        return fit.Count > 0 && fit[0].Share <= choice.Bound ? fit : null;
    }

    /// <summary>Remembers nodes that were read now.</summary>
    /// <param name="isAll">There are no others; otherwise none of them is emptier than the last one here.</param>
    /// <returns>The same, or those that stand for them.</returns>
    internal List<NodeLoad> Keep(Need need, int tokens, string name, List<NodeLoad> nodes, bool isAll)
    {
        for (int i = 0; i < nodes.Count; i++)
        {
            if (!loads.TryAdd(nodes[i].Node.Id, nodes[i]))
                nodes[i] = loads[nodes[i].Node.Id];
        }
        if (nodes.Count > 0)
            choices[(need, tokens, name)] = new NodeChoice(nodes, isAll ? long.MaxValue : nodes[^1].Share);
        return nodes;
    }

    private sealed record NodeChoice(List<NodeLoad> Nodes, long Bound);
}

/// <summary>The numbers of the next machine, account, chain and sale, and the journal's end.</summary>
internal sealed record Numbers(long Machine, long Account, long Chain, long Sale, Head Head);

/// <summary>What a machine takes of its node.</summary>
internal readonly record struct Need(long MemoryMib, long CpuPercent);

/// <summary>A node and what is taken of it.</summary>
/// <param name="cpu">Hundredths of processors; 0: they are not counted.</param>
internal sealed class NodeLoad(Broker.Node node, long memory, long machines, long cpu, long usedMemory, long usedMachines,
    long usedCpu, uint bootNext, uint guestNext)
{
    internal Broker.Node Node { get; } = node;

    internal long UsedMemory { get; set; } = usedMemory;

    internal long UsedMachines { get; set; } = usedMachines;

    internal long UsedCpu { get; set; } = usedCpu;

    /// <summary>Where addresses are looked for first.</summary>
    internal uint BootNext { get; set; } = bootNext;

    internal uint GuestNext { get; set; } = guestNext;

    /// <summary>How full it is, in thousandths.</summary>
    internal long Share => UsedMemory * 1000 / memory;

    internal bool HasRoom(Need need) => UsedMachines < machines && UsedMemory + need.MemoryMib <= memory
        && (cpu == 0 || UsedCpu + need.CpuPercent <= cpu);
}

/// <summary>Which addresses somebody has, where that was asked for.</summary>
internal sealed class AddressMemory
{
    private readonly HashSet<long> taken = [];
    private readonly List<Range> asked = [];

    /// <summary>
    /// Some addresses; none where the first is above the last. Where those up to the needed one are known already,
    /// nothing is asked for.
    /// </summary>
    internal readonly record struct Range(long First, long Needed, long Last)
    {
        internal static Range Empty => new(1, 0, 0);
    }

    /// <summary>Asks for what is not known yet of two ranges, and for both where something is not.</summary>
    internal void Ask(Session session, Range one, Range other)
    {
        if (IsKnown(one) && IsKnown(other))
            return;
        taken.UnionWith(session.All(
            "SELECT address FROM claim WHERE address BETWEEN $1 AND $2 OR address BETWEEN $3 AND $4",
            row => row.GetInt64(0), one.First, one.Last, other.First, other.Last));
        asked.Add(one);
        asked.Add(other);
    }

    private bool IsKnown(Range wanted) =>
        wanted.First > wanted.Last
        || asked.Exists(range => range.First <= wanted.First && wanted.Needed <= range.Last);

    /// <summary>Of an address that was asked for.</summary>
    internal bool IsTaken(long address) => taken.Contains(address);

    internal void Take(long address) => taken.Add(address);
}
