using System;
using System.Net;
using Evilman.Minting;
using Evilman.Net;
using Wire;

namespace Evilman.Buying;

/// <summary>Magic pings over a socket of its own for each request.</summary>
internal sealed class NodeLink(TimeSpan patience) : INodeLink
{
    public NodeAnswer Ask(IPAddress node, MagicKind kind, byte[] body)
    {
        using var socket = EchoSocket.Open();
        return MagicPinger.Ask(socket, node, kind, body, patience) ?? throw Failure.NoAnswer($"{node} does not answer");
    }
}

internal static class NodeLinks
{
    /// <summary>The account of a machine that was bought; null where its node keeps none any more.</summary>
    /// <exception cref="Failure">The node does not answer, or refuses.</exception>
    internal static AccountView? Account(this INodeLink link, Purchase bought)
    {
        var name = bought.Name();
        var body = new byte[AccountRequest.Size];
        AccountRequest.Emit(body, name, default);
        var answer = link.Ask(bought.Node(), MagicKind.Query, body);
        if (answer.Refusal == Refusal.NoSuchDomain)
            return null;
        if (!answer.Accepted)
            throw new Failure($"{bought.Node()} refused: {answer.Sentence()}", ExitCode.Refused);
        return AccountView.TryRead(answer.Statement, name)
            ?? throw new Failure($"{bought.Node()} answers without a statement of this machine");
    }
}
