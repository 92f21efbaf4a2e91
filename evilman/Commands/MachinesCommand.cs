using System.CommandLine;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman machines</c>.</summary>
internal static class MachinesCommand
{
    internal static Command Create()
    {
        var json = Values.Json();
        var command = new Command("machines", "Lists the machines that were bought, by their names.") { json };
        command.WithExamples("""
            evilman machines
            evilman machines --json              one object of JSON a line
            """);
        command.SetAction(result =>
        {
            var store = MachineStore.Standard;
            if (!result.GetValue(json) && !store.Names.Any())
                Say.Note("no machine was bought: «evilman buy NAME» buys one");
            foreach (var name in store.Names)
            {
                if (store.Find(name) is not { } machine)
                    continue;
                var line = MachineLine.Of(name, machine);
                Say.Plain(result.GetValue(json) ? JsonSerializer.Serialize(line, Json.Default.MachineLine)
                    : string.Create(CultureInfo.InvariantCulture,
                        $"{name,-12} {line.State,-9} {line.NodeAddress,-15} {line.BootAddress,-15} ")
                    + string.Create(CultureInfo.InvariantCulture,
                        $"{string.Join(',', line.Guests),-15} {line.Bought} units from {line.Broker}"));
            }
            return ExitCode.Done;
        });
        return command;
    }
}
