using System.Collections.Generic;
using System.Text;
using Tokenbroker.Storage;

namespace Tokenbroker.Market;

internal sealed partial class Broker
{
    /// <summary>A node as a purchase needs it.</summary>
    internal sealed record Node(
        long Id, string Name, uint Address, int Prefix, uint Gateway, uint BootFirst, uint BootLast, uint GuestFirst,
        long GuestLast, Prices Prices, long Hashes, long KeyNumber, byte[] SealedKey);

    private const string NodeColumns = """
        SELECT n.id, name, address, prefix, gateway, boot_first, boot_last, guest_first, guest_last,
            price_cpu, price_memory, price_network, price_existence, hashes, k.number, k.sealed,
            memory, machines, used_memory, used_machines, boot_next, guest_next, price_share, cpu, used_cpu
            FROM node n JOIN node_key k ON k.node = n.id
                AND k.number = (SELECT MAX(number) FROM node_key WHERE node = n.id)
        """;

    private static Node ReadNode(Row row) => new(
        row.GetInt64(0), row.GetString(1), (uint)row.GetInt64(2), (int)row.GetInt64(3), (uint)row.GetInt64(4),
            (uint)row.GetInt64(5), (uint)row.GetInt64(6),
        (uint)row.GetInt64(7), row.GetInt64(8),
        new Prices(row.GetInt64(9), row.GetInt64(10), row.GetInt64(11), row.GetInt64(12), row.GetInt64(22)),
        row.GetInt64(13), row.GetInt64(14), row.Bytes(15));

    private static NodeLoad ReadLoad(Row row) => new(ReadNode(row), row.GetInt64(16), row.GetInt64(17),
        row.GetInt64(23), row.GetInt64(18), row.GetInt64(19), row.GetInt64(24), (uint)row.GetInt64(20),
        (uint)row.GetInt64(21));

    // Of those that are looked at for a purchase.
    private const int MaxChoice = 8;

    /// <summary>The newest key of a node, with which its tokens are signed.</summary>
    private byte[] KeyOf(Node node) => nodeKeys.Open(node.SealedKey, KeyPlace(node.Id, node.KeyNumber));

    private static string KeyPlace(long node, long number) => $"node {node} key {number}";

    private const string GivesMemory =
        " WHERE enabled = 1 AND ($2 = '' OR name = $2) AND (most_memory = 0 OR $1 <= most_memory)";

    private const string Gives = GivesMemory + " AND min_cpu <= $3";

    private const string HasRoom = Gives + " AND used_machines < machines AND used_memory + $1 <= memory "
        + "AND (cpu = 0 OR used_cpu + $3 <= cpu)";

    /// <summary>
    /// The nodes that have room for such a machine, the emptiest first; or the one of that name. A boot token is one
    /// packet, and its node verifies all its tokens at once: where that is too many for each node with room, this says
    /// how many it may be.
    /// </summary>
    private static List<NodeLoad> NodesFor(Session session, PlanView plan, int tokens, string name)
    {
        Need need = new(plan.MemoryMib, plan.CpuPercent);
        SalesMemory known = session.Memory<SalesMemory>();
        if (known.Nodes(need, tokens, name) is { } before)
            return before;
        List<NodeLoad> nodes = session.All(
            NodeColumns + HasRoom + $" AND hashes >= $4 ORDER BY used_memory * 1000 / memory, n.id LIMIT {MaxChoice}",
            ReadLoad, need.MemoryMib, name, need.CpuPercent, tokens);
        nodes = known.Keep(need, tokens, name, nodes, isAll: nodes.Count < MaxChoice);
        if (nodes.Count == 0)
            DemandGiven(session, need, name);
        long most = nodes.Count > 0 ? 0
            : session.Number("SELECT COALESCE(MAX(hashes), 0) FROM node" + HasRoom, need.MemoryMib, name,
                need.CpuPercent);
        return most == 0 ? nodes : throw Problem.Invalid(
            $"tokens: a machine begins with at most {most}, which is what its node verifies in one packet: buy so many, "
            + "and the rest afterwards");
    }

    /// <summary>
    /// A node gives one machine so much memory and no more (packetd's --max-memory), and so much of a processor and no
    /// less (--min-cpu-share), however empty it is.
    /// </summary>
    private static void DemandGiven(Session session, Need need, string name)
    {
        (long memory, long cpu) = need;
        const string Enabled = "FROM node WHERE enabled = 1 AND ($1 = '' OR name = $1)";
        if (session.Number("SELECT COUNT(*) " + Enabled, name) == 0
            || session.Number("SELECT COUNT(*) FROM node" + Gives, memory, name, cpu) != 0)
            return;
        long least = session.Number("SELECT MIN(min_cpu) FROM node" + GivesMemory, memory, name);
        if (least != 0)
            throw Problem.Conflict("no-room", $"a machine of this plan has {cpu} % of a processor, and the least that "
                + $"{(name == "" ? "any node" : name)} gives to one is {least} %: take a plan with a larger share");
        long most = session.Number("SELECT MAX(most_memory) " + Enabled, name);
        throw Problem.Conflict("no-room", $"a machine of this plan has {memory} MiB of memory, and the most that "
            + $"{(name == "" ? "any node" : name)} gives to one is {most}: take a smaller plan");
    }

