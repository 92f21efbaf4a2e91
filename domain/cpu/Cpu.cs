using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Domain;

/// <summary>Why <see cref="Cpu.Run"/> returned.</summary>
public enum CpuExit
{
    /// <summary>
    /// HLT with interrupts enabled and none waiting (or disabled: then nothing will wake it but a reset).
    /// </summary>
    Halted,

    /// <summary><see cref="Cpu.RaiseAttention"/> was called.</summary>
    Attention,

    /// <summary>An exception while delivering a double fault: the processor shut down.</summary>
    TripleFault,
}

/// <summary>One emulated x86-64 processor: the run loop and what the machine around it may ask.</summary>
/// <remarks>
/// Guest code is decoded once into <see cref="Block"/>s of <see cref="Op"/>s whose handlers call one another; the run
/// loop is entered only for what handlers leave to it: new code, exceptions, interrupts, and a look around every
/// <see cref="Quantum"/> instructions. Everything but <see cref="RaiseAttention"/> belongs to one thread.
/// </remarks>
public sealed unsafe partial class Cpu
{
    /// <summary>
    /// Instructions between two looks at interrupts, interpreted and translated: a few microseconds.
    /// </summary>
    private const int Quantum = 1024, TranslatedQuantum = 4096;

    /// <summary>Index of RSP in <see cref="CpuState.Gpr"/>.</summary>
    internal const int RegisterRsp = 4;

    /// <summary>DR6.BS.</summary>
    private const ulong DebugSingleStep = 1 << 14;

    private readonly GuestMemory memory;
    private readonly Bus bus;
    private readonly IInterruptController interrupts;
    private readonly CpuState* s;
    private int attention;
    private ulong retired;

    /// <summary>Makes a processor over <paramref name="memory"/> in its reset state.</summary>
    /// <param name="code">where translated code lives; null: everything is interpreted</param>
    /// <param name="interpretedRuns">
    /// How often a block is interpreted before it is translated: much of what a guest runs after its start or its
    /// arrival it runs only a few times, and translating that takes longer than it saves.
    /// </param>
    public Cpu(GuestMemory memory, Bus bus, IInterruptController interrupts, CodeMemory? code = null,
        int interpretedRuns = 0)
    {
        this.interpretedRuns = interpretedRuns;
        this.memory = memory;
        this.bus = bus;
        this.interrupts = interrupts;
        s = (CpuState*)AllocateState(code, sizeof(CpuState));
        s->Announced = ExtensionTable.HostWith(code);
        s->Owner = GCHandle.ToIntPtr(GCHandle.Alloc(this));
        kernelRead = AllocateTlb(code);
        kernelWrite = AllocateTlb(code);
        kernelExecute = AllocateCodeTlb(code);
        userRead = AllocateTlb(code);
        userWrite = AllocateTlb(code);
        userExecute = AllocateCodeTlb(code);
        pages = (CodePage*)NativeMemory.AllocZeroed((nuint)(memory.Size >> 12), (nuint)sizeof(CodePage));
        buckets = (Block**)NativeMemory.AllocZeroed(BucketCount, (nuint)sizeof(Block*));
        arena = (byte*)NativeMemory.AlignedAlloc(ArenaBytes, Block.UnitBytes);
        s->JumpCache = (JumpEntry*)AllocateState(code, Jump.Entries * sizeof(JumpEntry));
        s->Alone = (Op*)NativeMemory.AllocZeroed(2, (nuint)sizeof(Op));
        s->Alone[1].Handler = &Mmu.Stop;
        builder = new BlockBuilder(s);
        if (code != null)
        {
            translator = new Translator(s, code, kernelRead, kernelWrite, kernelExecute, userRead, userWrite,
                userExecute);
            builder.Thunks = translator.VectorThunks;
            ringBytes = Math.Max(code.Size / RingShare, MaxBlockBytes);
            ring = (byte*)NativeMemory.AlignedAlloc((nuint)ringBytes, Block.UnitBytes);
        }
        // Empty links hold generation 0.
        NewGeneration();
        ResetRegisters();
        FlushTlbs();
    }

    /// <summary>Instructions completed since the start.</summary>
    public ulong InstructionsRetired => retired;

    internal CpuState* State => s;

    internal bool Translates => translator != null;

