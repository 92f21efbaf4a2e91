using System;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman ledger</c>.</summary>
internal static class LedgerCommand
{
    internal static Command Create()
    {
        var broker = Values.BrokerOption();
        var json = Values.Json();
        var command = new Command("ledger", "Lists what came into one's balance at a broker, and what went out.")
        {
            broker, json,
        };
        command.WithExamples("""
            evilman ledger                       time, amount, balance after it, and what for
            evilman ledger --broker lab --json   one object of JSON a line
            """);
        command.SetAction(result =>
        {
            var client = new BrokerClient(Inventory.Load().Broker(result.GetValue(broker)));
            foreach (var entry in client.List("/v1/entries", Json.Default.PageEntryView))
            {
                Say.Plain(result.GetValue(json) ? JsonSerializer.Serialize(entry, Json.Default.EntryView)
                    : string.Create(CultureInfo.InvariantCulture,
                        $"{DateTimeOffset.FromUnixTimeSeconds(entry.At):yyyy-MM-dd HH:mm:ss}Z  {entry.Amount,14:+0;-0}  ")
                    + string.Create(CultureInfo.InvariantCulture,
                        $"{entry.Balance,14}  {entry.Kind}{(entry.Reference.Length > 0 ? ", " : "")}{entry.Reference}"));
            }
            return ExitCode.Done;
        });
        return command;
    }
}
