using System.CommandLine;
using System.Net;
using Evilman.Net;
using Evilman.Text;
using Evilman.Tokens;
using Wire;

namespace Evilman.Commands;

/// <summary>
/// What commands about a machine's account have in common: the node, the token that started the machine, and how the
/// answer is told.
/// </summary>
internal sealed class AccountOptions
{
    readonly Argument<IPAddress> node = Values.Address("node", "The node that the machine runs, or ran, on.");
    readonly Option<string?> tokenFile =
        Values.FileOption("--token", "The boot token that started the machine.", required: true);
    readonly Option<Duration> timeout =
        Values.DurationOption("--timeout", "How long to wait for an answer; the request is sent again meanwhile.", "6s");
    readonly Option<bool> json = new("--json") { Description = "One line of JSON, for a program." };

    internal void AddTo(Command command)
    {
        command.Arguments.Add(node);
        foreach (var option in (Option[])[tokenFile, timeout, json])
            command.Options.Add(option);
    }

    internal IPAddress Node(ParseResult result) => result.GetValue(node)!;

    internal string TokenPath(ParseResult result) => result.GetValue(tokenFile)!;

    internal bool Json(ParseResult result) => result.GetValue(json);

    /// <summary>The token's bytes. Fails where nothing has a price, since no node has an account then.</summary>
    internal byte[] Token(ParseResult result)
    {
        var bytes = TokenFile.Read(TokenPath(result));
        if (BootToken.TryParse(bytes, out var token) && !token.Prices.IsAny)
            throw Failure.Usage($"{TokenPath(result)} gives nothing a price: its machine has no account, and lives as "
                + "long as its lease and its CPU time");
        return bytes;
    }

    internal NodeAnswer Ask(ParseResult result, EchoSocket socket, MagicKind kind, byte[] body)
    {
        var answer = MagicPinger.Ask(socket, Node(result), kind, body, result.GetValue(timeout))
            ?? throw Failure.NoAnswer($"{Node(result)} does not answer");
        return answer.Accepted ? answer
            : throw new Failure($"{Node(result)} refused: {answer.Sentence()}", ExitCode.Refused);
    }

    /// <summary>Queries the node; fails unless the answer is a statement about the token's machine.</summary>
    internal AccountView Look(ParseResult result, EchoSocket socket, byte[] token, MagicKind kind = MagicKind.Query,
        byte[]? secret = null)
    {
        if (!BootToken.TryParse(token, out var parsed))
            throw new Failure("that is not a boot token");
        var body = new byte[AccountRequest.Size];
        AccountRequest.Emit(body, parsed.ChainEnd.Bytes, secret);
        var answer = Ask(result, socket, kind, body);
        return AccountView.TryRead(answer.Statement, parsed.ChainEnd.Bytes)
            ?? throw new Failure($"{Node(result)} answers without a statement of this machine");
    }
}
