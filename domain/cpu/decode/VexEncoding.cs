using Iced.Intel;

namespace Domain;

/// <summary>
/// The parts of an instruction in VEX encoding on vectors (SDM vol. 2A, 2.3), with which it can be written anew for the
/// host: with another memory operand, and other general registers.
/// </summary>
internal readonly unsafe struct VexEncoding
{
    /// <summary>One of <see cref="VexPrefix"/>.</summary>
    public readonly int Prefix;

    /// <summary>1 to 3: that of 0x0f, of 0x0f38, of 0x0f3a.</summary>
    public readonly int Map;
    public readonly int Opcode;

    /// <summary>The register in the field for it (or what belongs to the opcode), and that in the prefix.</summary>
    public readonly int Register, Second;

    /// <summary>The register in the field for register or memory.</summary>
    public readonly int Other;
    public readonly bool IsWide, IsLong, HasMemory;

    /// <summary>The byte behind all else, or -1.</summary>
    public readonly int Immediate;

    /// <param name="at">the instruction's bytes, which have been decoded as <paramref name="i"/></param>
    public VexEncoding(in Instruction i, byte* at)
    {
        byte* end = at + i.Length;
        while (*at is not (0xc4 or 0xc5))
            at++;
        int first = at[1];
        int last = first;
        Map = 1;
        bool extendsOther = false;
        if (*at == 0xc4)
        {
            extendsOther = (first & 0x20) == 0;
            last = at[2];
            Map = first & 0x1f;
            IsWide = (last & 0x80) != 0;
            at++;
        }
        Prefix = last & 3;
        IsLong = (last & 4) != 0;
        Opcode = at[2];
        byte modRm = at[3];
        HasMemory = modRm < 0xc0;
        Register = modRm >> 3 & 7 | ((first & 0x80) == 0 ? 8 : 0);
        Second = ~last >> 3 & 15;
        Other = modRm & 7 | (extendsOther ? 8 : 0);
        bool hasImmediate = Map == 3 || (Map == 1 && Opcode is (>= 0x70 and <= 0x73) or 0xc2 or (>= 0xc4 and <= 0xc6));
        Immediate = hasImmediate ? end[-1] : -1;
        Compares = i.RflagsModified != RflagsBits.None;
        ReadsFirst = Compares || (Map == 2 && (Opcode & 15) >= 6 && Opcode is >= 0x96 and <= 0xbf);
        if (i.CodeSize == CodeSize.Code64)
            return;
        // Eight registers, and nothing of 64 bits. The bits that would say so are ignored where they can be set at all.
        Register &= 7;
        Second &= 7;
        Other &= 7;
        if (IsBlend)
            Immediate &= 0x7f;
        if (MovesGeneral)
            IsWide = false;
    }

    /// <summary>Its last operand is a register, in the upper half of the immediate.</summary>
    private bool IsBlend => Map == 3 && Opcode is >= 0x4a and <= 0x4c;

    /// <summary>It moves or converts an integer whose size is that of a general register.</summary>
    private bool MovesGeneral => Map switch
    {
        1 => Opcode is 0x2a or 0x2c or 0x2d or 0x6e || (Opcode == 0x7e && Prefix == VexPrefix.P66),
        3 => Opcode is 0x16 or 0x22,
        _ => false,
    };

    /// <summary>
    /// Where it has a general register, that is in <see cref="Register"/>, not in <see cref="Other"/>.
    /// </summary>
    public bool HasGeneralField => Map == 1 && (Opcode is 0x2c or 0x2d or 0x50 or 0xc5 or 0xd7);

    /// <summary>
    /// Its first operand is a source: it compares and writes flags alone, or its destination is one of what it adds or
    /// multiplies (FMA).
    /// </summary>
    public readonly bool ReadsFirst;

    /// <summary>It writes flags, and no register.</summary>
    public readonly bool Compares;

    /// <summary>All that matters of an instruction whose memory operand is somewhere else, in one number.</summary>
    public ulong Key => (uint)Opcode | (ulong)(uint)(Immediate + 1) << 8 | (ulong)(uint)Register << 17
        | (ulong)(uint)Second << 21 | (ulong)(uint)(HasMemory ? 16 : Other) << 25 | (ulong)(uint)Prefix << 30
        | (ulong)(uint)Map << 32 | (IsWide ? 1UL << 34 : 0) | (IsLong ? 1UL << 35 : 0);

    /// <summary>Writes it with these operands.</summary>
    public void Write(Emitter emit, int register, in HostOperand other)
    {
        emit.Vex(Prefix, Map, IsWide, Opcode, register, Second, other, IsLong);
        if (Immediate >= 0)
            emit.Byte(Immediate);
    }
}
