namespace Domain;

/// <summary>Control registers, model-specific registers and ports (SDM vol. 3, chapter 2).</summary>
public sealed unsafe partial class Cpu
{
    internal const int RegisterRsp = 4;
    internal const ulong ControlProtection = 1, ControlMonitor = 2, ControlEmulation = 4, ControlTaskSwitched = 8,
        ControlExtensionType = 0x10;
    internal const ulong ControlWriteProtect = 0x1_0000, ControlPaging = 0x8000_0000;
    internal const ulong Control4Pae = 0x20, Control4Sse = 0x200;
    internal const ulong EferSyscall = 1, EferLongEnable = 0x100, EferLongActive = 0x400, EferNoExecute = 0x800;
    private const ulong Control0Allowed = 0xe005_003f;

    // DE, TSD, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT: nothing that CPUID does not announce.
    private const ulong Control4Allowed = 0x7fc;

    /// <summary>ES, CS, SS and DS.</summary>
    private const uint DefaultSegments = 15;

    private int NarrowMode =>
        ((s->SegmentRights[SegmentCs] & Segment.Big) == 0 ? ModeCode16 : 0)
        | ((s->Unflat & DefaultSegments) != 0 ? ModeSegmented : 0);

    /// <summary>What decoding depends on.</summary>
    private int Mode
    {
        get
        {
            int mode = s->Code64 ? ModeCode64 : NarrowMode;
            if ((s->Cr0 & (ControlTaskSwitched | ControlEmulation)) != 0)
                mode |= ModeNoFpu;
            if ((s->Cr0 & ControlEmulation) != 0)
                mode |= ModeNoMmx;
            if ((s->Cr0 & (ControlTaskSwitched | ControlMonitor)) == (ControlTaskSwitched | ControlMonitor))
                mode |= ModeNoWait;
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
                if ((value & ~Control0Allowed) != 0
                    || ((value & ControlPaging) != 0 && (value & ControlProtection) == 0))
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
            case 0x6e0: value = interrupts.TscDeadline; return true;
            case WallTimeRegister: value = wallTimeAt; return true;
            case HostTimeRegister: value = hostTimeAt; return true;
            case 0xc000_0080: value = s->Efer; return true;
            case 0xc000_0081: value = s->Star; return true;
            case 0xc000_0082: value = s->Lstar; return true;
            case 0xc000_0083: value = s->Cstar; return true;
            case 0xc000_0084: value = s->Fmask; return true;
            case 0xc000_0100: value = s->SegmentBase[SegmentFs]; return true;
            case 0xc000_0101: value = s->SegmentBase[SegmentGs]; return true;
            case 0xc000_0102: value = s->KernelGsBase; return true;
            case 0xc000_0103: value = s->TscAux; return true;
            // Interrupt Pending and CMP-Halt (AMD BKDG family 0Fh): a halt never goes deeper than C1.
            case 0xc001_0055: return true;
            default: return false;
        }
    }

    internal bool WriteModelSpecific(uint number, ulong value)
    {
        switch (number)
        {
            case 0x10:
                s->TscOffset = value - Clock.Nanoseconds;
                interrupts.TscOffset = s->TscOffset;
                WriteHostTime();
                return true;
            case 0x1b:
                s->ApicBase = value;
                return true;
            case 0x8b: return true;
            case 0x174: s->SysenterCs = value; return true;
            case 0x175: return SetAddress(ref s->SysenterEsp, value);
            case 0x176: return SetAddress(ref s->SysenterEip, value);
            case 0x1a0: s->MiscEnable = value; return true;
            case 0x277:
                if (!IsPat(value))
                    return false;
                s->Pat = value;
                return true;
            case 0x6e0:
                interrupts.TscDeadline = value;
                return true;
            case WallTimeRegister: return ShareWallTime(value);
            case HostTimeRegister: return ShareHostTime(value);
            case 0xc000_0080:
                if ((value & ~(EferSyscall | EferLongEnable | EferLongActive | EferNoExecute)) != 0)
                    return false;
                if (((value ^ s->Efer) & EferLongEnable) != 0 && (s->Cr0 & ControlPaging) != 0)
                    return false;
                s->Efer = value & ~EferLongActive | s->Efer & EferLongActive;
                FlushTranslations();
                return true;
            case 0xc000_0081: s->Star = value; return true;
            case 0xc000_0082: return SetAddress(ref s->Lstar, value);
            case 0xc000_0083: return SetAddress(ref s->Cstar, value);
            case 0xc000_0084: s->Fmask = (uint)value; return true;
            case 0xc000_0100: return SetAddress(ref s->SegmentBase[SegmentFs], value);
            case 0xc000_0101: return SetAddress(ref s->SegmentBase[SegmentGs], value);
            case 0xc000_0102: return SetAddress(ref s->KernelGsBase, value);
            case 0xc000_0103: s->TscAux = (uint)value; return true;
            default: return false;
        }
    }

    private static bool SetAddress(ref ulong register, ulong value)
    {
        if (!IsCanonical(value))
            return false;
        register = value;
        return true;
    }

    // Eight memory types; 2, 3 and what is above 7 are reserved (SDM vol. 3, 12.12.2).
    private static bool IsPat(ulong value)
    {
        for (; value != 0; value >>= 8)
        {
            if ((value & 0xff) is 2 or 3 or > 7)
                return false;
        }
        return true;
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
