using System.CommandLine;
using Evilman.Net;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman balance MACHINE</c>.</summary>
internal static class BalanceCommand
{
    internal static Command Create()
    {
        var options = new AccountOptions();
        var command = new Command("balance",
            "Asks a node what is left of a machine's payments, and for how long that will do.");
        options.AddTo(command);
        command.WithExamples("""
            evilman balance job
            evilman balance 10.0.0.1 --token job.token --json
            """);
        command.SetAction(result =>
        {
            using var socket = EchoSocket.Open();
            var account = options.Look(result, socket, options.Account(result));
            if (options.Json(result))
            {
                Say.Plain(account.Json());
                return ExitCode.Done;
            }
            Say.Step(account.Sentence());
            Say.Note(account.UsedSentence());
            return ExitCode.Done;
        });
        return command;
    }
}
