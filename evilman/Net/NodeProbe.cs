using System;
using System.Net;
using Evilman.Minting;
using Tokens;
using Wire;

namespace Evilman.Net;

/// <summary>Whether a node is there, and has the secret that one believes it has, without starting anything.</summary>
internal static class NodeProbe
{
    /// <summary>
    /// Sends a boot token for a machine with the node's own address. Every node refuses that, but only after it has
    /// checked the signature (docs/protocols.md, "Reply"), so which refusal comes tells whether the key is right.
    /// </summary>
    /// <exception cref="Failure">The node is silent, has another secret, or refuses tokens for another reason.</exception>
    internal static void DemandKey(IEchoWire wire, IPAddress node, ReadOnlySpan<byte> key, string keyFile,
        TimeSpan patience)
    {
        var token = Signing.Token(new MintRequest { Node = node, BootAddress = node, MemoryBytes = 1 << 20, Loader = [0] },
            key, Chain.Fresh(10));
        var answer = MagicPinger.Send(wire, node, token, patience)
            ?? throw Failure.NoAnswer($"{node} does not answer");
        if (answer.Refusal == Refusal.BadSignature)
            throw new Failure($"{node} has another secret than {keyFile}", ExitCode.Refused);
        if (answer.Refusal != Refusal.AddressNotAllowed)
            throw new Failure($"{node} takes no tokens now: {answer.Sentence()}", ExitCode.Refused);
    }
}
