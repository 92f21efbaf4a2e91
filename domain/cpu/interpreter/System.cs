namespace Domain;

/// <summary>System instructions. Those that may change what comes next end their block.</summary>
internal static unsafe class SystemOps
{
    private static void Next(CpuState* s, Op* op)
    {
        s->Rip = op->Rip + op->Length;
        s->Budget -= op->Count;
    }

    /// <summary>A failed system operation has noted its exception; this adds where.</summary>
    private static void Failed(CpuState* s, Op* op)
    {
        s->Rip = op->Rip;
        s->Budget -= op->Count;
    }

    private static bool Privileged(CpuState* s, Op* op)
    {
        if (s->Cpl == 0)
            return true;
        Cpu.Raise(s, op, ExceptionVector.GP);
        return false;
    }

    /// <summary>Exception Imm, for what the decoder refuses.</summary>
    public static void RaiseException(CpuState* s, Op* op) => Cpu.Raise(s, op, (int)op->Imm);

    public static void ClearCarry(CpuState* s, Op* op)
    {
        Flags.Change(s, Flags.CF, 0);
        op[1].Handler(s, op + 1);
    }

    public static void SetCarry(CpuState* s, Op* op)
    {
        Flags.Change(s, Flags.CF, Flags.CF);
        op[1].Handler(s, op + 1);
    }

    public static void ComplementCarry(CpuState* s, Op* op)
    {
        Flags.Set(s, Flags.Get(s) ^ Flags.CF);
        op[1].Handler(s, op + 1);
    }

    public static void ClearDirection(CpuState* s, Op* op)
    {
        s->SystemFlags &= ~Flags.DF;
        op[1].Handler(s, op + 1);
    }

    public static void SetDirection(CpuState* s, Op* op)
    {
        s->SystemFlags |= Flags.DF;
        op[1].Handler(s, op + 1);
    }

    public static void LoadAh(CpuState* s, Op* op)
    {
        *((byte*)s + 1) = (byte)(Flags.Get(s) | 2);
        op[1].Handler(s, op + 1);
    }

    public static void StoreAh(CpuState* s, Op* op)
    {
        Flags.Change(s, Flags.CF | Flags.PF | Flags.AF | Flags.ZF | Flags.SF, *((byte*)s + 1));
        op[1].Handler(s, op + 1);
    }

    private static bool MaySwitchInterrupts(CpuState* s, Op* op) => Cpu.MayUsePorts(s, op);

    public static void ClearInterrupt(CpuState* s, Op* op)
    {
        if (!MaySwitchInterrupts(s, op))
            return;
        s->SystemFlags &= ~Flags.IF;
        op[1].Handler(s, op + 1);
    }

    public static void SetInterrupt(CpuState* s, Op* op)
    {
        if (!MaySwitchInterrupts(s, op))
            return;
        s->Shadow = (s->SystemFlags & Flags.IF) == 0;
        s->SystemFlags |= Flags.IF;
        Next(s, op);
    }

    public static void Halt(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        Next(s, op);
        s->Exit = ExitReason.Halt;
    }

    /// <summary>INTO: INT Imm when OF is set.</summary>
    public static void InterruptOnOverflow(CpuState* s, Op* op)
    {
        if (!Flags.Overflow(s))
        {
            op[1].Handler(s, op + 1);
            return;
        }
        Interrupt(s, op);
    }

    /// <summary>INT n, INT3.</summary>
    public static void Interrupt(CpuState* s, Op* op)
    {
        Next(s, op);
        s->Exit = ExitReason.SoftwareInterrupt;
        s->Vector = (int)op->Imm;
        s->InterruptRip = op->Rip;
    }

    /// <summary>INT1: #DB as from the hardware, whatever the gate's privilege, and without a word in DR6.</summary>
    public static void InterruptDebug(CpuState* s, Op* op)
    {
        Next(s, op);
        s->Exit = ExitReason.Exception;
        s->Vector = ExceptionVector.DB;
    }

