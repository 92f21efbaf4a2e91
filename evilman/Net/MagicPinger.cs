using System;
using System.Globalization;
using System.Net;
using Evilman.Tokens;
using Wire;

namespace Evilman.Net;

/// <summary>What a node said to a magic ping.</summary>
/// <param name="Repeated">The request had to be sent again, so "replayed" may be the echo of our own first try.</param>
public readonly record struct NodeAnswer(Refusal Refusal, IPAddress BootAddress, DateTimeOffset NodeTime, uint Limit, TimeSpan RoundTrip, bool Repeated)
{
    /// <summary>A request whose reply was lost has been honoured; asked again, the node can only call it replayed.</summary>
    public bool Accepted => Refusal == Refusal.None || (Repeated && Refusal == Refusal.Replayed);

    /// <summary>One line for people: the refusal's sentence with what helps to understand it.</summary>
    public string Sentence()
    {
        var sentence = Refusal.Sentence();
        return Refusal switch
        {
            Refusal.TooEarly or Refusal.Expired or Refusal.IssuedBeforeStart =>
                string.Create(CultureInfo.InvariantCulture, $"{sentence} Its clock says {NodeTime:yyyy-MM-dd HH:mm:ss}Z."),
            Refusal.MemoryTooLarge when Limit != 0 => $"{sentence} It gives {Limit} MiB.",
            Refusal.ChainTooLong or Refusal.TooManyDomains when Limit != 0 => $"{sentence} Its limit is {Limit}.",
            _ => sentence,
        };
    }
}

/// <summary>Carries boot tokens to nodes (thesis §8.2.1, steps 1 and 2).</summary>
public static class MagicPinger
{
    /// <summary>Null when no reply came to any of the <paramref name="attempts"/>.</summary>
    public static NodeAnswer? Send(EchoSocket socket, IPAddress node, ReadOnlySpan<byte> body, TimeSpan timeout, int attempts)
    {
        var payload = new byte[MagicPing.HeaderSize + body.Length];
        body.CopyTo(payload.AsSpan(MagicPing.HeaderSize));
        MagicPing.EmitHeader(payload, MagicKind.Boot);
        for (var attempt = 0; attempt < attempts; attempt++)
        {
            if (socket.Exchange(node, payload, timeout) is not { } reply)
                continue;
            if (!MagicReply.TryParse(reply.Payload, out var answer))
                throw new Failure($"{node} answers pings, but not magic ones: it is not a node");
            return new NodeAnswer(answer.Refusal, Mint.Address(answer.BootAddress), DateTimeOffset.FromUnixTimeSeconds((long)answer.NodeTime),
                answer.Limit, reply.RoundTrip, attempt > 0);
        }
        return null;
    }

    /// <summary>The same, and fails unless the node accepted.</summary>
    public static NodeAnswer Demand(EchoSocket socket, IPAddress node, ReadOnlySpan<byte> token, TimeSpan timeout)
    {
        var answer = Send(socket, node, token, timeout, attempts: 3) ?? throw Failure.NoAnswer($"{node} does not answer");
        return answer.Accepted ? answer : throw new Failure($"{node} refused: {answer.Sentence()}", ExitCode.Refused);
    }
}
