namespace Domain;

/// <summary>Control registers, descriptors, model-specific registers and far control transfers (SDM vol. 3, chapters 2, 3 and 5).</summary>
public sealed unsafe partial class Cpu
{
    internal const int SegmentEs = 0, SegmentCs = 1, SegmentSs = 2, SegmentDs = 3, SegmentFs = 4, SegmentGs = 5;
    internal const int RegisterRsp = 4;
    internal const ulong ControlProtection = 1, ControlEmulation = 4, ControlTaskSwitched = 8, ControlExtensionType = 0x10;
    internal const ulong ControlWriteProtect = 0x1_0000, ControlPaging = 0x8000_0000;
    internal const ulong Control4Pae = 0x20, Control4Sse = 0x200;
    internal const ulong EferSyscall = 1, EferLongEnable = 0x100, EferLongActive = 0x400, EferNoExecute = 0x800;
    private const ulong Control0Allowed = 0xe005_003f;

    // DE, TSD, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT: nothing that CPUID does not announce.
    private const ulong Control4Allowed = 0x7fc;

    private const ulong DescriptorPresent = 1UL << 47, DescriptorSystem = 1UL << 44, DescriptorCode = 1UL << 43;
    private const ulong DescriptorConforming = 1UL << 42, DescriptorLong = 1UL << 53;

    /// <summary>What decoding depends on.</summary>
    private int Mode
    {
        get
        {
            int mode = s->Code64 ? ModeCode64 : 0;
            if ((s->Cr0 & (ControlTaskSwitched | ControlEmulation)) != 0)
                mode |= ModeNoFpu;
            if ((s->Cr0 & ControlEmulation) != 0 || (s->Cr4 & Control4Sse) == 0)
                mode |= ModeNoSse;
            return mode;
        }
    }

    internal bool WriteControl(int register, ulong value)
    {
        switch (register)
        {
            case 0:
                value |= ControlExtensionType;
                ulong old = s->Cr0;
                if ((value & ~Control0Allowed) != 0 || ((value & ControlPaging) != 0 && (value & ControlProtection) == 0))
                    return false;
                if (((value ^ old) & ControlPaging) != 0)
                {
                    if ((value & ControlPaging) != 0)
                    {
                        // Only four-level paging is emulated: paging means long mode.
                        if ((s->Efer & EferLongEnable) == 0 || (s->Cr4 & Control4Pae) == 0)
                            return false;
                        s->Efer |= EferLongActive;
                    }
                    else
                    {
                        if (s->Code64)
                            return false;
                        s->Efer &= ~EferLongActive;
                    }
                }
                s->Cr0 = value;
                if (((value ^ old) & (ControlPaging | ControlWriteProtect)) != 0)
                    FlushTranslations();
                else
                    NewGeneration();
                return true;
            case 2:
                s->Cr2 = value;
                return true;
            case 3:
                if ((value & ~((1UL << PhysicalBits) - 1)) != 0)
                    return false;
                s->Cr3 = value;
                FlushTranslations();
                return true;
            case 4:
                if ((value & ~Control4Allowed) != 0 || ((s->Efer & EferLongActive) != 0 && (value & Control4Pae) == 0))
                    return false;
                s->Cr4 = value;
                FlushTranslations();
                return true;
            case 8:
                if ((value & ~15UL) != 0)
                    return false;
                interrupts.TaskPriority = (uint)value;
                return true;
            default:
                return false;
        }
    }

    internal ulong ReadControl(int register) => register switch
    {
        0 => s->Cr0,
        2 => s->Cr2,
        3 => s->Cr3,
        4 => s->Cr4,
        _ => interrupts.TaskPriority,
    };

    /// <summary>The guest's time stamp counter.</summary>
    internal ulong TimeStamp => Clock.Nanoseconds + s->TscOffset;

    private static bool IsCanonical(ulong value) => (ulong)((long)value << 16 >> 16) == value;

