namespace Netstack;

/// <summary>
/// The initial sequence number of every passive open: a keyed hash over the four numbers and the peer's sequence
/// number, with what the peer's SYN offered in its low byte (RFC 4987 §3.6). So a half-open connection can be
/// forgotten, or never be kept: the acknowledgement brings back all of it. Two keys alternate; a cookie is good for one
/// to two lifetimes.
/// </summary>
internal static unsafe class SynCookies
{
    private const ulong Lifetime = 30 * Tcp.Second;

    // The low byte: 3 bits of segment size, 3 of window scale, SACK permitted, which key; hidden by the highest byte.
    private const uint SackBit = 0x40;
    private const uint KeyBit = 0x80;

    /// <summary>
    /// Each size is taken down to the next one here: common links, tunnels, RFC 9293's default, and what is left.
    /// </summary>
    private static System.ReadOnlySpan<ushort> Sizes => [216, 536, 1220, 1360, 1400, 1440, 1452, 1460];

    /// <summary>Window scales, taken down as well; the first entry is "not offered".</summary>
    private static System.ReadOnlySpan<byte> Shifts => [0, 0, 1, 2, 4, 6, 7, 8];

    internal static uint Make(Stack* stack, in IpHeader ip, in TcpHeader syn, ulong now)
    {
        if (now - stack->CookieTime >= Lifetime)
            Renew(stack, now);
        int size = 0;
        while (size < Sizes.Length - 1 && Sizes[size + 1] <= syn.MaximumSegmentSize)
            size++;
        int shift = syn.HasWindowShift ? 1 : 0;
        while (shift > 0 && shift < Shifts.Length - 1 && Shifts[shift + 1] <= syn.WindowShift)
            shift++;
        uint bits = (uint)(size | shift << 3);
        if (syn.SackPermitted)
            bits |= SackBit;
        if (stack->CookieKey != 0)
            bits |= KeyBit;
        return Hide(Hash(stack, ip, syn, syn.Sequence, bits), bits);
    }

    /// <summary>
    /// Whether an acknowledgement answers a cookie of ours; <paramref name="syn"/> is then the SYN that it was made
    /// for, as far as it is known.
    /// </summary>
    internal static bool TryOpen(Stack* stack, in IpHeader ip, in TcpHeader segment, ulong now, out TcpHeader syn)
    {
        syn = segment;
        if (now - stack->CookieTime >= Lifetime)
            Renew(stack, now);
        uint cookie = segment.Acknowledgement - 1;
        uint bits = (cookie ^ cookie >> 24) & 0xff;
        syn.Sequence = segment.Sequence - 1;
        if (Hide(Hash(stack, ip, segment, syn.Sequence, bits), bits) != cookie)
            return false;
        syn.Flags = TcpFlags.Syn;
        syn.MaximumSegmentSize = Sizes[(int)(bits & 7)];
        syn.HasWindowShift = (bits >> 3 & 7) != 0;
        syn.WindowShift = Shifts[(int)(bits >> 3 & 7)];
        syn.SackPermitted = (bits & SackBit) != 0;
        return true;
    }

    /// <summary>New keys: the one in use stays good for one lifetime more.</summary>
    internal static void Renew(Stack* stack, ulong now)
    {
        // After two lifetimes no cookie of the older key is valid.
        for (int turns = now - stack->CookieTime >= 2 * Lifetime ? 2 : 1; turns > 0; turns--)
        {
            stack->CookieKey ^= 1;
            stack->CookieCounter++;
            for (uint half = 0; half < 2; half++)
                stack->CookieKeys[stack->CookieKey * 2 + half] =
                    KeyedHash.Of(stack->SecretLow, stack->SecretHigh, stack->CookieCounter, ulong.MaxValue, half);
        }
        stack->CookieTime = now;
    }

    private static ulong Hash(Stack* stack, in IpHeader ip, in TcpHeader segment, uint sequence, uint bits)
    {
        ulong* key = stack->CookieKeys + ((bits & KeyBit) != 0 ? 2 : 0);
        return KeyedHash.Of(key[0], key[1], ip.Destination, ip.Source,
            (ulong)segment.DestinationPort << 48 | (ulong)segment.SourcePort << 32 | sequence, bits);
    }

    private static uint Hide(ulong hash, uint bits) => (uint)hash & 0xffffff00 | ((uint)hash >> 24 ^ bits) & 0xff;
}
