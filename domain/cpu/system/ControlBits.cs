namespace Domain;

/// <summary>Bits of CR0 (SDM vol. 3, 2.5).</summary>
internal static class Cr0
{
    public const ulong PE = 1 << 0;
    public const ulong MP = 1 << 1;
    public const ulong EM = 1 << 2;
    public const ulong TS = 1 << 3;
    public const ulong ET = 1 << 4;
    public const ulong NE = 1 << 5;
    public const ulong WP = 1 << 16;
    public const ulong AM = 1 << 18;
    public const ulong NW = 1 << 29;
    public const ulong CD = 1 << 30;
    public const ulong PG = 1UL << 31;

    /// <summary>The others are reserved: setting one is #GP.</summary>
    public const ulong Defined = PE | MP | EM | TS | ET | NE | WP | AM | NW | CD | PG;
}

/// <summary>Bits of CR4 (SDM vol. 3, 2.5).</summary>
internal static class Cr4
{
    public const ulong TSD = 1 << 2;
    public const ulong DE = 1 << 3;
    public const ulong PSE = 1 << 4;
    public const ulong PAE = 1 << 5;
    public const ulong MCE = 1 << 6;
    public const ulong PGE = 1 << 7;
    public const ulong PCE = 1 << 8;
    public const ulong OSFXSR = 1 << 9;
    public const ulong OSXMMEXCPT = 1 << 10;

    /// <summary>Only where XSAVE is announced.</summary>
    public const ulong OSXSAVE = 1 << 18;

    /// <summary>Those whose features <see cref="CpuId"/> announces always: setting another is #GP.</summary>
    public const ulong Defined = TSD | DE | PSE | PAE | MCE | PGE | PCE | OSFXSR | OSXMMEXCPT;
}

/// <summary>Bits of IA32_EFER (SDM vol. 3, 2.2.1).</summary>
internal static class Efer
{
    public const ulong SCE = 1 << 0;
    public const ulong LME = 1 << 8;

    /// <summary>Follows CR0.PG and LME; writing it changes nothing.</summary>
    public const ulong LMA = 1 << 10;

    public const ulong NXE = 1 << 11;

    /// <summary>The others are reserved: setting one is #GP.</summary>
    public const ulong Defined = SCE | LME | LMA | NXE;
}

/// <summary>Bits of XCR0 (SDM vol. 1, 13.3): the state components that are switched on.</summary>
internal static class Xcr0
{
    /// <summary>Always set.</summary>
    public const ulong X87 = 1 << 0;
    public const ulong SSE = 1 << 1;

    /// <summary>The upper halves of the YMM registers.</summary>
    public const ulong AVX = 1 << 2;

    /// <summary>What instructions in VEX encoding on vectors need.</summary>
    public const ulong Vectors = SSE | AVX;
}
