using System;
using System.Buffers.Binary;

namespace NetstackHost;

/// <summary>When the host answers.</summary>
internal enum Order : uint
{
    /// <summary>At once, beside what comes.</summary>
    Both = 0,

    /// <summary>At once, and closes its half before anything comes.</summary>
    AnswerFirst = 1,

    /// <summary>Into the half that is left, after the end of what comes.</summary>
    AnswerLast = 2,
}

/// <summary>
/// How every connection begins, whoever opened it: 24 bytes from the other side, little-endian. They say what the host answers;
/// what comes after them until the end of the stream is hashed and reported.
/// </summary>
internal struct Request
{
    public const int Size = 24;

    /// <summary>Names the connection in the report, and starts its pattern.</summary>
    public uint Id;

    public Order Order;

    /// <summary>Bytes of the answer.</summary>
    public ulong Answer;

    /// <summary>Milliseconds before anything after the request is read.</summary>
    public uint Pause;

    /// <summary>0, or the milliseconds of silence after which the host asks whether the other side is there (twice more, then it gives up).</summary>
    public uint KeepAlive;

    public readonly void Write(Span<byte> to)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, Id);
        BinaryPrimitives.WriteUInt32LittleEndian(to.Slice(4), (uint)Order);
        BinaryPrimitives.WriteUInt64LittleEndian(to.Slice(8), Answer);
        BinaryPrimitives.WriteUInt32LittleEndian(to.Slice(16), Pause);
        BinaryPrimitives.WriteUInt32LittleEndian(to.Slice(20), KeepAlive);
    }

    public static Request Read(ReadOnlySpan<byte> from) => new()
    {
        Id = BinaryPrimitives.ReadUInt32LittleEndian(from),
        Order = (Order)BinaryPrimitives.ReadUInt32LittleEndian(from.Slice(4)),
        Answer = BinaryPrimitives.ReadUInt64LittleEndian(from.Slice(8)),
        Pause = BinaryPrimitives.ReadUInt32LittleEndian(from.Slice(16)),
        KeepAlive = BinaryPrimitives.ReadUInt32LittleEndian(from.Slice(20)),
    };

    /// <summary>A byte of the answer: it tells connection and position, so that a wrong, missing or repeated one is noticed.</summary>
    public static byte ByteAt(uint id, long position)
    {
        ulong place = (ulong)position + id * 1_000_003UL;
        return (byte)(place * 2654435761UL >> 13 ^ place >> 3);
    }

    public static void Fill(Span<byte> bytes, uint id, long from)
    {
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = ByteAt(id, from + i);
    }
}
