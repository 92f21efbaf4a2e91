using System;
using System.CommandLine;
using System.Net;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Wire;

namespace Evilman.Commands;

/// <summary>The account of a machine: on which node, and the token that started it.</summary>
/// <param name="Machine">The name of the machine, if it was bought.</param>
internal sealed record Account(IPAddress Node, byte[] Token, string? Machine);

/// <summary>
/// What commands about a machine's account have in common: the machine's name, or the node and the token that started
/// the machine; and how the answer is told.
/// </summary>
internal sealed class AccountOptions
{
    readonly Argument<Place> place = Values.Place("machine",
        "The name of a machine that was bought; with --token the node that the machine runs, or ran, on.");
    readonly Option<string?> tokenFile =
        Values.FileOption("--token", "The boot token that started the machine, if it was not bought.");
    readonly Option<Duration> timeout =
        Values.DurationOption("--timeout", "How long to wait for an answer; the request is sent again meanwhile.", "6s");
    readonly Option<bool> json = Values.Json();

    internal void AddTo(Command command)
    {
        command.Arguments.Add(place);
        foreach (var option in (Option[])[tokenFile, timeout, json])
            command.Options.Add(option);
    }

    internal string TokenPath(ParseResult result) => result.GetValue(tokenFile)!;

    internal bool Json(ParseResult result) => result.GetValue(json);

    internal TimeSpan Patience(ParseResult result) => result.GetValue(timeout);

    /// <summary>Fails where nothing has a price, since no node has an account then.</summary>
    internal Account Account(ParseResult result)
    {
        var where = result.GetValue(place);
        if (result.GetValue(tokenFile) is { } path)
        {
            var bytes = TokenFile.Read(path);
            if (BootToken.TryParse(bytes, out var token) && !token.Prices.IsAny)
                throw Failure.Usage($"{path} gives nothing a price: its machine has no account, and lives as long as "
                    + "its lease and its CPU time");
            return new Account(where.Node(), bytes, null);
        }
        if (where.Name is null)
            throw Failure.Usage("--token is missing: the boot token that started the machine");
        var machine = MachineStore.Standard.Demand(where.Name);
        return machine.Bought is { } bought ? new Account(bought.Node(), bought.Token(), where.Name)
            : throw Failure.Usage($"the purchase of {where.Name} is under way: «evilman buy» with the same options "
                + "finishes it");
    }

    internal NodeAnswer Ask(ParseResult result, EchoSocket socket, Account account, MagicKind kind, byte[] body)
    {
        var answer = MagicPinger.Ask(socket, account.Node, kind, body, result.GetValue(timeout))
            ?? throw Failure.NoAnswer($"{account.Node} does not answer");
        if (answer.Accepted)
            return answer;
        throw new Failure((answer.Refusal == Refusal.NoSuchDomain && account.Machine is { } name ? TakenPlace(name) : null)
            ?? $"{account.Node} refused: {answer.Sentence()}", ExitCode.Refused);
    }

    static string? TakenPlace(string name)
    {
        using var file = MachineStore.Standard.Open(name);
        return MachinePurchases.For(file).TakenPlace();
    }

    /// <summary>Queries the node; fails unless the answer is a statement about the token's machine.</summary>
    internal AccountView Look(ParseResult result, EchoSocket socket, Account account, MagicKind kind = MagicKind.Query,
        byte[]? secret = null)
    {
        if (!BootToken.TryParse(account.Token, out var parsed))
            throw new Failure("that is not a boot token");
        var body = new byte[AccountRequest.Size];
        AccountRequest.Emit(body, parsed.ChainEnd.Bytes, secret);
        var answer = Ask(result, socket, account, kind, body);
        return AccountView.TryRead(answer.Statement, parsed.ChainEnd.Bytes)
            ?? throw new Failure($"{account.Node} answers without a statement of this machine");
    }
}
