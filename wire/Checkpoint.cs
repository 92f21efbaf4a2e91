using System;

namespace Wire;

public enum CheckpointHash : byte
{
    None = 0,

    /// <summary>A sum over the frames' CRC-32C values, see <see cref="CheckpointSum"/>.</summary>
    Crc32CSum = 1,
}

/// <summary>
/// The header of a checkpoint stream (docs/protocols.md; design: thesis §6.2, §6.4). A receiver treats it as hostile.
/// A view over <see cref="Size"/> bytes; after <see cref="Parse"/> no accessor fails.
/// </summary>
public readonly ref struct CheckpointHeader
{
    public const int Size = 64;
    public const uint Magic = 0x50435645; // "EVCP"
    public const ushort Version = 4;

    /// <summary>The first frame that a checkpoint may name: what lies below 4 MiB belongs to the receiver.</summary>
    public const uint FirstFrame = (uint)(GuestPhysical.Guest >> 12);

    /// <summary>RAM ends below 3 GiB, so frames do too.</summary>
    public const uint MaxFrames = 0xC0000;

    private readonly ReadOnlySpan<byte> bytes;

    private CheckpointHeader(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    /// <param name="features">What this machine has.</param>
    /// <param name="frames">Frames of RAM in this machine, counted from address 0.</param>
    public static CheckpointRefusal Parse(
        ReadOnlySpan<byte> from, MachineFeatures features, uint frames, out CheckpointHeader header)
    {
        header = default;
        if (from.Length != Size || Bytes.Le32(from, 0) != Magic)
            return CheckpointRefusal.BadHeader;
        if (Bytes.Le16(from, 4) != Version)
            return CheckpointRefusal.UnknownVersion;
        header = new CheckpointHeader(from);
        if (from[7] != 0 || header.Hash > CheckpointHash.Crc32CSum || Bytes.Le32(from, 20) != 0
            || Bytes.Le64(from, 56) != 0)
            return CheckpointRefusal.BadHeader;
        if ((header.Features & ~features) != 0)
            return CheckpointRefusal.MissingFeatures;
        if (header.Frames <= FirstFrame || header.Frames > MaxFrames || header.Frames > frames)
            return CheckpointRefusal.NotEnoughMemory;
        // The entry is an address in the kernel's direct map of guest memory, which starts at 0xffffc00000000000.
        ulong physical = header.RecoveryEntry - DirectMap;
        bool isInside = physical >= FirstFrame * 4096UL && physical < header.Frames * 4096UL;
        return isInside ? CheckpointRefusal.None : CheckpointRefusal.BadEntry;
    }

    public const ulong DirectMap = 0xFFFF_C000_0000_0000;

    /// <summary>IPv4 addresses that a header names at most, as many as a boot token.</summary>
    public const int MaxAddresses = 4;

    private const int AddressOffset = 40;

    /// <param name="addresses">The guest's own, host order.</param>
    public static void Emit(
        Span<byte> to,
        CheckpointHash hash,
        MachineFeatures features,
        uint frames,
        ulong entry,
        ulong argument,
        ReadOnlySpan<uint> addresses)
    {
        to.Slice(0, Size).Clear();
        Bytes.PutLe32(to, 0, Magic);
        Bytes.PutLe16(to, 4, Version);
        to[6] = (byte)hash;
        Bytes.PutLe64(to, 8, (ulong)features);
        Bytes.PutLe32(to, 16, frames);
        Bytes.PutLe64(to, 24, entry);
        Bytes.PutLe64(to, 32, argument);
        for (int i = 0; i < addresses.Length && i < MaxAddresses; i++)
            Bytes.PutBe32(to, AddressOffset + 4 * i, addresses[i]);
    }

    public CheckpointHash Hash => (CheckpointHash)bytes[6];

    public MachineFeatures Features => (MachineFeatures)Bytes.Le64(bytes, 8);

    /// <summary>Frames of RAM that the guest was using, counted from address 0.</summary>
    public uint Frames => Bytes.Le32(bytes, 16);

    /// <summary>Kernel virtual address of the recovery code.</summary>
    public ulong RecoveryEntry => Bytes.Le64(bytes, 24);

    /// <summary>An address of the guest's, host order; 0 for none.</summary>
    public uint Address(int index) => Bytes.Be32(bytes, AddressOffset + 4 * index);

    /// <summary>What the recovery code finds in RSI.</summary>
    public ulong RecoveryArgument => Bytes.Le64(bytes, 32);
}

[Flags]
public enum RecordFlags : ushort
{
    /// <summary>4,096 bytes of page follow.</summary>
    Page = 0,

    /// <summary>The page is all zeros and does not follow, and so are as many behind it as the record says.</summary>
    Zero = 1,

    /// <summary>
    /// Only the lines follow that have changed since the frame was sent before, see <see cref="CheckpointLines"/>.
    /// </summary>
    Lines = 2,

    /// <summary>Not a frame: the trailer's second part follows, and the frame number is all ones.</summary>
    End = 0x8000,
}

/// <summary>The 8 bytes before each page, or its lines, in a checkpoint.</summary>
public static class CheckpointRecord
{
    public const int Size = 8;
    public const int PageSize = 4096;
    public const uint EndFrame = 0xFFFF_FFFF;

    /// <summary>Frames that one record with <see cref="RecordFlags.Zero"/> names at most.</summary>
    public const uint MaxZeros = ushort.MaxValue + 1;

    /// <param name="frames">The header's count of frames.</param>
    /// <param name="count">
    /// Frames that the record names, from <paramref name="frame"/> on; more than one only with
    /// <see cref="RecordFlags.Zero"/>. When the result is None, and it is not <see cref="RecordFlags.End"/>: at least
    /// one, and all of them are below <paramref name="frames"/>.
    /// </param>
    public static CheckpointRefusal Parse(
        ReadOnlySpan<byte> from, uint frames, out uint frame, out RecordFlags flags, out uint count)
    {
        frame = 0;
        flags = 0;
        count = 1;
        if (from.Length != Size)
            return CheckpointRefusal.BadRecord;
        frame = Bytes.Le32(from, 0);
        flags = (RecordFlags)Bytes.Le16(from, 4);
        uint more = Bytes.Le16(from, 6);
        if (more != 0 && flags != RecordFlags.Zero)
            return CheckpointRefusal.BadRecord;
        count += more;
        if (flags == RecordFlags.End)
            return frame == EndFrame ? CheckpointRefusal.None : CheckpointRefusal.BadRecord;
        if (flags is not (RecordFlags.Page or RecordFlags.Zero or RecordFlags.Lines))
            return CheckpointRefusal.BadRecord;
        bool isInside = frame >= CheckpointHeader.FirstFrame && frame < frames && more < frames - frame;
        return isInside ? CheckpointRefusal.None : CheckpointRefusal.FrameOutOfRange;
    }

    /// <param name="count">1 to <see cref="MaxZeros"/>; more than 1 only with <see cref="RecordFlags.Zero"/>.</param>
    public static void Emit(Span<byte> to, uint frame, RecordFlags flags, uint count = 1)
    {
        Bytes.PutLe32(to, 0, frame);
        Bytes.PutLe16(to, 4, (ushort)flags);
        Bytes.PutLe16(to, 6, (ushort)(count - 1));
    }
}

/// <summary>The trailer: an <see cref="RecordFlags.End"/> record and then these 16 bytes.</summary>
public static class CheckpointTrailer
{
    public const int Size = 16;

    public static CheckpointRefusal Parse(ReadOnlySpan<byte> from, ulong records, ulong hash, CheckpointHash kind)
    {
        if (from.Length != Size)
            return CheckpointRefusal.BadRecord;
        if (Bytes.Le64(from, 0) != records)
            return CheckpointRefusal.WrongCount;
        bool isRight = kind == CheckpointHash.None || Bytes.Le64(from, 8) == hash;
        return isRight ? CheckpointRefusal.None : CheckpointRefusal.WrongHash;
    }

    /// <param name="records">Records sent, the <see cref="RecordFlags.End"/> record not counted.</param>
    public static void Emit(Span<byte> to, ulong records, ulong hash)
    {
        Bytes.PutLe64(to, 0, records);
        Bytes.PutLe64(to, 8, hash);
    }
}
