global using unsafe Handler = delegate*<Domain.CpuState*, Domain.Op*, void>;

namespace Domain;

/// <summary>
/// A decoded operation: most instructions are one, those with awkward memory operands are two or three.
/// </summary>
/// <remarks>
/// Handlers are static methods that end by calling the next operation's handler. The compiler turns that last call
/// into a jump as long as no local's address is taken, so a block runs without returning. Where it does not (debug
/// builds), <see cref="CpuState.Budget"/> bounds the depth.
/// A handler that cannot go on (fault, end of block without a link) sets <see cref="CpuState.Rip"/> and returns.
/// </remarks>
internal unsafe struct Op
{
    public Handler Handler;

    /// <summary>Byte offsets into <see cref="CpuState"/>.</summary>
    public ushort Dst;
    public ushort Src;
    public ushort Base;
    public ushort Index;

    /// <summary>Displacement; from <see cref="Rip"/> when the operand is relative to it.</summary>
    public int Disp;

    /// <summary>Shift of the index, 0–3.</summary>
    public byte Scale;

    /// <summary>Instruction length in bytes.</summary>
    public byte Length;

    /// <summary>
    /// Number of instructions in the block up to and with this one; in translated blocks, which charge all of them at
    /// their entry, less the number of all.
    /// </summary>
    public short Count;

    public ulong Imm;

    /// <summary>Address of the instruction, an offset into the code segment.</summary>
    public ulong Rip;
}

/// <summary>
/// A run of instructions within one page (or a single one across two), keyed by physical address and instruction
/// pointer.
/// </summary>
internal unsafe struct Block
{
    public ulong Physical;
    public ulong Rip;

    /// <summary>Base and limit of the code segment, as <see cref="Cpu"/> packs them.</summary>
    public ulong CodeBounds;

    /// <summary>Physical address of the second page, or all ones.</summary>
    public ulong SecondPage;

    /// <summary>Next in the hash bucket, in the first page, in the second page.</summary>
    public Block* NextInBucket;
    public Block* NextInPage;
    public Block* NextInSecondPage;

    /// <summary>What leads to the block in the list of its first page.</summary>
    public Block** ToThisInPage;
    public int Mode;
    public ushort Bytes;
    public ushort OpCount;
    public ushort Stale;

    /// <summary>In the ring: its memory, header included, in units of <see cref="UnitBytes"/>.</summary>
    public ushort Units;

    /// <summary>
    /// How often it is still interpreted before it is translated; 0 for a block that stays as it is. No link and no
    /// recent target leads to a block that is going to be translated.
    /// </summary>
    public int RunsUntilTranslated;

    /// <summary>In the ring: the same when it was put where it lies.</summary>
    public int RunsSeen;

    /// <summary>
    /// Translated code: where it begins, where it begins with the guest's flags in the host's, and where it goes when
    /// it is dropped; 0 where there is none.
    /// </summary>
    public uint Entry;
    public uint FlagsEntry;
    public uint StaleExit;

    /// <summary>Blocks begin at multiples of it.</summary>
    public const int UnitBytes = 16;

    public static Op* Ops(Block* block) => (Op*)(block + 1);

    /// <summary>The translated block that a link belongs to.</summary>
    public static Block* Of(Link* link) => (Block*)((Op*)link - link->Slot) - 1;
}
