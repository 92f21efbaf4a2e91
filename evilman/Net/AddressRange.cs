using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net;
using Evilman.Minting;
using Evilman.Text;

namespace Evilman.Net;

/// <summary>IPv4 addresses from the first to the last, both included; where it is told, the length of their subnet's
/// prefix.</summary>
internal sealed record AddressRange(IPAddress First, IPAddress Last, int? PrefixLength)
{
    /// <summary>More would be a typing error.</summary>
    internal const int MaxAddresses = 65536;

    internal const string Form = "addresses like 10.0.0.100-10.0.0.139";

    internal const string SubnetForm = "addresses with their subnet like 10.0.0.100-10.0.0.139/24";

    /// <summary>"A-B" or one address, and behind it, where a subnet belongs to it, "/LENGTH".</summary>
    internal static bool TryParse(string text, out AddressRange range)
    {
        range = new AddressRange(IPAddress.Any, IPAddress.Any, null);
        int? length = null;
        var slash = text.IndexOf('/');
        if (slash >= 0)
        {
            if (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var bits)
                || bits is < 8 or > 30)
                return false;
            (length, text) = (bits, text[..slash]);
        }
        var ends = text.Split('-');
        if (ends.Length > 2 || !Quantity.TryAddress(ends[0], out var first)
            || !Quantity.TryAddress(ends[^1], out var last))
            return false;
        range = new AddressRange(first, last, length);
        return Ipv4.Number(first) <= Ipv4.Number(last) && range.Count <= MaxAddresses;
    }

    internal uint Count => Ipv4.Number(Last) - Ipv4.Number(First) + 1;

    internal IEnumerable<IPAddress> All()
    {
        for (uint i = 0; i < Count; i++)
            yield return Ipv4.Address(Ipv4.Number(First) + i);
    }

    public override string ToString()
    {
        var ends = First.Equals(Last) ? $"{First}" : $"{First}-{Last}";
        return PrefixLength is { } length ? string.Create(CultureInfo.InvariantCulture, $"{ends}/{length}") : ends;
    }
}
