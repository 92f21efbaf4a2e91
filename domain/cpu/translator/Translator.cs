using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>
/// Turns decoded 64-bit code into host code, a block at a time. This file: the frame; what concerns flags, memory,
/// re-encoding and branches follows in files of their own.
/// </summary>
/// <remarks>
/// A block's array of operations holds what the interpreter does in its place: instructions that are not translated,
/// and those whose memory operand misses the TLB. Translated code leaves to such an operation, whose handler does the
/// whole instruction, faults included, and goes on to the operation behind it, which comes back. So every fault is the
/// interpreter's, and whoever drops a block by replacing its handlers stops translated code, too.
/// </remarks>
internal sealed unsafe partial class Translator
{
    /// <summary>More than any block's code takes.</summary>
    private const int MaxBlockBytes = 64 << 10;

    /// <summary>
    /// Of a block's first instruction. In a line of 64 bytes the host fetches and keeps decoded what follows a jump's
    /// target: a loop of few instructions that began late in one took a tenth to a fifth longer.
    /// </summary>
    public const int EntryAlignment = 32;

    private readonly CpuState* s;
    private readonly Emitter emit;
    private readonly Thunks thunks;
    private readonly uint first, kernelStray, userStray, kernelFollow, userFollow;

    /// <summary>Thunks.LookAgain of the TLBs: kernel's reads and writes, the user's.</summary>
    private readonly (uint Probed, uint Whole)[] lookAgain = new (uint, uint)[4];
    private readonly InstructionInfoFactory information = new();
    private readonly TlbEntry* kernelRead, kernelWrite, kernelExecute, userRead, userWrite, userExecute;

    // The block being translated.
    private BlockBuilder builder = null!;
    private Op* home;
    private byte* code;
    private ulong rip;
    private int mode;

    /// <summary>Operations of the interpreter precede: the next translated instruction must be come back to.</summary>
    private bool interpreting;

    /// <param name="kernelRead">the TLBs, all below 2 GiB as is <paramref name="s"/></param>
    public Translator(CpuState* s, CodeMemory memory, TlbEntry* kernelRead, TlbEntry* kernelWrite,
        TlbEntry* kernelExecute, TlbEntry* userRead, TlbEntry* userWrite, TlbEntry* userExecute)
    {
        this.s = s;
        this.kernelRead = kernelRead;
        this.kernelWrite = kernelWrite;
        this.kernelExecute = kernelExecute;
        this.userRead = userRead;
        this.userWrite = userWrite;
        this.userExecute = userExecute;
        int room = VectorThunks.RoomOf(memory.Size), own = memory.Size - room;
        emit = new Emitter(memory.Executable, memory.Writable, own);
        VectorThunks = new VectorThunks(s, new Emitter(memory.Executable + own, memory.Writable + own, room));
        thunks = new Thunks(s, emit);
        s->ExchangeMxcsr = thunks.ExchangeMxcsr;
        kernelStray = thunks.Stray(kernelExecute, out uint exhausted);
        s->ReturnBottom = ReturnStack.Make(memory.AllocateStack(ReturnStack.Bytes), exhausted);
        userStray = thunks.Stray(userExecute, out exhausted);
        s->OtherReturnBottom = ReturnStack.Make(memory.AllocateStack(ReturnStack.Bytes), exhausted);
        ReturnStack.Empty(s);
        lookAgain[0].Probed = thunks.LookAgain(kernelRead, out lookAgain[0].Whole);
        lookAgain[1].Probed = thunks.LookAgain(kernelWrite, out lookAgain[1].Whole);
        lookAgain[2].Probed = thunks.LookAgain(userRead, out lookAgain[2].Whole);
        lookAgain[3].Probed = thunks.LookAgain(userWrite, out lookAgain[3].Whole);
        kernelFollow = thunks.Follow(kernelExecute);
        userFollow = thunks.Follow(userExecute);
        emit.Align(64);
        first = emit.Here;
    }

    /// <summary>Where the block that was translated last begins; see <see cref="Block"/>.</summary>
    public uint Entry { get; private set; }

    public uint FlagsEntry { get; private set; }

    public uint StaleExit { get; private set; }

    /// <summary>Instructions of the block that was translated last which are host code.</summary>
    public int Translated { get; private set; }

    /// <summary>No room is left for one more block.</summary>
    public bool IsFull => emit.Left < MaxBlockBytes || VectorThunks.IsFull;

