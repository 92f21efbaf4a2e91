using System;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Wire;

namespace Evilman.Commands;

/// <summary><c>evilman refund MACHINE</c>.</summary>
internal static class RefundCommand
{
    internal static Command Create()
    {
        var options = new AccountOptions();
        var secretFile = Values.FileOption("--refund-secret",
            "What «evilman mint» wrote beside the token, with «.refund» after its name; that otherwise.");
        var output = Values.FileOption("--out",
            "Where to write the redemption certificate, for the broker; otherwise beside the token, with "
                + "«.certificate» after its name, and of a machine that was bought nowhere.");
        var command = new Command("refund",
            "Ends a machine, and gets the node's certificate of what is left of its tokens; the broker of a machine "
                + "that was bought pays it back, and its name is free again. Asked once more it tells the same.")
        {
            secretFile, output,
        };
        options.AddTo(command);
        command.WithExamples("""
            evilman refund job                               what is left is in the balance again
            evilman refund 10.0.0.1 --token job.token --out job.certificate
            """);
        command.SetAction(result =>
        {
            var machine = options.Account(result);
            if (machine.Machine is { } name)
                return RefundBought(options, result, name, result.GetValue(output));
            var secret = MachineKeyFile.Read(result.GetValue(secretFile) ?? options.TokenPath(result) + ".refund");
            var path = result.GetValue(output) ?? options.TokenPath(result) + ".certificate";
            using var socket = EchoSocket.Open();
            var account = options.Look(result, socket, machine, MagicKind.Refund, secret);
            if (account.State != AccountState.Refunded)
                throw new Failure($"{machine.Node} answers without a certificate");
            // The node gives the same again when it is asked again, so an old one may go.
            SecretFile.Write(path, account.Bytes, replace: true);
            if (options.Json(result))
            {
                Say.Plain(account.Json());
                return ExitCode.Done;
            }
            Say.Step(account.Sentence());
            Say.Note(account.UsedSentence());
            Say.Note($"{path} is for the broker, who redeems it once");
            return ExitCode.Done;
        });
        return command;
    }

    static int RefundBought(AccountOptions options, ParseResult result, string name, string? path)
    {
        using var file = MachineStore.Standard.Open(name);
        var isRepeated = file.Machine is { Refunded: not null };
        var refund = MachinePurchases.For(file, options.Patience(result)).Refund();
        var machine = file.Machine!;
        // The certificate stays what it was, and the balance does not.
        if (isRepeated && new BrokerClient(Inventory.Load().Broker(machine.Broker)).Balance() is { } balance)
            refund = refund with { Balance = balance };
        if (path is not null)
            SecretFile.Write(path, Convert.FromHexString(machine.Certificate!), replace: true);
        if (options.Json(result))
            Say.Plain(JsonSerializer.Serialize(new RefundLine(name, refund.Machine, refund.Refunded, refund.Burned, refund.Balance,
                refund.Breakage, machine.Certificate!), Json.Default.RefundLine));
        else
        {
            Say.Step(string.Create(CultureInfo.InvariantCulture,
                $"{name} has ended: {refund.Refunded} units were given back, {refund.Burned} were used"));
            if (refund.Breakage > 0)
                Say.Note(string.Create(CultureInfo.InvariantCulture,
                    $"breakage   {refund.Breakage} units were bought and never came to the node"));
            Say.Note(string.Create(CultureInfo.InvariantCulture, $"balance    {refund.Balance} units"));
            if (path is not null)
                Say.Note($"{path} is the node's certificate, which the broker has redeemed");
        }
        return ExitCode.Done;
    }
}
