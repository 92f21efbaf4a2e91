namespace Domain;

/// <summary>
/// RDMSR and WRMSR: false for a register that does not exist or a value that it does not take, which is #GP (SDM vol.
/// 2).
/// </summary>
public sealed unsafe partial class Cpu
{
    /// <summary>The guest's time stamp counter.</summary>
    internal ulong TimeStamp => Clock.Nanoseconds + s->TscOffset;

    /// <summary>Bits 63 to 47 are all the same (SDM vol. 1, 3.3.7.1).</summary>
    internal static bool IsCanonical(ulong value) => (ulong)((long)value << 16 >> 16) == value;

    internal bool ReadModelSpecific(uint number, out ulong value)
    {
        value = 0;
        switch (number)
        {
            case Msr.Ia32TimeStampCounter:
                value = TimeStamp;
                return true;
            case Msr.Ia32ApicBase:
                value = s->ApicBase;
                return true;
            case Msr.Ia32BiosSignId:
                return true;
            case Msr.Ia32SysenterCs:
                value = s->SysenterCs;
                return true;
            case Msr.Ia32SysenterEsp:
                value = s->SysenterEsp;
                return true;
            case Msr.Ia32SysenterEip:
                value = s->SysenterEip;
                return true;
            case Msr.Ia32MiscEnable:
                value = s->MiscEnable;
                return true;
            case Msr.Ia32Pat:
                value = s->Pat;
                return true;
            case Msr.Ia32TscDeadline:
                value = interrupts.TscDeadline;
                return true;
            case Msr.TellUsedOnly:
                value = s->TellsUsedOnly ? 1UL : 0;
                return true;
            case Msr.KvmWallClockNew:
                value = wallTimeAt;
                return true;
            case Msr.KvmSystemTimeNew:
                value = hostTimeAt;
                return true;
            case Msr.Ia32Efer:
                value = s->Efer;
                return true;
            case Msr.Ia32Star:
                value = s->Star;
                return true;
            case Msr.Ia32Lstar:
                value = s->Lstar;
                return true;
            case Msr.Ia32Cstar:
                value = s->Cstar;
                return true;
            case Msr.Ia32Fmask:
                value = s->Fmask;
                return true;
            case Msr.Ia32FsBase:
                value = s->SegmentBase[SegmentFs];
                return true;
            case Msr.Ia32GsBase:
                value = s->SegmentBase[SegmentGs];
                return true;
            case Msr.Ia32KernelGsBase:
                value = s->KernelGsBase;
                return true;
            case Msr.Ia32TscAux:
                value = s->TscAux;
                return true;
            case Msr.AmdInterruptPending:
                return true;
            default:
                return false;
        }
    }

    internal bool WriteModelSpecific(uint number, ulong value)
    {
        switch (number)
        {
            case Msr.Ia32TimeStampCounter:
                WriteTimeStamp(value);
                return true;
            case Msr.Ia32ApicBase:
                s->ApicBase = value;
                return true;
            case Msr.Ia32BiosSignId:
                return true;
            case Msr.Ia32SysenterCs:
                s->SysenterCs = value;
                return true;
            case Msr.Ia32SysenterEsp:
                return SetAddress(ref s->SysenterEsp, value);
            case Msr.Ia32SysenterEip:
                return SetAddress(ref s->SysenterEip, value);
            case Msr.Ia32MiscEnable:
                s->MiscEnable = value;
                return true;
            case Msr.Ia32Pat:
                if (!IsPat(value))
                    return false;
                s->Pat = value;
                return true;
            case Msr.Ia32TscDeadline:
                interrupts.TscDeadline = value;
                return true;
            case Msr.TellUsedOnly:
                if (value > 1)
                    return false;
                s->TellsUsedOnly = value != 0;
                return true;
            case Msr.KvmWallClockNew:
                return ShareWallTime(value);
            case Msr.KvmSystemTimeNew:
                return ShareHostTime(value);
            case Msr.Ia32Efer:
                return WriteEfer(value);
            case Msr.Ia32Star:
                s->Star = value;
                return true;
            case Msr.Ia32Lstar:
                return SetAddress(ref s->Lstar, value);
            case Msr.Ia32Cstar:
                return SetAddress(ref s->Cstar, value);
            case Msr.Ia32Fmask:
                s->Fmask = (uint)value;
                return true;
            case Msr.Ia32FsBase:
                return SetAddress(ref s->SegmentBase[SegmentFs], value);
            case Msr.Ia32GsBase:
                return SetAddress(ref s->SegmentBase[SegmentGs], value);
            case Msr.Ia32KernelGsBase:
                return SetAddress(ref s->KernelGsBase, value);
            case Msr.Ia32TscAux:
                s->TscAux = (uint)value;
                return true;
            default:
                return false;
        }
    }

    /// <summary>Sets the counter, and writes the structure again that relates it to the host's time.</summary>
    private void WriteTimeStamp(ulong value)
    {
        s->TscOffset = value - Clock.Nanoseconds;
        interrupts.TscOffset = s->TscOffset;
        WriteHostTime();
    }

    /// <summary>LME changes only while paging is off (SDM vol. 3, 9.8.5).</summary>
    private bool WriteEfer(ulong value)
    {
        bool lmeChanges = ((value ^ s->Efer) & Efer.LME) != 0;
        if ((value & ~Efer.Defined) != 0 || (lmeChanges && (s->Cr0 & Cr0.PG) != 0))
            return false;
        s->Efer = value & ~Efer.LMA | s->Efer & Efer.LMA;
        FlushTlbs();
        return true;
    }

    /// <summary>A register that holds an address: one that is not canonical is #GP.</summary>
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
}