    /// <summary>
    /// The last instruction that the decoder did not translate, for whoever looks for the reason of a crash; or empty.
    /// </summary>
    public string LastUnknown => builder.LastUnknown;

    /// <summary>
    /// PVH start state: 32-bit protected mode, paging off, EBX = start information (Xen
    /// public/arch-x86/hvm/start_info.h).
    /// </summary>
    public void ResetToPvh(uint entry, uint startInfo)
    {
        ResetRegisters();
        s->Cr0 = Cr0.PE | Cr0.ET;
        s->Gpr[3] = startInfo;
        s->Rip = entry;
        for (int segment = SegmentEs; segment <= SegmentDs; segment++)
            Segment.SetFlat(s, segment, segment == SegmentCs ? (ushort)0x8 : (ushort)0x10);
        FlushTlbs();
        FlushBlocks();
    }

    private void ResetRegisters()
    {
        for (int i = 0; i < 16; i++)
            s->Gpr[i] = 0;
        s->FlagKind = Flags.Explicit;
        s->FlagBits = 0;
        s->SystemFlags = 0;
        s->Halted = s->Shadow = s->Code64 = false;
        for (int segment = SegmentEs; segment <= SegmentGs; segment++)
            Segment.SetFlat(s, segment, 0);
        s->Cr2 = s->Cr3 = s->Cr4 = s->Efer = 0;
        s->Xcr0 = Xcr0.X87;
        s->Dr[6] = 0xffff0ff0;
        s->Dr[7] = 0x400;
        s->ApicBase = 0xfee00900;
        s->Pat = 0x0007040600070406;
        s->MiscEnable = 1;
        wallTimeAt = hostTimeAt = 0;
        s->GdtLimit = s->IdtLimit = 0xffff;
        s->Mxcsr = 0x1f80;
        s->FpuControl = 0x37f;
        s->FpuStatus = 0;
        s->FpuTop = 0;
        s->FpuValid = 0;
        SetPrivilege(0);
    }

    /// <summary>Runs until something outside the processor is needed.</summary>
    public CpuExit Run()
    {
        HostFloat.Enter(s);
        try
        {
            return RunInside();
        }
        finally
        {
            HostFloat.Leave(s);
        }
    }

    private CpuExit RunInside()
    {
        for (; ; )
        {
            if (Volatile.Read(ref attention) != 0 && Interlocked.Exchange(ref attention, 0) != 0)
                return CpuExit.Attention;
            bool pending = interrupts.Pending;
            if (pending && (s->SystemFlags & Flags.IF) != 0 && !s->Shadow)
            {
                s->Halted = false;
                if (!Deliver(interrupts.Acknowledge(), 0, EventKind.External))
                    return CpuExit.TripleFault;
                pending = interrupts.Pending;
            }
            if (s->Halted)
                return CpuExit.Halted;
            s->InterruptWaits = pending;

            s->Step = (s->SystemFlags & Flags.TF) != 0;
            bool single = s->Step || s->Shadow;
            s->Shadow = false;
            s->Exit = ExitReason.None;
            int mode = Mode;
            s->Generation = s->Generation & ~ModeMask | (uint)mode << 1;
            StampMode(mode);
            if (single)
                mode |= ModeSingle;
            if (translator != null)
            {
                translator.SafePoint();
                ReturnStack.Bound(s);
                // Translated code knows which TLB it uses.
                if (s->Cpl == 3)
                    mode |= ModeUser;
            }
            var block = single ? null : Remembered(s->Rip);
            if (block == null)
                block = FindBlock(s->Rip, mode);
            if (block != null)
            {
                var target = Block.Ops(block);
                if (ChecksSecondPage(block->SecondPage, block->Mode))
                {
                    // Both pages have just been found. Who is led there later comes to the first operation.
                    ulong second = CodeSlot(s->ExecuteTlb, s->Rip + Mmu.OffsetMask + 1)->Host;
                    target->Imm = second != NoStamp ? second : 0;
                    if (second != NoStamp)
                        Remember(s->Rip, block);
                    target++;
                }
                else if (!single && block->SecondPage == NoPage && block->RunsUntilTranslated == 0)
                    Remember(s->Rip, block);
                // It ends with the instruction (SDM vol. 3, 17.3.1.1); frames of faults have it in any case.
                s->SystemFlags &= ~Flags.RF;
                s->PendingLink = null;
                // A single instruction comes back here whatever it links to.
                long budget = single ? -1 : translator != null ? TranslatedQuantum : Quantum;
                s->Budget = budget;
                target->Handler(s, target);
                if (!s->Code64)
                    s->Rip = (uint)s->Rip;
                retired += (ulong)(budget - s->Budget);
            }
            switch (s->Exit)
            {
                case ExitReason.None:
                    if (s->Step && !DeliverStep())
                        return CpuExit.TripleFault;
                    break;
                case ExitReason.Exception:
                    if (s->Refused != 0)
                        JudgeRefused();
                    if (!Deliver(s->Vector, s->ErrorCode, EventKind.Exception))
                        return CpuExit.TripleFault;
                    break;
                case ExitReason.SoftwareInterrupt:
                    if (!Deliver(s->Vector, 0, EventKind.Software))
                        return CpuExit.TripleFault;
                    break;
                case ExitReason.Halt:
                    // A debug exception ends the wait before it begins (SDM vol. 2, HLT).
                    s->Halted = !s->Step;
                    if (s->Step && !DeliverStep())
                        return CpuExit.TripleFault;
                    break;
            }
        }
    }