    /// <summary>
    /// What a machine that does nothing costs in a second: at least 1, so that each lapses at some time.
    /// </summary>
    private static long IdleRate(Prices prices, long memory) => checked(prices.Existence + prices.Memory * memory);

    internal NodeView AddNode(Session session, string actor, NewNode wanted)
    {
        DemandName(wanted.Name, "a node");
        uint address = Address.Parse(wanted.Address, "address");
        (uint First, uint Last) boot = Address.Range(wanted.BootAddresses, "boot_addresses");
        (uint First, long Last) guest = wanted.GuestAddresses.Length == 0 ? (1, 0)
            : Address.Range(wanted.GuestAddresses, "guest_addresses");
        uint gateway = wanted.Gateway is null ? 0 : Address.Parse(wanted.Gateway, "gateway");
        DemandRange(wanted.PrefixLength, 8, 30, "prefix_length");
        DemandRange(wanted.MemoryMib, 1, 1L << 32, "memory_mib");
        DemandRange(wanted.Machines, 1, 1L << 32, "machines");
        if (wanted.MaxMemoryMib is { } ofOne)
            DemandRange(ofOne, 1, wanted.MemoryMib, "max_memory_mib");
        DemandRange(wanted.ElementsPerPacket, 1, NewNode.MaxElementsPerPacket, "elements_per_packet");
        DemandRange(wanted.MinCpuPercent, 1, WholeProcessor, "min_cpu_percent");
        if (wanted.CpuPercent is { } processors)
            DemandRange(processors, WholeProcessor, 1L << 32, "cpu_percent");
        foreach (long price in (long[])[wanted.Prices.Cpu, wanted.Prices.Memory, wanted.Prices.Network,
            wanted.Prices.Existence, wanted.Prices.Share])
            DemandRange(price, 0, uint.MaxValue, "a price");
        if (wanted.Prices.Of(WholeProcessor).Existence > uint.MaxValue)
            throw Problem.Invalid($"prices: existence and {WholeProcessor} times share are at most {uint.MaxValue} together");
        if (wanted.Prices.Existence + wanted.Prices.Memory + wanted.Prices.Share == 0)
            throw Problem.Invalid(
                "prices: a machine that does nothing has to cost something, existence, memory or share, or its place "
                + "never comes back");
        DemandHosts(wanted.PrefixLength, address, boot, guest, gateway);
        DemandNodeKey(Encoding.ASCII.GetBytes(wanted.Key));
        if (session.Number("SELECT COUNT(*) FROM node WHERE name = $1 OR address = $2", wanted.Name,
            (long)address) != 0)
            throw Problem.Conflict("exists",
                $"there is a node {wanted.Name} or one with the address {wanted.Address} already");
        if (session.Number("SELECT COUNT(*) FROM node WHERE boot_first <= $2 AND boot_last >= $1", (long)boot.First,
            (long)boot.Last) != 0)
            throw Problem.Conflict("exists", $"boot_addresses: some of {wanted.BootAddresses} are another node's");
        if (session.Number(
            "SELECT COUNT(*) FROM node WHERE address BETWEEN $1 AND $2 OR address BETWEEN $3 AND $4 OR $5 BETWEEN "
            + "boot_first AND boot_last OR $5 BETWEEN guest_first AND guest_last",
            (long)boot.First, (long)boot.Last, (long)guest.First, guest.Last, (long)address) != 0)
            throw Problem.Conflict("exists",
                "a node's own address is not for machines and guests: leave it out of the ranges of all nodes");
        long id = session.Number("""
            INSERT INTO node (id, name, address, prefix, gateway, boot_first, boot_last, guest_first, guest_last,
                boot_next, guest_next, memory, machines,
                price_cpu, price_memory, price_network, price_existence, hashes, most_memory, min_cpu, cpu, price_share,
                enabled)
            SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $5, $7, $9, $10, $11, $12, $13, $14, $15,
                $16, $17, $18, $19, 1 FROM node RETURNING id
            """, wanted.Name, (long)address, wanted.PrefixLength, (long)gateway, (long)boot.First, (long)boot.Last,
                (long)guest.First, guest.Last, wanted.MemoryMib,
            wanted.Machines, wanted.Prices.Cpu, wanted.Prices.Memory, wanted.Prices.Network, wanted.Prices.Existence,
                wanted.ElementsPerPacket, wanted.MaxMemoryMib ?? 0, wanted.MinCpuPercent, wanted.CpuPercent ?? 0,
                wanted.Prices.Share);
        AddNodeKey(session, id, 1, wanted.Key);
        Audit(session, Clock(), actor, "node add", wanted.Name);
        return NodeWith(session, id);
    }

