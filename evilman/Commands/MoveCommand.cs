using System;
using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Threading;
using Evilman.Demo;
using Evilman.Net;
using Evilman.Text;
using Wire;

namespace Evilman.Commands;

/// <summary><c>evilman move GUEST NODE …</c>: figure 8.4 of the thesis from the customer's side.</summary>
internal static class MoveCommand
{
    internal static Command Create()
    {
        var guest = Values.Address("guest", "The guest's address.");
        var node = Values.Address("node", "The node it shall move to.");
        var tokenFile = Values.FileOption("--token", "Spend this boot token instead of minting one.");
        var timeout = Values.DurationOption("--timeout", "Patience with the whole move.", "60s");
        var options = new TokenOptions();
        var command = new Command("move", "Asks a guest to move itself to another node.") { guest, node, tokenFile, timeout };
        options.AddTo(command);
        command.WithExamples("""
            evilman move 10.0.0.50 10.0.0.2 --key-file node2.key --boot-address 10.0.0.121/24 --loader loader-checkpoint
            """);
        command.SetAction(result =>
        {
            var to = result.GetValue(node)!;
            var token = result.GetValue(tokenFile) is { } file ? BootClient.ReadFile(file) : options.Mint(result, to, result.GetValue(guest)).Token;
            Move(result.GetValue(guest)!, to, token, result.GetValue(timeout));
            return ExitCode.Done;
        });
        return command;
    }

    static void Move(IPAddress guest, IPAddress node, byte[] token, TimeSpan patience)
    {
        if (!BootToken.TryParse(token, out var parsed))
            throw new Failure("that is not a boot token");
        var boot = Tokens.Mint.Address(parsed.BootAddress);
        var start = Stopwatch.GetTimestamp();
        using (var echo = EchoSocket.Open())
        {
            MagicPinger.Demand(echo, node, token, MagicPinger.Patience);
            Say.Step($"{node} accepted the token; an empty machine starts at {boot}");
            while (echo.Exchange(boot, new byte[16], TimeSpan.FromMilliseconds(200)) is null)
            {
                if (Stopwatch.GetElapsedTime(start) > patience)
                    throw Failure.NoAnswer($"the machine at {boot} does not answer");
            }
        }

        GuestControl.AskToMove(guest, boot);
        var shown = 0;
        while (true)
        {
            Thread.Sleep(300);
            string[] progress;
            try
            {
                progress = GuestControl.Progress(guest);
            }
            catch (Failure) when (Stopwatch.GetElapsedTime(start) < patience)
            {
                continue; // it may be between two machines
            }
            for (; shown < progress.Length; shown++)
                Say.Note(progress[shown]);
            if (GuestControl.Ended(progress) is { } code)
            {
                if (code != 0)
                    throw new Failure($"the guest stays where it is: {(progress.Length > 1 ? progress[^2] : "migrate ended")}");
                Say.Step($"the guest is on {node}, {Quantity.Milliseconds(Stopwatch.GetElapsedTime(start).TotalMilliseconds)} after the token");
                return;
            }
            if (Stopwatch.GetElapsedTime(start) > patience)
                throw Failure.NoAnswer($"the move did not end within {patience.TotalSeconds:0} s: {(progress.Length == 0 ? "the guest says nothing" : progress[^1])}");
        }
    }
}
