using System;
using System.Diagnostics;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
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

    internal static string KeyOf(HttpRequest request) => IsKey(request, out string key) ? key : throw Problem.Invalid(
        $"a write needs the header {Header}: 1 to {MaxKeyLength} visible ASCII characters that no other write of "
        + $"yours has had, such as a UUID");

    /// <summary>Whether the request has a key, and of its form.</summary>
    internal static bool IsKey(HttpRequest request, out string key)
    {
        key = request.Headers[Header].ToString();
        return key.Length is > 0 and <= MaxKeyLength && key.All(letter => letter is > ' ' and <= '~');
    }

    internal static byte[] Fingerprint(Call call)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{call.Request.Method} {call.Request.Path}\n"));
        hash.AppendData(call.Body);
        return hash.GetHashAndReset();
    }

    /// <summary>Does the write and keeps its answer, or gives the answer that is kept.</summary>
    /// <param name="before">What was found when the caller was looked up.</param>
    /// <exception cref="Problem">It was refused and has changed nothing; or the database failed, and whether it was done is
    /// not known.</exception>
    internal static async Task<Answer> Do(Writer writer, Call call, Writing endpoint, Kept? before)
    {
        Broker broker = call.Broker;
        string key = KeyOf(call.Request), actor = call.Actor.Name;
        byte[] fingerprint = Fingerprint(call);
        // What was answered before is not worked out again, however it would end today.
        if (before is not null)
            return before.Open(broker, actor, key, fingerprint);
        Func<Session, object> work = broker.Database.Read(session => endpoint.Prepare(call, session))();
        using Activity? write = Tracing.Source.StartActivity("write");
        ActivityContext parent = write?.Context ?? default;
        return (Answer)await writer.Do(DoIt,
            session => Find(session, broker, actor, key, fingerprint) ?? DoIt(session), endpoint.Remembers);

        // An answer that was kept since it was looked for above is found here by the database, which takes no second one.
        Answer DoIt(Session session)
        {
            // On the writer's thread, which has no span of its own: what was before it was waiting.
            using Activity? transaction = write is null ? null
                : Tracing.Source.StartActivity("transaction", ActivityKind.Internal, parent);
            Answer answer = new(endpoint.Status, endpoint.Text(work(session)));
            Keep(session, broker, actor, key, fingerprint, answer);
            return answer;
        }
    }

    /// <summary>The answer that was given before, or null.</summary>
    internal static Answer? Find(Session session, Broker broker, string actor, string key, byte[] fingerprint) =>
        session.One("SELECT fingerprint, status, sealed FROM answer WHERE actor = $1 AND idempotency_key = $2",
            row => Read(row, 0), actor, key)?.Open(broker, actor, key, fingerprint);

    /// <summary>Whose key of the API it is, as <see cref="ApiKeys.Find"/>, and what he was answered under this one before.</summary>
    internal static Known? Find(Session session, ApiKeys.Presented presented, string key) => session.One($"""
        SELECT {ApiKeys.Columns}, a.fingerprint, a.status, a.sealed FROM api_key k
            LEFT JOIN answer a ON a.actor = {ApiKeys.ActorName} AND a.idempotency_key = $2 WHERE {ApiKeys.IsGood}
        """, row => ApiKeys.ReadActor(row, presented) is { } actor
            ? new Known(actor, row.IsDBNull(FirstOfAnswer) ? null : Read(row, FirstOfAnswer)) : null, presented.Id, key);

    // Of the columns, behind those of the key.
    private const int FirstOfAnswer = 3;

    private static Kept Read(Row row, int column) =>
        new(row.Bytes(column), (int)row.GetInt64(column + 1), row.Bytes(column + 2));

    /// <summary>Who asks, and the answer that he was given before.</summary>
    internal sealed record Known(Actor Actor, Kept? Before);

    /// <summary>An answer that lies in the database.</summary>
    internal sealed record Kept(byte[] Fingerprint, int Status, byte[] Sealed)
    {
        /// <exception cref="Problem">It was given to another request.</exception>
        internal Answer Open(Broker broker, string actor, string key, byte[] fingerprint) =>
            Fingerprint.AsSpan().SequenceEqual(fingerprint)
                ? new Answer(Status, broker.Answers.Open(Sealed, Place(actor, key)), IsReplay: true)
                : throw new Problem(422, "idempotency",
                    $"the {Header} {key} was used for another request: take a new one");
    }

    internal static void Keep(Session session, Broker broker, string actor, string key, byte[] fingerprint,
        Answer answer) => session.Insert(Table.Answer, actor, key, broker.Clock(),
        fingerprint, answer.Status, broker.Answers.Close(answer.Text, Place(actor, key)));

    /// <summary>
    /// Those that are old, and no more than <paramref name="most"/>: whoever writes waits for this, and there may be a week's.
    /// </summary>
    /// <returns>How many.</returns>
    internal static int Forget(Session session, long now, int most) => session.Run(
        "DELETE FROM answer WHERE (actor, idempotency_key) IN (SELECT actor, idempotency_key FROM answer WHERE at < $1 "
        + "ORDER BY at LIMIT $2)", now - KeptSeconds, most);

    private static string Place(string actor, string key) => $"answer {actor} {key}";
}

internal sealed record Answer(int Status, byte[] Text, bool IsReplay = false);