    internal bool ReadModelSpecific(uint number, out ulong value)
    {
        value = 0;
        switch (number)
        {
            case 0x10: value = TimeStamp; return true;
            case 0x1b: value = s->ApicBase; return true;
            case 0x8b: return true;
            case 0x174: value = s->SysenterCs; return true;
            case 0x175: value = s->SysenterEsp; return true;
            case 0x176: value = s->SysenterEip; return true;
            case 0x1a0: value = s->MiscEnable; return true;
            case 0x277: value = s->Pat; return true;
            case 0xc000_0080: value = s->Efer; return true;
            case 0xc000_0081: value = s->Star; return true;
            case 0xc000_0082: value = s->Lstar; return true;
            case 0xc000_0083: value = s->Cstar; return true;
            case 0xc000_0084: value = s->Fmask; return true;
            case 0xc000_0100: value = s->SegmentBase[SegmentFs]; return true;
            case 0xc000_0101: value = s->SegmentBase[SegmentGs]; return true;
            case 0xc000_0102: value = s->KernelGsBase; return true;
            case 0xc000_0103: value = s->TscAux; return true;
            default: return false;
        }
    }

    internal bool WriteModelSpecific(uint number, ulong value)
    {
        switch (number)
        {
            case 0x10:
                s->TscOffset = value - Clock.Nanoseconds;
                return true;
            case 0x1b:
                s->ApicBase = value;
                return true;
            case 0x8b: return true;
            case 0x174: s->SysenterCs = value; return true;
            case 0x175: s->SysenterEsp = value; return true;
            case 0x176: s->SysenterEip = value; return true;
            case 0x1a0: s->MiscEnable = value; return true;
            case 0x277: s->Pat = value; return true;
            case 0xc000_0080:
                if ((value & ~(EferSyscall | EferLongEnable | EferLongActive | EferNoExecute)) != 0)
                    return false;
                if (((value ^ s->Efer) & EferLongEnable) != 0 && (s->Cr0 & ControlPaging) != 0)
                    return false;
                s->Efer = value & ~EferLongActive | s->Efer & EferLongActive;
                FlushTranslations();
                return true;
            case 0xc000_0081: s->Star = value; return true;
            case 0xc000_0082: s->Lstar = value; return IsCanonical(value);
            case 0xc000_0083: s->Cstar = value; return IsCanonical(value);
            case 0xc000_0084: s->Fmask = (uint)value; return true;
            case 0xc000_0100 or 0xc000_0101 or 0xc000_0102:
                if (!IsCanonical(value))
                    return false;
                if (number == 0xc000_0102)
                    s->KernelGsBase = value;
                else
                    s->SegmentBase[number == 0xc000_0100 ? SegmentFs : SegmentGs] = value;
                return true;
            case 0xc000_0103: s->TscAux = (uint)value; return true;
            default: return false;
        }
    }

    private bool ReadDescriptor(ushort selector, out ulong descriptor)
    {
        descriptor = 0;
        ulong table = (selector & 4) != 0 ? s->LdtBase : s->GdtBase;
        uint limit = (selector & 4) != 0 ? s->LdtLimit : s->GdtLimit;
        if ((selector & ~3) == 0 || (selector | 7u) > limit)
            return Refuse(ExceptionGeneralProtection, selector & 0xfffcu);
        return ReadSystem(table + (selector & ~7UL), 8, out descriptor);
    }

    private static ulong DescriptorBase(ulong descriptor) => descriptor >> 16 & 0xff_ffff | descriptor >> 32 & 0xff00_0000;

    private static uint DescriptorLimit(ulong descriptor)
    {
        uint limit = (uint)(descriptor & 0xffff | descriptor >> 32 & 0xf_0000);
        return (descriptor >> 55 & 1) != 0 ? limit << 12 | 0xfff : limit;
    }

