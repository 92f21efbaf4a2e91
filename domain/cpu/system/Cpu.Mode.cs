namespace Domain;

/// <summary>
/// The mode: what decoding depends on besides the bytes. Code is found again only in the mode in which it was decoded,
/// so what changes the mode (control registers, segments, EFER) makes a new generation.
/// </summary>
public sealed unsafe partial class Cpu
{
    internal const int ModeCode64 = 1, ModeNoFpu = 2, ModeNoSse = 4, ModeCode16 = 8, ModeSegmented = 0x10,
        ModeNoMmx = 0x20, ModeNoWait = 0x40, ModeNoAvx = 0x80, ModeUnmasked = 0x100, ModeSingle = 0x200;

    /// <summary>Code at privilege 3, as far as blocks of the translator are concerned.</summary>
    internal const int ModeUser = 0x400;

    /// <summary>
    /// Bits of the mode that the generation holds: all but <see cref="ModeSingle"/>, whose blocks are never linked to.
    /// </summary>
    internal const int ModeBits = 9;

    private const ulong ModeMask = ((1UL << ModeBits) - 1) << 1;

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
            if ((s->Cr0 & (Cr0.TS | Cr0.EM)) != 0)
                mode |= ModeNoFpu;
            if ((s->Cr0 & Cr0.EM) != 0)
                mode |= ModeNoMmx;
            if ((s->Cr0 & (Cr0.TS | Cr0.MP)) == (Cr0.TS | Cr0.MP))
                mode |= ModeNoWait;
            if ((s->Cr0 & Cr0.EM) != 0 || (s->Cr4 & Cr4.OSFXSR) == 0)
                mode |= ModeNoSse;
            if ((s->Cr4 & Cr4.OSXSAVE) == 0 || (s->Xcr0 & Xcr0.Vectors) != Xcr0.Vectors)
                mode |= ModeNoAvx;
            if (HostFloat.IsUnmasked(s->Mxcsr))
                mode |= ModeUnmasked;
            return mode;
        }
    }
}
