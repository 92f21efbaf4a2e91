using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>What a machine can use and pay for, each in the unit that a price is for.</summary>
public enum Resource
{
    /// <summary>Microseconds of CPU time, of all processes of the machine.</summary>
    Cpu,

    /// <summary>Seconds of existence times MiB of memory.</summary>
    Memory,

    /// <summary>KiB (1,024 bytes) of Ethernet frames, sent and received.</summary>
    Network,

    /// <summary>Seconds of existence.</summary>
    Existence,
}

/// <summary>One price for each <see cref="Resource"/>.</summary>
[InlineArray(Count)]
public struct Prices
{
    public const int Count = 4;

    private uint first;

    /// <summary>False when everything costs nothing: then a node keeps no account.</summary>
    public readonly bool IsAny => (this[0] | this[1] | this[2] | this[3]) != 0;
}

/// <summary>How much of each <see cref="Resource"/>.</summary>
[InlineArray(Prices.Count)]
public struct Quantities
{
    private ulong first;
}

/// <summary>
/// A boot token (thesis §8.2; bytes in docs/protocols.md): signed permission to create one domain on one node.
/// A view over exactly <see cref="Size"/> bytes; after <see cref="TryParse"/> no accessor fails.
/// IPv4 addresses are numbers whose most significant byte is the first octet.
/// </summary>
public readonly ref struct BootToken
{
    public const int Size = SignedSize + Sha1.DigestSize;
    public const int SignedSize = 176;
    public const uint Magic = 0x54425645; // "EVBT"
    public const ushort Version = 3;
    public const int MaxGuests = 4;

    /// <summary>The largest <see cref="Value"/>: with it the elements of one packet fit 64 bits.</summary>
    public const ulong MaxValue = 1UL << 40;

    private readonly ref readonly BootTokenFields fields;

    private BootToken(in BootTokenFields fields) => this.fields = ref fields;

    /// <summary>
    /// Whether the bytes have the form of a token: right size, magic and version, reserved bytes zero, at most four
    /// guests, a prefix of 8 to 30 bits, at least one element, memory, CPU and a lease, no larger value than
    /// <see cref="MaxValue"/>, an end after its issue. Says nothing about who signed it.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out BootToken token)
    {
        token = default;
        if (bytes.Length != Size)
            return false;
        token = new BootToken(in MemoryMarshal.AsRef<BootTokenFields>(bytes));
        return token.fields.Magic == Magic
            && token.fields.Version == Version
            && token.fields.Reserved == 0
            && token.fields.Reserved2 == 0
            && token.PrefixLength is >= 8 and <= 30
            && token.GuestCount <= MaxGuests
            && token.ElementCount > 0
            && token.MemoryMiB > 0
            && token.CpuPercent > 0
            && token.Lease > 0
            && token.Value <= MaxValue
            && token.Expires > token.Issued;
    }

    /// <summary>
    /// Whether the bytes say that they are a token of another version, which may have another size.
    /// </summary>
    public static bool IsOtherVersion(ReadOnlySpan<byte> bytes) => bytes.Length >= 8 && Bytes.Le16(bytes, 4) != Version;

    /// <summary>All of its bytes, the signature included.</summary>
    public ReadOnlySpan<byte> AsSpan() => MemoryMarshal.AsBytes(new ReadOnlySpan<BootTokenFields>(in fields));

    /// <summary>The node that may honour the token.</summary>
    public uint Node => BinaryPrimitives.ReverseEndianness(fields.Node);

    public uint MemoryMiB => fields.MemoryMiB;

    /// <summary>
    /// Unix seconds; the token is good from <see cref="Issued"/> until just before <see cref="Expires"/>.
    /// </summary>
    public ulong Issued => fields.Issued;

    public ulong Expires => fields.Expires;

    /// <summary>The address that the firmware in the domain answers at; the domain's MAC derives from it.</summary>
    public uint BootAddress => BinaryPrimitives.ReverseEndianness(fields.BootAddress);

    /// <summary>The router of the boot address's subnet, 0 when there is none.</summary>
    public uint Gateway => BinaryPrimitives.ReverseEndianness(fields.Gateway);

    public byte PrefixLength => fields.PrefixLength;

    public byte GuestCount => fields.GuestCount;

    /// <summary>Hundredths of one processor.</summary>
    public ushort CpuPercent => fields.CpuPercent;

    public uint DiskMiB => fields.DiskMiB;

    /// <summary>
    /// The k of the thesis: how many elements of the chain the token carries, s_n back to <see cref="First"/>.
    /// </summary>
    public uint ElementCount => fields.ElementCount;

    /// <summary>Seconds that the firmware waits for whoever bought the machine before it ends it.</summary>
    public ushort Lease => fields.Lease;

    /// <summary>s_n, which also names the token: no two tokens share it.</summary>
    public ref readonly Digest ChainEnd => ref fields.ChainEnd;

    /// <summary>s_{n-k+1}.</summary>
    public ref readonly Digest First => ref fields.First;

    /// <summary>SHA-1 of the only loader that the firmware may start.</summary>
    public ReadOnlySpan<byte> Loader => fields.Loader.Bytes;

    /// <summary>SHA-1 of the 20 bytes that whoever asks for a refund has to show.</summary>
    public ref readonly Digest RefundHash => ref fields.RefundHash;

    /// <summary>The units of the balance that one element pays.</summary>
    public ulong Value => fields.Value;

    /// <summary>What one unit of a resource costs, in units of the balance.</summary>
    public ref readonly Prices Prices => ref fields.Prices;

    /// <summary>One of the addresses that the domain may claim beside the boot address.</summary>
    public uint Guest(int index) => BinaryPrimitives.ReverseEndianness(fields.Guests[index]);

    public bool SignedWith(in HmacSha1 key) => key.Verify(AsSpan().Slice(0, SignedSize), fields.Signature.Bytes);

    /// <summary>
    /// Whether hashing <see cref="First"/> k - 1 times gives <see cref="ChainEnd"/>. Costs k - 1 hashes.
    /// </summary>
    public bool ChainHolds() => HashChain.Leads(in fields.First, in fields.ChainEnd, fields.ElementCount - 1);
}

/// <summary>A token's bytes. Addresses are in network order.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct BootTokenFields
{
    public uint Magic;
    public ushort Version;
    public ushort Reserved;
    public uint Node;
    public uint MemoryMiB;
    public ulong Issued;
    public ulong Expires;
    public uint BootAddress;
    public uint Gateway;
    public byte PrefixLength;
    public byte GuestCount;
    public ushort CpuPercent;
    public uint DiskMiB;
    public GuestAddresses Guests;
    public uint ElementCount;
    public ushort Lease;
    public ushort Reserved2;
    public Digest ChainEnd;
    public Digest First;
    public Digest Loader;
    public Digest RefundHash;
    public ulong Value;
    public Prices Prices;
    public Digest Signature;
}

[InlineArray(BootToken.MaxGuests)]
internal struct GuestAddresses
{
    private uint first;
}