    /// <summary>
    /// The same that a node checks of each token (docs/protocols.md, refusal 15), so that none that it refuses is sold.
    /// </summary>
    private static void DemandHosts(int prefix, uint node, (uint First, uint Last) boot, (uint First, long Last) guest,
        uint gateway)
    {
        foreach (uint end in (uint[])[boot.First, boot.Last])
        {
            if (!Address.IsHost(end, prefix))
                throw Problem.Invalid($"boot_addresses: {Address.Text(end)}/{prefix} is no host's address");
        }
        if (boot.First >> (32 - prefix) != boot.Last >> (32 - prefix))
            throw Problem.Invalid($"boot_addresses: all of them lie in one subnet of prefix length {prefix}");
        bool isTaken(uint address) =>
            address >= boot.First && address <= boot.Last || address >= guest.First && address <= guest.Last;
        if (guest.First <= guest.Last && guest.First <= boot.Last && guest.Last >= boot.First)
            throw Problem.Invalid("guest_addresses: an address is a machine's or a guest's, not both");
        if (isTaken(node) || gateway != 0 && isTaken(gateway))
            throw Problem.Invalid(
                "the addresses of node and gateway are not for machines and guests: leave them out of the ranges");
        if (gateway != 0 && (!Address.IsHost(gateway, prefix)
            || gateway >> (32 - prefix) != boot.First >> (32 - prefix)))
            throw Problem.Invalid($"gateway: {Address.Text(gateway)} is no host of the subnet of the boot addresses");
    }

    private static void DemandNodeKey(byte[] key)
    {
        if (key.Length is < 16 or > 64 || System.Array.Exists(key, letter => letter is < 0x21 or > 0x7E))
            throw Problem.Invalid(
                "key: a node's key has 16 to 64 visible ASCII characters, as «evilman keygen» writes them");
    }

    private void AddNodeKey(Session session, long node, long number, string key) =>
        session.Run("INSERT INTO node_key (node, number, sealed, since) VALUES ($1, $2, $3, $4)", node, number,
            nodeKeys.Close(Encoding.ASCII.GetBytes(key), KeyPlace(node, number)), Clock());

    /// <summary>
    /// From now on tokens are signed with another key; certificates under the two before are still taken.
    /// </summary>
    internal NodeView RotateNodeKey(Session session, string actor, long node, NewNodeKey wanted)
    {
        DemandNodeKey(Encoding.ASCII.GetBytes(wanted.Key));
        AddNodeKey(session, node, NodeWith(session, node).KeyNumber + 1, wanted.Key);
        Audit(session, Clock(), actor, "node rotate-key", $"node {node}");
        return NodeWith(session, node);
    }

    internal NodeView ChangeNode(Session session, string actor, long node, NodeChange wanted)
    {
        NodeWith(session, node);
        session.Run("UPDATE node SET enabled = $2 WHERE id = $1", node, wanted.Enabled);
        Audit(session, Clock(), actor, wanted.Enabled ? "node enable" : "node disable", $"node {node}");
        return NodeWith(session, node);
    }

    private const string NodeViewColumns = """
        SELECT id, name, address, price_cpu, price_memory, price_network, price_existence, memory, used_memory,
            machines, used_machines, enabled,
            (SELECT MAX(number) FROM node_key WHERE node = node.id), most_memory, min_cpu, cpu, used_cpu, price_share
            FROM node
        """;

    private static NodeView ReadNodeView(Row row) =>
        new(row.GetInt64(0), row.GetString(1), Address.Text(row.GetInt64(2)),
        new Prices(row.GetInt64(3), row.GetInt64(4), row.GetInt64(5), row.GetInt64(6), row.GetInt64(17)),
            row.GetInt64(7), row.GetInt64(8), row.GetInt64(9), row.GetInt64(10),
        row.GetInt64(11) == 1, row.GetInt64(12), row.GetInt64(13) is not 0 and var most ? most : null,
        row.GetInt64(14), row.GetInt64(15) is not 0 and var processors ? processors : null, row.GetInt64(16));

    internal static Page<NodeView> Nodes(Session session, long after, int limit) =>
        PageOf(session.All(NodeViewColumns + " WHERE id > $1 ORDER BY id LIMIT $2", ReadNodeView, after, limit + 1),
            limit, item => item.Id);

    internal static NodeView NodeWith(Session session, long id) =>
        session.One(NodeViewColumns + " WHERE id = $1", ReadNodeView, id)
            ?? throw Problem.NotFound($"there is no node {id}");

    internal static long NodeNamed(Session session, string name)
    {
        long id = session.Number("SELECT id FROM node WHERE name = $1", name);
        return id != 0 ? id : throw Problem.NotFound($"there is no node {name}");
    }

    /// <summary>The newest keys of a node, the newest first.</summary>
    private List<(long Number, byte[] Key)> NodeKeys(Session session, long node, int most) => session.All(
        "SELECT number, sealed FROM node_key WHERE node = $1 ORDER BY number DESC LIMIT $2",
        row => (row.GetInt64(0), nodeKeys.Open(row.Bytes(1), KeyPlace(node, row.GetInt64(0)))), node, most);
}
