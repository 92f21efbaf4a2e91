using System;

namespace Wire;

/// <summary>
/// What a client sends first through the secure channel to TCP port 1707 of a boot address (docs/protocols.md): this
/// header, then the loader. Everything after the loader is the loader's own. <see cref="Size"/> bytes.
/// </summary>
public static class Upload
{
    public const int Port = 1707;
    public const int Size = 16;
    public const uint Magic = 0x50555645; // "EVUP"
    public const ushort Version = 3;

    /// <summary>A flag: after the firmware's answer both directions go on without encryption.</summary>
    public const uint Plain = 1;

    /// <summary>
    /// A flag, alone and with length 0: no loader follows; whatever another client has begun and the machine has not
    /// gone on from is ended. The answer, accepted, proves that nothing of it will be taken any more.
    /// </summary>
    public const uint Withdraw = 2;

    /// <summary>
    /// Half of the loader's memory (<see cref="GuestPhysical.Loader"/>); the rest is its stack and tables.
    /// </summary>
    public const uint MaxLoaderSize = 0x80000;

    /// <summary>Checks a header of exactly <see cref="Size"/> bytes.</summary>
    public static UploadRefusal Parse(ReadOnlySpan<byte> header, out uint loaderLength, out uint flags)
    {
        loaderLength = 0;
        flags = 0;
        if (header.Length != Size
            || Bytes.Le32(header, 0) != Magic
            || Bytes.Le16(header, 6) != 0
            || Bytes.Le32(header, 12) is not (0 or Plain or Withdraw))
            return UploadRefusal.BadHeader;
        if (Bytes.Le16(header, 4) != Version)
            return UploadRefusal.UnknownVersion;
        loaderLength = Bytes.Le32(header, 8);
        flags = Bytes.Le32(header, 12);
        bool isGood = flags == Withdraw ? loaderLength == 0 : loaderLength is not (0 or > MaxLoaderSize);
        return isGood ? UploadRefusal.None : UploadRefusal.BadLength;
    }

    public static void Emit(Span<byte> header, uint loaderLength, uint flags = 0)
    {
        header.Slice(0, Size).Clear();
        Bytes.PutLe32(header, 0, Magic);
        Bytes.PutLe16(header, 4, Version);
        Bytes.PutLe32(header, 8, loaderLength);
        Bytes.PutLe32(header, 12, flags);
    }
}

public enum UploadRefusal : byte
{
    None = 0,
    BadHeader = 1,
    UnknownVersion = 2,
    BadLength = 3,
    WrongHash = 4,
    Busy = 5,
    BadBundle = 6,
    BadKernel = 7,
    NotEnoughMemory = 8,
}

/// <summary>Who answers: the firmware about the loader, then a kernel loader about its bundle.</summary>
public enum UploadStage : byte
{
    Firmware = 1,
    KernelLoader = 2,
}

/// <summary>The one record that answers an upload, and a kernel bundle. 16 bytes.</summary>
public static class UploadAnswer
{
    public const int Size = 16;
    public const uint Magic = 0x41555645; // "EVUA"
    public const ushort Version = 1;

    /// <param name="detail">The limit that was exceeded, otherwise 0.</param>
    public static void Emit(Span<byte> to, UploadStage stage, UploadRefusal refusal, ulong detail = 0)
    {
        Bytes.PutLe32(to, 0, Magic);
        Bytes.PutLe16(to, 4, Version);
        to[6] = (byte)stage;
        to[7] = (byte)refusal;
        Bytes.PutLe64(to, 8, detail);
    }

    public static bool TryParse(
        ReadOnlySpan<byte> from, out UploadStage stage, out UploadRefusal refusal, out ulong detail)
    {
        stage = 0;
        refusal = 0;
        detail = 0;
        if (from.Length != Size || Bytes.Le32(from, 0) != Magic || Bytes.Le16(from, 4) != Version)
            return false;
        stage = (UploadStage)from[6];
        refusal = (UploadRefusal)from[7];
        detail = Bytes.Le64(from, 8);
        return true;
    }

    public static string Sentence(UploadRefusal refusal) => refusal switch
    {
        UploadRefusal.None => "Accepted.",
        UploadRefusal.BadHeader => "The upload does not begin with an upload header.",
        UploadRefusal.UnknownVersion => "The firmware does not know this version of the upload header.",
        UploadRefusal.BadLength => "The loader is empty or too large.",
        UploadRefusal.WrongHash => "The loader is not the one that the boot token permits.",
        UploadRefusal.Busy => "Another client is uploading.",
        UploadRefusal.BadBundle => "The kernel bundle is malformed or damaged.",
        UploadRefusal.BadKernel => "The kernel is not a PVH image that fits the memory.",
        UploadRefusal.NotEnoughMemory => "The machine has too little memory for the kernel bundle.",
        _ => "Refused for a reason that this program does not know.",
    };
}
