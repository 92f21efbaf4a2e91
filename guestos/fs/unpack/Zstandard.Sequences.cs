using System;

namespace Guestos;

/// <summary>Sequences of a block, and carrying them out (RFC 8878 §3.1.1.3.2 and §3.1.1.4).</summary>
public unsafe ref partial struct Zstandard
{
    private static ReadOnlySpan<uint> LiteralLengthBase =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512,
        1024, 2048, 4096, 8192, 16384, 32768, 65536,
    ];

    private static ReadOnlySpan<byte> LiteralLengthBits =>
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        16,
    ];

    private static ReadOnlySpan<uint> MatchLengthBase =>
    [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
        33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539,
    ];

    private static ReadOnlySpan<byte> MatchLengthBits =>
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2,
        2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ];

    // The default distributions (RFC 8878 §3.1.1.3.2.2).
    private static ReadOnlySpan<short> DefaultLiteralLengths =>
    [
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
    ];

    private static ReadOnlySpan<short> DefaultOffsets =>
        [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];

    private static ReadOnlySpan<short> DefaultMatchLengths =>
    [
        1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ];

    private const int MaxOffsetCodes = 32;

    /// <summary>False: damaged.</summary>
    private bool CompressedBlock(ReadOnlySpan<byte> block)
    {
        if (!LiteralsOf(block, out int at, out ReadOnlySpan<byte> literals) || at == block.Length)
            return false;
        int count = block[at];
        at++;
        if (count >= 128)
        {
            int more = count == 255 ? 2 : 1;
            if (block.Length - at < more)
                return false;
            count = more == 2 ? block[at] + (block[at + 1] << 8) + 0x7f00 : (count - 128 << 8) + block[at];
            at += more;
        }

        if (count == 0)
        {
            if (at != block.Length || !HasRoom(literals.Length))
                return false;
            Append(literals);
            return true;
        }

        if (at == block.Length)
            return false;
        int modes = block[at];
        at++;
        return (modes & 3) == 0
            && ReadTables(block, modes, ref at)
            && Execute(block.Slice(at), count, literals);
    }

    /// <summary>The three tables of a block, each in the mode that two bits give it (RFC 8878 §3.1.1.3.2.1).</summary>
    private bool ReadTables(ReadOnlySpan<byte> block, int modes, ref int at)
    {
        var lengths = new TableKind(DefaultLiteralLengths, log: 6, LiteralLengthBase.Length, maxLog: 9);
        var offsets = new TableKind(DefaultOffsets, log: 5, MaxOffsetCodes, maxLog: 8);
        var matches = new TableKind(DefaultMatchLengths, log: 6, MatchLengthBase.Length, maxLog: 9);
        return ReadTable(block, modes >> 6, lengths, ref state->LiteralLengths, ref state->HasLiteralLengths, ref at)
            && ReadTable(block, modes >> 4 & 3, offsets, ref state->Offsets, ref state->HasOffsets, ref at)
            && ReadTable(block, modes >> 2 & 3, matches, ref state->MatchLengths, ref state->HasMatchLengths, ref at);
    }

    /// <summary>What RFC 8878 says of one of the three tables.</summary>
    private readonly ref struct TableKind
    {
        public readonly ReadOnlySpan<short> Default;
        public readonly int DefaultLog;
        public readonly int Symbols;
        public readonly int MaxLog;

        public TableKind(ReadOnlySpan<short> standard, int log, int symbols, int maxLog)
        {
            Default = standard;
            DefaultLog = log;
            Symbols = symbols;
            MaxLog = maxLog;
        }
    }

    private static bool ReadTable(
        ReadOnlySpan<byte> block, int mode, in TableKind kind, ref FiniteStateTable table, ref bool has, ref int at)
    {
        const int predefined = 0;
        const int single = 1;
        const int repeat = 3;
        switch (mode)
        {
            case predefined:
                table.Build(kind.Default, kind.DefaultLog);
                break;
            case single:
                if (at == block.Length || block[at] >= kind.Symbols)
                    return false;
                table.BuildSingle(block[at]);
                at++;
                break;
            case repeat:
                return has;
            default:
                has = false;
                if (!table.Read(block, ref at, kind.Symbols, kind.MaxLog))
                    return false;
                break;
        }

        has = true;
        return true;
    }

    private bool Execute(ReadOnlySpan<byte> stream, int count, ReadOnlySpan<byte> literals)
    {
        if (!BackwardBits.TryStart(stream, out BackwardBits bits))
            return false;
        ref FiniteStateTable lengths = ref state->LiteralLengths;
        ref FiniteStateTable offsets = ref state->Offsets;
        ref FiniteStateTable matches = ref state->MatchLengths;
        uint lengthState = bits.Read(lengths.Log);
        uint offsetState = bits.Read(offsets.Log);
        uint matchState = bits.Read(matches.Log);
        for (; count > 0; count--)
        {
            FiniteState length = lengths.At(lengthState);
            FiniteState offset = offsets.At(offsetState);
            FiniteState match = matches.At(matchState);
            ulong distance = (1UL << offset.Symbol) + bits.Read(offset.Symbol);
            int repeated = (int)(MatchLengthBase[match.Symbol] + bits.Read(MatchLengthBits[match.Symbol]));
            int plain = (int)(LiteralLengthBase[length.Symbol] + bits.Read(LiteralLengthBits[length.Symbol]));
            if (bits.Left < 0 || plain > literals.Length || !HasRoom(plain + repeated))
                return false;
            distance = OffsetOf(distance, plain == 0);
            Append(literals.Slice(0, plain));
            literals = literals.Slice(plain);
            if (distance == 0 || distance > (ulong)reach)
                return false;
            Repeat((int)distance, repeated);
            if (count == 1)
                break;
            lengthState = length.Base + bits.Read(length.Bits);
            matchState = match.Base + bits.Read(match.Bits);
            offsetState = offset.Base + bits.Read(offset.Bits);
        }

        if (bits.Left != 0 || !HasRoom(literals.Length))
            return false;
        Append(literals);
        return true;
    }

    /// <summary>
    /// What an offset value means: 1 to 3 are earlier offsets (RFC 8878 §3.1.1.5). 0: an offset that cannot be.
    /// </summary>
    private readonly ulong OffsetOf(ulong value, bool noLiterals)
    {
        uint* repeated = state->Repeated;
        if (value > 3)
        {
            repeated[2] = repeated[1];
            repeated[1] = repeated[0];
            repeated[0] = (uint)(value - 3);
            return repeated[0];
        }

        int index = noLiterals ? (int)value : (int)value - 1;
        uint offset = index == 3 ? repeated[0] - 1 : repeated[index];
        if (index > 1)
            repeated[2] = repeated[1];
        if (index > 0)
            repeated[1] = repeated[0];
        repeated[0] = offset;
        return offset;
    }
}
