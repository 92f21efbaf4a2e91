using System;
using System.CommandLine;
using System.Threading;
using System.Threading.Tasks;
using Tokenbroker.Http;
using Tokenbroker.Market;

namespace Tokenbroker.Commands;

/// <summary><c>tokenbroker serve</c>.</summary>
internal static class ServeCommand
{
    /// <summary>
    /// Threads that requests may have at once. Where the database stands still each request keeps one, and a process that
    /// may have no further thread ends (deploy/tokenbroker.service, TasksMax, leaves room for those that are the runtime's).
    /// </summary>
    internal const int MaxThreads = 64;

    internal static Command Create(Place place)
    {
        Option<string> listen = Values.OwnAddress("--listen",
            "Where the API is. Others reach it through a proxy that brings TLS.", "http://127.0.0.1:8090");
        Option<long> rate = Values.Count("--requests-per-second",
            "How many requests a customer, or an address without a key, may make.", 1, 1_000_000, 200);
        Option<bool> quiet = new("--quiet") { Description = "Log no line for each request." };
        Option<Uri?> collector = Values.HttpAddress("--otlp",
            "Where traces are sent: an OpenTelemetry collector's endpoint for them (OTLP over HTTP), "
            + "as http://127.0.0.1:4318/v1/traces. Without it none are made.");
        Command command = new("serve", "Serves the API until it is told to stop (SIGTERM).") { listen, rate, quiet, collector };
        command.SetAction(result => Serve(place, result,
            new ServerOptions(result.GetValue(listen)!, (int)result.GetValue(rate),
            !result.GetValue(quiet), result.GetValue(collector))).GetAwaiter().GetResult());
        return command;
    }

    private static async Task<int> Serve(Place place, ParseResult result, ServerOptions options)
    {
        ThreadPool.SetMinThreads(Math.Min(Environment.ProcessorCount, MaxThreads), 1);
        ThreadPool.SetMaxThreads(MaxThreads, MaxThreads);
        using Broker broker = place.Broker(result);
        await using Server server = new(broker, options);
        await server.Start();
        await server.Wait();
        return 0;
    }
}
