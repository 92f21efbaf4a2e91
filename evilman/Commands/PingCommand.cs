using System;
using System.CommandLine;
using System.Threading;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman ping NODE [--token FILE]</c>.</summary>
internal static class PingCommand
{
    internal static Command Create()
    {
        var node = Values.Address("node", "The node's address.");
        var token = Values.FileOption("--token", "Carry this boot token: a magic ping, which starts a machine.");
        var count = Values.CountOption("--count", "How many ordinary pings to send.", 1, 1, 1_000_000);
        var size = Values.CountOption("--size", "Bytes in an ordinary ping.", 56, 0, EchoSocket.MaxPayload);
        var timeout =
            Values.DurationOption("--timeout", "How long to wait for each reply; a token is sent again meanwhile.",
                "2s");
        var json = Values.Json();
        var command = new Command("ping", "Asks whether a node is there, or spends a boot token on it.")
        {
            node, token, count, size, timeout, json,
        };
        command.WithExamples("""
            evilman ping 10.0.0.1 --count 3                ordinary pings
            evilman ping 10.0.0.1 --token job.token        a magic ping; exit code 3 and one line when it is refused
            """);
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            var to = result.GetValue(node)!;
            var file = result.GetValue(token);
            var bytes = file is null ? null : TokenFile.Read(file);
            using var socket = EchoSocket.Open();
            if (bytes is null)
                return Ordinary(socket, to, result.GetValue(count), result.GetValue(size), result.GetValue(timeout));

            var answer = MagicPinger.Send(socket, to, bytes, result.GetValue(timeout))
                ?? throw Failure.NoAnswer($"{to} does not answer");
            if (!answer.Accepted)
                throw new Failure($"{to} refused: {answer.Sentence()}", ExitCode.Refused);
            Say.Step($"{to} accepted: a machine starts at {answer.BootAddress} "
                + $"({Quantity.Milliseconds(answer.RoundTrip.TotalMilliseconds)})");
            if (Say.IsForPrograms)
                Lines.Print(new MachineStartLine($"{to}", $"{answer.BootAddress}",
                    answer.RoundTrip.TotalMilliseconds), Lines.Default.MachineStartLine);
            return ExitCode.Done;
        });
        return command;
    }

    static int Ordinary(EchoSocket socket, System.Net.IPAddress to, int count, int size, TimeSpan timeout)
    {
        var payload = new byte[size];
        for (var i = 0; i < size; i++)
            payload[i] = (byte)i;
        var answered = 0;
        for (var i = 0; i < count; i++)
        {
            if (i > 0)
                Thread.Sleep(TimeSpan.FromMilliseconds(200));
            var reply = socket.Exchange(to, payload, timeout);
            var isGood = reply is { } whole && whole.Payload.AsSpan().SequenceEqual(payload);
            if (Say.IsForPrograms)
                Lines.Print(new EchoLine($"{to}", isGood ? reply!.Value.RoundTrip.TotalMilliseconds : null),
                    Lines.Default.EchoLine);
            if (reply is not { } heard)
                Say.Warn($"no reply from {to} within {timeout.TotalSeconds:0.#} s");
            else if (!isGood)
                Say.Warn($"{to} replied with other bytes than it was sent");
            else
            {
                answered++;
                Say.Step($"{heard.Payload.Length} bytes from {to} in "
                    + $"{Quantity.Milliseconds(heard.RoundTrip.TotalMilliseconds)}");
            }
        }
        return answered == count ? ExitCode.Done : ExitCode.NoAnswer;
    }
}
