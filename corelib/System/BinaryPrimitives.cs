using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace System.Buffers.Binary;

/// <summary>Integers in spans, by byte order. A span too short ends the program.</summary>
public static class BinaryPrimitives
{
    // One instruction each, which the compiler puts in their place.
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)] public static extern ushort ReverseEndianness(ushort value);
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)] public static extern uint ReverseEndianness(uint value);
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)] public static extern ulong ReverseEndianness(ulong value);

    public static ushort ReadUInt16LittleEndian(ReadOnlySpan<byte> source) => MemoryMarshal.Read<ushort>(source);
    public static uint ReadUInt32LittleEndian(ReadOnlySpan<byte> source) => MemoryMarshal.Read<uint>(source);
    public static ulong ReadUInt64LittleEndian(ReadOnlySpan<byte> source) => MemoryMarshal.Read<ulong>(source);
    public static int ReadInt32LittleEndian(ReadOnlySpan<byte> source) => MemoryMarshal.Read<int>(source);

    public static ushort ReadUInt16BigEndian(ReadOnlySpan<byte> source) =>
        ReverseEndianness(MemoryMarshal.Read<ushort>(source));
    public static uint ReadUInt32BigEndian(ReadOnlySpan<byte> source) =>
        ReverseEndianness(MemoryMarshal.Read<uint>(source));
    public static ulong ReadUInt64BigEndian(ReadOnlySpan<byte> source) =>
        ReverseEndianness(MemoryMarshal.Read<ulong>(source));

    public static void WriteUInt16LittleEndian(Span<byte> destination, ushort value) =>
        MemoryMarshal.Write(destination, in value);
    public static void WriteUInt32LittleEndian(Span<byte> destination, uint value) =>
        MemoryMarshal.Write(destination, in value);
    public static void WriteUInt64LittleEndian(Span<byte> destination, ulong value) =>
        MemoryMarshal.Write(destination, in value);
    public static void WriteInt32LittleEndian(Span<byte> destination, int value) =>
        MemoryMarshal.Write(destination, in value);
    public static void WriteInt64LittleEndian(Span<byte> destination, long value) =>
        MemoryMarshal.Write(destination, in value);

    public static void WriteUInt16BigEndian(Span<byte> destination, ushort value) =>
        WriteUInt16LittleEndian(destination, ReverseEndianness(value));
    public static void WriteUInt32BigEndian(Span<byte> destination, uint value) =>
        WriteUInt32LittleEndian(destination, ReverseEndianness(value));
    public static void WriteUInt64BigEndian(Span<byte> destination, ulong value) =>
        WriteUInt64LittleEndian(destination, ReverseEndianness(value));
}
