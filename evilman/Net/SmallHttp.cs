using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net;
using System.Text;

namespace Evilman.Net;

/// <summary>What an HTTP server said.</summary>
public readonly record struct HttpAnswer(int Status, string Body);

/// <summary>
/// One HTTP/1.0 request on a connection of its own: enough for busybox httpd, and every failure stays visible as what
/// it was (refused, reset, timed out, cut short), which a pooled client hides behind retries.
/// </summary>
public static class SmallHttp
{
    public const int MaxAnswer = 16 << 20;

    public static HttpAnswer Get(IPEndPoint server, string path, TimeSpan timeout) =>
        Send(server, "GET", path, [], null, timeout);

    /// <param name="body">JSON, or null for none.</param>
    public static HttpAnswer Send(IPEndPoint server, string method, string path,
        IReadOnlyList<(string Name, string Value)> headers, string? body, TimeSpan timeout)
    {
        var content = body is null ? [] : Encoding.UTF8.GetBytes(body);
        var head = new StringBuilder($"{method} {path} HTTP/1.0\r\nHost: {server.Address}\r\n");
        foreach (var (name, value) in headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        if (body is not null)
            head.Append(CultureInfo.InvariantCulture,
                $"Content-Type: application/json\r\nContent-Length: {content.Length}\r\n");
        using var socket = Tcp.Connect(server, timeout);
        socket.SendTimeout = socket.ReceiveTimeout = (int)timeout.TotalMilliseconds;
        socket.Send(Encoding.Latin1.GetBytes($"{head}\r\n"));
        socket.Send(content);

        var bytes = new byte[8192];
        var have = 0;
        while (true)
        {
            if (have == bytes.Length)
            {
                if (have >= MaxAnswer)
                    throw new Failure($"{server} answers without end");
                Array.Resize(ref bytes, 2 * have);
            }
            var count = socket.Receive(bytes.AsSpan(have));
            if (count == 0)
                break;
            have += count;
        }
        return Parse(bytes.AsSpan(0, have), server);
    }

    public static HttpAnswer Parse(ReadOnlySpan<byte> bytes, IPEndPoint server)
    {
        // CGI scripts end their lines as they like (RFC 3875 section 6.3.1), and their server passes that on.
        var (end, size) = (bytes.IndexOf("\r\n\r\n"u8), 4);
        if (bytes.IndexOf("\n\n"u8) is >= 0 and var plain && (end < 0 || plain < end))
            (end, size) = (plain, 2);
        if (end < 0 || !bytes.StartsWith("HTTP/1."u8) || bytes.Length < 12
            || !int.TryParse(bytes.Slice(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var status))
            throw new Failure($"{server} closed the connection in the middle of its answer");
        var body = bytes[(end + size)..];
        var head = Encoding.Latin1.GetString(bytes[..end]);
        var at = head.IndexOf("content-length:", StringComparison.OrdinalIgnoreCase);
        if (at >= 0)
        {
            var line = head[(at + 15)..].Split(['\r', '\n'])[0].Trim();
            if (int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var promised)
                && promised != body.Length)
                throw new Failure($"{server} promised {promised} bytes and sent {body.Length}");
        }
        return new HttpAnswer(status, Encoding.UTF8.GetString(body));
    }
}
