using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using Tokenbroker.Chains;
using Tokenbroker.Ledger;
using Tokenbroker.Storage;
using Tokens;
using Wire;

namespace Tokenbroker.Market;

internal sealed partial class Broker
{
    /// <summary>A machine may be a little behind the broker's clock, and has its time of grace.</summary>
    internal const int LapseMargin = 3600;

    private const int MaxSearch = 64;

    // Of the addresses behind those that are looked at, so that many purchases ask for them once.
    private const int AskedAhead = 256;

    /// <summary>The plan of a purchase that is asked for.</summary>
    private static PlanView PlanOf(Session session, long customer, NewMachine wanted)
    {
        if (wanted.Quote is { } quote)
        {
            if (wanted.Plan is not null || wanted.Tokens is not null)
                throw Problem.Invalid("a purchase names a quote, or a plan and tokens, not both");
            long plan = session.Number("SELECT plan FROM quote WHERE id = $1 AND customer = $2", quote, customer);
            return plan != 0 ? PlanWith(session, plan) : throw Problem.NotFound($"there is no quote {quote}");
        }
        if (wanted.Plan is null || wanted.Tokens is null)
            throw Problem.Invalid("a purchase names a quote, or a plan and tokens");
        return session.Memory<SalesMemory>().Plan(session, wanted.Plan);
    }

    /// <summary>
    /// Elements of a new chain for a purchase that is asked for; outside of the transaction. The length of a plan never
    /// changes, nor is a plan ever removed, so of each it is asked once.
    /// </summary>
    internal int ChainLengthFor(Session session, long customer, NewMachine wanted)
    {
        if (wanted is { Quote: null, Plan: { } name, Tokens: not null } && chainLengths.TryGetValue(name, out int known))
            return known;
        PlanView plan = PlanOf(session, customer, wanted);
        chainLengths[plan.Name] = plan.ChainLength;
        return plan.ChainLength;
    }

    // By the plan's name.
    private readonly ConcurrentDictionary<string, int> chainLengths = new();