    /// <summary>Loads a data segment register; on failure the exception is noted.</summary>
    internal bool LoadSegment(int segment, ushort selector)
    {
        if ((selector & ~3) == 0)
        {
            if (segment == SegmentSs && (!s->Code64 || s->Cpl == 3 || (selector & 3) != s->Cpl))
                return Refuse(ExceptionGeneralProtection, 0);
            s->Selector[segment] = selector;
            s->SegmentBase[segment] = 0;
            return true;
        }
        if (!ReadDescriptor(selector, out ulong descriptor))
            return false;
        int level = (int)(descriptor >> 45) & 3, requested = selector & 3;
        bool code = (descriptor & DescriptorCode) != 0, readableOrWritable = (descriptor >> 41 & 1) != 0;
        bool bad = (descriptor & DescriptorSystem) == 0;
        if (segment == SegmentSs)
            bad |= code || !readableOrWritable || requested != s->Cpl || level != s->Cpl;
        else
            bad |= (code && !readableOrWritable) || (!(code && (descriptor & DescriptorConforming) != 0) && (requested > level || s->Cpl > level));
        if (bad)
            return Refuse(ExceptionGeneralProtection, selector & 0xfffcu);
        if ((descriptor & DescriptorPresent) == 0)
            return Refuse(segment == SegmentSs ? ExceptionStack : ExceptionNotPresent, selector & 0xfffcu);
        s->Selector[segment] = selector;
        s->SegmentBase[segment] = DescriptorBase(descriptor);
        return true;
    }

    /// <summary>Loads CS at privilege <paramref name="level"/> and changes to it; on failure the exception is noted.</summary>
    internal bool LoadCode(ushort selector, int level)
    {
        if (!ReadDescriptor(selector, out ulong descriptor))
            return false;
        int own = (int)(descriptor >> 45) & 3;
        bool conforming = (descriptor & DescriptorConforming) != 0;
        if ((descriptor & (DescriptorSystem | DescriptorCode)) != (DescriptorSystem | DescriptorCode)
            || (conforming ? own > level : own != level))
            return Refuse(ExceptionGeneralProtection, selector & 0xfffcu);
        if ((descriptor & DescriptorPresent) == 0)
            return Refuse(ExceptionNotPresent, selector & 0xfffcu);
        s->Selector[SegmentCs] = (ushort)(selector & ~3 | level);
        s->SegmentBase[SegmentCs] = DescriptorBase(descriptor);
        s->Code64 = (s->Efer & EferLongActive) != 0 && (descriptor & DescriptorLong) != 0;
        SetPrivilege(level);
        return true;
    }

    /// <summary>JMP far and RET far within a privilege, or outwards.</summary>
    internal bool FarTransfer(ushort selector, ulong target, bool isReturn)
    {
        int level = isReturn ? selector & 3 : s->Cpl;
        if (level < s->Cpl)
            return Refuse(ExceptionGeneralProtection, selector & 0xfffcu);
        if (!LoadCode(selector, level))
            return false;
        s->Rip = target;
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
            return Refuse(ExceptionGeneralProtection, selector & 0xfffcu);
        ulong high = 0;
        bool longMode = (s->Efer & EferLongActive) != 0;
        if (longMode && !ReadSystem(s->GdtBase + (selector & ~7UL) + 8, 8, out high))
            return false;
        int type = (int)(descriptor >> 40) & 0x1f;
        if (type != (local ? 2 : 9))
            return Refuse(ExceptionGeneralProtection, selector & 0xfffcu);
        if ((descriptor & DescriptorPresent) == 0)
            return Refuse(ExceptionNotPresent, selector & 0xfffcu);
        ulong at = DescriptorBase(descriptor) | high << 32;
        if (local)
        {
            s->LdtSelector = selector;
            s->LdtBase = at;
            s->LdtLimit = DescriptorLimit(descriptor);
            return true;
        }
        if (!WriteSystem(s->GdtBase + (selector & ~7UL), descriptor | 1UL << 41))
            return false;
        s->TssSelector = selector;
        s->TssBase = at;
        s->TssLimit = DescriptorLimit(descriptor);
        return true;
    }

