using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text;
using Evilman.Buying;
using Evilman.Text;
using Tokens;

namespace Evilman.Home;

/// <summary>How one sees that a job advances.</summary>
internal enum Watch
{
    /// <summary>A URL that answers with a status of 200 to 299.</summary>
    Url,

    /// <summary>A TCP port that takes a connection.</summary>
    Tcp,

    /// <summary>A URL whose body is a whole number, which has to change.</summary>
    Counter,
}

/// <summary>A machine that is paid for as long as its job advances.</summary>
/// <param name="Name">Of the machine, as it was bought.</param>
/// <param name="Path">Of a URL.</param>
/// <param name="Tokens">Bought at a time.</param>
/// <param name="Low">Paid when fewer seconds are left.</param>
/// <param name="Stall">So many seconds without progress end the payments.</param>
/// <param name="Budget">Units that the machine may cost in all, its purchase included.</param>
/// <param name="Deadline">Unix seconds; from then on nothing is paid.</param>
internal sealed record HomeJob(string Name, Watch Watch, IPEndPoint Where, string Path, int Tokens, long Low,
    long Stall, long? Budget, long? Deadline)
{
    const int MaxFileSize = 1 << 20;
    const long TenYears = 3650L * 86400;

    /// <exception cref="Failure">The file is not what docs/broker.md says of it.</exception>
    internal static IReadOnlyList<HomeJob> Load(string path) =>
        Parse(Encoding.UTF8.GetString(Files.Read(path, MaxFileSize, "a list of jobs")), path);

    internal static IReadOnlyList<HomeJob> Parse(string text, string path)
    {
        var file = TomlFile.Parse(text, path);
        file.Root.End();
        return [.. file.Tables.Select(Read)];
    }

    static HomeJob Read(TomlTable table)
    {
        if (table.Kind != "jobs" || !Inventory.IsName(table.Name))
            throw new Failure($"[{table.Kind}.{table.Name}] is not a table like [jobs.NAME]: {Inventory.NameRule}");
        var watched = new List<HomeJob>();
        foreach (var (key, watch) in (ReadOnlySpan<(string, Watch)>)
            [("url", Watch.Url), ("tcp", Watch.Tcp), ("counter", Watch.Counter)])
        {
            if (table.Text(key) is { } text)
                watched.Add(At(table, key, watch, text));
        }
        if (watched.Count != 1)
            throw new Failure($"[jobs.{table.Name}] has one of url, tcp and counter: how one sees that it advances");
        var deadline = table.Text("deadline");
        DateTimeOffset until = default;
        if (deadline is not null && !DateTimeOffset.TryParseExact(deadline, "yyyy-MM-dd'T'HH:mm:ss'Z'",
            CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out until))
            throw table.Wrong("deadline", "a time like 2027-01-31T12:00:00Z");
        var job = watched[0] with
        {
            Tokens = (int)(table.Number("tokens", 1, Chain.MaxLength) ?? throw table.Missing("tokens")),
            Low = table.Number("low", 1, TenYears) ?? throw table.Missing("low"),
            Stall = table.Number("stall", 1, TenYears) ?? throw table.Missing("stall"),
            Budget = table.Number("budget", 0, long.MaxValue),
            Deadline = deadline is null ? null : until.ToUnixTimeSeconds(),
        };
        table.End();
        return job;
    }

    static HomeJob At(TomlTable table, string key, Watch watch, string text)
    {
        if (watch == Watch.Tcp)
        {
            var parts = text.Split(':');
            return parts.Length == 2 && Quantity.TryAddress(parts[0], out var host)
                && ushort.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var port)
                ? new HomeJob(table.Name, watch, new IPEndPoint(host, port), "", 0, 0, 0, null, null)
                : throw table.Wrong(key, "an address and a port like 192.0.2.140:80");
        }
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp
            && Quantity.TryAddress(url.Host, out var address)
            ? new HomeJob(table.Name, watch, new IPEndPoint(address, url.Port), url.PathAndQuery, 0, 0, 0, null, null)
            : throw table.Wrong(key, "a URL like http://192.0.2.140/progress");
    }
}