    internal Purchase Buy(Session session, long customer, NewMachine wanted, NewChain chain)
    {
        long now = Clock();
        byte[] loader = Hex(wanted.Loader, 20, "loader, the SHA-1 of the only loader that the machine will start,");
        PlanView plan = PlanOf(session, customer, wanted);
        DemandDeliverable(plan);
        (int tokens, long value) = wanted.Quote is { } quote ? UseQuote(session, customer, quote, now)
            : (wanted.Tokens!.Value, plan.TokenValue);
        DemandTokens(tokens, plan.ChainLength);
        long amount = checked(tokens * value);
        Books books = BooksOf(session, customer, amount);
        List<uint> kept = [.. (wanted.Guests ?? []).Select(guest => Address.Parse(guest, "guests"))];
        if (kept.Count > plan.Guests || kept.Distinct().Count() != kept.Count)
            throw Problem.Invalid($"guests: the plan {plan.Name} has {plan.Guests}, each named once");
        if (wanted.Node is not null)
            NodeNamed(session, wanted.Node);

        foreach (NodeLoad load in NodesFor(session, plan, tokens, wanted.Node ?? ""))
        {
            if (Find(session, load, customer, plan.Guests, kept) is not (var boot and not 0, var guests))
                continue;
            Node node = load.Node;
            (long id, long account, long chainId, long sale, Head head) = books.Numbers;
            Journal.OpenAccount(session, account, $"machine:{id}");
            byte[] key = KeyOf(node);
            Prices prices = node.Prices.Of(plan.CpuPercent);
            long idle = IdleRate(prices, plan.MemoryMib), expires = now + plan.BootSeconds;
            long lapses = checked(expires + amount / idle + LapseMargin);
            session.Insert(Table.Machine, id, customer, node.Id, plan.Id, node.KeyNumber, account, (long)boot,
                plan.MemoryMib, value, idle, now, expires, lapses, chain.End);
            Claim(session, boot, id, node.Id, customer, isBoot: true);
            foreach (uint guest in guests)
                Claim(session, guest, id, node.Id, customer, isBoot: false);
            load.UsedMemory += plan.MemoryMib;
            load.UsedMachines++;
            load.UsedCpu += plan.CpuPercent;
            load.BootNext = Next(boot, node.BootFirst, node.BootLast);
            if (guests.Count > 0)
                load.GuestNext = Next(guests[^1], node.GuestFirst, node.GuestLast);
            session.SendLast($"node {node.Id}",
                "UPDATE node SET used_memory = $2, used_machines = $3, used_cpu = $4, boot_next = $5, guest_next = $6 "
                + "WHERE id = $1", node.Id, load.UsedMemory, load.UsedMachines, load.UsedCpu, (long)load.BootNext,
                (long)load.GuestNext);
            Entry entry = Journal.Post(session, ref head, now, "purchase", $"machine {id}", books.Payer,
                new Purse(account, 0), amount);
            AddChain(session, chainId, id, chain);
            Sell(session, sale, chainId, 0, tokens, entry.Id);
            Keep(session, customer, new Books(books.Payer with { Balance = entry.DebitBalance },
                new Numbers(id + 1, account + 1, chainId + 1, sale + 1, head)));

            byte[] secret = Secret.Random(AccountRequest.SecretSize);
            Terms terms = new()
            {
                Node = node.Address, BootAddress = boot, PrefixLength = node.Prefix, Gateway = node.Gateway, Guests = guests,
                MemoryMiB = (uint)plan.MemoryMib, CpuPercent = plan.CpuPercent, Issued = now, Expires = expires,
                Lease = plan.LeaseSeconds, ElementCount = (uint)tokens, ChainEnd = chain.End,
                First = chain.Pebbles.Paying(tokens), Loader = loader, RefundHash = Mint.Hash(secret), Value = (ulong)value,
                Prices = prices.OfResources,
            };
            byte[] token = Mint.BootToken(terms, key);
            MachineView machine = new(id, Convert.ToHexStringLower(chain.End), node.Name, Address.Text(node.Address),
                Address.Text(boot), [.. guests.Order().Select(guest => Address.Text(guest))], plan.Name, plan.MemoryMib,
                value, tokens, amount, now, expires, lapses, Closed: null, Ending: null, Released: null);
            return new Purchase(machine, Convert.ToHexStringLower(token),
                Convert.ToHexStringLower(Mint.MachineKey(token, key)),
                Convert.ToHexStringLower(secret), tokens, amount, entry.DebitBalance);
        }
        throw Problem.Conflict("no-room", wanted.Node is null
            ? "no node has room for such a machine now: try again later"
            : $"{wanted.Node} has no room for such a machine now: name another node, or none");
    }

