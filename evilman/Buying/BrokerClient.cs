using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Evilman.Net;

namespace Evilman.Buying;

/// <summary>What a broker said to a write: its answer, or that it has refused, and so not done, this request.</summary>
internal readonly record struct BrokerAnswer(string Body, string? Refusal);

/// <summary>A broker, as far as writing goes.</summary>
internal interface IBroker
{
    /// <exception cref="Failure">What became of the order is not known: the same is to be sent again.</exception>
    BrokerAnswer Send(Order order);

    /// <summary>What the broker says of a machine of this customer.</summary>
    /// <exception cref="Failure">It does not answer, or knows none.</exception>
    MachineView Machine(long id);
}

/// <summary>Speaks to a broker (docs/broker.md).</summary>
internal sealed class BrokerClient(KnownBroker broker) : IBroker
{
    const int PageSize = 500;

    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    public BrokerAnswer Send(Order order)
    {
        var answer = Ask("POST", order.Path, order.Body, order.Key);
        if (answer.Status is 200 or 201)
            return new BrokerAnswer(answer.Body, null);
        // Who is not known, or asks too often, is refused before the broker looks whether it was done already; a proxy
        // says nothing of that at all.
        var problem = ProblemOf(answer);
        return problem is not null && answer.Status is 400 or 402 or 404 or 409 or 413
            ? new BrokerAnswer("", problem!.Detail) : throw Refusal(answer);
    }

    public MachineView Machine(long id) =>
        Get(FormattableString.Invariant($"/v1/machines/{id}"), Json.Default.MachineView);

    internal T Get<T>(string path, JsonTypeInfo<T> form)
    {
        var answer = Ask("GET", path, null, null);
        return answer.Status == 200 ? Read(answer.Body, form) : throw Refusal(answer);
    }

    /// <summary>Units; null where the key may not read it.</summary>
    internal long? Balance()
    {
        var answer = Ask("GET", "/v1/balance", null, null);
        return answer.Status == 403 && ProblemOf(answer) is not null ? null
            : answer.Status == 200 ? Read(answer.Body, Json.Default.BalanceView).Balance
            : throw Refusal(answer);
    }

    /// <summary>A list from its first item to its last.</summary>
    internal IEnumerable<T> List<T>(string path, JsonTypeInfo<Page<T>> form)
    {
        for (long? after = 0; after is { } at;)
        {
            var page = Get(FormattableString.Invariant($"{path}?after={at}&limit={PageSize}"), form);
            foreach (var item in page.Items)
                yield return item;
            after = page.Next;
        }
    }

    internal static T Read<T>(string body, JsonTypeInfo<T> form)
    {
        try
        {
            return JsonSerializer.Deserialize(body, form) ?? throw new Failure("the broker answers with nothing");
        }
        catch (JsonException wrong)
        {
            throw new Failure($"the broker's answer is not understood: {wrong.Message}");
        }
    }

    HttpAnswer Ask(string method, string path, string? body, string? key)
    {
        List<(string, string)> headers = [("Authorization", "Bearer " + broker.Key)];
        if (key is not null)
            headers.Add(("Idempotency-Key", key));
        try
        {
            return SmallHttp.Send(broker.Url.Server, method, path, headers, body, s_patience);
        }
        catch (Exception failure) when (failure is SocketException or IOException)
        {
            throw Failure.NoAnswer($"the broker {broker.Name} at {broker.Url} does not answer: {failure.Message}");
        }
    }

    static Problem? ProblemOf(HttpAnswer answer)
    {
        try
        {
            var problem = JsonSerializer.Deserialize(answer.Body, Json.Default.Problem);
            return problem?.Type.StartsWith("urn:tokenbroker:", StringComparison.Ordinal) == true ? problem : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    Failure Refusal(HttpAnswer answer) => ProblemOf(answer) is { } problem
        ? new Failure($"the broker {broker.Name} refused: {problem.Detail}",
            answer.Status >= 500 ? ExitCode.NoAnswer : ExitCode.Refused)
        : new Failure($"what answers at {broker.Url} with HTTP status {answer.Status} is no broker");
}
