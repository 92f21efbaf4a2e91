using System.CommandLine;
using Evilman.Net;
using Evilman.Text;
using Evilman.Tokens;
using Wire;

namespace Evilman.Commands;

/// <summary><c>evilman refund NODE --token FILE --out FILE</c>.</summary>
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
            "Ends a machine, and gets the node's certificate of what is left of its tokens.")
        {
            secretFile, output,
        };
        options.AddTo(command);
        command.WithExamples("""
            evilman refund 10.0.0.1 --token job.token --out job.certificate
            """);
        command.SetAction(result =>
        {
            var token = options.Token(result);
            var secret = MachineKeyFile.Read(result.GetValue(secretFile) ?? options.TokenPath(result) + ".refund");
            var path = result.GetValue(output) ?? options.TokenPath(result) + ".certificate";
            using var socket = EchoSocket.Open();
            var account = options.Look(result, socket, token, MagicKind.Refund, secret);
            if (account.State != AccountState.Refunded)
                throw new Failure($"{options.Node(result)} answers without a certificate");
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
}
