using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Tokenbroker.Storage;

namespace Tokenbroker.Secrets;

/// <summary>Who asks, and what he may.</summary>
internal sealed record Actor(string KeyId, long? Customer, string[] Scopes)
{
    /// <summary>The same for all keys of a customer, and for all of the operators.</summary>
    internal string Name => Customer is { } customer ? $"customer:{customer}" : "operator";

    internal bool May(string scope) => scope.Split(ApiKeys.Or).Any(Scopes.Contains);
}

/// <summary>
/// API keys are "tb_ID_SECRET": 16 and 64 hexadecimal digits. The database holds the SHA-256 of the secret, which is
/// 256 random bits, so that
/// nothing slower is needed.
/// </summary>
internal static class ApiKeys
{
    internal const string Operator = "operator", Read = "read", Buy = "buy", Refund = "refund", Metrics = "metrics";

    /// <summary>Either will do.</summary>
    internal const string ReadOrOperator = Read + Or + Operator;

    internal const string Or = " or ";

    internal static readonly string[] OfCustomers = [Read, Buy, Refund];

    private static readonly string[] s_ofOperators = [Operator, Metrics];

    internal static string Create(Session session, long now, long? customer, IReadOnlyList<string> scopes)
    {
        foreach (string scope in scopes)
        {
            if (!(customer is null ? s_ofOperators : OfCustomers).Contains(scope))
                throw Problem.Invalid($"there is no scope {scope}: a customer's are {string.Join(", ", OfCustomers)}");
        }
        if (scopes.Count == 0)
            throw Problem.Invalid($"a key needs a scope: {string.Join(", ", OfCustomers)}");
        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
            secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        session.Run("INSERT INTO api_key (id, customer, hash, scopes, created) VALUES ($1, $2, $3, $4, $5)", id,
            customer, Hash(secret), string.Join(' ', scopes.Distinct()), now);
        return $"tb_{id}_{secret}";
    }

    internal static bool Revoke(Session session, string id, long now) =>
        session.Run("UPDATE api_key SET revoked = $2 WHERE id = $1 AND revoked IS NULL", id, now) == 1;

    /// <summary>Whose key it is; null when it is nobody's, or revoked.</summary>
    internal static Actor? Find(Session session, Presented key) =>
        session.One($"SELECT {Columns} FROM api_key k WHERE {IsGood}", row => ReadActor(row, key), key.Id);

    /// <summary>A key as it was presented, of which nothing is known but its form.</summary>
    internal sealed record Presented(string Id, string Secret);

    /// <summary>Null when it has not the form of a key.</summary>
    internal static Presented? Parse(string key) => key.Split('_') is ["tb", { Length: 16 } id, { Length: 64 } secret]
        ? new Presented(id, secret) : null;

    /// <summary>What <see cref="ReadActor"/> reads of the table api_key, which is called k.</summary>
    internal const string Columns = "k.customer, k.scopes, k.hash";

    /// <summary>Of the key whose name is the first value.</summary>
    internal const string IsGood = "k.id = $1 AND k.revoked IS NULL";

    /// <summary>Null when the secret is another.</summary>
    internal static Actor? ReadActor(Row row, Presented key) =>
        CryptographicOperations.FixedTimeEquals(row.Bytes(2), Hash(key.Secret))
            ? new Actor(key.Id, row.Maybe(0), row.GetString(1).Split(' ')) : null;

    /// <summary><see cref="Actor.Name"/> in the words of both databases.</summary>
    internal const string ActorName = "COALESCE('customer:' || k.customer, 'operator')";

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.ASCII.GetBytes(secret));
}
