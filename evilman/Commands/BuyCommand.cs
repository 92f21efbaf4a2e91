using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Tokens;

namespace Evilman.Commands;

/// <summary><c>evilman buy NAME --plan … --tokens … --loader …</c>: figure 8.1 of the thesis.</summary>
internal static class BuyCommand
{
    internal static Command Create()
    {
        var name = Values.Name("name", "What the machine shall be called here.");
        var broker = Values.BrokerOption();
        var plan = new Option<string>("--plan")
        {
            Description = "What is bought, as the broker calls it.",
            HelpName = "PLAN",
            Required = true,
        };
        var tokens = Values.CountOption("--tokens", "How many tokens the machine begins with.", 10, 1,
            Chain.MaxLength);
        var loader = Values.FileOption("--loader", "The only loader that the machine will start.", required: true);
        var node = new Option<string?>("--node")
        {
            Description = "The node, as the broker calls it; otherwise the broker chooses.",
            HelpName = "NODE",
        };
        var guests = new Option<IPAddress[]>("--guest")
        {
            Description = "An address that the guest has on another node already, so that it can move there; up to "
                + "four.",
            HelpName = "A.B.C.D",
            CustomParser = Values.Addresses,
        };
        var json = Values.Json();
        var command = new Command("buy", "Buys a machine from a broker; evilman boot then starts it.")
        {
            name, broker, plan, tokens, loader, node, guests, json,
        };
        command.WithExamples("""
            evilman buy job --plan small --tokens 20 --loader loader-kernel
            evilman boot job --loader loader-kernel --kernel guestos \
                    --initramfs guest.cpio
            evilman buy job2 --plan small --node n2 --guest 10.0.0.50 \
                    --loader loader-checkpoint                        for its guest to move to
            """);
        command.SetAction(result =>
        {
            var called = result.GetValue(name)!;
            var from = Inventory.Load().Broker(result.GetValue(broker));
            IReadOnlyList<string>? kept = result.GetValue(guests) is { Length: > 0 } addresses
                ? [.. addresses.Select(address => $"{address}")] : null;
            var hash = Mint.Hash(BootClient.ReadFile(result.GetValue(loader)!));
            var wanted = new NewMachine(result.GetValue(plan)!, result.GetValue(tokens),
                Convert.ToHexStringLower(hash), result.GetValue(node), kept);
            using var file = MachineStore.Standard.Open(called);
            var isBegun = MachinePurchases.For(file).Buy(from.Name, wanted);
            var machine = file.Machine!;
            if (result.GetValue(json))
            {
                Say.Plain(JsonSerializer.Serialize(MachineLine.Of(called, machine), Json.Default.MachineLine));
                return ExitCode.Done;
            }
            if (isBegun)
                Say.Note("this purchase was begun before: nothing was bought twice");
            var bought = machine.Bought!;
            Say.Step(string.Create(CultureInfo.InvariantCulture,
                $"{called}: {bought.Tokens} tokens for {bought.Amount} units, of which {bought.Balance} are left"));
            Say.Note($"node       {bought.Machine.Node}, {bought.Machine.NodeAddress}");
            Say.Note($"machine    {bought.Machine.BootAddress}, {bought.Machine.MemoryMib} MiB of memory");
            Say.Note($"guest      {string.Join(", ", bought.Machine.Guests)}");
            return ExitCode.Done;
        });
        return command;
    }
}
