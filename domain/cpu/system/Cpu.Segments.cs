namespace Domain;

/// <summary>Descriptors, segment registers and far control transfers (SDM vol. 3, chapters 3 and 5).</summary>
public sealed unsafe partial class Cpu
{
    internal const int SegmentEs = 0, SegmentCs = 1, SegmentSs = 2, SegmentDs = 3, SegmentFs = 4, SegmentGs = 5;

    private const ulong DescriptorPresent = 1UL << 47, DescriptorNotSystem = 1UL << 44, DescriptorCode = 1UL << 43;
    private const ulong DescriptorConforming = 1UL << 42, DescriptorReadable = 1UL << 41, DescriptorLong = 1UL << 53;
    private const ulong DescriptorBig = 1UL << 54;

    private const int TypeLocalTable = 2, TypeTask = 9, TypeBusyTask = 11, TypeCallGate = 12;

    /// <summary><see cref="CodeBounds"/> of the last 32- or 16-bit code.</summary>
    private ulong narrowBounds;

    private bool LongMode => (s->Efer & Efer.LMA) != 0;

    private static int TypeOf(ulong descriptor) => (int)(descriptor >> 40) & 0x1f;

    private static bool IsCode(ulong descriptor) =>
        (descriptor & (DescriptorNotSystem | DescriptorCode)) == (DescriptorNotSystem | DescriptorCode);

    private bool InTable(ushort selector) =>
        (selector & ~3) != 0 && (selector | 7u) <= ((selector & 4) != 0 ? s->LdtLimit : s->GdtLimit);

    private bool ReadDescriptor(ushort selector, out ulong descriptor)
    {
        descriptor = 0;
        if (!InTable(selector))
            return Refuse(ExceptionVector.GP, selector & 0xfffcu);
        return ReadSystem(((selector & 4) != 0 ? s->LdtBase : s->GdtBase) + (selector & ~7UL), 8, out descriptor);
    }

    /// <summary>Loads a data segment register; on failure the exception is noted.</summary>
    internal bool LoadSegment(int segment, ushort selector)
    {
        if (segment == SegmentSs)
        {
            if (!ReadStack(selector, s->Cpl, s->Code64, out ulong stack))
                return false;
            Segment.Set(s, segment, selector, stack);
            return true;
        }
        if ((selector & ~3) == 0)
        {
            Segment.Set(s, segment, selector, 0);
            return true;
        }
        if (!ReadDescriptor(selector, out ulong descriptor))
            return false;
        int level = Segment.LevelOf(descriptor);
        bool unreadable = (descriptor & (DescriptorCode | DescriptorReadable)) == DescriptorCode;
        bool guarded = !IsCode(descriptor) || (descriptor & DescriptorConforming) == 0;
        if ((descriptor & DescriptorNotSystem) == 0 || unreadable || (guarded
            && ((selector & 3) > level || s->Cpl > level)))
            return Refuse(ExceptionVector.GP, selector & 0xfffcu);
        if ((descriptor & DescriptorPresent) == 0)
            return Refuse(ExceptionVector.NP, selector & 0xfffcu);
        Segment.Set(s, segment, selector, descriptor);
        return true;
    }

    /// <summary>
    /// The descriptor of a stack segment for privilege <paramref name="level"/>; 0 for the null one that 64-bit code
    /// may have.
    /// </summary>
    private bool ReadStack(ushort selector, int level, bool wide, out ulong descriptor)
    {
        descriptor = 0;
        if ((selector & ~3) == 0)
            return (wide && level != 3 && (selector & 3) == level) || Refuse(ExceptionVector.GP, 0);
        if (!ReadDescriptor(selector, out descriptor))
            return false;
        const ulong kind = DescriptorNotSystem | DescriptorCode | DescriptorReadable;
        if ((descriptor & kind) != (DescriptorNotSystem | DescriptorReadable) || (selector & 3) != level
            || Segment.LevelOf(descriptor) != level)
            return Refuse(ExceptionVector.GP, selector & 0xfffcu);
        return (descriptor & DescriptorPresent) != 0 || Refuse(ExceptionVector.SS, selector & 0xfffcu);
    }

