using System;

namespace Wire;

public enum MagicKind : ushort
{
    Boot = 1,
    Payment = 2,
    End = 3,
}

/// <summary>
/// The payload of an ICMP Echo Request that carries a token, and of the Echo Reply that answers it (thesis §8.2.1;
/// bytes in docs/protocols.md). A payload that does not begin with the eight magic bytes is an ordinary ping:
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

    private const int VersionAt = 8;
    private const int KindAt = 10;
    private const int LengthAt = 12;

    public static bool IsMagic(ReadOnlySpan<byte> payload) => payload.Length >= 8 && Bytes.Le64(payload, 0) == Magic;

    /// <summary>Checks the header of a magic payload and finds the body, whose size is then the kind's own.</summary>
    public static Refusal Parse(ReadOnlySpan<byte> payload, out MagicKind kind, out ReadOnlySpan<byte> body)
    {
        kind = 0;
        body = default;
        if (payload.Length < HeaderSize)
            return Refusal.Truncated;
        if (Bytes.Le16(payload, VersionAt) != Version)
            return Refusal.UnknownVersion;
        kind = (MagicKind)Bytes.Le16(payload, KindAt);
        body = payload.Slice(HeaderSize);
        // No switch: it would be compiled to a jump to an address out of a table.
        int size = 0;
        if (kind == MagicKind.Boot)
            size = BootToken.Size;
        else if (kind == MagicKind.Payment)
            size = Payment.Size;
        else if (kind == MagicKind.End)
            size = EndRequest.Size;
        if (size == 0)
            return Refusal.UnknownKind;
        if (body.Length < size)
            return Refusal.Truncated;
        if (body.Length > size)
            return Refusal.TrailingBytes;
        return Bytes.Le32(payload, LengthAt) == (uint)size ? Refusal.None : Refusal.Malformed;
    }

    /// <summary>Writes the header in front of a body that is already at <see cref="HeaderSize"/>.</summary>
    public static void EmitHeader(Span<byte> payload, MagicKind kind)
    {
        Bytes.PutLe64(payload, 0, Magic);
        Bytes.PutLe16(payload, VersionAt, Version);
        Bytes.PutLe16(payload, KindAt, (ushort)kind);
        Bytes.PutLe32(payload, LengthAt, (uint)(payload.Length - HeaderSize));
    }
}

/// <summary>The answer to a magic ping, shorter than any question so that nobody gains by reflecting it.</summary>
public readonly ref struct MagicReply
{
    public const int Size = 40;
    public const ulong Magic = 0x676E6F506C697645; // "EvilPong"

    private const int VersionAt = 8;
    private const int KindAt = 10;
    private const int RefusalAt = 12;
    private const int NodeAt = 16;
    private const int BootAt = 20;
    private const int TimeAt = 24;
    private const int LimitAt = 32;

    private readonly ReadOnlySpan<byte> bytes;

    private MagicReply(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    public static bool TryParse(ReadOnlySpan<byte> payload, out MagicReply reply)
    {
        reply = default;
        if (payload.Length != Size
            || Bytes.Le64(payload, 0) != Magic
            || Bytes.Le16(payload, VersionAt) != MagicPing.Version)
            return false;
        reply = new MagicReply(payload);
        return true;
    }

    public static void Emit(
        Span<byte> to, MagicKind kind, Refusal refusal, uint node, uint boot, ulong time, uint limit)
    {
        Bytes.PutLe64(to, 0, Magic);
        Bytes.PutLe32(to, VersionAt, MagicPing.Version | (uint)kind << 16); // and the kind after it
        Bytes.PutLe32(to, RefusalAt, (uint)refusal); // and three zeros
        Bytes.PutBe32(to, NodeAt, node);
        Bytes.PutBe32(to, BootAt, boot);
        Bytes.PutLe64(to, TimeAt, time);
        Bytes.PutLe64(to, LimitAt, limit); // and four zeros
    }

    public MagicKind Kind => (MagicKind)Bytes.Le16(bytes, KindAt);

    /// <summary><see cref="Refusal.None"/> when the node did what was asked.</summary>
    public Refusal Refusal => (Refusal)bytes[RefusalAt];

    public uint Node => Bytes.Be32(bytes, NodeAt);

    /// <summary>
    /// Where the new domain's firmware listens; 0 when the request was refused before the token was read.
    /// </summary>
    public uint BootAddress => Bytes.Be32(bytes, BootAt);

    /// <summary>The node's clock, Unix seconds: explains tokens that are too early or too late.</summary>
    public ulong NodeTime => Bytes.Le64(bytes, TimeAt);

    /// <summary>The limit that was exceeded (MiB, tokens or domains), otherwise 0.</summary>
    public uint Limit => Bytes.Le32(bytes, LimitAt);
}
