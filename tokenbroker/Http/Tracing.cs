using System;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Tokenbroker.Http;

/// <summary>
/// Traces in OpenTelemetry's protocol over HTTP (OTLP/HTTP, protobuf): a span for each request, and inside it one for
/// its write, with the transaction apart from the time in the queue. No span holds a header, a body or a query.
/// </summary>
internal static class Tracing
{
    private const string Name = "tokenbroker";

    /// <summary>Makes the spans of the program's own. Without a listener they cost nothing.</summary>
    internal static readonly ActivitySource Source = new(Name);

    /// <param name="collector">The collector's traces endpoint, as <c>http://127.0.0.1:4318/v1/traces</c>.</param>
    /// <param name="services">Of the application that is being built.</param>
    internal static void Add(IServiceCollection services, Uri collector) => services.AddOpenTelemetry()
        .ConfigureResource(resource => resource.AddService(Name))
        .WithTracing(tracing => tracing
            .AddSource(Name)
            .AddAspNetCoreInstrumentation(requests =>
                requests.Filter = context => !context.Request.Path.StartsWithSegments("/health"))
            .AddOtlpExporter(exporter =>
            {
                exporter.Protocol = OtlpExportProtocol.HttpProtobuf;
                exporter.Endpoint = collector;
            }));
}
