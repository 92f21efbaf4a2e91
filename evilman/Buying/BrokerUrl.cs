using System;
using System.Net;
using System.Net.Sockets;

namespace Evilman.Buying;

/// <summary>
/// Where a broker is. API key, tokens and machine keys cross this connection, and this program has no TLS: so it goes
/// to this machine alone, where the broker, a proxy that speaks TLS or a tunnel (ssh -L) listens.
/// </summary>
internal sealed record BrokerUrl(IPEndPoint Server)
{
    internal const string Rule = "a broker's URL is http://127.0.0.1:PORT: this program speaks no TLS, and sends keys "
        + "to this machine only. «ssh -N -L 8090:127.0.0.1:8090 HOST» brings a broker elsewhere here";

    internal static BrokerUrl Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme != Uri.UriSchemeHttp
            || url.PathAndQuery != "/" || url.UserInfo.Length > 0 || url.Fragment.Length > 0)
            throw Failure.Usage(Rule);
        var address = url.Host == "localhost" ? IPAddress.Loopback
            : IPAddress.TryParse(url.Host, out var named) ? named : null;
        return address is { AddressFamily: AddressFamily.InterNetwork } && IPAddress.IsLoopback(address)
            ? new BrokerUrl(new IPEndPoint(address, url.Port)) : throw Failure.Usage(Rule);
    }

    public override string ToString() => $"http://{Server}";
}
