using System;

namespace Wire;

public enum HandOverKind : byte
{
    /// <summary>Receiver: the whole checkpoint is here and right.</summary>
    Verified = 1,

    /// <summary>Receiver, at any time before COMMIT: not taken, and why. The sender goes on running.</summary>
    Refused = 2,

    /// <summary>Sender: run. From here on the sender's copy never speaks again.</summary>
    Commit = 3,

    /// <summary>Receiver: the guest runs here.</summary>
    Running = 4,

    /// <summary>
    /// Sender, between its trailer and COMMIT: a frame that reached it after the snapshot and that only the copy may
    /// answer. The detail is its length; its bytes follow, padded with zeros to a multiple of 8.
    /// </summary>
    Late = 5,
}

/// <summary>Which check refused a checkpoint. Numbers are on the wire.</summary>
public enum CheckpointRefusal : byte
{
    None = 0,
    BadHeader = 1,
    UnknownVersion = 2,
    MissingFeatures = 3,
    NotEnoughMemory = 4,
    BadEntry = 5,
    BadRecord = 6,
    FrameOutOfRange = 7,
    WrongCount = 8,
    WrongHash = 9,
    Truncated = 10,
    MissingFrames = 11,
    TooManyRecords = 12,
    ForeignAddress = 13,
}

/// <summary>The 16-byte records that follow a checkpoint's trailer, in both directions (docs/protocols.md).</summary>
public static class HandOver
{
    public const int Size = 16;
    public const uint Magic = 0x4F485645; // "EVHO"
    public const ushort Version = 2;

    /// <summary>Longest frame in a LATE record: 14 bytes of Ethernet header and the longest IPv4 packet.</summary>
    public const int MaxLateFrame = 14 + 65535;

    /// <summary>
    /// Bytes that either side keeps of late frames, padding included: the source with 16 bytes of record each, the
    /// receiver with 8 bytes of length each. What is over is dropped (they are only packets).
    /// </summary>
    public const int LateCapacity = 256 * 1024;

    /// <param name="detail">
    /// With REFUSED: the frame, record, limit or address (IPv4, host order) concerned. With LATE: the frame's length in
    /// bytes. With COMMIT: nanoseconds since the snapshot, half-way between VERIFIED's arrival and COMMIT. Otherwise 0.
    /// </param>
    public static void Emit(
        Span<byte> to, HandOverKind kind, CheckpointRefusal reason = CheckpointRefusal.None, ulong detail = 0)
    {
        Bytes.PutLe32(to, 0, Magic);
        Bytes.PutLe16(to, 4, Version);
        to[6] = (byte)kind;
        to[7] = (byte)reason;
        Bytes.PutLe64(to, 8, detail);
    }

    public static bool TryParse(
        ReadOnlySpan<byte> from, out HandOverKind kind, out CheckpointRefusal reason, out ulong detail)
    {
        kind = 0;
        reason = 0;
        detail = 0;
        if (from.Length != Size || Bytes.Le32(from, 0) != Magic || Bytes.Le16(from, 4) != Version)
            return false;
        kind = (HandOverKind)from[6];
        reason = (CheckpointRefusal)from[7];
        detail = Bytes.Le64(from, 8);
        return kind is >= HandOverKind.Verified and <= HandOverKind.Late
            && (reason == CheckpointRefusal.None) == (kind != HandOverKind.Refused);
    }

    public static string Sentence(CheckpointRefusal refusal) => refusal switch
    {
        CheckpointRefusal.None => "Accepted.",
        CheckpointRefusal.BadHeader => "The stream does not begin with a checkpoint header.",
        CheckpointRefusal.UnknownVersion => "The receiver does not know this version of the checkpoint.",
        CheckpointRefusal.MissingFeatures => "The receiving machine lacks a feature that the guest needs.",
        CheckpointRefusal.NotEnoughMemory => "The receiving machine has too little memory.",
        CheckpointRefusal.BadEntry => "The recovery entry lies outside the guest's memory.",
        CheckpointRefusal.BadRecord => "The checkpoint holds a malformed record.",
        CheckpointRefusal.FrameOutOfRange => "The checkpoint names a frame outside the guest's memory.",
        CheckpointRefusal.WrongCount => "The number of records in the trailer is wrong.",
        CheckpointRefusal.WrongHash => "The hash in the trailer is wrong.",
        CheckpointRefusal.Truncated => "The checkpoint ended before its trailer.",
        CheckpointRefusal.MissingFrames => "The checkpoint leaves out a frame.",
        CheckpointRefusal.TooManyRecords => "The checkpoint holds more records than any guest sends.",
        CheckpointRefusal.ForeignAddress => "The receiving machine's token does not name the guest's address.",
        _ => "Refused for a reason that this program does not know.",
    };
}