    /// <summary>IN; the port is Imm, or DX when Scale is 1. Dst takes the value.</summary>
    public static void In<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        if (!Cpu.MayUsePorts(s, op))
            return;
        ushort port = op->Scale != 0 ? (ushort)s->Gpr[2] : (ushort)op->Imm;
        TSize.SetRegister((byte*)s, Mmu.Owner(s).PortIn(port, TSize.Bytes));
        op[1].Handler(s, op + 1);
    }

    /// <summary>OUT ends its block: the device may have raised an interrupt or ended the machine.</summary>
    public static void Out<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        if (!Cpu.MayUsePorts(s, op))
            return;
        ushort port = op->Scale != 0 ? (ushort)s->Gpr[2] : (ushort)op->Imm;
        Mmu.Owner(s).PortOut(port, TSize.Bytes, (uint)TSize.Load((byte*)s));
        Next(s, op);
    }

    public static void ReadControl(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        *(ulong*)((byte*)s + op->Dst) = Mmu.Owner(s).ReadControl((int)op->Imm);
        op[1].Handler(s, op + 1);
    }

    public static void WriteControl(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        ulong value = *(ulong*)((byte*)s + op->Src);
        if (!Mmu.Owner(s).WriteControl((int)op->Imm, s->Code64 ? value : (uint)value))
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        Next(s, op);
    }

    public static void ReadDebug(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        *(ulong*)((byte*)s + op->Dst) = s->Dr[op->Imm];
        op[1].Handler(s, op + 1);
    }

    /// <summary>Debug registers hold what is written; breakpoints are not emulated.</summary>
    public static void WriteDebug(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        s->Dr[op->Imm] = *(ulong*)((byte*)s + op->Src);
        op[1].Handler(s, op + 1);
    }

    public static void ClearTaskSwitched(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        Mmu.Owner(s).WriteControl(0, s->Cr0 & ~Cr0.TS);
        Next(s, op);
    }

    /// <summary>SMSW, to Temp.</summary>
    public static void StoreMachineStatus(CpuState* s, Op* op)
    {
        s->Temp = s->Cr0;
        op[1].Handler(s, op + 1);
    }

    public static void LoadMachineStatus(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        ulong value = *(ushort*)((byte*)s + op->Src);
        Mmu.Owner(s).WriteControl(0, s->Cr0 & ~0xeUL | value & 0xf);
        Next(s, op);
    }

    /// <summary>LGDT (Imm 0), LIDT (1) from the pseudo-descriptor at TempAddress.</summary>
    public static void LoadTable(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        byte* at = Mmu.Read(s, op, s->TempAddress, 2);
        if (at == null)
            return;
        uint limit = *(ushort*)at;
        int width = s->Code64 ? 8 : 4;
        at = Mmu.Read(s, op, Mmu.Linear(s, s->TempAddress + 2), width);
        if (at == null)
            return;
        ulong tableBase = width == 8 ? *(ulong*)at : *(uint*)at;
        if (op->Imm == 0)
        {
            s->GdtLimit = limit;
            s->GdtBase = tableBase;
        }
        else
        {
            s->IdtLimit = limit;
            s->IdtBase = tableBase;
        }
        op[1].Handler(s, op + 1);
    }

    /// <summary>SGDT (Imm 0), SIDT (1).</summary>
    public static void StoreTable(CpuState* s, Op* op)
    {
        if (!Mmu.Write<Size16>(s, op, s->TempAddress, op->Imm == 0 ? s->GdtLimit : s->IdtLimit))
            return;
        ulong tableBase = op->Imm == 0 ? s->GdtBase : s->IdtBase, behind = Mmu.Linear(s, s->TempAddress + 2);
        if (!(s->Code64 ? Mmu.Write<Size64>(s, op, behind, tableBase) : Mmu.Write<Size32>(s, op, behind, tableBase)))
            return;
        op[1].Handler(s, op + 1);
    }

    /// <summary>LTR (Imm 0), LLDT (1).</summary>
    public static void LoadTask(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        if (!Mmu.Owner(s).LoadTask(*(ushort*)((byte*)s + op->Src), op->Imm != 0))
        {
            Failed(s, op);
            return;
        }
        op[1].Handler(s, op + 1);
    }

    /// <summary>STR (Imm 0), SLDT (1), to Temp.</summary>
    public static void StoreTask(CpuState* s, Op* op)
    {
        s->Temp = op->Imm == 0 ? s->TssSelector : s->LdtSelector;
        op[1].Handler(s, op + 1);
    }

    public static void InvalidatePage(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        Mmu.Owner(s).FlushPage(s->TempAddress);
        Next(s, op);
        Jump.Continue(s);
    }

    /// <summary>INVD, WBINVD: caches are not emulated.</summary>
    public static void PrivilegedNop(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    public static void ReadModelSpecific(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        // The count of what follows must not see a value by reference: a local's address would cost the jump at the
        // end.
        if (!ReadModelSpecificInto(s))
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        op[1].Handler(s, op + 1);
    }

    private static bool ReadModelSpecificInto(CpuState* s)
    {
        if (!Mmu.Owner(s).ReadModelSpecific((uint)s->Gpr[1], out ulong value))
            return false;
        s->Gpr[0] = (uint)value;
        s->Gpr[2] = value >> 32;
        return true;
    }

    public static void WriteModelSpecific(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        if (!Mmu.Owner(s).WriteModelSpecific((uint)s->Gpr[1], s->Gpr[2] << 32 | (uint)s->Gpr[0]))
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        Next(s, op);
    }

    /// <summary>RDTSC, and RDTSCP when Imm is 1.</summary>
    public static void ReadTimeStamp(CpuState* s, Op* op)
    {
        if ((s->Cr4 & 4) != 0 && s->Cpl != 0)
        {
            Cpu.Raise(s, op, ExceptionVector.GP);
            return;
        }
        ulong now = Mmu.Owner(s).TimeStamp;
        s->Gpr[0] = (uint)now;
        s->Gpr[2] = now >> 32;
        if (op->Imm != 0)
            s->Gpr[1] = s->TscAux;
        op[1].Handler(s, op + 1);
    }

    public static void Identify(CpuState* s, Op* op)
    {
        CpuId.Read(s);
        op[1].Handler(s, op + 1);
    }

    /// <summary>
    /// Other instructions trap when TF was set before them; SYSCALL and SYSRET when it is set after, so that a mask
    /// that
    /// clears it keeps the trap out of the kernel.
    /// </summary>
    private static void StepByResult(CpuState* s) => s->Step = (s->SystemFlags & Flags.TF) != 0;

    public static void SystemCall(CpuState* s, Op* op)
    {
        if ((s->Efer & Efer.SCE) == 0)
        {
            Cpu.Raise(s, op, ExceptionVector.UD);
            return;
        }
        // Recent targets are those of the mode that ends here, unless it was 64-bit code's.
        bool sameMode = s->Code64;
        Mmu.Owner(s).EnterSystemCall(op->Rip + op->Length);
        s->Budget -= op->Count;
        StepByResult(s);
        if (sameMode && !s->Step)
            Jump.Continue(s);
    }

    /// <summary>SYSRET; Imm 1: to 64-bit code.</summary>
    public static void SystemReturn(CpuState* s, Op* op)
    {
        if ((s->Efer & Efer.SCE) == 0)
        {
            Cpu.Raise(s, op, ExceptionVector.UD);
            return;
        }
        if (!Privileged(s, op))
            return;
        Mmu.Owner(s).LeaveSystemCall(op->Imm != 0);
        s->Budget -= op->Count;
        StepByResult(s);
        if (op->Imm != 0 && !s->Step && !s->InterruptWaits)
            Jump.Continue(s);
    }

    public static void SwapGs(CpuState* s, Op* op)
    {
        if (!Privileged(s, op))
            return;
        (s->SegmentBase[Cpu.SegmentGs], s->KernelGsBase) = (s->KernelGsBase, s->SegmentBase[Cpu.SegmentGs]);
        op[1].Handler(s, op + 1);
    }

    /// <summary>
    /// IRET; Imm is the word's size. From 64-bit code to such it goes on by the recent targets, as SYSRET does; a trap
    /// flag, and an interrupt that waited for IF, are the run loop's.
    /// </summary>
    public static void InterruptReturn(CpuState* s, Op* op)
    {
        bool wide = s->Code64;
        if (!Mmu.Owner(s).InterruptReturn((int)op->Imm))
        {
            Failed(s, op);
            return;
        }
        s->Budget -= op->Count;
        if (!wide || !s->Code64 || (s->SystemFlags & Flags.TF) != 0 || s->InterruptWaits)
            return;
        // For the instruction behind this one alone, which looks for no breakpoint here.
        s->SystemFlags &= ~Flags.RF;
        Jump.Continue(s);
    }

    private static void FarDone(CpuState* s, Op* op, bool done)
    {
        if (done)
            s->Budget -= op->Count;
        else
            Failed(s, op);
    }

    /// <summary>
    /// MOV SS and POP SS: neither interrupts nor a single-step trap before the next instruction (SDM vol. 3, 6.8.3).
    /// </summary>
    private static void ShadowStack(CpuState* s)
    {
        s->Shadow = true;
        s->Step = false;
    }

    /// <summary>MOV to segment register Imm.</summary>
    public static void LoadSegment(CpuState* s, Op* op) => TakeSegment(s, op, *(ushort*)((byte*)s + op->Src));

    /// <summary>Loads segment register Imm and ends the block; false after a fault.</summary>
    public static bool TakeSegment(CpuState* s, Op* op, ushort selector)
    {
        if (!Mmu.Owner(s).LoadSegment((int)op->Imm, selector))
        {
            Failed(s, op);
            return false;
        }
        if (op->Imm == Cpu.SegmentSs)
            ShadowStack(s);
        Next(s, op);
        return true;
    }

    /// <summary>
    /// LSS, LDS, LES, LFS, LGS: an offset of TSize at TempAddress for register Dst, then a selector for segment Imm.
    /// </summary>
    public static void LoadPointer<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        byte* at = Mmu.Read(s, op, s->TempAddress, TSize.Bytes);
        if (at == null)
            return;
        ulong offset = TSize.Load(at);
        at = Mmu.Read(s, op, Mmu.Linear(s, s->TempAddress + (ulong)TSize.Bytes), 2);
        if (at == null)
            return;
        if (!Mmu.Owner(s).LoadSegment((int)op->Imm, *(ushort*)at))
        {
            Failed(s, op);
            return;
        }
        TSize.SetRegister((byte*)s + op->Dst, offset);
        Next(s, op);
    }

    /// <summary>LAR (0), LSL (1) to register Dst, VERR (2), VERW (3): question Imm about the selector at Src.</summary>
    public static void Inspect<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        if (!InspectInto<TSize>(s, op))
        {
            Failed(s, op);
            return;
        }
        op[1].Handler(s, op + 1);
    }

    private static bool InspectInto<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        if (!Mmu.Owner(s).Inspect(*(ushort*)((byte*)s + op->Src), (int)op->Imm, out bool known, out uint value))
            return false;
        Flags.Change(s, Flags.ZF, known ? Flags.ZF : 0);
        if (known && op->Imm < 2)
            TSize.SetRegister((byte*)s + op->Dst, value);
        return true;
    }

    /// <summary>Copies segment register Imm to Temp.</summary>
    public static void StoreSegment(CpuState* s, Op* op)
    {
        s->Temp = s->Selector[op->Imm];
        op[1].Handler(s, op + 1);
    }

    /// <summary>JMP ptr16:16/32: selector in Src, offset in Imm.</summary>
    public static void FarJump(CpuState* s, Op* op) => FarDone(s, op, Mmu.Owner(s).FarTransfer(op->Src, op->Imm));

    /// <summary>
    /// Takes Imm bytes of offset and a selector from TempAddress to Temp and EaTemp, for what comes next.
    /// </summary>
    public static void LoadFar(CpuState* s, Op* op)
    {
        int size = (int)op->Imm;
        byte* at = Mmu.Read(s, op, s->TempAddress, size);
        if (at == null)
            return;
        s->Temp = size == 8 ? *(ulong*)at : size == 4 ? *(uint*)at : *(ushort*)at;
        at = Mmu.Read(s, op, Mmu.Linear(s, s->TempAddress + (ulong)size), 2);
        if (at == null)
            return;
        s->EaTemp = *(ushort*)at;
        op[1].Handler(s, op + 1);
    }

    /// <summary>JMP m16:16/32/64 behind <see cref="LoadFar"/>.</summary>
    public static void FarJumpLoaded(CpuState* s, Op* op) =>
        FarDone(s, op, Mmu.Owner(s).FarTransfer((ushort)s->EaTemp, s->Temp));

    /// <summary>
    /// CALL far, with the target in Temp and EaTemp: CS and the return address go to the stack as words of TSize.
    /// </summary>
    public static void FarCall<TStack, TSize>(CpuState* s, Op* op)
        where TStack : struct, IStack where TSize : struct, ISize
    {
        var owner = Mmu.Owner(s);
        if (!owner.CheckFar((ushort)s->EaTemp, s->Temp))
        {
            Failed(s, op);
            return;
        }
        ulong upper = TStack.Wrap(s, s->Gpr[4] - (ulong)TSize.Bytes), lower = TStack.Wrap(s,
            upper - (ulong)TSize.Bytes);
        if (!TStack.Allows(s, lower, TSize.Bytes, true))
        {
            Segment.Refuse(s, op, Cpu.SegmentSs);
            return;
        }
        if (!owner.ProbeWrite(op, TStack.Linear(s, lower), TSize.Bytes)
            || !Stack<TStack>.Put<TSize>(s, op, upper, s->Selector[Cpu.SegmentCs])
            || !Stack<TStack>.Put<TSize>(s, op, lower, op->Rip + op->Length))
            return;
        TStack.Set(s, lower);
        FarDone(s, op, owner.FarTransfer((ushort)s->EaTemp, s->Temp));
    }

    /// <summary>Sets the target of <see cref="FarCall"/>: selector in Src, offset in Imm.</summary>
    public static void FarTarget(CpuState* s, Op* op)
    {
        s->Temp = op->Imm;
        s->EaTemp = op->Src;
        op[1].Handler(s, op + 1);
    }

    /// <summary>RETF with words of Scale bytes; Imm more bytes leave the stack.</summary>
    public static void FarReturn(CpuState* s, Op* op) => FarDone(s, op, Mmu.Owner(s).FarReturn(op->Scale, op->Imm));
}
