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
    internal static Actor? Find(Session session, string key)
    {
        string[] parts = key.Split('_');
        if (parts is not ["tb", { Length: 16 } id, { Length: 64 } secret])
            return null;
        (Actor Actor, byte[] Hash)? found = session.One(
            "SELECT customer, scopes, hash FROM api_key WHERE id = $1 AND revoked IS NULL",
            row => Tuple.Create(new Actor(id, row.Maybe(0), row.GetString(1).Split(' ')), row.Bytes(2)), id) is { } pair
                ? (pair.Item1, pair.Item2) : null;
        return found is { } it && CryptographicOperations.FixedTimeEquals(it.Hash, Hash(secret)) ? it.Actor : null;
    }

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.ASCII.GetBytes(secret));
}
