using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>
/// What one frame needs to be decompressed besides its window: tables that blocks hand on to each other, and the
/// literals of one block.
/// </summary>
public unsafe struct ZstandardState
{
    public const int MaxBlock = 128 * 1024;

    internal FiniteStateTable LiteralLengths;
    internal FiniteStateTable Offsets;
    internal FiniteStateTable MatchLengths;
    internal bool HasLiteralLengths;
    internal bool HasOffsets;
    internal bool HasMatchLengths;
    internal HuffmanTable Huffman;
    internal XxHash64 Hash;

    /// <summary>The last three offsets (RFC 8878 §3.1.1.5).</summary>
    internal fixed uint Repeated[3];

    internal fixed byte Literals[MaxBlock];
}

/// <summary>The Zstandard format (RFC 8878), from memory to a sink: frames and blocks. No dictionaries.</summary>
public unsafe ref partial struct Zstandard
{
    private const uint Magic = 0xfd2fb528;
    private const uint SkippableMagic = 0x184d2a50;

    /// <summary>What RFC 8878 §3.1.1.1.2 asks decoders for at least.</summary>
    public const ulong MaxWindow = 8 << 20;

    private readonly ZstandardState* state;
    private readonly ReadOnlySpan<byte> input;

    /// <summary>The last bytes of output, as a ring.</summary>
    private readonly Span<byte> window;
    private readonly int largestBlock;
    private int at;

    /// <summary>Where in the ring the next byte goes; what the sink has not been given; bytes in the ring.</summary>
    private int to;
    private int pending;
    private int reach;
    private ulong produced;

    /// <summary>True when a frame begins here (RFC 8878 §3.1).</summary>
    public static bool Is(ReadOnlySpan<byte> input)
    {
        if (input.Length < 4)
            return false;
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(input);
        return magic == Magic || (magic & ~15u) == SkippableMagic;
    }

    private Zstandard(ZstandardState* state, Span<byte> window, ReadOnlySpan<byte> input, int at, ulong windowSize)
    {
        this.state = state;
        this.window = window;
        this.input = input;
        this.at = at;
        largestBlock = (int)Math.Min(windowSize, ZstandardState.MaxBlock);
    }

    /// <summary>Decompresses the frame at <paramref name="at"/>, which is left behind it.</summary>
    public static UnpackResult Run<TSink>(
        ReadOnlySpan<byte> input, ref int at, ref TSink sink) where TSink : struct, IByteSink
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(input.Slice(at)) != Magic)
            return Skip(input, ref at);
        UnpackResult result = Header(input, ref at, out ulong window, out ulong content, out bool knowsContent,
            out bool hasSum);
        if (result != UnpackResult.Done)
            return result;
        int stateFrames = (sizeof(ZstandardState) + 4095) / 4096;
        int windowFrames = (int)Math.Max((window + 4095) / 4096, 1);
        ulong state = Frames.AllocateContiguous(stateFrames);
        ulong ring = Frames.AllocateContiguous(windowFrames);
        result = UnpackResult.NoMemory;
        if (state != 0 && ring != 0)
        {
            // SAFETY: both blocks are large enough, zeroed, and ours until they are given back.
            var span = new Span<byte>(DirectMap.At(ring), (int)Math.Max(window, 1));
            var frame = new Zstandard((ZstandardState*)DirectMap.At(state), span, input, at, window);
            result = frame.Blocks(ref sink);
            at = frame.at;
            if (result == UnpackResult.Done && knowsContent && frame.produced != content)
                result = UnpackResult.Damaged;
            if (result == UnpackResult.Done && hasSum)
                result = frame.CheckSum(ref at);
        }

        Release(state, stateFrames);
        Release(ring, windowFrames);
        return result;
    }

    private static void Release(ulong block, int frames)
    {
        for (int i = 0; i < frames && block != 0; i++)
            Frames.Release(block + (ulong)i * 4096);
    }

    private static UnpackResult Skip(ReadOnlySpan<byte> input, ref int at)
    {
        if (input.Length - at < 8)
            return UnpackResult.Cut;
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(input.Slice(at + 4));
        at += 8;
        if (length > input.Length - at)
            return UnpackResult.Cut;
        at += (int)length;
        return UnpackResult.Done;
    }

    /// <summary>RFC 8878 §3.1.1.1.</summary>
    private static UnpackResult Header(ReadOnlySpan<byte> input, ref int at, out ulong window, out ulong content,
        out bool knowsContent, out bool hasSum)
    {
        window = 0;
        content = 0;
        knowsContent = false;
        hasSum = false;
        if (input.Length - at < 5)
            return UnpackResult.Cut;
        byte descriptor = input[at + 4];
        at += 5;
        bool single = (descriptor & 0x20) != 0;
        hasSum = (descriptor & 4) != 0;
        if ((descriptor & 8) != 0)
            return UnpackResult.Damaged;
        int dictionaryLength = 1 << (descriptor & 3) >> 1;
        int contentLength = ContentLengthOf(descriptor >> 6, single);
        if (input.Length - at < (single ? 0 : 1) + dictionaryLength + contentLength)
            return UnpackResult.Cut;
        if (!single)
        {
            byte size = input[at];
            at++;
            ulong unit = 1UL << 10 + (size >> 3);
            window = unit + unit / 8 * (ulong)(size & 7);
        }

        for (int i = 0; i < dictionaryLength; i++)
        {
            if (input[at] != 0)
                return UnpackResult.NotSupported;
            at++;
        }
        for (int i = 0; i < contentLength; i++)
        {
            content |= (ulong)input[at] << 8 * i;
            at++;
        }
        if (contentLength == 2)
            content += 256;
        knowsContent = contentLength > 0;
        if (single)
            window = content;
        return window > MaxWindow ? UnpackResult.NotSupported : UnpackResult.Done;
    }

    /// <summary>Bytes of the field Frame_Content_Size (RFC 8878 §3.1.1.1.1.1).</summary>
    private static int ContentLengthOf(int flag, bool single)
    {
        if (flag == 0)
            return single ? 1 : 0;
        return 1 << flag;
    }

    /// <summary>Blocks of a frame, RFC 8878 §3.1.1.2.</summary>
    private UnpackResult Blocks<TSink>(ref TSink sink) where TSink : struct, IByteSink
    {
        state->Hash.Start();
        state->Repeated[0] = 1;
        state->Repeated[1] = 4;
        state->Repeated[2] = 8;
        bool last = false;
        while (!last)
        {
            if (input.Length - at < 3)
                return UnpackResult.Cut;
            int header = input[at] | input[at + 1] << 8 | input[at + 2] << 16;
            at += 3;
            last = (header & 1) != 0;
            int kind = header >> 1 & 3;
            int size = header >> 3;
            if (size > (kind == 2 ? ZstandardState.MaxBlock : largestBlock))
                return UnpackResult.Damaged;
            if ((kind == 1 ? 1 : size) > input.Length - at)
                return UnpackResult.Cut;
            switch (kind)
            {
                case 0:
                    Append(input.Slice(at, size));
                    at += size;
                    break;
                case 1:
                    for (int i = 0; i < size; i++)
                        Append(input.Slice(at, 1));
                    at++;
                    break;
                case 2:
                    if (!CompressedBlock(input.Slice(at, size)))
                        return UnpackResult.Damaged;
                    at += size;
                    break;
                default:
                    return UnpackResult.Damaged;
            }

            if (!Flush(ref sink))
                return UnpackResult.Refused;
        }

        return UnpackResult.Done;
    }

    private readonly UnpackResult CheckSum(ref int at)
    {
        if (input.Length - at < 4)
            return UnpackResult.Cut;
        uint sum = BinaryPrimitives.ReadUInt32LittleEndian(input.Slice(at));
        at += 4;
        return sum == (uint)state->Hash.Finish() ? UnpackResult.Done : UnpackResult.Damaged;
    }

    /// <summary>
    /// A block never makes more than the ring holds: what the sink has not been given is not overwritten.
    /// </summary>
    private bool HasRoom(int count) => count <= largestBlock - pending;

    /// <summary>Puts bytes behind the output. The caller has asked <see cref="HasRoom"/>.</summary>
    private void Append(ReadOnlySpan<byte> bytes)
    {
        Advance(bytes.Length);
        while (bytes.Length > 0)
        {
            int run = Math.Min(bytes.Length, window.Length - to);
            bytes.Slice(0, run).CopyTo(window.Slice(to));
            to = to + run == window.Length ? 0 : to + run;
            bytes = bytes.Slice(run);
        }
    }

    /// <summary>
    /// Repeats what lies <paramref name="offset"/> bytes back: at most what the ring holds, and the caller has asked
    /// <see cref="HasRoom"/>.
    /// </summary>
    private void Repeat(int offset, int length)
    {
        int from = to >= offset ? to - offset : to - offset + window.Length;
        Advance(length);
        while (length > 0)
        {
            int run = Math.Min(length, window.Length - Math.Max(from, to));
            for (int i = 0; i < run; i++)
                window[to + i] = window[from + i];
            from = from + run == window.Length ? 0 : from + run;
            to = to + run == window.Length ? 0 : to + run;
            length -= run;
        }
    }

    private void Advance(int count)
    {
        pending += count;
        reach = Math.Min(reach + count, window.Length);
        produced += (ulong)count;
    }

    private bool Flush<TSink>(ref TSink sink) where TSink : struct, IByteSink
    {
        while (pending > 0)
        {
            int from = to >= pending ? to - pending : to - pending + window.Length;
            ReadOnlySpan<byte> run = window.Slice(from, Math.Min(pending, window.Length - from));
            state->Hash.Add(run);
            if (!sink.Take(run))
                return false;
            pending -= run.Length;
        }

        return true;
    }
}
