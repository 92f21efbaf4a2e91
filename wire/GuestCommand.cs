using System;

namespace Wire;

[Flags]
public enum MoveFlags : ushort
{
    None = 0,

    /// <summary>The destination checks a hash over all pages.</summary>
    Checksum = 1,

    /// <summary>All pages are hashed at the instant of the snapshot, too.</summary>
    Verify = 2,

    /// <summary>The guest's memory crosses the wire readable.</summary>
    Plaintext = 4,
}

/// <summary>
/// What the holder of a guest's key asks of it through the secure channel on port 1708: to move (docs/protocols.md,
/// "Guest commands"). 56 bytes.
/// </summary>
public struct MoveCommand
{
    /// <summary>The guest's port for commands.</summary>
    public const int Port = 1708;

    /// <summary>Of the secure channel's hello.</summary>
    public const uint HelloMagic = 0x43475645; // "EVGC"
    public const ushort HelloVersion = 1;

    public const int Size = 56;
    public const int MaxRate = 1_000_000;
    public const int MaxSeconds = 3600;

    private const uint Magic = 0x51475645; // "EVGQ"
    private const ushort Version = 1;
    private const ushort Move = 1;

    /// <summary>IPv4 address and port of the empty machine, in host order.</summary>
    public uint Address;
    public ushort DestinationPort;

    public MoveFlags Flags;

    /// <summary>Megabits per second, 0 for as fast as it goes.</summary>
    public uint Rate;

    /// <summary>Seconds without an answer after which the move fails; 0: the guest chooses.</summary>
    public ushort Patience;

    /// <summary>Seconds after which a move that has not come to its snapshot is given up, 0 for never.</summary>
    public ushort GiveUp;

    /// <param name="destinationKey">20 bytes: the key of the machine at the address.</param>
    public readonly void Emit(Span<byte> to, ReadOnlySpan<byte> destinationKey)
    {
        to.Slice(0, Size).Clear();
        Bytes.PutLe32(to, 0, Magic);
        Bytes.PutLe16(to, 4, Version);
        Bytes.PutLe16(to, 6, Move);
        Bytes.PutBe32(to, 8, Address);
        Bytes.PutLe16(to, 12, DestinationPort);
        Bytes.PutLe16(to, 14, (ushort)Flags);
        Bytes.PutLe32(to, 16, Rate);
        Bytes.PutLe16(to, 20, Patience);
        Bytes.PutLe16(to, 22, GiveUp);
        destinationKey.Slice(0, MachineKey.Size).CopyTo(to.Slice(24));
    }

    public static bool TryParse(ReadOnlySpan<byte> from, out MoveCommand command, out ReadOnlySpan<byte> destinationKey)
    {
        command = default;
        destinationKey = default;
        if (from.Length != Size
            || Bytes.Le32(from, 0) != Magic
            || Bytes.Le16(from, 4) != Version
            || Bytes.Le16(from, 6) != Move
            || Bytes.Le64(from, 44) != 0
            || Bytes.Le32(from, 52) != 0)
            return false;
        command.Address = Bytes.Be32(from, 8);
        command.DestinationPort = Bytes.Le16(from, 12);
        command.Flags = (MoveFlags)Bytes.Le16(from, 14);
        command.Rate = Bytes.Le32(from, 16);
        command.Patience = Bytes.Le16(from, 20);
        command.GiveUp = Bytes.Le16(from, 22);
        destinationKey = from.Slice(24, MachineKey.Size);
        return command.Address != 0
            && command.DestinationPort != 0
            && command.Rate <= MaxRate
            && command.Patience <= MaxSeconds
            && command.GiveUp <= MaxSeconds
            && (command.Flags & ~(MoveFlags.Checksum | MoveFlags.Verify | MoveFlags.Plaintext)) == 0;
    }
}

public enum GuestEventKind : byte
{
    /// <summary>The move has begun.</summary>
    Started = 1,

    /// <summary>How far it is, in words.</summary>
    Progress = 2,

    /// <summary>It has failed; the guest stays. With exit code and sentence.</summary>
    Failed = 3,

    /// <summary>The guest runs on the destination, from where this comes.</summary>
    Arrived = 4,

    /// <summary>It was not begun, and why.</summary>
    Refused = 5,
}

/// <summary>What a guest answers: 16 bytes and a text.</summary>
public static class GuestEvent
{
    public const int HeaderSize = 16;
    public const int MaxText = 256;

    private const uint Magic = 0x45475645; // "EVGE"
    private const ushort Version = 1;

    public static void Emit(Span<byte> header, GuestEventKind kind, byte exitCode, int textLength)
    {
        header.Slice(0, HeaderSize).Clear();
        Bytes.PutLe32(header, 0, Magic);
        Bytes.PutLe16(header, 4, Version);
        header[6] = (byte)kind;
        header[7] = exitCode;
        Bytes.PutLe16(header, 8, (ushort)textLength);
    }