    /// <summary>The descriptor of a code segment that will run at <paramref name="level"/>.</summary>
    private bool ReadCode(ushort selector, int level, out ulong descriptor)
    {
        if (!ReadDescriptor(selector, out descriptor))
            return false;
        int own = Segment.LevelOf(descriptor);
        bool conforming = (descriptor & DescriptorConforming) != 0;
        bool both = LongMode && (descriptor & (DescriptorLong | DescriptorBig)) == (DescriptorLong | DescriptorBig);
        if (!IsCode(descriptor) || both || (conforming ? own > level : own != level || (selector & 3) > level))
            return Refuse(ExceptionVector.GP, selector & 0xfffcu);
        return (descriptor & DescriptorPresent) != 0 || Refuse(ExceptionVector.NP, selector & 0xfffcu);
    }

    private bool IsWide(ulong codeDescriptor) => LongMode && (codeDescriptor & DescriptorLong) != 0;

    private bool MayGoTo(ulong target, ulong codeDescriptor) =>
        (IsWide(codeDescriptor) ? IsCanonical(target) : target <= Segment.LimitOf(codeDescriptor))
            || Refuse(ExceptionVector.GP, 0);

    private void EnterCode(ushort selector, ulong descriptor, int level)
    {
        Segment.Set(s, SegmentCs, (ushort)(selector & ~3 | level), descriptor);
        s->Code64 = IsWide(descriptor);
        SetPrivilege(level);
        NoteCodeBounds();
    }

    /// <summary>
    /// Links hold offsets into the code segment: they are void in another one, unless it begins and ends alike.
    /// </summary>
    private void NoteCodeBounds()
    {
        if (s->Code64 || CodeBounds == narrowBounds)
            return;
        narrowBounds = CodeBounds;
        VoidCode();
    }

    /// <summary>
    /// Loads CS at privilege <paramref name="level"/> and changes to it; on failure the exception is noted.
    /// </summary>
    internal bool LoadCode(ushort selector, int level)
    {
        if (!ReadCode(selector, level, out ulong descriptor))
            return false;
        EnterCode(selector, descriptor, level);
        return true;
    }

    /// <summary>JMP far and CALL far, within a privilege: there are no gates.</summary>
    internal bool FarTransfer(ushort selector, ulong target)
    {
        if (!ReadFarTarget(selector, target, out ulong descriptor))
            return false;
        EnterCode(selector, descriptor, s->Cpl);
        s->Rip = target;
        return true;
    }

    /// <summary>Whether <see cref="FarTransfer"/> would go; notes the exception when not.</summary>
    internal bool CheckFar(ushort selector, ulong target) => ReadFarTarget(selector, target, out _);

    private bool ReadFarTarget(ushort selector, ulong target, out ulong descriptor) =>
        ReadCode(selector, s->Cpl, out descriptor) && MayGoTo(target, descriptor);

    /// <summary>Where the stack is at <paramref name="offset"/> bytes above its pointer.</summary>
    internal ulong StackAt(ulong offset)
    {
        if (s->Code64)
            return s->Gpr[RegisterRsp] + offset;
        return (uint)(s->SegmentBase[SegmentSs] + WrapStack(s->Gpr[RegisterRsp] + offset));
    }

    private ulong WrapStack(ulong pointer) =>
        s->Code64 ? pointer : (s->SegmentRights[SegmentSs] & Segment.Big) != 0 ? (uint)pointer : (ushort)pointer;

    /// <summary>
    /// A word of the frame that a far return takes from the stack; on failure the exception is noted.
    /// </summary>
    private bool Peek(int index, int size, out ulong value)
    {
        value = 0;
        ulong offset = (ulong)(index * size);
        if (!s->Code64 && !Segment.Allows(s, SegmentSs, WrapStack(s->Gpr[RegisterRsp] + offset), size, false))
            return Refuse(ExceptionVector.SS, 0);
        byte* at = Mmu.Read(s, null, Mmu.Linear(s, StackAt(offset)), size);
        if (at == null)
            return false;
        value = size == 8 ? *(ulong*)at : size == 4 ? *(uint*)at : *(ushort*)at;
        return true;
    }

    // A stack pointer of 16 bits leaves the rest of the register.
    private void SetStackPointer(ulong value)
    {
        if (s->Code64 || (s->SegmentRights[SegmentSs] & Segment.Big) != 0)
            s->Gpr[RegisterRsp] = s->Code64 ? value : (uint)value;
        else
            *(ushort*)&s->Gpr[RegisterRsp] = (ushort)value;
    }

