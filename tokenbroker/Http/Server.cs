using System;
using System.Collections.Generic;
using System.Data.Common;
using System.Diagnostics;
using System.IO;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.RateLimiting;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Tokenbroker.Market;
using Tokenbroker.Secrets;
using Tokenbroker.Storage;

namespace Tokenbroker.Http;

/// <summary>How it is served.</summary>
internal sealed record ServerOptions(
    string Listen, int RequestsPerSecond = 200, bool LogsRequests = true, Uri? Collector = null);

/// <summary>
/// The broker on a port: routes, limits, authentication, logs; what is done is <see cref="Broker"/>'s.
/// </summary>
internal sealed class Server : IAsyncDisposable
{
    private const int MaxBodySize = 65536;
    private const int SettledAtOnce = 200;
    private const int AskedAtOnce = 16;
    private const int ForgottenAtOnce = 2000;

    private readonly Broker broker;
    private readonly Writer writer;
    private readonly WebApplication app;
    private readonly Metrics metrics = new();
    private readonly ILogger log;
    private readonly PartitionedRateLimiter<string> limiter;
    private readonly bool logsRequests;
    private readonly CancellationTokenSource stop = new();
    private readonly ClockWatch watch;
    private Task settling = Task.CompletedTask;

    internal Server(Broker broker, ServerOptions options)
    {
        (this.broker, writer, logsRequests) = (broker, new Writer(broker.Database), options.LogsRequests);
        watch = new ClockWatch(broker.Clock, () => Environment.TickCount64);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
        builder.WebHost.UseUrls(options.Listen);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodySize;
            kestrel.Limits.MaxConcurrentConnections = 4096;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Logging.ClearProviders();
        builder.Logging.AddJsonConsole(console => console.UseUtcTimestamp = true);
        builder.Services.Configure<JsonConsoleFormatterOptions>(json =>
            json.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ");
        builder.Services.Configure<ConsoleLoggerOptions>(console =>
            console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        // What it says when it does not start, with a stack, is thrown, too.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        if (options.Collector is { } collector)
            Tracing.Add(builder.Services, collector);
        app = builder.Build();
        log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("tokenbroker");
        limiter = PartitionedRateLimiter.Create<string, string>(
            who => RateLimitPartition.GetTokenBucketLimiter(who, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = 2 * options.RequestsPerSecond, TokensPerPeriod = Math.Max(1, options.RequestsPerSecond / 10),
                ReplenishmentPeriod = TimeSpan.FromMilliseconds(100), AutoReplenishment = true,
        }));
        Map();
    }

    /// <summary>Where it listens, once started.</summary>
    internal string Address { get; private set; } = "";

    internal async Task Start()
    {
        try
        {
            await app.StartAsync();
        }
        catch (IOException failure)
        {
            throw Problem.Invalid($"cannot listen: {failure.Message}");
        }
        Address = string.Join(' ', app.Urls);
        settling = Settle();
        Log.Started(log, Address, broker.Database.Name);
    }

    internal Task Wait() => app.WaitForShutdownAsync();

    private void Map()
    {
        app.MapGet("/health/live", context => Write(context, 200, "text/plain", "alive\n"u8.ToArray()));
        app.MapGet("/health/ready", Ready);
        app.MapGet("/metrics", context => Guarded(context, "/metrics", Measure));
        byte[] document = OpenApi.Document();
        app.MapGet("/openapi.json", context => Write(context, 200, "application/json", document));
        foreach ((string route, string kind, byte[] text) in Page.Files)
            app.MapGet(route, context =>
            {
                Page.Protect(context.Response);
                return Write(context, 200, kind, text);
            });
        foreach (Endpoint endpoint in Api.Endpoints)
            app.MapMethods(endpoint.Route, [endpoint.Method],
                (RequestDelegate)(context => Guarded(context, endpoint.Route, () => Serve(context, endpoint))));
        app.MapFallback(context => Guarded(context, "other",
            () => throw Problem.NotFound("there is nothing here: /openapi.json says what there is")));
    }

    /// <summary>
    /// Every request but those for health: a problem becomes its answer, anything else a fault that is logged.
    /// </summary>
    private async Task Guarded(HttpContext context, string route, Func<HttpContext, Task> serve)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            await serve(context);
        }
        catch (Problem problem)
        {
            if (problem.Data["cause"] is string cause)
                Log.Database(log, cause);
            await Refuse(context, problem);
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException bad)
        {
            await Refuse(context, bad.StatusCode == 413
                ? new Problem(413, "too-large", $"a body has at most {MaxBodySize} bytes")
                : new Problem(bad.StatusCode, "invalid", "the request is not HTTP"));
        }
        catch (Exception fault) when (fault is not OperationCanceledException
            || !context.RequestAborted.IsCancellationRequested)
        {
            Log.Fault(log, route, fault);
            await Refuse(context, new Problem(500, "fault", "this is a fault in tokenbroker, and it is in its log"));
        }
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        metrics.Count(route, context.Request.Method, context.Response.StatusCode, took);
        if (logsRequests)
            Log.Request(log, context.Request.Method, route, context.Response.StatusCode, took.TotalMilliseconds,
                context.Items["actor"] as string ?? "nobody", context.TraceIdentifier);
    }

    private Task Guarded(HttpContext context, string route, Func<Task> serve) => Guarded(context, route, _ => serve());

    private async Task Serve(HttpContext context, Endpoint endpoint)
    {
        // Of a write it is looked up together whether it was answered before.
        Idempotency.Known known = Authenticate(context, endpoint.Scope, endpoint as Writing);
        byte[] body = [];
        if (endpoint.Takes is not null)
        {
            using MemoryStream all = new();
            await context.Request.Body.CopyToAsync(all, context.RequestAborted);
            body = all.ToArray();
        }
        Call call = new(broker, known.Actor, context.Request, body);
        Answer answer = endpoint switch
        {
            Writing writing => await Idempotency.Do(writer, call, writing, known.Before),
            Asking asking => new Answer(200, asking.Text(await asking.Ask(call, context.RequestAborted))),
            _ => Look(call, (Reading)endpoint),
        };
        if (answer.IsReplay)
            context.Response.Headers["Idempotency-Replayed"] = "true";
        await Write(context, answer.Status, "application/json", answer.Text);
    }

    private Answer Look(Call call, Reading endpoint)
    {
        Func<Session, object> work = endpoint.Prepare(call);
        return new Answer(200, endpoint.Text(broker.Database.Read(work)));
    }

    private Idempotency.Known Authenticate(HttpContext context, string scope, Writing? write = null)
    {
        string header = context.Request.Headers.Authorization.ToString();
        const string Scheme = "Bearer ";
        Idempotency.Known? known = null;
        if (header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && ApiKeys.Parse(header[Scheme.Length..].Trim()) is { } presented)
            known = broker.Database.Read(session => Tuple.Create(LookUp(session, context.Request, presented, write))).Item1;
        Throttle(context, known?.Actor.Name ?? $"address {context.Connection.RemoteIpAddress}");
        if (known is null)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            throw new Problem(401, "unauthorized",
                "the header «Authorization: Bearer tb_…» is missing, or its key is not known or was revoked");
        }
        context.Items["actor"] = known.Actor.KeyId;
        return known.Actor.May(scope) ? known
            : throw new Problem(403, "forbidden",
            $"this needs a key with the scope {scope}, and yours has {string.Join(", ", known.Actor.Scopes)}");
    }

    private static Idempotency.Known? LookUp(Session session, HttpRequest request, ApiKeys.Presented presented,
        Writing? write) =>
        write is not null && Idempotency.IsKey(request, out string key) ? Idempotency.Find(session, presented, key)
            : ApiKeys.Find(session, presented) is { } actor ? new Idempotency.Known(actor, null) : null;

    private void Throttle(HttpContext context, string who)
    {
        using RateLimitLease lease = limiter.AttemptAcquire(who);
        if (lease.IsAcquired)
            return;
        context.Response.Headers.RetryAfter = "1";
        throw new Problem(429, "too-many", "too many requests: wait a second");
    }

    private Task Ready(HttpContext context)
    {
        try
        {
            return broker.Database.Read(session => Schema.Version(session) == Schema.Steps.Count
                ? "ready\n"u8.ToArray() : null) is { } ready && !stop.IsCancellationRequested
                ? Write(context, 200, "text/plain", ready)
                    : Write(context, 503, "text/plain", "not ready\n"u8.ToArray());
        }
        catch (Exception)
        {
            return Write(context, 503, "text/plain", "no database\n"u8.ToArray());
        }
    }

    private Task Measure(HttpContext context)
    {
        Authenticate(context, ApiKeys.Metrics);
        return Write(context, 200, "text/plain; version=0.0.4",
            Encoding.UTF8.GetBytes(broker.Database.Read(session => metrics.Text(session, writer.Waiting))));
    }

    private static Task Refuse(HttpContext context, Problem problem)
    {
        if (context.Response.HasStarted)
            return Task.CompletedTask;
        string title = Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(problem.Status);
        ProblemView view = new($"urn:tokenbroker:{problem.Kind}", title, problem.Status, problem.Message);
        return Write(context, problem.Status, "application/problem+json",
            JsonSerializer.SerializeToUtf8Bytes(view, Json.Default.ProblemView));
    }

    private static Task Write(HttpContext context, int status, string kind, byte[] text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = kind;
        context.Response.ContentLength = text.Length;
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.Body.WriteAsync(text).AsTask();
    }

    /// <summary>Every few seconds: machines that have lapsed or were never started, answers that are old.</summary>
    private async Task Settle()
    {
        using PeriodicTimer timer = new(TimeSpan.FromSeconds(5));
        try
        {
            while (await timer.WaitForNextTickAsync(stop.Token))
            {
                if (watch.Look() is > 0 and var seconds)
                    Log.ClockSet(log, seconds, ClockWatch.Patience);
                if (!watch.IsTrusted)
                    continue;
                List<(long, bool)> said = await broker.AskForUnstarted(AskedAtOnce, stop.Token);
                (int settled, int released) = ((int, int))await writer.Do(session =>
                {
                    broker.ForgetQuotes(session);
                    return (broker.SettleLapsed(session, SettledAtOnce), broker.Release(session, said));
                });
                while ((int)await writer.Do(session =>
                    Idempotency.Forget(session, broker.Clock(), ForgottenAtOnce)) == ForgottenAtOnce)
                {
                    stop.Token.ThrowIfCancellationRequested();
                }
                if (settled > 0)
                    Log.Settled(log, settled);
                if (released > 0)
                    Log.Released(log, released);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
        catch (Exception failure) when (failure is Problem or DbException)
        {
            Log.Database(log, failure.Message);
            settling = Settle();
        }
    }

    /// <summary>Requests that have begun are answered, then nothing is left to write.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await app.StopAsync();
        await settling;
        await writer.DisposeAsync();
        await app.DisposeAsync();
        await limiter.DisposeAsync();
        stop.Dispose();
    }
}
