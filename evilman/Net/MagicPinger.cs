using System;
using System.Globalization;
using System.Net;
using Wire;

namespace Evilman.Net;

/// <summary>What a node said to a magic ping.</summary>
/// <param name="RoundTrip">Of the copy of the request that was answered.</param>
/// <param name="Repeated">
/// The node says that this was done before, and an earlier copy of the request has no answer: that was ours.
/// </param>
/// <param name="Statement">About a machine's account, where one was asked for and given.</param>
/// <param name="Found">
/// Somebody else has spent the boot token, and its machine waits all the same: <see cref="MagicPinger.Claim"/>.
/// </param>
public readonly record struct NodeAnswer(Refusal Refusal, IPAddress BootAddress, DateTimeOffset NodeTime, uint Limit,
    TimeSpan RoundTrip, bool Repeated, byte[]? Statement = null, bool Found = false)
{
    /// <summary>
    /// A request whose reply was lost has been honoured; asked again, the node can only say that it was.
    /// </summary>
    public bool Accepted => Refusal == Refusal.None || Repeated || Found;

    /// <summary>One line for people: the refusal's sentence with what helps to understand it.</summary>
    public string Sentence()
    {
        var sentence = Refusal.Sentence();
        return Refusal switch
        {
            Refusal.TooEarly or Refusal.Expired or Refusal.IssuedBeforeStart =>
                string.Create(CultureInfo.InvariantCulture,
                    $"{sentence} Its clock says {NodeTime:yyyy-MM-dd HH:mm:ss}Z."),
            Refusal.MemoryTooLarge when Limit != 0 => $"{sentence} It gives {Limit} MiB.",
            Refusal.ChainTooLong or Refusal.TooManyDomains when Limit != 0 => $"{sentence} Its limit is {Limit}.",
            _ => sentence,
        };
    }
}

/// <summary>
/// Carries boot tokens to nodes (thesis §8.2.1, steps 1 and 2), and the request to end what they started.
/// </summary>
public static class MagicPinger
{
    /// <summary>How long a command whose matter is not the ping itself waits for a node.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    /// <summary>
    /// Repeats the token until the node answers, and says what it answered. Null when it does not within <paramref
    /// name="patience"/>.
    /// </summary>
    public static NodeAnswer? Send(IEchoWire wire, IPAddress node, ReadOnlySpan<byte> token, TimeSpan patience) =>
        new MagicExchange(wire, node, Payload(MagicKind.Boot, token), Refusal.Replayed, patience).Run();

    /// <summary>
    /// Asks the node to end a machine, which only a holder of the machine's key can (docs/protocols.md, "End"). Null
    /// when it does not answer within <paramref name="patience"/>.
    /// </summary>
    public static NodeAnswer? End(IEchoWire wire, IPAddress node, ReadOnlySpan<byte> machineKey, TimeSpan patience)
    {
        var request = new byte[EndRequest.Size];
        EndRequest.Emit(request, machineKey);
        return new MagicExchange(wire, node, Payload(MagicKind.End, request), Refusal.NoSuchDomain, patience).Run();
    }

    /// <summary>
    /// Any other request: the same again is answered as the first was. Null when the node does not answer within
    /// <paramref name="patience"/>.
    /// </summary>
    public static NodeAnswer? Ask(
        IEchoWire wire, IPAddress node, MagicKind kind, ReadOnlySpan<byte> body, TimeSpan patience) =>
        new MagicExchange(wire, node, Payload(kind, body), Refusal.None, patience).Run();

    static byte[] Payload(MagicKind kind, ReadOnlySpan<byte> body)
    {
        var payload = new byte[MagicPing.HeaderSize + body.Length];
        body.CopyTo(payload.AsSpan(MagicPing.HeaderSize));
        MagicPing.EmitHeader(payload, kind);
        return payload;
    }

    /// <summary>
    /// As <see cref="Send"/>. Who reads a token on the wire can spend it first, but what he starts obeys the machine's key
    /// alone: when the node says that the token has been used, and the machine at its boot address is empty and proves
    /// that key, it is the customer's as if he had started it. He may have started it himself, by a command that is still
    /// at work there, so who <see cref="NodeAnswer.Found">finds</see> a machine does not end it.
    /// </summary>
    internal static NodeAnswer? Claim(IEchoWire wire, IPAddress node, ReadOnlySpan<byte> token,
        ReadOnlySpan<byte> machineKey, TimeSpan patience, TimeSpan? search = null)
    {
        var answer = Send(wire, node, token, patience);
        if (answer is { Refusal: Refusal.Replayed, Accepted: false } used && BootToken.TryParse(token, out var parsed))
            return used with { Found = EmptyMachine.IsAt(Ipv4.Address(parsed.BootAddress), machineKey, search) };
        return answer;
    }

    /// <summary>As <see cref="Claim"/>, and fails unless there is a machine.</summary>
    internal static NodeAnswer Demand(IEchoWire wire, IPAddress node, ReadOnlySpan<byte> token,
        ReadOnlySpan<byte> machineKey, TimeSpan patience) => Demanded(Claim(wire, node, token, machineKey, patience), node);

    /// <summary>As <see cref="Send"/>, and fails unless the node accepted.</summary>
    public static NodeAnswer Demand(IEchoWire wire, IPAddress node, ReadOnlySpan<byte> token, TimeSpan patience) =>
        Demanded(Send(wire, node, token, patience), node);

    static NodeAnswer Demanded(NodeAnswer? heard, IPAddress node)
    {
        var answer = heard ?? throw Failure.NoAnswer($"{node} does not answer");
        return answer.Accepted ? answer : throw new Failure($"{node} refused: {answer.Sentence()}", ExitCode.Refused);
    }
}