    // Segments of an inner privilege do not survive the way out (SDM vol. 2, RET). The bases stay: 64-bit code still
    // uses them.
    private void DropInnerSegments()
    {
        for (int segment = SegmentEs; segment <= SegmentGs; segment++)
        {
            if (segment is SegmentCs or SegmentSs)
                continue;
            uint rights = s->SegmentRights[segment];
            bool conforming = (rights & (Segment.Code | Segment.Conforming)) == (Segment.Code | Segment.Conforming);
            if ((rights & Segment.Present) != 0 && !conforming && (rights >> 5 & 3) < s->Cpl)
                Segment.Set(s, segment, 0, s->SegmentBase[segment], 0, 0);
        }
    }

    /// <summary>
    /// RETF with words of <paramref name="size"/> bytes: everything is checked before anything changes.
    /// </summary>
    internal bool FarReturn(int size, ulong released)
    {
        if (!Peek(0, size, out ulong target) || !Peek(1, size, out ulong wide))
            return false;
        ushort selector = (ushort)wide;
        int level = selector & 3;
        if (level < s->Cpl)
            return Refuse(ExceptionVector.GP, selector & 0xfffcu);
        if (!ReadCode(selector, level, out ulong code) || !MayGoTo(target, code))
            return false;
        ulong pointer = WrapStack(s->Gpr[RegisterRsp] + 2 * (ulong)size + released);
        if (level == s->Cpl)
        {
            SetStackPointer(pointer);
            EnterCode(selector, code, level);
            s->Rip = target;
            return true;
        }
        ulong frame = s->Gpr[RegisterRsp];
        s->Gpr[RegisterRsp] = frame + released;
        bool read = Peek(2, size, out pointer) & Peek(3, size, out wide);
        s->Gpr[RegisterRsp] = frame;
        if (!read || !ReadStack((ushort)wide, level, IsWide(code), out ulong stack))
            return false;
        EnterCode(selector, code, level);
        Segment.Set(s, SegmentSs, (ushort)wide, stack);
        SetStackPointer(pointer + released);
        s->Rip = target;
        DropInnerSegments();
        return true;
    }

    /// <summary>
    /// IRET with words of <paramref name="size"/> bytes: everything is checked before anything changes.
    /// </summary>
    internal bool InterruptReturn(int size)
    {
        // NT: a return to another task, which long mode refuses and which is not emulated before it.
        if ((s->SystemFlags & Flags.NT) != 0)
            return Refuse(ExceptionVector.GP, 0);
        if (!Peek(0, size, out ulong target) || !Peek(1, size, out ulong wide) || !Peek(2, size, out ulong image))
            return false;
        ushort selector = (ushort)wide;
        int level = selector & 3, old = s->Cpl;
        if (level < old)
            return Refuse(ExceptionVector.GP, selector & 0xfffcu);
        if (!ReadCode(selector, level, out ulong code) || !MayGoTo(target, code))
            return false;
        // 64-bit code always takes a stack from the frame, other code on the way outwards.
        bool switches = s->Code64 || level != old;
        ulong pointer = WrapStack(s->Gpr[RegisterRsp] + 3 * (ulong)size), stack = 0;
        if (switches && (!Peek(3, size, out pointer) || !Peek(4, size, out wide)
            || !ReadStack((ushort)wide, level, IsWide(code), out stack)))
            return false;
        EnterCode(selector, code, level);
        if (switches)
            Segment.Set(s, SegmentSs, (ushort)wide, stack);
        SetStackPointer(pointer);
        s->Rip = target;
        ulong mask = Flags.Arithmetic | Flags.TF | Flags.DF | Flags.NT;
        if (size != 2)
            mask |= Flags.RF | Flags.AC | Flags.ID;
        if (old == 0)
            mask |= Flags.IOPL;
        if (old <= (int)(s->SystemFlags >> 12 & 3))
            mask |= Flags.IF;
        Flags.LoadImage(s, image, mask);
        if (level != old)
            DropInnerSegments();
        return true;
    }

