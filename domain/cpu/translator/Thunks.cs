using static Domain.GuestRegisters;

namespace Domain;

/// <summary>
/// The ways in and out of translated code, generated once. To the interpreter, translated code is one more handler:
/// it is entered with the state and an operation, and ends by jumping to the handler of another operation.
/// </summary>
/// <remarks>
/// So nothing of translated code is ever on the stack while managed code runs, and the garbage collector need not know
/// of it: translated code has a stack of its own (<see cref="ReturnStack"/>). The thread stays in cooperative mode; <see cref="CpuState.Budget"/> bounds for how long.
/// </remarks>
internal sealed unsafe class Thunks
{
    private readonly CpuState* s;
    private readonly Emitter emit;

    /// <summary>
    /// Handler of operations whose Imm is translated code: takes the guest's registers from the state and goes there.
    /// </summary>
    public readonly uint Enter;

    /// <summary>As <see cref="Enter"/>, and takes the arithmetic flags, which must be explicit.</summary>
    public readonly uint EnterWithFlags;

    /// <summary>
    /// Brings the guest's registers to the state and goes to the handler of the operation at <see cref="Pointer"/>.
    /// </summary>
    public readonly uint Leave;

    /// <summary>The same for the operation that the first word at <see cref="Pointer"/> leads to.</summary>
    public readonly uint LeaveToTarget;

    /// <summary>Brings the guest's registers to the state and returns to the run loop; Rip is set.</summary>
    public readonly uint Return;

    /// <summary>Returns to the run loop to have the link at <see cref="Pointer"/> filled.</summary>
    public readonly uint Fill;

    /// <summary>A function that returns at once: a call of it without suppressed transition is a safe point.</summary>
    public readonly uint Nothing;

    /// <summary>
    /// A function of C, uint Exchange(uint value): loads MXCSR and returns what it was. It uses the 8 bytes below the
    /// stack pointer, which the ABI leaves it.
    /// </summary>
    public readonly uint ExchangeMxcsr;

    public Thunks(CpuState* s, Emitter emit)
    {
        this.s = s;
        this.emit = emit;
        Nothing = Start();
        emit.Return();
        ExchangeMxcsr = Start();
        var before = HostOperand.At(Rsp, -8);
        var value = HostOperand.At(Rsp, -4);
        emit.Store32(value, Rdi);
        emit.ModRm(0, false, 0x0fae, 3, before);      // STMXCSR
        emit.ModRm(0, false, 0x0fae, 2, value);       // LDMXCSR
        emit.Load32(Rax, before);
        emit.Return();
        Enter = Start();
        EnterFrom(false);
        EnterWithFlags = Start();
        EnterFrom(true);
        Return = Start();
        Spill();
        emit.Return();
        LeaveToTarget = Start();
        emit.Load(Pointer, HostOperand.At(Pointer));
        Leave = emit.Here;
        Spill();
        emit.JumpTo(HostOperand.At(Rsi));
        Fill = Start();
        emit.Store(HostOperand.Absolute(&s->PendingLink), Pointer);
        emit.Load(Scratch, HostOperand.At(Pointer, 16));
        emit.Store(HostOperand.Absolute(&s->Rip), Scratch);
        emit.Jump(Return);
    }

    /// <summary>
    /// What a RET leads to that has found another address, in <see cref="Pointer"/>, than the CALL left: goes there if
    /// it is a recent target, otherwise to the code at <see cref="Scratch"/>. The guest's RSP is as before the RET.
    /// </summary>
    /// <param name="code">TLB for code of the privilege</param>
    /// <param name="exhausted">where the RET of an empty stack leads to</param>
    public uint Stray(TlbEntry* code, out uint exhausted)
    {
        exhausted = Start();
        emit.Lea(Rsp, HostOperand.At(Rsp, -8));
        uint stray = emit.Here;
        emit.Store(HostOperand.Absolute(&s->Temp), Scratch);
        var (other, moved) = FindTarget(code);
        emit.Lea(StackPointer, HostOperand.At(StackPointer, 8));
        emit.Lea(Pointer, HostOperand.At(Scratch, (int)(ulong)s->JumpCache));
        emit.JumpTo(HostOperand.At(Pointer, 24));
        emit.PatchJump(other, emit.Here);
        emit.PatchJump(moved, emit.Here);
        emit.JumpTo(HostOperand.Absolute(&s->Temp));
        return stray;
    }

