using System;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Tokenbroker.Market;
using Tokenbroker.Storage;

namespace Tokenbroker.Http;

/// <summary>
/// The answer to each write is kept, sealed, in the transaction of the write itself: the same request with the same
/// Idempotency-Key is
/// answered with the same bytes, whatever ended in between; another request with that key is refused. What was refused
/// has done nothing, is not kept, and
/// may be asked again.
/// </summary>
internal static class Idempotency
{
    internal const string Header = "Idempotency-Key";

    /// <summary>How long answers are kept; later the key is as good as new.</summary>
    internal const int KeptSeconds = 7 * 86400;

    private const int MaxKeyLength = 128;

    internal static string KeyOf(Call call)
    {
        string key = call.Request.Headers[Header].ToString();
        return key.Length is > 0 and <= MaxKeyLength && key.All(letter => letter is > ' ' and <= '~')
            ? key : throw Problem.Invalid(
                $"a write needs the header {Header}: 1 to {MaxKeyLength} visible ASCII characters that no other write of "
                + $"yours has had, such as a UUID");
    }

    internal static byte[] Fingerprint(Call call)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{call.Request.Method} {call.Request.Path}\n"));
        hash.AppendData(call.Body);
        return hash.GetHashAndReset();
    }

    /// <summary>The answer that was given before, or null.</summary>
    internal static Answer? Find(Session session, Broker broker, string actor, string key, byte[] fingerprint)
    {
        (byte[] Before, Answer Answer)? found = session.One(
            "SELECT fingerprint, status, sealed FROM answer WHERE actor = $1 AND idempotency_key = $2",
            row => Tuple.Create(row.Bytes(0), row.GetInt64(1), row.Bytes(2)), actor, key) is { } it
            ? (it.Item1, new Answer((int)it.Item2, broker.Answers.Open(it.Item3, Place(actor, key)), IsReplay: true))
                : null;
        if (found is { } other && !other.Before.AsSpan().SequenceEqual(fingerprint))
            throw new Problem(422, "idempotency", $"the {Header} {key} was used for another request: take a new one");
        return found?.Answer;
    }

    internal static void Keep(Session session, Broker broker, string actor, string key, byte[] fingerprint,
        Answer answer) => session.Insert(Table.Answer, actor, key, broker.Clock(),
        fingerprint, answer.Status, broker.Answers.Close(answer.Text, Place(actor, key)));

    internal static int Forget(Session session, long now) =>
        session.Run("DELETE FROM answer WHERE at < $1", now - KeptSeconds);

    private static string Place(string actor, string key) => $"answer {actor} {key}";
}

internal sealed record Answer(int Status, byte[] Text, bool IsReplay = false);
