using System.CommandLine;
using System.Net;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman end NODE --machine-key FILE</c>.</summary>
internal static class EndCommand
{
    internal static Command Create()
    {
        var node = Values.Place("machine",
            "The name of a machine that was bought; with --machine-key the node that the machine runs on.");
        var keyFile =
            Values.FileOption("--machine-key", "The machine's key, which «evilman mint» wrote beside its token, if it was not bought.");
        var timeout =
            Values.DurationOption("--timeout", "How long to wait for an answer; the request is sent again meanwhile.",
                "6s");
        var json = Values.Json();
        var command = new Command("end", "Ends a machine at once, and whatever runs in it.")
        {
            node, keyFile, timeout, json,
        };
        command.WithExamples("""
            evilman end job
            evilman end 10.0.0.1 --machine-key job.token.machine-key
            """);
        command.SetAction(result =>
        {
            var (to, key) = Find(result.GetValue(node), result.GetValue(keyFile));
            using var socket = EchoSocket.Open();
            var answer = MagicPinger.End(socket, to, key, result.GetValue(timeout))
                ?? throw Failure.NoAnswer($"{to} does not answer");
            if (!answer.Accepted)
                throw new Failure($"{to} refused: it runs no machine with this key", ExitCode.Refused);
            if (result.GetValue(json))
                Lines.Print(new EndLine($"{to}", $"{answer.BootAddress}"), Lines.Default.EndLine);
            else
                Say.Step($"{to} has ended the machine at {answer.BootAddress}");
            return ExitCode.Done;
        });
        return command;
    }

    static (IPAddress Node, byte[] Key) Find(Place place, string? keyFile)
    {
        if (keyFile is not null)
            return (place.Node(), MachineKeyFile.Read(keyFile));
        if (place.Name is null)
            throw Failure.Usage("--machine-key is missing: the key of the machine");
        return MachineStore.Standard.Demand(place.Name).Bought is { } bought ? (bought.Node(), bought.Key())
            : throw Failure.Usage($"{place} has not been bought yet");
    }
}
