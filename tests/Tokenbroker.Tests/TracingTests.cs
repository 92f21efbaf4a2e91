using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Tokenbroker.Http;
using Tokenbroker.Secrets;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>What a collector of traces hears, read from the bytes of OTLP (opentelemetry-proto, trace.proto).</summary>
public sealed class TracingTests
{
    private const string Machine = $$"""{"plan":"small","tokens":10,"loader":"{{Shop.Loader}}"}""";

    private sealed record Span(string Id, string Parent, string Name);

    /// <summary>Keeps what is sent to it.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly WebApplication app;
        private readonly List<byte[]> bodies = [];

        private Collector(WebApplication app)
        {
            this.app = app;
            app.MapPost("/v1/traces", async (HttpContext context) =>
            {
                using System.IO.MemoryStream all = new();
                await context.Request.Body.CopyToAsync(all);
                lock (bodies)
                    bodies.Add(all.ToArray());
            });
        }

        internal static async Task<Collector> Open()
        {
            WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
            Microsoft.AspNetCore.Hosting.HostingAbstractionsWebHostBuilderExtensions.UseUrls(builder.WebHost, "http://127.0.0.1:0");
            Collector collector = new(builder.Build());
            await collector.app.StartAsync();
            return collector;
        }

        internal Uri Address => new(app.Urls.Single() + "/v1/traces");

        internal byte[][] Bodies
        {
            get
            {
                lock (bodies)
                    return [.. bodies];
            }
        }

        public async ValueTask DisposeAsync() => await app.DisposeAsync();
    }

    [Theory, OnSqlite]
    public async Task A_purchase_is_a_span_with_its_write_and_its_transaction_inside_and_no_secret_in_any(string kind)
    {
        await using Collector collector = await Collector.Open();
        Shop shop = new(kind, machines: 20);
        string key = shop.AddKey(shop.Customer, ApiKeys.Read, ApiKeys.Buy);
        Server server = new(shop.Broker,
            new ServerOptions("http://127.0.0.1:0", 10_000, LogsRequests: false, Collector: collector.Address));
        await server.Start();
        string sold;
        using (HttpClient client = new() { BaseAddress = new Uri(server.Address) })
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Bearer " + key);
            using HttpRequestMessage buy = new(HttpMethod.Post, "/v1/machines?who=private-question") { Content = new StringContent(Machine, Encoding.UTF8, "application/json") };
            buy.Headers.Add(Idempotency.Header, "an-idempotency-key");
            using HttpResponseMessage answer = await client.SendAsync(buy);
            sold = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.StatusCode == HttpStatusCode.Created, sold);
            await client.GetAsync("/health/live");
        }
        await server.DisposeAsync(); // sends what is left
        shop.Dispose();

        Span[] spans = [.. collector.Bodies.SelectMany(Spans)];
        Span transaction = Assert.Single(spans, span => span.Name == "transaction");
        Span write = Assert.Single(spans, span => span.Name == "write");
        Assert.Equal(write.Id, transaction.Parent);
        Span request = Assert.Single(spans, span => span.Id == write.Parent);
        Assert.Equal(("POST /v1/machines", ""), (request.Name, request.Parent));
        Assert.Equal(3, spans.Length);
        string all = string.Concat(collector.Bodies.Select(Encoding.Latin1.GetString));
        foreach (string secret in (string[])[key, Shop.Loader, "an-idempotency-key", "private-question"])
            Assert.DoesNotContain(secret, all, StringComparison.Ordinal);
    }

    [Theory, OnSqlite]
    public async Task A_collector_that_is_not_there_stops_nobody(string kind)
    {
        Shop shop = new(kind, machines: 20);
        string key = shop.AddKey(shop.Customer, ApiKeys.Read);
        Server server = new(shop.Broker,
            new ServerOptions("http://127.0.0.1:0", 10_000, LogsRequests: false, Collector: new Uri("http://127.0.0.1:9/v1/traces")));
        await server.Start();
        using (HttpClient client = new() { BaseAddress = new Uri(server.Address) })
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Bearer " + key);
            using HttpResponseMessage answer = await client.GetAsync("/v1/machines");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(20));
        await server.DisposeAsync().AsTask().WaitAsync(patience.Token);
        shop.Dispose();
    }

    /// <summary>TracesData.resource_spans (1) → ResourceSpans.scope_spans (2) → ScopeSpans.spans (2).</summary>
    private static IEnumerable<Span> Spans(byte[] body) =>
        from resource in Fields(body, 1)
        from scope in Fields(resource, 2)
        from span in Fields(scope, 2)
        select new Span(
            Convert.ToHexString(Fields(span, 2).Single()), string.Concat(Fields(span, 4).Select(Convert.ToHexString)), Encoding.UTF8.GetString(Fields(span, 5).Single()));

    /// <summary>The values of a message's fields of one number that have a length.</summary>
    private static List<byte[]> Fields(byte[] message, int number)
    {
        List<byte[]> found = [];
        for (int at = 0; at < message.Length;)
        {
            ulong tag = Varint(message, ref at);
            switch (tag & 7)
            {
                case 0:
                    Varint(message, ref at);
                    break;
                case 1:
                    at += 8;
                    break;
                case 2:
                    int length = (int)Varint(message, ref at);
                    if ((int)(tag >> 3) == number)
                        found.Add(message[at..(at + length)]);
                    at += length;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"wire type {tag & 7}"));
            }
        }
        return found;
    }

    private static ulong Varint(byte[] bytes, ref int at)
    {
        ulong value = 0;
        int shift = 0;
        while (true)
        {
            byte next = bytes[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
            shift += 7;
        }
    }
}
