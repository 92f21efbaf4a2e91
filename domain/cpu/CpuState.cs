using System.Runtime.InteropServices;

namespace Domain;

/// <summary>
/// Everything the handlers of decoded operations touch, in one unmanaged block whose address never changes.
/// </summary>
/// <remarks>
/// Operand fields of <see cref="Op"/> are byte offsets into this structure, so a register, a temporary and the high
/// byte of a legacy register (offset + 1) are all reached the same way. <see cref="Gpr"/> must stay first.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CpuState
{
    public const int VectorRegisters = 16;

    /// <summary>RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8–R15, in encoding order.</summary>
    public fixed ulong Gpr[16];

    /// <summary>YMM0–YMM15, four words each, of which the first two are the XMM register.</summary>
    public fixed ulong Ymm[4 * VectorRegisters];

    /// <summary>The memory operand of an instruction in VEX encoding, on its way in or out.</summary>
    public fixed ulong VectorOperand[4];

    /// <summary>An SSE memory operand on its way in or out.</summary>
    public fixed ulong XmmTemp[2];

    /// <summary>Destination operand of an MMX instruction.</summary>
    public fixed ulong MmxLeft[2];

    /// <summary>R0–R7, 16 bytes apart: 64-bit significand, then sign and exponent.</summary>
    public fixed ulong Fpu[16];

    /// <summary>Always zero: the base or index of an address that has none.</summary>
    public ulong Zero;

    /// <summary>
    /// An address that the plain forms cannot express (segment base, 32-bit wrap), computed one operation earlier.
    /// </summary>
    public ulong EaTemp;

    /// <summary>An integer memory operand on its way in or out.</summary>
    public ulong Temp;

    /// <summary>Linear address that <see cref="Temp"/> or <see cref="XmmTemp"/> goes back to.</summary>
    public ulong TempAddress;

    /// <summary>Who produced the arithmetic flags; see <see cref="Flags"/>.</summary>
    public int FlagKind;

    /// <summary>
    /// CF, PF, AF, ZF, SF, OF at their RFLAGS places, as far as <see cref="FlagKind"/> says they are valid.
    /// </summary>
    public uint FlagBits;

    /// <summary>Last result, sign-extended to 64 bits.</summary>
    public ulong FlagResult;

    /// <summary>First operand of the last addition or subtraction, zero-extended.</summary>
    public ulong FlagSource;

    /// <summary>Instructions left until the run loop looks up.</summary>
    public long Budget;

    /// <summary>
    /// A number that changes when the TLBs are flushed, then <see cref="Cpu.ModeBits"/> bits of what decoding depends
    /// on, then 1 at CPL 3. The interpreter's links of another value are void.
    /// </summary>
    public ulong Generation;

    /// <summary>TLB of the current privilege for data reads.</summary>
    public TlbEntry* ReadTlb;

    /// <summary>
    /// TLB of the current privilege for data writes; entries here are dirty, writable and free of code.
    /// </summary>
    public TlbEntry* WriteTlb;

    /// <summary>
    /// TLB of the current privilege for code: <see cref="TlbEntry.Addend"/> leads to the physical address, and
    /// <see cref="TlbEntry.Host"/> is the stamp of the page.
    /// </summary>
    public TlbEntry* ExecuteTlb;

    /// <summary>Recently reached code addresses.</summary>
    public JumpEntry* JumpCache;

    /// <summary>Address of the next instruction, valid outside handlers and whenever a handler has returned.</summary>
    public ulong Rip;

    /// <summary>Link to fill once <see cref="Rip"/> has been found, or null.</summary>
    public Link* PendingLink;

    /// <summary>Why the handlers returned to the run loop.</summary>
    public ExitReason Exit;

    /// <summary>Exception or software interrupt to deliver when <see cref="Exit"/> says so.</summary>
    public int Vector;

    /// <summary>The last operand's address that was refused since it is not canonical; 0: none was.</summary>
    public ulong Refused;

    /// <summary>Its error code, where it has one.</summary>
    public uint ErrorCode;

    /// <summary>Where the software interrupt stands: the place to return to when its delivery faults.</summary>
    public ulong InterruptRip;

    /// <summary>RFLAGS except the six arithmetic flags.</summary>
    public ulong SystemFlags;

    /// <summary>Current privilege level, 0 to 3. For paging 0, 1 and 2 are the same (SDM vol. 3A §4.6).</summary>
    public int Cpl;

    /// <summary>Interrupts are held back until the next instruction has completed (STI, MOV SS).</summary>
    public bool Shadow;

    /// <summary>
    /// At the last look around an interrupt waited that IF held back. What gives IF back without the run loop has
    /// to leave to it then: otherwise, where a loop through the kernel is such that every look falls into the part
    /// with interrupts off, it would wait for ever.
    /// </summary>
    public bool InterruptWaits;

    /// <summary>The instruction that completes is followed by a single-step trap.</summary>
    public bool Step;

    /// <summary>CS is a 64-bit code segment.</summary>
    public bool Code64;

    /// <summary>HLT has been executed and nothing has ended it.</summary>
    public bool Halted;

    public ulong Cr0;
    public ulong Cr2;
    public ulong Cr3;
    public ulong Cr4;
    public ulong Efer;
    public fixed ulong Dr[8];

    /// <summary>XCR0: the state that XSAVE knows, and without which there is no AVX.</summary>
    public ulong Xcr0;

    public ulong Star;
    public ulong Lstar;
    public ulong Cstar;
    public ulong Fmask;
    public ulong KernelGsBase;
    public ulong ApicBase;
    public ulong Pat;
    public ulong MiscEnable;
    public ulong TscAux;
    public ulong TscOffset;
    public ulong SysenterCs;
    public ulong SysenterEsp;
    public ulong SysenterEip;

    /// <summary>ES, CS, SS, DS, FS, GS selectors.</summary>
    public fixed ushort Selector[8];

    /// <summary>
    /// Bases in the same order, and what else the descriptors say. Bases of ES, CS, SS and DS do not count in 64-bit
    /// mode.
    /// </summary>
    public fixed ulong SegmentBase[8];

    public fixed uint SegmentLimit[8];

    /// <summary>Descriptor bits from 40 on; see <see cref="Segment"/>. 0: null.</summary>
    public fixed uint SegmentRights[8];

    /// <summary>A bit per segment that is not what flat 32-bit code has.</summary>
    public uint Unflat;

    public ulong GdtBase;
    public ulong IdtBase;
    public ulong LdtBase;
    public ulong TssBase;
    public uint GdtLimit;
    public uint IdtLimit;
    public uint LdtLimit;
    public uint TssLimit;
    public ushort LdtSelector;
    public ushort TssSelector;

    /// <summary>SSE control and status.</summary>
    public uint Mxcsr;

    /// <summary>Flags of <see cref="HostFloat.Note"/> since the instruction began; see <see cref="Unmasked"/>.</summary>
    public uint Raised;

    /// <summary>Generated code that loads the host's MXCSR, see <see cref="HostFloat"/>; 0 where there is none.</summary>
    public nuint ExchangeMxcsr;

    /// <summary>x87 control, status (TOP kept apart), and tag (bit set: register holds a value).</summary>
    public ushort FpuControl;
    public ushort FpuStatus;
    public int FpuTop;
    public uint FpuValid;
    public ushort FpuOpcode;

    /// <summary>What <see cref="FpuStatus"/> becomes when the store that follows a conversion is done.</summary>
    public ushort FpuStored;
    public ulong FpuIp;
    public ulong FpuDp;

    /// <summary>Bytes of an operand that is not plain RAM in one page; see <see cref="Mmu"/>.</summary>
    public fixed ulong Scratch[4];

    /// <summary>Size of a read-modify-write in <see cref="Scratch"/> that waits for its commit; 0: none.</summary>
    public int RmwSize;
    public ulong RmwAddress;

    /// <summary>A room for one operation that runs by itself, and what comes behind it.</summary>
    public Op* Alone;

    /// <summary>The operation in <see cref="Alone"/> completed.</summary>
    public bool Stopped;

    /// <summary>
    /// Span of linear addresses whose TLB entries may be pieces of pages larger than 4 KiB: INVLPG in it flushes
    /// everything.
    /// </summary>
    public ulong LargeFirst, LargeLast;

    /// <summary>Pages executed from since the generation began, hashed.</summary>
    public fixed ulong ExecutedPages[64];

    /// <summary>Host addresses within the block of translated code that runs; see Translator.Windows.</summary>
    public fixed ulong Window[8];

    /// <summary>
    /// Since the start: operands that a probe has not found, walks of page tables, and blocks that the run loop has
    /// looked for. Nothing but tests reads them.
    /// </summary>
    public ulong Misses, Walks, Searches;

    /// <summary>Registers of translated code for as long as it looks at a second entry of the TLB.</summary>
    public ulong MissAddress, MissRegister, MissPointer;

    /// <summary>RBX, RBP, R12–R15 of the monitor while translated code runs.</summary>
    public fixed ulong HostRegisters[6];

    /// <summary>RSP of the monitor while translated code runs.</summary>
    public ulong HostStack;

    /// <summary>
    /// RSP of translated code while it does not run, at the current privilege and at the other; see ReturnStack.
    /// </summary>
    public ulong ReturnStack, OtherReturnStack;

    /// <summary>The same of empty stacks.</summary>
    public ulong ReturnBottom, OtherReturnBottom;

    /// <summary>What is announced beyond x86-64-v2; set before the first instruction.</summary>
    public Extensions Announced;

    /// <summary>
    /// What of it the guest relies on: its instructions have been decoded, or CPUID has told code at privilege 3 of it.
    /// </summary>
    public Extensions Used;

    /// <summary>See <see cref="Msr.TellUsedOnly"/>.</summary>
    public bool TellsUsedOnly;

    /// <summary>What was before an instruction that may raise an unmasked exception; see <see cref="Unmasked"/>.</summary>
    public fixed ulong KeptRegisters[Unmasked.RegisterWords];
    public int KeptFlagKind;
    public uint KeptFlagBits;
    public ulong KeptFlagResult, KeptFlagSource;
    public uint KeptMxcsr;

    /// <summary>GCHandle of the <see cref="Cpu"/>: the slow paths' way back to memory, bus and blocks.</summary>
    public nint Owner;
}