    private static (int Tokens, long Value) UseQuote(Session session, long customer, long quote, long now)
    {
        long[] found = session.One("SELECT tokens, value, expires, used FROM quote WHERE id = $1 AND customer = $2",
            row => new[] { row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3) }, quote, customer)
                ?? throw Problem.NotFound($"there is no quote {quote}");
        if (found[2] <= now || found[3] != 0)
            throw Problem.Conflict("quote",
                $"the quote {quote} has {(found[3] != 0 ? "been used" : "expired")}: ask for another");
        session.Send("UPDATE quote SET used = 1 WHERE id = $1", quote);
        return ((int)found[0], found[1]);
    }

    /// <summary>What a sale goes on from: who pays, the next numbers, and the journal's end.</summary>
    private sealed record Books(Purse Payer, Numbers Numbers);

    private static readonly string s_books = $"""
        SELECT a.id, {Schema.BalanceOf("a.id")}, COALESCE((SELECT MAX(id) FROM machine), 0) + 1,
            COALESCE((SELECT MAX(id) FROM account), 0) + 1, COALESCE((SELECT MAX(id) FROM chain), 0) + 1,
            COALESCE((SELECT MAX(id) FROM sale), 0) + 1,
            {Journal.HeadColumns} FROM account a WHERE a.customer = $1
        """;

    /// <summary>The books for a customer who can pay so much.</summary>
    private static Books BooksOf(Session session, long customer, long amount)
    {
        SalesMemory known = session.Memory<SalesMemory>();
        Books books = known.Numbers is { } numbers && known.Payers.TryGetValue(customer, out Purse payer)
            ? new Books(payer, numbers)
            : session.One(s_books, row => new Books(new Purse(row.GetInt64(0), row.GetInt64(1)), new Numbers(
                row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5), Journal.ReadHead(row, 6))), customer)
            ?? throw Problem.NotFound($"there is no customer {customer}");
        return books.Payer.Balance >= amount ? books : throw new Problem(402, "funds",
            $"this costs {amount} units and the balance is {books.Payer.Balance}: ask the operator for a deposit");
    }

    private static void Keep(Session session, long customer, Books books)
    {
        SalesMemory known = session.Memory<SalesMemory>();
        known.Numbers = books.Numbers;
        known.Payers[customer] = books.Payer;
    }

    // Addresses

    /// <summary>A boot address and guest addresses on a node; 0 when it has none left.</summary>
    /// <param name="kept">Addresses of the customer's guests on other nodes, or of this node's range.</param>
    private static (uint Boot, List<uint> Guests) Find(Session session, NodeLoad load, long customer, int count,
        List<uint> kept)
    {
        Node node = load.Node;
        foreach (uint guest in kept)
        {
            long others =
                session.Number(
                "SELECT COUNT(*) FROM claim WHERE address = $1 AND (is_boot = 1 OR customer <> $2 OR node = $3)",
                (long)guest, customer, node.Id);
            bool isMine = session.Number("SELECT COUNT(*) FROM claim WHERE address = $1 AND customer = $2", (long)guest,
                customer) != 0;
            if (others != 0 || !isMine && (guest < node.GuestFirst || guest > node.GuestLast)
                || !Address.IsHost(guest, node.Prefix))
                return default;
        }
        AddressMemory addresses = session.Memory<SalesMemory>().Addresses;
        addresses.Ask(session, Window(load.BootNext, node.BootLast), Window(load.GuestNext, node.GuestLast));
        uint boot = FindFree(session, node.BootFirst, node.BootLast, load.BootNext, addresses, kept);
        List<uint> guests = [.. kept];
        while (boot != 0 && guests.Count < count)
        {
            uint guest = FindFree(session, node.GuestFirst, node.GuestLast, load.GuestNext, addresses, guests);
            if (guest == 0)
                return default;
            guests.Add(guest);
        }
        return (boot, guests);
    }

    /// <summary>The last address of those that are looked at before a whole range is.</summary>
    private static long LastLookedAt(uint from, long last) => Math.Min(last, from + (long)MaxSearch);

    /// <summary>Those that are looked at from the next one on, with those that the purchases after this one look at.</summary>
    private static AddressMemory.Range Window(uint from, long last) =>
        new(from, LastLookedAt(from, last), Math.Min(last, from + (long)MaxSearch + AskedAhead));

    /// <summary>
    /// The first address from <paramref name="next"/> on that nobody has, otherwise the first of the whole range; 0 when
    /// there is none.
    /// </summary>
    /// <param name="wanted">What is no other's, and yet not free.</param>
    private static uint FindFree(Session session, uint first, long last, uint next, AddressMemory addresses,
        List<uint> wanted)
    {
        bool isFree(long address) => !addresses.IsTaken(address) && !wanted.Contains((uint)address);
        long end = LastLookedAt(next, last);
        addresses.Ask(session, new AddressMemory.Range(next, end, end), AddressMemory.Range.Empty);
        for (long address = next; address <= end; address++)
        {
            if (isFree(address))
                return (uint)address;
        }
        addresses.Ask(session, new AddressMemory.Range(first, last, last), AddressMemory.Range.Empty);
        for (long address = first; address <= last; address++)
        {
            if (isFree(address))
                return (uint)address;
        }
        return 0;
    }

    private static uint Next(uint address, uint first, long last) => address == last ? first : address + 1;

    private static void Claim(Session session, uint address, long machine, long node, long customer, bool isBoot)
    {
        session.Memory<SalesMemory>().Addresses.Take(address);
        session.Insert(Table.Claim, (long)address, machine, node, customer, isBoot);
    }

    // Chains

    private void AddChain(Session session, long id, long machine, NewChain chain) =>
        session.Insert(Table.Chain, id, machine, chain.Pebbles.Length, chain.End,
            chains.Close(chain.Pebbles.Bytes, $"chain {id}"));

    /// <summary>Writes down that the next elements are sold; the database refuses any others.</summary>
    private static void Sell(Session session, long id, long chain, long sold, long elements, long entry) =>
        session.Insert(Table.Sale, id, chain, sold, elements, entry);

    /// <summary>The machine's last chain.</summary>
    private sealed record OpenChain(long Id, int Length, long Sold, byte[] End, byte[] Sealed);

    private static OpenChain LastChain(Session session, long machine) => session.One(
        "SELECT id, length, sold, chain_end, sealed FROM chain WHERE machine = $1 ORDER BY id DESC LIMIT 1",
        row => new OpenChain(row.GetInt64(0), (int)row.GetInt64(1), row.GetInt64(2), row.Bytes(3), row.Bytes(4)),
            machine)!;

    /// <summary>
    /// Whether so many more elements take a new chain, and how long that is; outside of the transaction, for <see
    /// cref="NewChain"/>.
    /// </summary>
    internal static int NewChainFor(Session session, long customer, long machine, int tokens)
    {
        MachineView view = Machine(session, customer, machine);
        OpenChain chain = LastChain(session, machine);
        return chain.Length - chain.Sold >= tokens ? 0
            : PlanWith(session, session.Number("SELECT plan FROM machine WHERE id = $1", view.Id)).ChainLength;
    }

    internal Resupply Resupply(Session session, long customer, long machine, int tokens, NewChain? further)
    {
        MachineView view = Machine(session, customer, machine);
        if (view.Closed is not null)
            throw Problem.Conflict("closed", $"the machine {machine} is {view.Ending}: buy another");
        if (view.Released is not null)
            throw Problem.Conflict("closed", $"the machine {machine} was not started before its token expired, or its node "
                + "was started again since: its place is others' by now, so buy another");
        OpenChain chain = LastChain(session, machine);
        long left = chain.Length - chain.Sold;
        DemandTokens(tokens, (int)Math.Min(int.MaxValue, left + (further?.Pebbles.Length ?? 0)));
        long amount = checked(tokens * view.TokenValue), now = Clock();
        Books books = BooksOf(session, customer, amount);
        long[] row = session.One(
            $"SELECT m.account, m.idle, m.node, m.lapses, {Schema.BalanceOf("m.account")} FROM machine m WHERE m.id = $1",
            row => new[] { row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4) }, machine)!;
        if (row[3] <= now)
            throw Problem.Conflict("closed", $"the machine {machine} has lapsed: buy another");
        Node node = session.One(NodeColumns + " WHERE n.id = $1", ReadNode, row[2])!;
        Numbers numbers = books.Numbers;
        Head head = numbers.Head;
        Entry entry = Journal.Post(session, ref head, now, "resupply", $"machine {machine}", books.Payer,
            new Purse(row[0], row[4]), amount);
        session.Send("UPDATE machine SET lapses = lapses + $2 WHERE id = $1", machine, amount / row[1] + 1);
        byte[] name = Convert.FromHexString(view.Name);

        List<Ping> pings = [];
        long ofOld = Math.Min(tokens, left), ofNew = tokens - ofOld;
        if (ofOld > 0)
        {
            Sell(session, numbers.Sale, chain.Id, chain.Sold, ofOld, entry.Id);
            numbers = numbers with { Sale = numbers.Sale + 1 };
            Pebbles pebbles = new(chains.Open(chain.Sealed, $"chain {chain.Id}"));
            AddPayments(pings, pebbles, name, chain.Sold, ofOld, node.Hashes);
        }
        if (ofNew > 0)
        {
            long at = Math.Min(ofNew, node.Hashes);
            byte[] continuation = Mint.Continuation(node.Address, name, chain.End, further!.End,
                further.Pebbles.Paying(at), (uint)at, KeyOf(node));
            AddChain(session, numbers.Chain, machine, further);
            Sell(session, numbers.Sale, numbers.Chain, 0, ofNew, entry.Id);
            numbers = numbers with { Chain = numbers.Chain + 1, Sale = numbers.Sale + 1 };
            pings.Add(new Ping((int)MagicKind.Continuation, Convert.ToHexStringLower(continuation)));
            AddPayments(pings, further.Pebbles, name, at, ofNew - at, node.Hashes);
        }
        Keep(session, customer, new Books(books.Payer with { Balance = entry.DebitBalance }, numbers with { Head = head }));
        return new Resupply(machine, tokens, amount, entry.DebitBalance, row[3] + amount / row[1] + 1, pings);
    }

    /// <summary>As many payments as it takes, since a node hashes only so often for one packet.</summary>
    private void AddPayments(List<Ping> pings, Pebbles pebbles, byte[] name, long sold, long elements, long mostAtOnce)
    {
        for (long paid = sold; paid < sold + elements;)
        {
            paid = Math.Min(paid + mostAtOnce, sold + elements);
            pings.Add(new Ping((int)MagicKind.Payment,
                Convert.ToHexStringLower(Mint.Payment(name, pebbles.Paying(paid), (uint)paid))));
        }
    }

    // Views

    private const string MachineColumns = """
        SELECT m.id, m.name, n.name, n.address, m.boot, p.name, m.memory, m.value,
            (SELECT CAST(SUM(sold) AS BIGINT) FROM chain WHERE machine = m.id),
            m.issued, m.expires, m.lapses, m.closed, m.ending, m.released
                FROM machine m JOIN node n ON n.id = m.node JOIN plan p ON p.id = m.plan
        """;

    private static MachineView ReadMachine(Row row) =>
        new(row.GetInt64(0), Convert.ToHexStringLower(row.Bytes(1)), row.GetString(2), Address.Text(row.GetInt64(3)),
        Address.Text(row.GetInt64(4)), [], row.GetString(5), row.GetInt64(6), row.GetInt64(7), row.GetInt64(8),
            row.GetInt64(7) * row.GetInt64(8),
        row.GetInt64(9), row.GetInt64(10), row.GetInt64(11), row.Maybe(12), row.IsDBNull(13) ? null
            : row.GetString(13), row.Maybe(14));

    internal static MachineView Machine(Session session, long customer, long id) => WithGuests(session,
        session.One(MachineColumns + " WHERE m.id = $1 AND m.customer = $2", ReadMachine, id, customer)
            ?? throw Problem.NotFound($"there is no machine {id} of yours"));

    internal static Page<MachineView> Machines(Session session, long customer, long after, int limit)
    {
        Page<MachineView> page = PageOf(
            session.All(MachineColumns + " WHERE m.customer = $1 AND m.id > $2 ORDER BY m.id LIMIT $3", ReadMachine,
            customer, after, limit + 1), limit, item => item.Id);
        return page with { Items = [.. page.Items.Select(machine => WithGuests(session, machine))] };
    }

    private static MachineView WithGuests(Session session, MachineView machine) => machine with
    {
        Guests = session.All("SELECT address FROM claim WHERE machine = $1 AND is_boot = 0 ORDER BY address",
            row => Address.Text(row.GetInt64(0)), machine.Id),
    };

    // The end

    /// <summary>
    /// Takes a redemption certificate, once for each machine: what is unused goes back to the customer, what was used is
    /// burned, and what was sold and never came to the node is breakage.
    /// </summary>
    internal RefundView Refund(Session session, long customer, NewRefund wanted)
    {
        byte[] bytes = Hex(wanted.Certificate, wanted.Certificate.Length / 2, "certificate");
        Certificate certificate = Certificate.Read(bytes)
            ?? throw Problem.Invalid("certificate: this is no redemption certificate");
        long[] found =
            session.One("SELECT m.id, m.node, m.account, m.value, p.cpu FROM machine m JOIN plan p ON p.id = m.plan "
            + "WHERE m.name = $1 AND m.customer = $2",
            row => new[] { row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4) },
                certificate.Name, customer)
            ?? throw Problem.NotFound("the certificate is for no machine of yours");
        (long machine, long node, long account) = (found[0], found[1], found[2]);
        if (!NodeKeys(session, node, 3).Any(key => Certificate.IsSigned(bytes, key.Key)))
            throw Problem.Invalid("certificate: the node of the machine has not signed it");
        if (session.Number("SELECT COUNT(*) FROM machine WHERE id = $1 AND closed IS NOT NULL", machine) != 0)
            throw Problem.Conflict("closed", $"the machine {machine} is settled already");
        long now = Clock(), sold = Journal.Balance(session, account), payee = AccountOf(session, customer);
        long delivered = Delivered(session, machine, certificate.Elements) * found[3];
        if (certificate.Unused > delivered)
            throw Problem.Conflict("certificate",
                $"the certificate says {certificate.Unused} units are unused, and {delivered} were paid to the node");
        if (certificate.Unused > 0)
            Journal.Post(session, now, "refund", $"machine {machine}", account, payee, certificate.Unused);
        // What was used on credit, in the time of grace, was sold to nobody.
        long burned = Math.Min(certificate.Spent(NodeWith(session, node).Prices.Of(found[4]).OfResources), delivered - certificate.Unused);
        if (burned > 0)
            Journal.Post(session, now, Journal.Burned, $"machine {machine}", account,
                Journal.AccountNamed(session, Journal.Burned), burned);
        Close(session, machine, account, "refunded", now);
        session.Send("INSERT INTO refund (machine, at, unused, certificate) VALUES ($1, $2, $3, $4)", machine, now,
            certificate.Unused, bytes);
        return new RefundView(machine, certificate.Unused, burned, sold - certificate.Unused - burned,
            Journal.Balance(session, payee));
    }

    /// <summary>
    /// How many elements the node was paid, when it says so many of the chain that was the last: all of the chains
    /// before it are. With several that could be it, the newest is taken.
    /// </summary>
    private static long Delivered(Session session, long machine, long elements)
    {
        long[]? before = session.One("""
            SELECT COALESCE((SELECT CAST(SUM(e.sold) AS BIGINT) FROM chain e WHERE e.machine = $1 AND e.id < c.id), 0)
            FROM chain c WHERE c.machine = $1 AND c.sold >= $2 ORDER BY c.id DESC LIMIT 1
            """, row => new[] { row.GetInt64(0) }, machine, elements);
        return before is null ? throw Problem.Conflict("certificate",
            $"the certificate says {elements} elements of a chain were paid, and fewer were sold")
            : before[0] + elements;
    }

    /// <summary>
    /// Settles machines that cannot run any more, however they were used, so that others get their places.
    /// </summary>
    /// <returns>How many.</returns>
    internal int SettleLapsed(Session session, int most)
    {
        long now = Clock();
        List<(long Id, long Account)> lapsed = session.All(
            "SELECT id, account FROM machine WHERE closed IS NULL AND lapses <= $1 ORDER BY lapses LIMIT $2",
            row => (row.GetInt64(0), row.GetInt64(1)), now, most);
        foreach ((long id, long account) in lapsed)
            Close(session, id, account, "lapsed", now);
        return lapsed.Count;
    }

    /// <summary>What is left on the machine's account is breakage; gives its place back.</summary>
    private void Close(Session session, long machine, long account, string ending, long now)
    {
        long left = Journal.Balance(session, account);
        if (left > 0)
            Journal.Post(session, now, Journal.Breakage, $"machine {machine}", account,
                Journal.AccountNamed(session, Journal.Breakage), left);
        GiveBackPlace(session, machine);
        session.Send("UPDATE machine SET closed = $2, ending = $3 WHERE id = $1", machine, now, ending);
    }

    /// <summary>The machine's memory and addresses are others' from now on, unless they are already.</summary>
    private static void GiveBackPlace(Session session, long machine)
    {
        session.Send(
            "UPDATE node SET used_memory = used_memory - (SELECT memory FROM machine WHERE id = $1), used_machines = "
            + "used_machines - 1, used_cpu = used_cpu - (SELECT p.cpu FROM machine m JOIN plan p ON p.id = m.plan WHERE "
            + "m.id = $1) WHERE id = (SELECT node FROM machine WHERE id = $1 AND released IS NULL)", machine);
        session.Send("DELETE FROM claim WHERE machine = $1", machine);
    }
}