    /// <summary>Functions of single instructions, for the interpreter.</summary>
    public VectorThunks VectorThunks { get; }

    /// <summary>Where translated code goes on to reach an operation that is not translated.</summary>
    public uint LeaveToTarget => thunks.LeaveToTarget;

    /// <summary>Lets the garbage collector stop this thread, which it cannot within translated code.</summary>
    public void SafePoint() => ((delegate* unmanaged<void>)(nuint)thunks.Nothing)();

    /// <summary>Forgets all code. Nothing may lead to it any more.</summary>
    public void Clear()
    {
        emit.Seek(first);
        VectorThunks.Clear();
        ReturnStack.Empty(s);
    }

    /// <summary>Lets a branch lead to its successor without a look at the link.</summary>
    public void Connect(Link* link, Block* block)
    {
        if (!link->Translated || block->Entry == 0)
            return;
        var from = Block.Of(link);
        if ((link->Rip ^ from->Rip) >> 12 != 0)
            ConnectPage(link->Site, link->Generation, block->Entry);
        else if (from->Mode == block->Mode && from->Physical >> 12 == block->Physical >> 12)
            emit.PatchJump(link->Site, link->WithFlags ? block->FlagsEntry : block->Entry);
    }

    /// <summary>From now on the block's entry jumps to the exit that returns to the run loop.</summary>
    public void Drop(Block* block)
    {
        if (block->Entry != 0)
            emit.PatchWithJump(block->Entry, block->StaleExit);
    }

    /// <summary>Translates what the builder has decoded; its operations and links go to the builder's slots.</summary>
    /// <param name="home">where the slots will be copied to</param>
    /// <returns>false: nothing of it can be translated, and nothing was emitted</returns>
    public bool Translate(BlockBuilder builder, ulong rip, int mode, Op* home)
    {
        this.builder = builder;
        code = builder.Bytes;
        this.rip = rip;
        this.mode = mode;
        this.home = home;
        cold.Clear();
        lost.Clear();
        ways.Clear();
        reentries.Clear();
        ForgetVectors();
        usesUpper = hasUsedUpper = false;
        interpreting = false;
        Translated = 0;
        builder.Clear();
        FindKnown();
        FindLiveFlags();

        uint start = emit.Here;
        ref var entry = ref builder.Emit((Handler)(nuint)thunks.Enter);
        entry.Rip = rip;
        hostFlags = true;
        stateFlags = false;
        FlagsEntry = emit.Here;
        if (liveBefore[0] != 0)
            SaveFlags();
        Entry = emit.Here;
        entry.Imm = Entry;
        emit.SubImmediate(HostOperand.Of(Budget), 0);
        uint charge = emit.Here - 4;
        uint spent = emit.JumpIf(HostCondition.Sign, emit.Here);
        hostFlags = false;
        stateFlags = true;
        savedFlags = false;

        windowed = Plan();
        int at = Run(0);
        if (Translated == 0 || emit.Overflowed)
        {
            emit.Seek(start);
            builder.Clear();
            return false;
        }
        if (windowed && retreats.Count != 0)
        {
            // The second version, without windows.
            windowed = false;
            hostFlags = interpreting = savedFlags = false;
            stateFlags = true;
            ForgetVectors();
            usesUpper = hasUsedUpper;
            Run(retreats[0].At);
            EmitRetreats();
        }

        EmitWays(at);
        EmitCold();
        EmitReentries();
        emit.PatchJump(spent, emit.Here);
        emit.AddImmediate(HostOperand.Of(Budget), at);
        StaleExit = emit.Here;
        emit.MoveImmediate(Scratch, rip);
        emit.Store(HostOperand.Absolute(&s->Rip), Scratch);
        emit.Jump(thunks.Return);
        emit.Align(EntryAlignment);
        emit.Patch(charge, at);
        if (emit.Overflowed)
        {
            emit.Seek(start);
            builder.Clear();
            return false;
        }
        // All instructions are charged at the entry: an operation charges what it is short of that, or gives it back.
        for (int slot = 1; slot < builder.OpCount; slot++)
        {
            if (!builder.IsLink(slot))
                builder.Slots[slot].Count -= (short)at;
        }
        builder.Slots[0].Count = 0;
        return true;
    }