internal enum ExitReason
{
    /// <summary>Go on at <see cref="CpuState.Rip"/>.</summary>
    None,

    /// <summary>
    /// Deliver exception <see cref="CpuState.Vector"/> for the instruction at <see cref="CpuState.Rip"/>.
    /// </summary>
    Exception,

    /// <summary>
    /// Deliver software interrupt <see cref="CpuState.Vector"/>; <see cref="CpuState.Rip"/> is behind it.
    /// </summary>
    SoftwareInterrupt,

    /// <summary>HLT.</summary>
    Halt,
}

/// <summary>
/// One page of a software TLB. Its size is a power of two, so that an entry is found by a shift and a mask.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 1 << Mmu.EntryShift)]
internal struct TlbEntry
{
    /// <summary>Linear page address; see <see cref="Mmu.Empty"/>.</summary>
    public ulong Tag;

    /// <summary>Host address minus linear address; in the code TLBs physical address minus linear address.</summary>
    public ulong Addend;

    /// <summary>Host address of the page; in the code TLBs the page's stamp (see <see cref="JumpEntry"/>).</summary>
    public ulong Host;
}

/// <summary>One recently executed branch target. Its layout is the beginning of <see cref="Link"/>.</summary>
internal unsafe struct JumpEntry
{
    public Op* Target;

    /// <summary>The entry is good while the TLB has this stamp at its page.</summary>
    public ulong Stamp;
    public ulong Rip;

    /// <summary>Where translated code goes on.</summary>
    public ulong Code;
}

/// <summary>A direct successor of a block. Lies in the operation slots behind the branch.</summary>
internal unsafe struct Link
{
    /// <summary>First operation of the successor, valid while <see cref="Generation"/> is current.</summary>
    public Op* Target;

    /// <summary>A translated link's is the stamp that the TLB must have at the successor's page.</summary>
    public ulong Generation;
    public ulong Rip;

    /// <summary>Where translated code goes on.</summary>
    public ulong Code;

    /// <summary>
    /// From here on in translated blocks only. Address of the displacement of the jump that is to lead directly to the
    /// successor; see Translator.Connect.
    /// </summary>
    public uint Site;

    /// <summary>The jump is taken with the guest's flags in the host's.</summary>
    public bool WithFlags;

    /// <summary>Of a translated block; false in all others.</summary>
    public bool Translated;

    /// <summary>Which of its block's slots the link lies in.</summary>
    public ushort Slot;
}