    /// <summary>IRETQ: everything is checked before anything changes.</summary>
    internal bool InterruptReturn(Op* op)
    {
        ulong* frame = stackalloc ulong[5];
        bool wide = op->Imm == 8;
        ulong stack = s->Gpr[RegisterRsp];
        for (int i = 0; i < 5; i++)
        {
            byte* at = Mmu.Read(s, op, stack + (ulong)i * op->Imm, (int)op->Imm);
            if (at == null)
                return true;
            frame[i] = wide ? *(ulong*)at : *(uint*)at;
        }
        if ((s->SystemFlags & Flags.Nested) != 0)
            return Refuse(ExceptionGeneralProtection, 0);
        ushort selector = (ushort)frame[1], stackSelector = (ushort)frame[4];
        int level = selector & 3;
        if (level < s->Cpl || !IsCanonical(frame[0]))
            return Refuse(ExceptionGeneralProtection, level < s->Cpl ? selector & 0xfffcu : 0);
        bool nullStack = (stackSelector & ~3) == 0;
        if (nullStack && level == 3)
            return Refuse(ExceptionGeneralProtection, 0);
        if (!nullStack)
        {
            if (!ReadDescriptor(stackSelector, out ulong descriptor))
                return false;
            if ((stackSelector & 3) != level || ((int)(descriptor >> 45) & 3) != level)
                return Refuse(ExceptionGeneralProtection, stackSelector & 0xfffcu);
        }
        int old = s->Cpl;
        if (!LoadCode(selector, level))
            return false;
        ulong mask = Flags.Arithmetic | Flags.Trap | Flags.Direction | Flags.Nested | Flags.Resume | Flags.AlignmentCheck | Flags.Identification;
        if (old == 0)
            mask |= Flags.Iopl;
        if (old <= (int)(s->SystemFlags >> 12 & 3))
            mask |= Flags.Interrupt;
        Flags.LoadImage(s, frame[2], mask);
        s->Selector[SegmentSs] = stackSelector;
        s->Gpr[RegisterRsp] = frame[3];
        s->Rip = frame[0];
        s->Budget -= op->Count;
        return true;
    }

    /// <summary>SYSCALL from 64-bit code.</summary>
    internal void EnterSystemCall(ulong next)
    {
        s->Gpr[1] = next;
        s->Gpr[11] = Flags.Image(s) & ~Flags.Resume;
        ushort selector = (ushort)(s->Star >> 32);
        s->Selector[SegmentCs] = (ushort)(selector & ~3);
        s->Selector[SegmentSs] = (ushort)(selector + 8);
        s->SegmentBase[SegmentCs] = 0;
        Flags.Set(s, Flags.Get(s) & ~(uint)s->Fmask);
        s->SystemFlags &= ~(s->Fmask | Flags.Resume);
        s->Rip = s->Lstar;
        SetPrivilege(0);
    }

    /// <summary>SYSRET; <paramref name="wide"/>: to 64-bit code.</summary>
    internal void LeaveSystemCall(bool wide)
    {
        ushort selector = (ushort)(s->Star >> 48);
        s->Selector[SegmentCs] = (ushort)((selector + (wide ? 16 : 0)) | 3);
        s->Selector[SegmentSs] = (ushort)((selector + 8) | 3);
        s->Code64 = wide;
        ulong image = s->Gpr[11];
        Flags.LoadImage(s, image, 0x3c7fd7);
        s->Rip = wide ? s->Gpr[1] : (uint)s->Gpr[1];
        SetPrivilege(3);
    }

    internal uint PortIn(ushort port, int size) => bus.In(port, size);

    internal void PortOut(ushort port, int size, uint value) => bus.Out(port, size, value);

    /// <summary>Port access: IOPL only; the TSS's bitmap is taken as denying everything.</summary>
    internal static bool MayUsePorts(CpuState* s, Op* op)
    {
        if (s->Cpl <= (int)(s->SystemFlags >> 12 & 3))
            return true;
        Raise(s, op, ExceptionGeneralProtection);
        return false;
    }
}