    /// <param name="textLength">Bytes of text that follow, UTF-8 without an end.</param>
    public static bool TryParse(
        ReadOnlySpan<byte> header, out GuestEventKind kind, out byte exitCode, out int textLength)
    {
        kind = 0;
        exitCode = 0;
        textLength = 0;
        if (header.Length != HeaderSize || Bytes.Le32(header, 0) != Magic || Bytes.Le16(header, 4) != Version
            || Bytes.Le16(header, 10) != 0 || Bytes.Le32(header, 12) != 0)
            return false;
        kind = (GuestEventKind)header[6];
        exitCode = header[7];
        textLength = Bytes.Le16(header, 8);
        return kind is >= GuestEventKind.Started and <= GuestEventKind.Refused && textLength <= MaxText
            && (exitCode != 0) == (kind == GuestEventKind.Failed);
    }
}

/// <summary>
/// What the holder of a guest's key asks of it on the same port: to run a program there (docs/protocols.md, "Guest
/// commands"). 56 bytes; the program's words, and what passes between it and the client, are <see cref="ExecFrame"/>s.
/// </summary>
public static class ExecCommand
{
    public const int Size = MoveCommand.Size;

    /// <summary>Bytes of all words, each with the zero at its end.</summary>
    public const int MaxWords = 65536;

    private const uint Magic = 0x51475645; // "EVGQ"
    private const ushort Version = 1;
    private const ushort Exec = 2;

    /// <summary>The program gets a terminal.</summary>
    private const byte Terminal = 1;

    public static void Emit(Span<byte> to, int wordsLength, bool hasTerminal = false)
    {
        to.Slice(0, Size).Clear();
        Bytes.PutLe32(to, 0, Magic);
        Bytes.PutLe16(to, 4, Version);
        Bytes.PutLe16(to, 6, Exec);
        Bytes.PutLe32(to, 8, (uint)wordsLength);
        to[12] = hasTerminal ? Terminal : (byte)0;
    }

    public static bool TryParse(ReadOnlySpan<byte> from, out int wordsLength, out bool hasTerminal)
    {
        wordsLength = 0;
        hasTerminal = false;
        if (from.Length != Size
            || Bytes.Le32(from, 0) != Magic
            || Bytes.Le16(from, 4) != Version
            || Bytes.Le16(from, 6) != Exec
            || Bytes.Le32(from, 8) is < 2 or > MaxWords
            || from[12] > Terminal)
            return false;
        for (int i = 13; i < Size; i++)
            if (from[i] != 0)
                return false;
        wordsLength = (int)Bytes.Le32(from, 8);
        hasTerminal = from[12] == Terminal;
        return true;
    }
}

/// <summary>
/// To give up the move that is under way, which then fails (docs/protocols.md, "Guest commands"). 56 bytes.
/// </summary>
public static class CancelCommand
{
    public const int Size = MoveCommand.Size;

    private const uint Magic = 0x51475645; // "EVGQ"
    private const ushort Version = 1;
    private const ushort Cancel = 3;

    public static void Emit(Span<byte> to)
    {
        to.Slice(0, Size).Clear();
        Bytes.PutLe32(to, 0, Magic);
        Bytes.PutLe16(to, 4, Version);
        Bytes.PutLe16(to, 6, Cancel);
    }

    public static bool Is(ReadOnlySpan<byte> from)
    {
        Span<byte> whole = stackalloc byte[Size];
        Emit(whole);
        return from.SequenceEqual(whole);
    }
}

public enum ExecFrameKind : byte
{
    /// <summary>From the client: the program's path or name, then its arguments, each with a zero at its end.</summary>
    Words = 1,

    /// <summary>From the client: for the program's standard input; without bytes its end.</summary>
    Input = 2,

    /// <summary>From the guest.</summary>
    Output = 3,
    Error = 4,

    /// <summary>From the guest, the last one: how the program ended.</summary>
    Ended = 5,

    /// <summary>
    /// From the client, of a program that has a terminal: its rows and columns, 16 bits each, and, before the words,
    /// its type as in TERM.
    /// </summary>
    Size = 6,
}

/// <summary>What passes while a program runs for a client: 4 bytes and data, one in a record.</summary>
public static class ExecFrame
{
    public const int HeaderSize = 4;
    public const int MaxData = 16384 - HeaderSize;

    /// <summary>Data of <see cref="ExecFrameKind.Ended"/>: 1 for a signal, and its number or the exit code.</summary>
    public const int EndedSize = 2;

    /// <summary>Of rows and columns, in <see cref="ExecFrameKind.Size"/>.</summary>
    public const int SizeSize = 4;
    public const int MaxTerminalType = 64;

    public static void Emit(Span<byte> header, ExecFrameKind kind, int length)
    {
        header[0] = (byte)kind;
        header[1] = 0;
        Bytes.PutLe16(header, 2, (ushort)length);
    }

    /// <param name="record">The whole text of a record.</param>
    public static bool TryParse(ReadOnlySpan<byte> record, out ExecFrameKind kind, out ReadOnlySpan<byte> data)
    {
        kind = 0;
        data = default;
        if (record.Length < HeaderSize || record[1] != 0 || Bytes.Le16(record, 2) != record.Length - HeaderSize)
            return false;
        kind = (ExecFrameKind)record[0];
        data = record.Slice(HeaderSize);
        return kind switch
        {
            ExecFrameKind.Ended => data.Length == EndedSize && data[0] <= 1,
            ExecFrameKind.Size => data.Length is >= SizeSize and <= SizeSize + MaxTerminalType,
            _ => kind is >= ExecFrameKind.Words and < ExecFrameKind.Ended,
        };
    }
}
