using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Tokenbroker.Storage;
using Tokens;
using Wire;

namespace Tokenbroker.Market;

/// <summary>
/// Machines that were bought and never started: once nothing can start them any more, their nodes are asked, and where
/// one has no such machine its place is others'. Its money stays until it lapses, for whoever still has the statement
/// of its node that says what is left (a redemption certificate).
/// </summary>
internal sealed partial class Broker
{
    /// <summary>Seconds after a boot token's end; its node's clock may be behind.</summary>
    internal const int UnstartedMargin = 300;

    private const int SilentFor = 60, MaxLookedAt = 500;

    // Nodes that did not answer, by their addresses, and when they are asked again.
    private readonly ConcurrentDictionary<string, long> silent = new();

    private sealed record Unstarted(long Id, long Node, string Address, byte[] Name);

    /// <summary>What nodes say of some of the machines whose boot tokens have expired: whether they have them.</summary>
    internal async Task<List<(long Machine, bool IsThere)>> AskForUnstarted(int most, CancellationToken cancel)
    {
        long now = Clock();
        List<Unstarted> found = Database.Read(session => session.All("""
            SELECT m.id, n.id, n.address, m.name FROM machine m JOIN node n ON n.id = m.node
            WHERE m.closed IS NULL AND m.started IS NULL AND m.released IS NULL AND m.expires < $1
            ORDER BY m.expires LIMIT $2
            """, row => new Unstarted(row.GetInt64(0), row.GetInt64(1), Address.Text(row.GetInt64(2)), row.Bytes(3)),
            now - UnstartedMargin, MaxLookedAt));
        List<(long, bool)> said = [];
        foreach (Unstarted machine in found)
        {
            if (said.Count == most)
                break;
            if (silent.GetValueOrDefault(machine.Address) > now)
                continue;
            if (await IsThere(machine, cancel) is { } isThere)
                said.Add((machine.Id, isThere));
            else
                silent[machine.Address] = now + SilentFor;
        }
        return said;
    }

    /// <summary>Null where the node does not answer, or not as that node.</summary>
    private async Task<bool?> IsThere(Unstarted machine, CancellationToken cancel)
    {
        byte[] body = new byte[AccountRequest.Size];
        AccountRequest.Emit(body, machine.Name, default);
        (Refusal Refusal, byte[]? Statement)? answer;
        try
        {
            answer = await link.Ask(machine.Address, MagicKind.Query, body, cancel);
        }
        catch (Problem)
        {
            return null; // too many are asking
        }
        if (answer is not { } it)
            return null;
        if (it.Refusal == Refusal.NoSuchDomain)
            return false;
        List<(long Number, byte[] Key)> keys = Database.Read(session => NodeKeys(session, machine.Node, 3));
        return it.Refusal == Refusal.None && Statement.TryParse(it.Statement, out Statement statement)
            && statement.Machine.Bytes.SequenceEqual(machine.Name)
            && keys.Exists(key => Certificate.IsSigned(it.Statement, key.Key)) ? true : null;
    }

    /// <summary>Remembers what nodes have said; those that are not there give their places back.</summary>
    /// <returns>How many.</returns>
    internal int Release(Session session, List<(long Machine, bool IsThere)> said)
    {
        int released = 0;
        foreach ((long machine, bool isThere) in said)
        {
            bool isOpen = session.Number(
                "SELECT COUNT(*) FROM machine WHERE id = $1 AND closed IS NULL AND released IS NULL", machine) != 0;
            if (!isOpen)
                continue;
            if (!isThere)
            {
                GiveBackPlace(session, machine);
                released++;
            }
            session.Send($"UPDATE machine SET {(isThere ? "started" : "released")} = $2 WHERE id = $1", machine, Clock());
        }
        return released;
    }
}
