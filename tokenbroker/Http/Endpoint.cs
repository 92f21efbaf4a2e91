using System;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;

namespace Tokenbroker.Http;

/// <summary>One request, read and authenticated.</summary>
internal sealed record Call(Broker Broker, Actor Actor, HttpRequest Request, byte[] Body)
{
    internal long Customer => Actor.Customer!.Value;

    internal long After => QueryNumber("after", 0, 0, long.MaxValue);

    internal int Limit => (int)QueryNumber("limit", 50, 1, Broker.MaxPageSize);

    internal long Number(string name) =>
        long.TryParse((string?)Request.RouteValues[name], NumberStyles.None, CultureInfo.InvariantCulture,
            out long number) ? number : throw Problem.NotFound($"{name} is a number");

    internal string Word(string name) => (string)Request.RouteValues[name]!;

    internal T Read<T>(JsonTypeInfo<T> form)
    {
        try
        {
            return JsonSerializer.Deserialize(Body, form) ?? throw Problem.Invalid("the body is null");
        }
        catch (JsonException failure)
        {
            throw Problem.Invalid(
                $"the body is not what /openapi.json says of it, at {failure.Path ?? "its start"}: "
                + $"{Sentence(failure)}");
        }
    }

    /// <summary>The library's words as far as they are about the body, not about types of this program.</summary>
    private static string Sentence(JsonException failure)
    {
        string text = failure.Message.Split(" Path:")[0];
        int missing = text.IndexOf("missing required properties including: ", StringComparison.Ordinal);
        if (missing >= 0)
            return text[missing..];
        int unknown = text.IndexOf("could not be mapped", StringComparison.Ordinal);
        if (unknown >= 0 && text.Split('\'') is [_, var property, ..])
            return $"there is no property '{property}'";
        return text.Contains("could not be converted", StringComparison.Ordinal) ? "the value is of another type"
            : text;
    }

    private long QueryNumber(string name, long standard, long least, long most)
    {
        if (!Request.Query.TryGetValue(name, out var text))
            return standard;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= least
            && number <= most
            ? number : throw Problem.Invalid($"{name} in the address is a number from {least} to {most}");
    }
}

/// <summary>A row of the API's table, from which requests are routed and the OpenAPI document is made.</summary>
internal abstract record Endpoint(string Method, string Route, string Scope, string Summary, JsonTypeInfo? Takes,
    JsonTypeInfo Gives, int Status)
{
    internal bool IsWrite => this is Writing;

    internal bool IsPaged { get; init; }

    internal byte[] Text(object answer) => JsonSerializer.SerializeToUtf8Bytes(answer, Gives);
}

internal sealed record Reading(
    string Route, string Scope, string Summary, JsonTypeInfo Gives, Func<Call, Func<Session, object>> Prepare)
    : Endpoint("GET", Route, Scope, Summary, null, Gives, 200);

/// <summary>
/// Asks a node and changes nothing in the database; whatever was answered before, it is asked anew, and needs no
/// Idempotency-Key.
/// </summary>
internal sealed record Asking(
    string Method, string Route, string Scope, string Summary, JsonTypeInfo? Takes, JsonTypeInfo Gives,
    Func<Call, CancellationToken, Task<object>> Ask)
    : Endpoint(Method, Route, Scope, Summary, Takes, Gives, 200);

/// <param name="Prepare">Checks the call, outside of the transaction, with a session that only reads; what it gives is
/// run once that session is given back, and what that gives, inside of the transaction.</param>
internal sealed record Writing(
    string Method, string Route, string Scope, string Summary, JsonTypeInfo? Takes, JsonTypeInfo Gives,
    Func<Call, Session, Func<Func<Session, object>>> Prepare)
    : Endpoint(Method, Route, Scope, Summary, Takes, Gives, Method == "POST" ? 201 : 200)
{
    /// <summary>It writes down what it changes of <see cref="Market.SalesMemory"/>.</summary>
    internal bool Remembers { get; init; }
}
