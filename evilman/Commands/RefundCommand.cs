using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Net;
using Evilman.Text;
using Evilman.Tokens;
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
                + "«.certificate» after its name.");
        var command = new Command("refund",
            "Ends a machine, and gets the node's certificate of what is left of its tokens; the broker of a machine "
                + "that was bought pays it back.")
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
                return RefundBought(options, result, name);
            var secret = MachineKeyFile.Read(result.GetValue(secretFile) ?? options.TokenPath(result) + ".refund");
            var path = result.GetValue(output) ?? options.TokenPath(result) + ".certificate";
            using var socket = EchoSocket.Open();
            var account = options.Look(result, socket, machine, MagicKind.Refund, secret);
            if (account.State != AccountState.Refunded)
                throw new Failure($"{machine.Node} answers without a certificate");
            // The node gives the same again when it is asked again, so an old one may go.
            Secret.Write(path, account.Bytes, replace: true);
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

    static int RefundBought(AccountOptions options, ParseResult result, string name)
    {
        using var file = MachineStore.Standard.Open(name);
        var refund = Tills.For(file, options.Patience(result)).Refund();
        if (options.Json(result))
            Say.Plain(JsonSerializer.Serialize(refund, Json.Default.RefundView));
        else
        {
            Say.Step(string.Create(CultureInfo.InvariantCulture,
                $"{name} has ended: {refund.Refunded} units are given back, {refund.Burned} were used"));
            if (refund.Breakage > 0)
                Say.Note(string.Create(CultureInfo.InvariantCulture,
                    $"breakage   {refund.Breakage} units were bought and never came to the node"));
            Say.Note(string.Create(CultureInfo.InvariantCulture, $"balance    {refund.Balance} units"));
        }
        return ExitCode.Done;
    }
}
