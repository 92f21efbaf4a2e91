using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Wire;

public enum MagicKind : ushort
{
    Boot = 1,
    Payment = 2,
    End = 3,
    Query = 4,
    Refund = 5,
    Continuation = 6,
}

/// <summary>
/// The payload of an ICMP Echo Request that is a request to a node, and of the Echo Reply that answers it (thesis
/// §8.2.1; bytes in docs/protocols.md). A payload that does not begin with the eight magic bytes is an ordinary ping:
/// ping programs begin theirs with a time stamp or a repeated pattern.
/// </summary>
public static class MagicPing
{
    public const ulong Magic = 0x676E69506C697645; // "EvilPing"
    public const ushort Version = 1;
    public const int HeaderSize = 16;
    public const int BootSize = HeaderSize + BootToken.Size;
    public const int PaymentSize = HeaderSize + Payment.Size;
    public const int EndSize = HeaderSize + EndRequest.Size;
    public const int AccountSize = HeaderSize + AccountRequest.Size;
    public const int ContinuationSize = HeaderSize + Continuation.Size;

    public static bool IsMagic(ReadOnlySpan<byte> payload) => payload.Length >= 8 && Bytes.Le64(payload, 0) == Magic;

    /// <summary>Checks the header of a magic payload and finds the body, whose size is then the kind's own.</summary>
    public static Refusal Parse(ReadOnlySpan<byte> payload, out MagicKind kind, out ReadOnlySpan<byte> body)
    {
        kind = 0;
        body = default;
        if (payload.Length < HeaderSize)
            return Refusal.Truncated;
        ref readonly MagicPingFields header = ref MemoryMarshal.AsRef<MagicPingFields>(payload);
        if (header.Version != Version)
            return Refusal.UnknownVersion;
        kind = header.Kind;
        body = payload.Slice(HeaderSize);
        // No switch: it would be compiled to a jump to an address out of a table.
        int size = 0;
        if (kind == MagicKind.Boot)
            size = BootToken.Size;
        else if (kind == MagicKind.Payment)
            size = Payment.Size;
        else if (kind == MagicKind.End)
            size = EndRequest.Size;
        else if (kind is MagicKind.Query or MagicKind.Refund)
            size = AccountRequest.Size;
        else if (kind == MagicKind.Continuation)
            size = Continuation.Size;
        if (size == 0)
            return Refusal.UnknownKind;
        if (kind == MagicKind.Boot && BootToken.IsOtherVersion(body))
            return Refusal.UnknownTokenVersion;
        if (body.Length < size)
            return Refusal.Truncated;
        if (body.Length > size)
            return Refusal.TrailingBytes;
        return header.Length == size ? Refusal.None : Refusal.Malformed;
    }

    /// <summary>Writes the header in front of a body that is already at <see cref="HeaderSize"/>.</summary>
    public static void EmitHeader(Span<byte> payload, MagicKind kind) =>
        MemoryMarshal.AsRef<MagicPingFields>(payload) = new()
        {
            Magic = Magic,
            Version = Version,
            Kind = kind,
            Length = payload.Length - HeaderSize,
        };
}

/// <summary>A request's bytes before its body.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct MagicPingFields
{
    public ulong Magic;
    public ushort Version;
    public MagicKind Kind;
    public int Length;
}

/// <summary>
/// The answer to a magic ping, no longer than any question so that nobody gains by reflecting it. A <see
/// cref="Statement"/> follows where one was asked for and is given.
/// </summary>
public readonly ref struct MagicReply
{
    public const int Size = 40;
    public const ulong Magic = 0x676E6F506C697645; // "EvilPong"

    private readonly ReadOnlySpan<byte> bytes;

    private MagicReply(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    private ref readonly MagicReplyFields Fields => ref MemoryMarshal.AsRef<MagicReplyFields>(bytes);

    public static bool TryParse(ReadOnlySpan<byte> payload, out MagicReply reply)
    {
        reply = default;
        if (payload.Length is not (Size or Size + Statement.Size))
            return false;
        reply = new MagicReply(payload);
        return reply.Fields.Magic == Magic && reply.Fields.Version == MagicPing.Version;
    }

    public static void Emit(
        Span<byte> to, MagicKind kind, Refusal refusal, uint node, uint boot, ulong time, uint limit) =>
        MemoryMarshal.AsRef<MagicReplyFields>(to) = new()
        {
            Magic = Magic,
            Version = MagicPing.Version,
            Kind = kind,
            Refusal = (uint)refusal,
            Node = BinaryPrimitives.ReverseEndianness(node),
            BootAddress = BinaryPrimitives.ReverseEndianness(boot),
            NodeTime = time,
            Limit = limit,
        };

    /// <summary>What follows the answer; false when nothing does.</summary>
    public bool TryGetStatement(out Statement statement) => Statement.TryParse(bytes.Slice(Size), out statement);

    public MagicKind Kind => Fields.Kind;

    /// <summary><see cref="Refusal.None"/> when the node did what was asked.</summary>
    public Refusal Refusal => (Refusal)Fields.Refusal;

    public uint Node => BinaryPrimitives.ReverseEndianness(Fields.Node);

    /// <summary>
    /// Where the firmware of the domain listens that the request was about; 0 when it has ended, or the request was
    /// refused before the token was read.
    /// </summary>
    public uint BootAddress => BinaryPrimitives.ReverseEndianness(Fields.BootAddress);

    /// <summary>The node's clock, Unix seconds: explains tokens that are too early or too late.</summary>
    public ulong NodeTime => Fields.NodeTime;

    /// <summary>The limit that was exceeded (MiB, elements or domains), otherwise 0.</summary>
    public uint Limit => (uint)Fields.Limit;
}

/// <summary>A reply's bytes. Addresses are in network order.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct MagicReplyFields
{
    public ulong Magic;
    public ushort Version;
    public MagicKind Kind;

    /// <summary>One byte, and three zeros.</summary>
    public uint Refusal;
    public uint Node;
    public uint BootAddress;
    public ulong NodeTime;

    /// <summary>Four bytes, and four zeros.</summary>
    public ulong Limit;
}
