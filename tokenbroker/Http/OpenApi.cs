using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;

namespace Tokenbroker.Http;

/// <summary>The OpenAPI 3.1 document, made of the table that requests are routed by.</summary>
internal static class OpenApi
{
    internal static byte[] Document()
    {
        JsonObject paths = [];
        foreach (IGrouping<string, Endpoint> route in Api.Endpoints.GroupBy(endpoint => endpoint.Route))
            paths[route.Key] = new JsonObject(
                route.Select(endpoint => KeyValuePair.Create<string, JsonNode?>(endpoint.Method.ToLowerInvariant(),
                Operation(endpoint))));
        JsonObject document = new()
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject { ["title"] = "tokenbroker", ["version"] = "1",
                ["description"] =
                "Sells, resupplies and redeems tokens. Money is in units, times are Unix seconds, bytes "
                + "hexadecimal digits." },
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] =
                    new JsonObject { ["key"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer",
                    ["description"] = "An API key: tb_ID_SECRET." } },
            },
        };
        return JsonSerializer.SerializeToUtf8Bytes(document, Json.Default.JsonObject);
    }

    private static JsonObject Operation(Endpoint endpoint)
    {
        JsonArray parameters = [];
        foreach (string part in endpoint.Route.Split('/').Where(part => part.StartsWith('{')))
            parameters.Add((JsonNode)Parameter(part.Trim('{', '}'), "path", part == "{key}" ? "string" : "integer",
                isRequired: true));
        if (endpoint.IsWrite)
            parameters.Add((JsonNode)Parameter(Idempotency.Header, "header", "string", isRequired: true));
        if (endpoint.IsPaged)
        {
            parameters.Add((JsonNode)Parameter("after", "query", "integer", isRequired: false));
            parameters.Add((JsonNode)Parameter("limit", "query", "integer", isRequired: false));
        }
        IEnumerable<string> words = endpoint.Route.Split('/', '{', '}').Where(part => part.Length > 0)
            .Select(part => char.ToUpperInvariant(part[0]) + part[1..]);
        JsonObject operation = new()
        {
            ["summary"] = endpoint.Summary,
            ["operationId"] = endpoint.Method.ToLowerInvariant() + string.Concat(words),
            ["description"] = $"Takes the scope {endpoint.Scope}.",
            ["security"] = new JsonArray((JsonNode)new JsonObject { ["key"] = new JsonArray() }),
            ["parameters"] = parameters,
            ["responses"] = new JsonObject
            {
                [endpoint.Status.ToString(System.Globalization.CultureInfo.InvariantCulture)] = Content("Done.",
                    "application/json", endpoint.Gives),
                ["default"] = Content("Not done, and why (RFC 9457).", "application/problem+json",
                    Json.Default.ProblemView),
            },
        };
        if (endpoint.Takes is { } body)
        {
            operation["requestBody"] = Content("", "application/json", body);
            operation["requestBody"]!["required"] = true;
        }
        return operation;
    }

    private static JsonObject Parameter(string name, string where, string type, bool isRequired) =>
        new() { ["name"] = name, ["in"] = where, ["required"] = isRequired,
            ["schema"] = new JsonObject { ["type"] = type } };

    private static JsonObject Content(string description, string kind, JsonTypeInfo form) => new()
    {
        ["description"] = description,
        ["content"] = new JsonObject { [kind] = new JsonObject { ["schema"] = form.GetJsonSchemaAsNode() } },
    };
}