    internal bool LoadTask(ushort selector, bool local)
    {
        if (local && (selector & ~3) == 0)
        {
            s->LdtSelector = 0;
            s->LdtLimit = 0;
            return true;
        }
        if ((selector & 4) != 0 || !ReadDescriptor(selector, out ulong descriptor))
            return Refuse(ExceptionVector.GP, selector & 0xfffcu);
        ulong high = 0;
        if (LongMode && !ReadSystem(s->GdtBase + (selector & ~7UL) + 8, 8, out high))
            return false;
        if (TypeOf(descriptor) != (local ? TypeLocalTable : TypeTask))
            return Refuse(ExceptionVector.GP, selector & 0xfffcu);
        if ((descriptor & DescriptorPresent) == 0)
            return Refuse(ExceptionVector.NP, selector & 0xfffcu);
        ulong at = Segment.BaseOf(descriptor) | high << 32;
        if (local)
        {
            s->LdtSelector = selector;
            s->LdtBase = at;
            s->LdtLimit = Segment.LimitOf(descriptor);
            return true;
        }
        if (!WriteSystem(s->GdtBase + (selector & ~7UL), descriptor | 1UL << 41))
            return false;
        s->TssSelector = selector;
        s->TssBase = at;
        s->TssLimit = Segment.LimitOf(descriptor);
        return true;
    }

    /// <summary>
    /// What LAR (0), LSL (1), VERR (2) and VERW (3) say of a selector. A selector that says nothing is no fault; a
    /// fault in
    /// reading the table is, and then this is false.
    /// </summary>
    internal bool Inspect(ushort selector, int question, out bool known, out uint value)
    {
        known = false;
        value = 0;
        if (!InTable(selector))
            return true;
        if (!ReadDescriptor(selector, out ulong descriptor))
            return false;
        int level = Segment.LevelOf(descriptor);
        bool code = IsCode(descriptor), system = (descriptor & DescriptorNotSystem) == 0;
        bool conforming = code && (descriptor & DescriptorConforming) != 0;
        bool within = conforming || (s->Cpl <= level && (selector & 3) <= level);
        bool readable = (descriptor & DescriptorReadable) != 0;
        int type = TypeOf(descriptor);
        bool table = type is TypeLocalTable or TypeTask or TypeBusyTask || (!LongMode && type is 1 or 3);
        bool gate = type is TypeCallGate || (!LongMode && type is 4 or 5);
        known = within && question switch
        {
            0 => !system || table || gate,
            1 => !system || table,
            2 => !system && (!code || readable),
            _ => !system && !code && readable,
        };
        value = question == 0 ? (uint)(descriptor >> 32) & 0x00ff_ff00 : Segment.LimitOf(descriptor);
        return true;
    }

    /// <summary>SYSCALL, as AMD's processors do it in every mode (APM vol. 3, SYSCALL).</summary>
    internal void EnterSystemCall(ulong next)
    {
        ushort selector = (ushort)(s->Star >> 32);
        s->Gpr[1] = s->Code64 ? next : (uint)next;
        if (LongMode)
        {
            s->Gpr[11] = Flags.Image(s) & ~Flags.RF;
            Flags.Set(s, Flags.Get(s) & ~(uint)s->Fmask);
            s->SystemFlags &= ~(s->Fmask | Flags.RF);
            s->Rip = s->Code64 ? s->Lstar : s->Cstar;
        }
        else
        {
            s->SystemFlags &= ~(Flags.IF | Flags.RF);
            s->Rip = (uint)s->Star;
        }
        Segment.SetFlat(s, SegmentCs, (ushort)(selector & ~3));
        Segment.SetFlat(s, SegmentSs, (ushort)((selector + 8) & ~3));
        s->Code64 = LongMode;
        SetPrivilege(0);
        NoteCodeBounds();
    }

    /// <summary>SYSRET; <paramref name="wide"/>: to 64-bit code.</summary>
    internal void LeaveSystemCall(bool wide)
    {
        ushort selector = (ushort)(s->Star >> 48);
        Segment.SetFlat(s, SegmentCs, (ushort)((selector + (wide ? 16 : 0)) | 3));
        Segment.SetFlat(s, SegmentSs, (ushort)((selector + 8) | 3));
        s->Code64 = wide;
        if (LongMode)
            Flags.LoadImage(s, s->Gpr[11], 0x3c7fd7);
        else
            s->SystemFlags |= Flags.IF;
        s->Rip = wide ? s->Gpr[1] : (uint)s->Gpr[1];
        SetPrivilege(3);
        NoteCodeBounds();
    }
}
