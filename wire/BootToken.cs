using System;

namespace Wire;

/// <summary>
/// A boot token (thesis §8.2; bytes in docs/protocols.md): signed permission to create one domain on one node.
/// A view over exactly <see cref="Size"/> bytes; after <see cref="TryParse"/> no accessor fails.
/// IPv4 addresses are numbers whose most significant byte is the first octet.
/// </summary>
public readonly ref struct BootToken
{
    public const int Size = 152;
    public const uint Magic = 0x54425645; // "EVBT"
    public const ushort Version = 2;
    public const int MaxGuests = 4;

    internal const int MagicAt = 0;
    internal const int VersionAt = 4;
    internal const int ReservedAt = 6;
    internal const int NodeAt = 8;
    internal const int MemoryAt = 12;
    internal const int IssuedAt = 16;
    internal const int ExpiresAt = 24;
    internal const int BootAt = 32;
    internal const int GatewayAt = 36;
    internal const int PrefixAt = 40;
    internal const int GuestCountAt = 41;
    internal const int CpuAt = 42;
    internal const int DiskAt = 44;
    internal const int GuestsAt = 48;
    internal const int CountAt = 64;
    internal const int LeaseAt = 68;
    internal const int Reserved2At = 70;
    internal const int ChainEndAt = 72;
    internal const int FirstAt = 92;
    internal const int LoaderAt = 112;
    internal const int SignatureAt = 132;

    private readonly ReadOnlySpan<byte> bytes;

    private BootToken(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    /// <summary>
    /// Whether the bytes have the form of a token: right size, magic and version, reserved bytes zero, at most four
    /// guests, a prefix of 8 to 30 bits, at least one token, memory, CPU and a lease. Says nothing about who signed it.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out BootToken token)
    {
        token = default;
        if (bytes.Length != Size || Bytes.Le32(bytes, MagicAt) != Magic || Bytes.Le16(bytes, VersionAt) != Version)
            return false;
        token = new BootToken(bytes);
        return Bytes.Le16(bytes, ReservedAt) == 0
            && Bytes.Le16(bytes, Reserved2At) == 0
            && token.PrefixLength is >= 8 and <= 30
            && token.GuestCount <= MaxGuests
            && token.TokenCount > 0
            && token.MemoryMiB > 0
            && token.CpuPercent > 0
            && token.Lease > 0
            && token.Expires > token.Issued;
    }

    /// <summary>All of its bytes, the signature included.</summary>
    public ReadOnlySpan<byte> AsSpan() => bytes;

    /// <summary>The node that may honour the token.</summary>
    public uint Node => Bytes.Be32(bytes, NodeAt);

    public uint MemoryMiB => Bytes.Le32(bytes, MemoryAt);

    /// <summary>
    /// Unix seconds; the token is good from <see cref="Issued"/> until just before <see cref="Expires"/>.
    /// </summary>
    public ulong Issued => Bytes.Le64(bytes, IssuedAt);

    public ulong Expires => Bytes.Le64(bytes, ExpiresAt);

    /// <summary>The address that the firmware in the domain answers at; the domain's MAC derives from it.</summary>
    public uint BootAddress => Bytes.Be32(bytes, BootAt);

    /// <summary>The router of the boot address's subnet, 0 when there is none.</summary>
    public uint Gateway => Bytes.Be32(bytes, GatewayAt);

    public byte PrefixLength => bytes[PrefixAt];

    public byte GuestCount => bytes[GuestCountAt];

    /// <summary>Hundredths of one processor.</summary>
    public ushort CpuPercent => Bytes.Le16(bytes, CpuAt);

    public uint DiskMiB => Bytes.Le32(bytes, DiskAt);

    /// <summary>
    /// The k of the thesis: how many elements of the chain the token carries, s_n back to <see cref="First"/>.
    /// </summary>
    public uint TokenCount => Bytes.Le32(bytes, CountAt);

    /// <summary>Seconds that the firmware waits for whoever bought the machine before it ends it.</summary>
    public ushort Lease => Bytes.Le16(bytes, LeaseAt);

    /// <summary>s_n, which also names the token: no two tokens share it.</summary>
    public ReadOnlySpan<byte> ChainEnd => bytes.Slice(ChainEndAt, HashChain.ElementSize);

    /// <summary>s_{n-k+1}.</summary>
    public ReadOnlySpan<byte> First => bytes.Slice(FirstAt, HashChain.ElementSize);

    /// <summary>SHA-1 of the only loader that the firmware may start.</summary>
    public ReadOnlySpan<byte> Loader => bytes.Slice(LoaderAt, Sha1.DigestSize);

    /// <summary>One of the addresses that the domain may claim beside the boot address.</summary>
    public uint Guest(int index) => Bytes.Be32(bytes, GuestsAt + 4 * index);

    public bool SignedWith(in HmacSha1 key) => key.Verify(bytes.Slice(0, SignatureAt), bytes.Slice(SignatureAt));

    /// <summary>
    /// Whether hashing <see cref="First"/> k - 1 times gives <see cref="ChainEnd"/>. Costs k - 1 hashes.
    /// </summary>
    public bool ChainHolds() => HashChain.Leads(First, ChainEnd, TokenCount - 1);
}