    /// <summary>
    /// Goes on at the link at <see cref="Pointer"/> if it is good; otherwise returns to the run loop to have it filled.
    /// </summary>
    /// <param name="code">TLB for code of the privilege</param>
    public uint Follow(TlbEntry* code)
    {
        uint start = Start();
        emit.Load(Scratch, HostOperand.At(Pointer, 16));
        emit.Rorx(Scratch, Scratch, 12 - Mmu.EntryShift);
        emit.AndImmediate32(Scratch, (Mmu.CodeTlbEntries - 1) << Mmu.EntryShift);
        emit.Load(Scratch, HostOperand.At(Scratch, (int)(ulong)&code->Host));
        emit.Cmp(Scratch, HostOperand.At(Pointer, 8));
        emit.JumpIf(HostCondition.NotEqual, Fill);
        emit.JumpTo(HostOperand.At(Pointer, 24));
        return start;
    }

    /// <summary>
    /// Looks for the address in Pointer among recent targets; Scratch becomes the offset of its entry. Spoils Pointer
    /// and the flags.
    /// </summary>
    /// <returns>the displacements of the jumps that are taken when it is none</returns>
    public (uint Other, uint Moved) FindTarget(TlbEntry* code)
    {
        emit.Move(Scratch, Pointer);
        emit.ShiftRight(Scratch, 11);
        emit.Xor(Scratch, HostOperand.Of(Pointer));
        emit.AndImmediate32(Scratch, Jump.Entries - 1);
        emit.ShiftLeft32(Scratch, 5);
        emit.Cmp(Pointer, HostOperand.At(Scratch, (int)(ulong)s->JumpCache + 16));
        uint other = emit.JumpIf(HostCondition.NotEqual, emit.Here);
        emit.Rorx(Pointer, Pointer, 12 - Mmu.EntryShift);
        emit.AndImmediate32(Pointer, (Mmu.CodeTlbEntries - 1) << Mmu.EntryShift);
        emit.Load(Pointer, HostOperand.At(Pointer, (int)(ulong)&code->Host));
        emit.Cmp(Pointer, HostOperand.At(Scratch, (int)(ulong)s->JumpCache + 8));
        return (other, emit.JumpIf(HostCondition.NotEqual, emit.Here));
    }

    /// <summary>
    /// What a probe calls that has missed, with the offset of the slot's entry in <see cref="Pointer"/>, and in
    /// <see cref="Scratch"/> the address less the entry's tag: where the slot's second entry has the page, exchanges
    /// both, with the address in Scratch and the condition "equal". Otherwise the condition is "not equal". Other
    /// registers stay. See <see cref="Mmu.TlbEntries"/>.
    /// </summary>
    /// <param name="whole">the same with the address in Scratch</param>
    public uint LookAgain(TlbEntry* tlb, out uint whole)
    {
        int first = (int)(ulong)tlb, second = (int)(ulong)(tlb + Mmu.TlbEntries);
        uint start = Start();
        emit.Add(Scratch, HostOperand.At(Pointer, first));
        whole = emit.Here;
        emit.Store(HostOperand.Absolute(&s->MissAddress), Scratch);
        emit.AndImmediate(HostOperand.Of(Scratch), ~(int)Mmu.OffsetMask);
        emit.Cmp(Scratch, HostOperand.At(Pointer, second));
        uint missed = emit.JumpIf(HostCondition.NotEqual, emit.Here);
        emit.Store(HostOperand.Absolute(&s->MissRegister), Rax);
        for (int word = 0; word < 24; word += 8)
        {
            emit.Load(Rax, HostOperand.At(Pointer, first + word));
            emit.Load(Scratch, HostOperand.At(Pointer, second + word));
            emit.Store(HostOperand.At(Pointer, first + word), Scratch);
            emit.Store(HostOperand.At(Pointer, second + word), Rax);
        }
        emit.Load(Rax, HostOperand.Absolute(&s->MissRegister));
        emit.Load(Scratch, HostOperand.Absolute(&s->MissAddress));
        emit.Cmp(Scratch, HostOperand.Of(Scratch));
        emit.PatchJump(missed, emit.Here);
        emit.Return();
        return start;
    }