    /// <summary>Translates from this instruction to the end.</summary>
    /// <returns>instructions of the block</returns>
    private int Run(int at)
    {
        bool ended = false;
        emit.Holds = Emitter.Nothing;
        for (; at < builder.count && !ended; at++)
            ended = TranslateOne(at);
        if (ended)
            return at;
        ulong next = builder.instructions[at - 1].NextIP;
        if (interpreting)
        {
            builder.Select(at - 1);
            ref var op = ref builder.Emit((Handler)(nuint)thunks.Enter);
            op.Rip = next;
            op.Imm = emit.Here;
            interpreting = false;
        }
        Go(next, at);
        return at;
    }

    /// <returns>whether the block ends with it</returns>
    private bool TranslateOne(int at)
    {
        ref readonly var i = ref builder.instructions[at];
        if (!IsKnown(at))
            return Interpret(at);
        if (interpreting)
            ComeBack(at);
        wholes[at] = emit.Here;
        if (windowed)
            OpenBefore(at);
        Translated++;
        switch (i.Mnemonic)
        {
            case Mnemonic.Nop or Mnemonic.Reservednop or Mnemonic.Pause or Mnemonic.Lfence or Mnemonic.Mfence
                or Mnemonic.Sfence or Mnemonic.Clflush:
                return false;
            case Mnemonic.Lea:
                LoadAddress(in i);
                return false;
            case Mnemonic.Push:
                Push(at, in i);
                return false;
            case Mnemonic.Pop:
                Pop(at, in i);
                return false;
            case Mnemonic.Leave:
                Leave(at);
                return false;
            case Mnemonic.Jmp when i.Op0Kind == OpKind.NearBranch64:
                Go(i.NearBranchTarget, at + 1);
                return true;
            case Mnemonic.Call when i.Op0Kind == OpKind.NearBranch64:
                Call(at, in i);
                return true;
            case Mnemonic.Jmp or Mnemonic.Call:
                Indirect(at, in i);
                return true;
            case Mnemonic.Ret:
                Return(at, in i);
                return true;
            case Mnemonic.Syscall:
                EnterSystemCall(at, in i);
                return true;
            case Mnemonic.Swapgs or Mnemonic.Cli or Mnemonic.Sti:
            case Mnemonic.Mov when i.Code == Code.Mov_r64_cr:
                ChangeSystemState(at, in i);
                return false;
            case Mnemonic.Vzeroupper:
                ZeroUpper();
                return false;
            case Mnemonic.Sysretq:
                LeaveSystemCall(at);
                return true;
        }
        if (i.FlowControl == FlowControl.ConditionalBranch)
        {
            Branch(at, in i);
            return false;
        }
        Copy(at, in i);
        return false;
    }

    // ---- the interpreter's part

    private bool Interpret(int at)
    {
        if (!interpreting)
        {
            KeepFlags(liveBefore[at]);
            KeepVectors();
            held = 0;
            LeaveTo(builder.SlotCount);
            interpreting = true;
        }
        hostFlags = false;
        stateFlags = true;
        savedFlags = false;
        return builder.Operations(at);
    }

    /// <summary>Emits the operation that comes back to the code emitted next, which is instruction's.</summary>
    private void ComeBack(int at)
    {
        builder.Select(at);
        ref var op = ref builder.Emit((Handler)(nuint)thunks.Enter);
        op.Count = (short)at;
        op.Imm = emit.Here;
        interpreting = false;
        emit.Holds = Emitter.Nothing;
    }

    private void LeaveTo(int slot)
    {
        emit.MoveImmediate(Pointer, (ulong)(home + slot));
        emit.Jump(thunks.Leave);
    }

    /// <summary>
    /// Emits the operations that do the instruction in the interpreter's way and come back behind it. The result is the
    /// first; <see cref="EndSlowPath"/> must follow where they come back to.
    /// </summary>
    private int BeginSlowPath(int at, bool withFlags)
    {
        int slot = builder.SlotCount;
        builder.Operations(at);
        ulong next = builder.instructions[at].NextIP;
        if (withFlags)
            builder.Emit(&MakeExplicit).Rip = next;
        builder.Emit((Handler)(nuint)(withFlags ? thunks.EnterWithFlags : thunks.Enter)).Rip = next;
        return slot;
    }

    private void EndSlowPath()
    {
        emit.Holds = Emitter.Nothing;
        int slot = builder.SlotCount - 1;
        if (held == 0)
            builder.Slots[slot].Imm = emit.Here;
        else
            reentries.Add(new Reentry(slot, emit.Here, held));
    }
}
