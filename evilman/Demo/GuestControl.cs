using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Evilman.Net;

namespace Evilman.Demo;

/// <summary>Asks a guest to move, and how far it is, through its own web server (guestos/rootfs/www/cgi-bin).</summary>
public static class GuestControl
{
    const int HttpPort = 80;
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public static void AskToMove(IPAddress guest, IPAddress bootAddress)
    {
        var answer = Get(guest, $"/cgi-bin/move?{bootAddress}").Trim();
        if (!answer.StartsWith("moving", StringComparison.Ordinal))
            throw new Failure($"the guest does not move: {(answer.Length == 0 ? "it gave no answer" : answer)}");
    }

    /// <summary>What /bin/migrate has said so far, line by line.</summary>
    public static string[] Progress(IPAddress guest) =>
        Get(guest, "/cgi-bin/progress").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Migrate's exit code once it has one. On the destination it ends too, with 0.</summary>
    public static int? Ended(IReadOnlyList<string> progress) =>
        progress.Count > 0 && progress[^1].StartsWith("exit ", StringComparison.Ordinal)
            && int.TryParse(progress[^1].AsSpan(5), CultureInfo.InvariantCulture, out var code) ? code : null;

    static string Get(IPAddress guest, string path)
    {
        try
        {
            var answer = SmallHttp.Get(new IPEndPoint(guest, HttpPort), path, s_patience);
            return answer.Status == 200 ? answer.Body : throw new Failure($"{guest} answers {path} with status {answer.Status}");
        }
        catch (SocketException failure)
        {
            throw new Failure($"{guest} does not answer {path}: {failure.Message}");
        }
    }
}