    // Aligned also because the runtime takes pointers with bit 1 for those of generic methods.
    private uint Start()
    {
        emit.Align(16);
        return emit.Here;
    }

    private void EnterFrom(bool withFlags)
    {
        for (int i = 0; i < Preserved.Length; i++)
            emit.Store(HostOperand.Absolute(&s->HostRegisters[i]), Preserved[i]);
        emit.Store(HostOperand.Absolute(&s->HostStack), Rsp);
        emit.Load(Rsp, HostOperand.Absolute(&s->ReturnStack));
        emit.Load(Pointer, HostOperand.At(Rsi, ImmOffset));
        if (withFlags)
        {
            // OF by an addition that overflows, then the others. FlagBits holds OF in bit 11, that is 8 in its second
            // byte, and the rest as SAHF takes it.
            emit.ModRm(0, false, 0x0fb6, Rax, HostOperand.Absolute((byte*)&s->FlagBits + 1));
            emit.Byte(0x04);                          // ADD AL, 0x78
            emit.Byte(0x78);
            emit.ModRm(0, false, 0x8a, 4, HostOperand.Absolute(&s->FlagBits));   // MOV AH, [FlagBits]
            emit.Byte(0x9e);                          // SAHF
        }
        emit.Load(Budget, HostOperand.Absolute(&s->Budget));
        for (int guest = 0; guest <= LastHeld; guest++)
        {
            if (guest != Rsi)
                emit.Load(HostOf(guest), HostOperand.Absolute(&s->Gpr[guest]));
        }
        emit.Load(Rsi, HostOperand.Absolute(&s->Gpr[Rsi]));
        emit.JumpTo(HostOperand.Of(Pointer));
    }

    // RSI becomes the operation, RDI the state, as handlers expect them.
    private void Spill()
    {
        emit.Store(HostOperand.Absolute(&s->Budget), Budget);
        for (int guest = 0; guest <= LastHeld; guest++)
            emit.Store(HostOperand.Absolute(&s->Gpr[guest]), HostOf(guest));
        emit.CmpImmediate32(HostOperand.Absolute(&s->FlagKind), Flags.Saved);
        uint otherwise = emit.JumpIf(HostCondition.NotEqual, emit.Here);
        // OF is in bit 0, the others in the second byte.
        emit.LoadZero16(Rax, HostOperand.Absolute(&s->FlagBits));
        emit.Byte(0xc0);                              // SHL AL, 3
        emit.Byte(0xe0);
        emit.Byte(3);
        emit.Byte(0x80);                              // AND AH, CF | PF | AF | ZF | SF
        emit.Byte(0xe4);
        emit.Byte(0xd5);
        emit.Byte(0x86);                              // XCHG AH, AL
        emit.Byte(0xc4);
        emit.Store32(HostOperand.Absolute(&s->FlagBits), Rax);
        emit.StoreImmediate32(HostOperand.Absolute(&s->FlagKind), Flags.Explicit);
        emit.PatchJump(otherwise, emit.Here);
        emit.Store(HostOperand.Absolute(&s->ReturnStack), Rsp);
        emit.Load(Rsp, HostOperand.Absolute(&s->HostStack));
        emit.Move(Rsi, Pointer);
        emit.MoveImmediate(Rdi, (ulong)s);
        for (int i = 0; i < Preserved.Length; i++)
            emit.Load(Preserved[i], HostOperand.Absolute(&s->HostRegisters[i]));
    }

    private static int ImmOffset
    {
        get
        {
            Op op;
            return (int)((byte*)&op.Imm - (byte*)&op);
        }
    }
}
