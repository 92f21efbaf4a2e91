using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Selftest;

/// <summary>
/// A walk through the core library that ends in one number per group. The same source runs freestanding and under the ordinary
/// runtime: where the numbers agree, corelib means what System means.
/// </summary>
public static unsafe class Checks
{
    public const int Groups = 6;

    public static ulong Run(int group) => group switch
    {
        0 => Moves(),
        1 => Spans(),
        2 => ByteOrder(),
        3 => Bits(),
        4 => Checksum(),
        _ => Searching(),
    };

    private static ulong Mix(ulong digest, ulong value) => (BitOperations.RotateLeft(digest, 7) ^ value) * 0x9e3779b97f4a7c15;

    private static ulong Digest(ReadOnlySpan<byte> bytes)
    {
        ulong digest = 1;
        for (int i = 0; i < bytes.Length; i++)
            digest = Mix(digest, bytes[i]);
        return digest;
    }

    // Copies of every short length and some long ones, overlapping both ways: the assembler has a path for each range.
    private static ulong Moves()
    {
        byte* memory = stackalloc byte[1024];
        var all = new Span<byte>(memory, 1024);
        ulong digest = 0;
        for (int length = 0; length < 100; length++)
            for (int distance = -40; distance <= 40; distance += 5)
            {
                for (int i = 0; i < all.Length; i++)
                    all[i] = (byte)(i * 31 + length);
                all.Slice(200, length).CopyTo(all.Slice(200 + distance, length));
                digest = Mix(digest, Digest(all));
            }
        all.Slice(0, 600).CopyTo(all.Slice(300, 600));
        digest = Mix(digest, Digest(all));
        all.Slice(300, 600).CopyTo(all.Slice(0, 600));
        all.Slice(7, 13).Clear();
        all.Slice(100, 99).Fill(0xa5);
        return Mix(digest, Digest(all));
    }

    private static ulong Spans()
    {
        int* numbers = stackalloc int[64];
        var span = new Span<int>(numbers, 64);
        span.Fill(-7);
        span[3] = 12345;
        span[^1] = 99;
        ulong digest = Digest(MemoryMarshal.AsBytes(span));
        digest = Mix(digest, (ulong)span[10..20].Length);
        foreach (int number in span)
            digest = Mix(digest, (uint)number);
        Span<ulong> wide = MemoryMarshal.Cast<int, ulong>(span);
        digest = Mix(digest, wide[1]);
        digest = Mix(digest, span.Slice(1).TryCopyTo(span.Slice(2)) ? 1UL : 0);
        digest = Mix(digest, (ulong)Unsafe.SizeOf<Pair>());
        Pair pair = MemoryMarshal.Read<Pair>(MemoryMarshal.AsBytes(span));
        return Mix(Mix(digest, pair.First), (ulong)pair.Second);
    }

    private struct Pair
    {
        public uint First;
        public long Second;
    }

    private static ulong ByteOrder()
    {
        byte* memory = stackalloc byte[16];
        var bytes = new Span<byte>(memory, 16);
        BinaryPrimitives.WriteUInt16BigEndian(bytes, 0x1234);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.Slice(2), 0xdeadbeef);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.Slice(6), 0x0123456789abcdef);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.Slice(14), 0xfffe);
        ulong digest = Digest(bytes);
        digest = Mix(digest, BinaryPrimitives.ReadUInt16LittleEndian(bytes));
        digest = Mix(digest, BinaryPrimitives.ReadUInt32BigEndian(bytes.Slice(1)));
        digest = Mix(digest, BinaryPrimitives.ReadUInt64BigEndian(bytes.Slice(3)));
        digest = Mix(digest, BinaryPrimitives.ReadUInt64LittleEndian(bytes.Slice(5)));
        digest = Mix(digest, (ulong)BinaryPrimitives.ReadInt32LittleEndian(bytes.Slice(2)));
        return Mix(digest, BinaryPrimitives.ReverseEndianness(0x1122334455667788UL));
    }

    private static ulong Bits()
    {
        ulong digest = 0, value = 0x243f6a8885a308d3;
        for (int i = 0; i < 200; i++)
        {
            value = i % 10 == 0 ? 1UL << (i % 64) : value * 6364136223846793005 + 1442695040888963407;
            ulong small = i % 3 == 0 ? value >> (i % 64) : value;
            digest = Mix(digest, (ulong)BitOperations.PopCount(small));
            digest = Mix(digest, (ulong)BitOperations.TrailingZeroCount(small));
            digest = Mix(digest, (ulong)BitOperations.LeadingZeroCount(small));
            digest = Mix(digest, (ulong)BitOperations.LeadingZeroCount((uint)small));
            digest = Mix(digest, (ulong)BitOperations.TrailingZeroCount((uint)small));
            digest = Mix(digest, (ulong)BitOperations.Log2(small | 1));
            digest = Mix(digest, BitOperations.RotateRight((uint)small, i % 32));
            digest = Mix(digest, (ulong)Math.Clamp((int)small, -100, 100));
            digest = Mix(digest, Math.Min(small, value) ^ Math.Max(small >> 1, value));
        }
        return Mix(digest, (ulong)BitOperations.TrailingZeroCount(0UL) + (ulong)BitOperations.LeadingZeroCount(0UL));
    }

    private static ulong Checksum()
    {
        ulong crc = uint.MaxValue;
        for (ulong i = 0; i < 1000; i++)
            crc = Sse42.X64.Crc32(crc, i * 0x0101010101010101);
        return Sse42.Crc32((uint)crc, 0x5a);
    }

    private static ulong Searching()
    {
        ReadOnlySpan<byte> text = "the firmware window lies below four mebibytes"u8;
        ulong digest = (ulong)text.IndexOf((byte)'w');
        digest = Mix(digest, (ulong)text.IndexOf("below"u8));
        digest = Mix(digest, (ulong)(long)text.IndexOf("above"u8));
        digest = Mix(digest, (ulong)text.LastIndexOf((byte)'b'));
        digest = Mix(digest, text.StartsWith("the "u8) ? 1UL : 0);
        digest = Mix(digest, text.EndsWith("bits"u8) ? 1UL : 0);
        return Mix(digest, text.Slice(4, 8).SequenceEqual("firmware"u8) ? 1UL : 0);
    }
}
