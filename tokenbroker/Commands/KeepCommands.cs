using System;
using System.CommandLine;
using Tokenbroker.Market;
using Tokenbroker.Storage;

namespace Tokenbroker.Commands;

/// <summary><c>tokenbroker verify</c>, <c>backup</c> and <c>restore</c>.</summary>
internal static class KeepCommands
{
    internal static Command CreateVerify(Place place)
    {
        Option<string> known = Values.Text("--head", "N:HASH",
            "The head that an earlier run printed: it has to be there still.", required: false);
        Command command = new("verify",
            "Derives the whole ledger again and finds what was changed. The last line is what there is, and the "
            + "ledger's head.") { known };
        command.SetAction(result =>
        {
            using Broker broker = place.Broker(result, place.Database(result));
            Findings found = Verify(broker, result.GetValue(known));
            foreach (string fault in found.Faults)
                Console.Error.WriteLine($"tokenbroker: {fault}");
            Console.WriteLine(
                $"verify: {(found.Faults.Count == 0 ? "ok" : "BROKEN")} entries={found.Entries} "
                + $"accounts={found.Accounts} chains={found.Chains} sold={found.Sold} "
                + $"burned={found.Burned} refunded={found.Refunded} breakage={found.Breakage} "
                + $"outstanding={found.Outstanding} head={found.Head}");
            return found.Faults.Count == 0 ? 0 : 1;
        });
        return command;
    }

    /// <summary>Says on a terminal what is being looked at, in a line that is empty again when this returns.</summary>
    private static Findings Verify(Broker broker, string? known)
    {
        const string Beginning = "\r\x1b[K"; // of the line, which is erased (ECMA-48, EL)
        if (Console.IsErrorRedirected)
            return broker.Verify(known);
        Findings found = broker.Verify(known, at => Console.Error.Write($"{Beginning}verify: {at}"));
        Console.Error.Write(Beginning);
        return found;
    }

    internal static Command CreateBackup(Place place)
    {
        Argument<string> file = new("file") { Description = "Where to; must not exist yet." };
        Command command = new("backup",
            "Copies the database as it is at one instant, while it is being used. The master key "
            + "is not in it.") { file };
        command.SetAction(result =>
        {
            using Broker broker = place.Broker(result);
            broker.Database.Backup(result.GetValue(file)!);
            return 0;
        });
        return command;
    }

    internal static Command CreateRestore(Place place)
    {
        Argument<string> file = new("file") { Description = "What «backup» has written." };
        Command command = new("restore", "Puts a backup where no database is, and verifies it.") { file };
        command.SetAction(result =>
        {
            using Database database = place.Database(result);
            Findings? found = null;
            bool isRestored = database.Restore(result.GetValue(file)!, restored =>
            {
                using Broker broker = place.Broker(result, restored);
                found = Verify(broker, known: null);
                return found.Faults.Count == 0;
            });
            foreach (string fault in found!.Faults)
                Console.Error.WriteLine($"tokenbroker: {fault}");
            if (isRestored)
                Console.WriteLine($"restored {found.Entries} entries, head={found.Head}");
            else
                Console.Error.WriteLine("tokenbroker: the backup does not verify");
            return isRestored ? 0 : 1;
        });
        return command;
    }
}
