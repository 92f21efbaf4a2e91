using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>One member of the gzip format (RFC 1952).</summary>
public static unsafe class Gzip
{
    private const int HeaderLength = 10;
    private const int TrailerLength = 8;
    private const byte HeaderChecksum = 2;
    private const byte Extra = 4;
    private const byte Name = 8;
    private const byte Comment = 16;
    private const byte Reserved = 0xe0;

    public static bool Is(ReadOnlySpan<byte> input) => input.Length >= 2 && input[0] == 0x1f && input[1] == 0x8b;

    /// <summary>Counts and sums on the way to the sink.</summary>
    private struct Summed<TSink> : IByteSink where TSink : struct, IByteSink
    {
        public TSink Sink;
        public uint Sum;
        public uint Length;

        public bool Take(ReadOnlySpan<byte> bytes)
        {
            Sum = Crc32.Add(Sum, bytes);
            Length += (uint)bytes.Length;
            return Sink.Take(bytes);
        }
    }

    /// <summary>Decompresses the member at <paramref name="at"/>, which is left behind it.</summary>
    public static UnpackResult Run<TSink>(
        ReadOnlySpan<byte> input, ref int at, ref TSink sink) where TSink : struct, IByteSink
    {
        UnpackResult result = Header(input, ref at);
        if (result != UnpackResult.Done)
            return result;
        const int frames = 16;
        ulong memory = sizeof(InflateState) <= frames * 4096 ? Frames.AllocateContiguous(frames) : 0;
        if (memory == 0)
            return UnpackResult.NoMemory;
        var summed = new Summed<TSink> { Sink = sink };
        // SAFETY: a block of at least the state's size, ours until it is given back.
        result = Inflate.Run((InflateState*)DirectMap.At(memory), input, ref at, ref summed);
        for (ulong i = 0; i < frames; i++)
            Frames.Release(memory + i * 4096);
        sink = summed.Sink;
        if (result != UnpackResult.Done)
            return result;
        if (input.Length - at < TrailerLength)
            return UnpackResult.Cut;
        if (BinaryPrimitives.ReadUInt32LittleEndian(input.Slice(at)) != summed.Sum
            || BinaryPrimitives.ReadUInt32LittleEndian(input.Slice(at + 4)) != summed.Length)
            return UnpackResult.Damaged;
        at += TrailerLength;
        return UnpackResult.Done;
    }

    private static UnpackResult Header(ReadOnlySpan<byte> input, ref int at)
    {
        int start = at;
        if (input.Length - at < HeaderLength)
            return UnpackResult.Cut;
        byte method = input[at + 2];
        byte flags = input[at + 3];
        if (method != 8 || (flags & Reserved) != 0)
            return UnpackResult.Damaged;
        at += HeaderLength;
        if ((flags & Extra) != 0)
        {
            if (input.Length - at < 2)
                return UnpackResult.Cut;
            int length = BinaryPrimitives.ReadUInt16LittleEndian(input.Slice(at));
            at += 2;
            if (input.Length - at < length)
                return UnpackResult.Cut;
            at += length;
        }

        for (int text = flags & (Name | Comment); text != 0; text &= text - 1)
        {
            int length = input.Slice(at).IndexOf((byte)0);
            if (length < 0)
                return UnpackResult.Cut;
            at += length + 1;
        }

        if ((flags & HeaderChecksum) == 0)
            return UnpackResult.Done;
        if (input.Length - at < 2)
            return UnpackResult.Cut;
        ushort sum = (ushort)Crc32.Add(0, input.Slice(start, at - start));
        at += 2;
        return BinaryPrimitives.ReadUInt16LittleEndian(input.Slice(at - 2)) == sum
            ? UnpackResult.Done
            : UnpackResult.Damaged;
    }
}

/// <summary>The CRC of gzip (RFC 1952 §8), four bits at a time.</summary>
public static class Crc32
{
    private static ReadOnlySpan<uint> Table =>
    [
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    ];

    /// <summary>The sum of what was summed before and of these bytes; 0 to begin with.</summary>
    public static uint Add(uint sum, ReadOnlySpan<byte> bytes)
    {
        sum = ~sum;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum ^= bytes[i];
            sum = Table[(int)(sum & 15)] ^ sum >> 4;
            sum = Table[(int)(sum & 15)] ^ sum >> 4;
        }

        return ~sum;
    }
}
