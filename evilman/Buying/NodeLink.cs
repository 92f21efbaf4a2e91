using System;
using System.Net;
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