    /// <summary>
    /// An address that is not canonical is #SS where it belongs to the stack segment: that of PUSH and its like, and
    /// with RSP or RBP as its base (SDM vol. 1, 3.3.7.1 and 3.7.4). Nothing of the instruction has been done.
    /// </summary>
    private void JudgeRefused()
    {
        ulong refused = s->Refused;
        s->Refused = 0;
        if (s->Vector != ExceptionVector.GP || s->ErrorCode != 0 || !s->Code64)
            return;
        HostFloat.Leave(s);
        byte* bytes = stackalloc byte[16];
        int count = 0;
        for (ulong physical; count < 15 && LookUpCode(s->Rip + (ulong)count, out physical)
            && memory.Contains(physical, 1); count++)
            bytes[count] = memory.Base[physical];
        if (builder.IsStackOperand(bytes, count, s->Rip, refused))
            s->Vector = ExceptionVector.SS;
        else
            s->Vector = ExceptionVector.GP;
        s->ErrorCode = 0;
        s->Exit = ExitReason.Exception;
        HostFloat.Enter(s);
    }

    /// <summary>The trap behind an instruction that ran with TF set.</summary>
    private bool DeliverStep()
    {
        s->Dr[6] |= DebugSingleStep;
        return Deliver(ExceptionVector.DB, 0, EventKind.Exception);
    }

    /// <summary>
    /// Makes <see cref="Run"/> return <see cref="CpuExit.Attention"/> within a few microseconds. Any thread may call
    /// it.
    /// </summary>
    public void RaiseAttention() => Volatile.Write(ref attention, 1);

    /// <summary>A recent target, if it is still that; stale ones are found where a frame has two addresses.</summary>
    private Block* Remembered(ulong rip)
    {
        var entry = Jump.Slot(s, rip);
        if (entry->Rip != rip || entry->Stamp != Mmu.ExecuteEntry(s, rip)->Host)
            return null;
        var block = (Block*)entry->Target - 1;
        return block->Stale == 0 && block->SecondPage == NoPage ? block : null;
    }

    private void Remember(ulong rip, Block* block)
    {
        ulong stamp = CodeSlot(s->ExecuteTlb, s->Code64 ? rip : (uint)(rip + s->SegmentBase[SegmentCs]))->Host;
        if (stamp == NoStamp)
            return;
        var target = Block.Ops(block);
        ulong code = translator == null ? 0 : block->Entry != 0 ? block->Entry : translator.LeaveToTarget;
        var entry = Jump.Slot(s, rip);
        entry->Rip = rip;
        entry->Stamp = stamp;
        entry->Target = target;
        entry->Code = code;
        var link = s->PendingLink;
        if (link != null && link->Rip == rip)
        {
            link->Target = target;
            link->Generation = link->Translated ? stamp : s->Generation;
            link->Code = code;
            translator?.Connect(link, block);
        }
    }

    // What translated code addresses lies beside it.
    private static void* AllocateState(CodeMemory? code, int bytes)
    {
        if (code != null)
            return code.AllocateData((nuint)bytes);
        void* at = NativeMemory.AlignedAlloc((nuint)bytes, 64);
        new Span<byte>(at, bytes).Clear();
        return at;
    }
}
