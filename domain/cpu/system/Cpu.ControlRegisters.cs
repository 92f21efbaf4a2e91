namespace Domain;

/// <summary>
/// MOV to and from control registers (SDM vol. 3, 2.5). Writing returns false for a value that is #GP, and has changed
/// nothing then. Whatever entries of TLBs or decoding depend on goes with it: <see cref="FlushTlbs"/>,
/// <see cref="VoidCode"/>.
/// </summary>
public sealed unsafe partial class Cpu
{
    internal ulong ReadControl(int register) => register switch
    {
        0 => s->Cr0,
        2 => s->Cr2,
        3 => s->Cr3,
        4 => s->Cr4,
        _ => interrupts.TaskPriority,
    };

    internal bool WriteControl(int register, ulong value)
    {
        switch (register)
        {
            case 0:
                return WriteCr0(value | Cr0.ET);
            case 2:
                s->Cr2 = value;
                return true;
            case 3:
                return WriteCr3(value);
            case 4:
                return WriteCr4(value);
            case 8:
                return WriteCr8(value);
            default:
                return false;
        }
    }

    private bool WriteCr0(ulong value)
    {
        ulong changed = value ^ s->Cr0;
        bool paging = (value & Cr0.PG) != 0;
        if ((value & ~Cr0.Defined) != 0 || (paging && (value & Cr0.PE) == 0))
            return false;
        if ((changed & Cr0.PG) != 0 && !(paging ? EnterLongMode() : LeaveLongMode()))
            return false;
        s->Cr0 = value;
        if ((changed & (Cr0.PG | Cr0.WP)) != 0)
            FlushTlbs();
        else
            VoidCode();
        return true;
    }

    /// <summary>
    /// Paging begins: only four-level paging is emulated, so that it means long mode (SDM vol. 3, 9.8.5).
    /// </summary>
    private bool EnterLongMode()
    {
        if ((s->Efer & Efer.LME) == 0 || (s->Cr4 & Cr4.PAE) == 0)
            return false;
        s->Efer |= Efer.LMA;
        return true;
    }

    /// <summary>Paging ends, which 64-bit code cannot do.</summary>
    private bool LeaveLongMode()
    {
        if (s->Code64)
            return false;
        s->Efer &= ~Efer.LMA;
        return true;
    }

    private bool WriteCr3(ulong value)
    {
        if ((value & ~((1UL << PhysicalBits) - 1)) != 0)
            return false;
        s->Cr3 = value;
        FlushTlbs();
        return true;
    }

    private bool WriteCr4(ulong value)
    {
        bool losesPae = LongMode && (value & Cr4.PAE) == 0;
        ulong defined = Cr4.Defined | ((s->Announced & Extensions.Xsave) != 0 ? Cr4.OSXSAVE : 0);
        if ((value & ~defined) != 0 || losesPae)
            return false;
        s->Cr4 = value;
        FlushTlbs();
        return true;
    }

    /// <summary>CR8 is the task priority of the local APIC (SDM vol. 3, 10.8.6).</summary>
    private bool WriteCr8(ulong value)
    {
        if (value > 15)
            return false;
        interrupts.TaskPriority = (uint)value;
        return true;
    }

    /// <summary>
    /// XSETBV (SDM vol. 1, 13.3): x87 is always on, and the upper halves only together with the lower ones.
    /// </summary>
    internal bool WriteExtendedControl(uint register, ulong value)
    {
        ulong known = ExtendedState.Known(s);
        bool halves = (value & Xcr0.Vectors) == Xcr0.AVX;
        if (register != 0 || (value & ~known) != 0 || (value & Xcr0.X87) == 0 || halves)
            return false;
        s->Xcr0 = value;
        VoidCode();
        return true;
    }
}
