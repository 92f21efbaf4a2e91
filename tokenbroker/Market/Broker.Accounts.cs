using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Tokens;
using Wire;

namespace Tokenbroker.Market;

/// <summary>What is asked of nodes for customers who cannot send pings themselves, such as those of the web page.</summary>
internal sealed partial class Broker
{
    // Requests to nodes that one customer may have under way, so that slow nodes of his leave some of
    // NodeLink.MaxAtOnce to others.
    private const int MaxAskedForOne = 8;

    private readonly INodeLink link;
    private readonly ConcurrentDictionary<long, int> asking = new();

    /// <summary>What is left of a machine's tokens, as its node says and signs.</summary>
    internal async Task<AccountView> Account(long customer, long id, CancellationToken cancel)
    {
        (MachineView machine, List<(long Number, byte[] Key)> keys) = Database.Read(session =>
            Tuple.Create(Machine(session, customer, id),
                NodeKeys(session, session.Number("SELECT node FROM machine WHERE id = $1", id), 3)));
        byte[] body = new byte[AccountRequest.Size];
        AccountRequest.Emit(body, Convert.FromHexString(machine.Name), default);
        (Refusal refusal, byte[]? statement) = await Ask(customer, machine, MagicKind.Query, body, cancel);
        if (refusal == Refusal.NoSuchDomain)
            throw Problem.Conflict("no-account",
                $"the node {machine.Node} keeps no account of it: it was not started yet, or has ended long ago");
        if (refusal != Refusal.None || !Statement.TryParse(statement, out Statement said)
            || !said.Machine.Bytes.SequenceEqual(Convert.FromHexString(machine.Name))
            || !keys.Exists(key => Certificate.IsSigned(statement, key.Key)))
            throw new Problem(503, "node", $"what answers for the node {machine.Node} is not that node");
        bool isPaid = said.State == AccountState.Running;
        return new AccountView(id, said.State switch
        {
            AccountState.Running => "running",
            AccountState.Grace => "grace",
            AccountState.Ended => "ended",
            _ => "refunded",
        }, Whole(said.Unused), Whole(said.Rate), isPaid && said.Rate != 0 ? Whole(said.Unused / said.Rate) : null,
            Whole(said.Used(Resource.Cpu)), Whole(said.Used(Resource.Memory)), Whole(said.Used(Resource.Network)),
            Whole(said.Used(Resource.Existence)));
    }

    private static long Whole(ulong number) => (long)Math.Min(number, long.MaxValue);

    /// <summary>Hands bought tokens to the node of their machine, in order, as far as it takes them.</summary>
    internal async Task<PingsView> Deliver(long customer, long id, NewPings wanted, CancellationToken cancel)
    {
        MachineView machine = Database.Read(session => Machine(session, customer, id));
        byte[] name = Convert.FromHexString(machine.Name);
        List<(MagicKind Kind, byte[] Body)> pings = [.. wanted.Pings.Select(ping => Checked(ping, name))];
        int taken = 0;
        foreach ((MagicKind kind, byte[] body) in pings)
        {
            (Refusal refusal, _) = await Ask(customer, machine, kind, body, cancel);
            if (refusal is not (Refusal.None or Refusal.AlreadyPaid))
                return new PingsView(taken, refusal.Sentence());
            taken++;
        }
        return new PingsView(taken, null);
    }

    private static (MagicKind Kind, byte[] Body) Checked(Ping? ping, byte[] machine)
    {
        if (ping is null)
            throw Problem.Invalid("pings: null is none");
        byte[] body = Hex(ping.Body, ping.Body.Length / 2, "pings");
        bool isWhole = (MagicKind)ping.Kind switch
        {
            MagicKind.Payment => Payment.TryParse(body, out Payment payment)
                && payment.Machine.Bytes.SequenceEqual(machine),
            MagicKind.Continuation => Continuation.TryParse(body, out Continuation token)
                && token.Machine.Bytes.SequenceEqual(machine),
            _ => false,
        };
        return isWhole ? ((MagicKind)ping.Kind, body)
            : throw Problem.Invalid("pings: these are no payments or continuations that were sold for this machine");
    }

    private async Task<(Refusal Refusal, byte[]? Statement)> Ask(long customer, MachineView machine, MagicKind kind,
        byte[] body, CancellationToken cancel)
    {
        try
        {
            if (asking.AddOrUpdate(customer, 1, (_, count) => count + 1) > MaxAskedForOne)
                throw new Problem(503, "busy", $"{MaxAskedForOne} requests of yours are asking nodes: try again in a second");
            return await link.Ask(machine.NodeAddress, kind, body, cancel)
                ?? throw new Problem(503, "node", $"the node {machine.Node} does not answer: try again");
        }
        finally
        {
            asking.AddOrUpdate(customer, 0, (_, count) => count - 1);
        }
    }
}
