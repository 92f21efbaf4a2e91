using System;
using System.Globalization;
using System.Net;

namespace Evilman.Text;

/// <summary>Sizes, durations and addresses as people type and read them.</summary>
public static class Quantity
{
    /// <summary>
    /// "64M", "1G", "512K" or plain bytes; powers of 1024. False when it is none of these or does not fit.
    /// </summary>
    public static bool TryBytes(string text, out long bytes)
    {
        bytes = 0;
        text = text.Trim();
        if (text.EndsWith("iB", StringComparison.OrdinalIgnoreCase))
            text = text[..^2];
        if (text.Length == 0)
            return false;
        var shift = char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, _ => 0 };
        var digits = shift == 0 ? text : text[..^1];
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            || count > long.MaxValue >> shift)
            return false;
        bytes = count << shift;
        return true;
    }

    /// <summary>The longest duration that anybody may ask for.</summary>
    const int MaxDays = 3650;

    /// <summary>"30s", "10m", "2h", "7d" or plain seconds; ten years at most.</summary>
    public static bool TryDuration(string text, out TimeSpan duration)
    {
        duration = default;
        text = text.Trim();
        if (text.Length == 0)
            return false;
        var seconds = char.ToLowerInvariant(text[^1]) switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
        var digits = seconds == 0 ? text : text[..^1];
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            return false;
        var total = (long)count * Math.Max(seconds, 1);
        if (total > MaxDays * 86400L)
            return false;
        duration = TimeSpan.FromSeconds(total);
        return true;
    }

    /// <summary>
    /// Four decimal octets and nothing else. Other parsers take "10.1" for 10.0.0.1 and "010.0.0.1" for 8.0.0.1
    /// (inet_aton(3)); here both are typing errors.
    /// </summary>
    public static bool TryAddress(string text, out IPAddress address)
    {
        address = IPAddress.Any;
        Span<byte> octets = stackalloc byte[4];
        var parts = text.Split('.');
        if (parts.Length != octets.Length)
            return false;
        for (var i = 0; i < octets.Length; i++)
        {
            var leadingZero = parts[i].Length > 1 && parts[i][0] == '0';
            if (leadingZero || !byte.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out octets[i]))
                return false;
        }
        address = new IPAddress(octets);
        return true;
    }

    /// <summary>"10.0.0.7/24": address and prefix length, 24 when there is none.</summary>
    public static bool TryAddressWithLength(string text, out IPAddress address, out int length)
    {
        length = 24;
        var slash = text.IndexOf('/');
        if (!TryAddress(slash < 0 ? text : text[..slash], out address))
            return false;
        return slash < 0
            || (int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out length)
                && length is >= 1 and <= 32);
    }

    public static string Bytes(long bytes) => bytes switch
    {
        < 1 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KiB"),
        < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.#} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.##} GiB"),
    };

    /// <summary>Seconds in the largest unit that there are two of, rounded down: "119s", "2m", "47h", "2d".</summary>
    public static string Age(long seconds) => Math.Max(0, seconds) switch
    {
        < 120 and var few => string.Create(CultureInfo.InvariantCulture, $"{few}s"),
        < 7200 and var minutes => string.Create(CultureInfo.InvariantCulture, $"{minutes / 60}m"),
        < 172_800 and var hours => string.Create(CultureInfo.InvariantCulture, $"{hours / 3600}h"),
        var days => string.Create(CultureInfo.InvariantCulture, $"{days / 86_400}d"),
    };

    public static string Milliseconds(double milliseconds) => milliseconds switch
    {
        < 10 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.00} ms"),
        < 10000 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000:0.0} s"),
    };
}
