using System;
using System.Globalization;
using System.IO;
using System.Net.Sockets;
using Evilman.Net;

namespace Evilman.Home;

/// <summary>Looks how far a job is. Whatever a guest answers, it is at worst no progress.</summary>
internal static class Watcher
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    internal static long? Look(HomeJob job)
    {
        try
        {
            if (job.Watch == Watch.Tcp)
            {
                using var socket = Tcp.Connect(job.Where, s_patience);
                return 1;
            }
            var answer = SmallHttp.Get(job.Where, job.Path, s_patience);
            if (answer.Status is < 200 or > 299)
                return null;
            if (job.Watch == Watch.Url)
                return 1;
            return long.TryParse(answer.Body.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
                out var value) ? value : null;
        }
        catch (Exception failure) when (failure is SocketException or IOException or Failure)
        {
            return null;
        }
    }
}
