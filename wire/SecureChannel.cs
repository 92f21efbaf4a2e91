using System;

namespace Wire;

/// <summary>
/// Why a server ends a connection before it has proved anything. Not authenticated: a sentence to show, nothing to act
/// on.
/// </summary>
public enum ChannelStatus : byte
{
    /// <summary>The second message of the handshake follows.</summary>
    Accepted = 0,
    NotAuthenticated = 1,
    UnknownVersion = 2,
    Busy = 3,
    BadHello = 4,
}

/// <summary>
/// What a client sends first, and what a server answers (docs/protocols.md, "Secure channel"): 8 bytes each, followed
/// by a message of the handshake. The hello is the handshake's prologue, so it cannot be changed on the way.
/// </summary>
public static class ChannelHello
{
    public const int Size = 8;

    /// <summary>Hello, or answer, and message.</summary>
    public const int MessageSize = Size + NoiseHandshake.Overhead;

    private const uint AnswerMagic = 0x41535645; // "EVSA"
    private const ushort AnswerVersion = 1;

    public static void Emit(Span<byte> hello, uint magic, ushort version)
    {
        Bytes.PutLe32(hello, 0, magic);
        Bytes.PutLe16(hello, 4, version);
        Bytes.PutLe16(hello, 6, 0);
    }

    public static ChannelStatus Parse(ReadOnlySpan<byte> hello, uint magic, ushort version)
    {
        if (hello.Length != Size || Bytes.Le32(hello, 0) != magic)
            return ChannelStatus.BadHello;
        if (Bytes.Le16(hello, 4) != version)
            return ChannelStatus.UnknownVersion;
        return Bytes.Le16(hello, 6) == 0 ? ChannelStatus.Accepted : ChannelStatus.BadHello;
    }

    public static void EmitAnswer(Span<byte> to, ChannelStatus status)
    {
        Bytes.PutLe32(to, 0, AnswerMagic);
        Bytes.PutLe16(to, 4, AnswerVersion);
        to[6] = (byte)status;
        to[7] = 0;
    }

    public static bool TryParseAnswer(ReadOnlySpan<byte> from, out ChannelStatus status)
    {
        status = 0;
        if (from.Length != Size
            || Bytes.Le32(from, 0) != AnswerMagic
            || Bytes.Le16(from, 4) != AnswerVersion
            || from[7] != 0)
            return false;
        status = (ChannelStatus)from[6];
        return status <= ChannelStatus.BadHello;
    }

    public static string Sentence(ChannelStatus status) => status switch
    {
        ChannelStatus.Accepted => "Accepted.",
        ChannelStatus.NotAuthenticated =>
            "It does not take this key: it is another machine's, or the hello was changed on the way.",
        ChannelStatus.UnknownVersion => "It does not know this version of the protocol.",
        ChannelStatus.Busy => "It is busy with another client.",
        ChannelStatus.BadHello => "It expects another protocol.",
        _ => "Refused for a reason that this program does not know.",
    };
}

/// <summary>
/// A connection after its handshake: records of at most 60 KiB, each a Noise transport message with its length before
/// it. Both ends hold one, with the keys exchanged.
/// </summary>
public struct SecureChannel
{
    public const int LengthSize = 2;
    public const int TagSize = ChaCha20Poly1305.TagSize;
    public const int MaxText = 61440;

    /// <summary>The whole of the largest record.</summary>
    public const int MaxRecord = LengthSize + MaxText + TagSize;

    private Bytes32 sendingKey;
    private Bytes32 receivingKey;
    private ulong sent;
    private ulong received;

    /// <summary>The pre-shared key of the handshake, of the 20-byte key of machine or guest.</summary>
    public static void PreSharedKey(ReadOnlySpan<byte> key, Span<byte> preShared)
    {
        Span<byte> message = stackalloc byte[11 + Sha1.DigestSize];
        "EvilMan psk"u8.CopyTo(message);
        key.Slice(0, Sha1.DigestSize).CopyTo(message.Slice(11));
        Sha256.Hash(message, preShared);
    }

    public static SecureChannel OfInitiator(ref NoiseHandshake handshake)
    {
        SecureChannel channel = default;
        handshake.Split(channel.sendingKey, channel.receivingKey);
        return channel;
    }

    public static SecureChannel OfResponder(ref NoiseHandshake handshake)
    {
        SecureChannel channel = default;
        handshake.Split(channel.receivingKey, channel.sendingKey);
        return channel;
    }

    /// <summary>
    /// Makes a record of <paramref name="length"/> bytes of text that stand in it from <see cref="LengthSize"/> on, in
    /// place.
    /// </summary>
    /// <returns>The record's size.</returns>
    public int Seal(Span<byte> record, int length)
    {
        Bytes.PutLe16(record, 0, (ushort)(length + TagSize));
        Span<byte> text = record.Slice(LengthSize, length);
        ChaCha20Poly1305.Seal(sendingKey, sent, default, text, record.Slice(LengthSize + length, TagSize));
        sent++;
        return LengthSize + length + TagSize;
    }

    /// <summary>
    /// The size of the record that begins with these bytes, 0 while they are too few to say, less when no record begins
    /// so.
    /// </summary>
    public static int RecordSize(ReadOnlySpan<byte> begin)
    {
        if (begin.Length < LengthSize)
            return 0;
        int length = Bytes.Le16(begin, 0);
        return length is > TagSize and <= MaxText + TagSize ? LengthSize + length : -1;
    }

    /// <summary>
    /// Opens a whole record in place: its text stands from <see cref="LengthSize"/> on. Less than 0 when it is not the
    /// next one that the other side sent: then nothing of the connection is to be believed any more.
    /// </summary>
    public int Open(Span<byte> record)
    {
        int length = record.Length - LengthSize - TagSize;
        if (length <= 0 || RecordSize(record) != record.Length)
            return -1;
        Span<byte> text = record.Slice(LengthSize, length);
        bool isGood = ChaCha20Poly1305.Open(receivingKey, received, default, text, record.Slice(LengthSize + length));
        received++;
        return isGood ? length : -1;
    }
}
