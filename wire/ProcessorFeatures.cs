namespace Wire;

/// <summary>
/// What of <see cref="MachineFeatures"/> beyond x86-64-v2 registers of CPUID tell (SDM vol. 2A, CPUID).
/// </summary>
public static class ProcessorFeatures
{
    private const int PclmulqdqBit = 1;
    private const int MovbeBit = 22;
    private const int FmaBit = 12;
    private const int AesBit = 25;
    private const int XsaveBit = 26;
    private const int AvxBit = 28;
    private const int F16cBit = 29;
    private const int Avx2Bit = 5;
    private const int Bmi1Bit = 3;
    private const int Bmi2Bit = 8;
    private const int ShaBit = 29;
    private const int LzcntBit = 5;

    /// <param name="first">ECX of leaf 1.</param>
    /// <param name="seventh">EBX of leaf 7, 0 where there is no such leaf.</param>
    /// <param name="extended">ECX of leaf 0x80000001.</param>
    public static MachineFeatures Of(uint first, uint seventh, uint extended) =>
        If(first, PclmulqdqBit, MachineFeatures.Pclmulqdq) | If(first, MovbeBit, MachineFeatures.Movbe)
        | If(first, AesBit, MachineFeatures.Aes) | If(seventh, Bmi1Bit, MachineFeatures.Bmi1)
        | If(seventh, Bmi2Bit, MachineFeatures.Bmi2) | If(seventh, ShaBit, MachineFeatures.Sha)
        | If(extended, LzcntBit, MachineFeatures.Lzcnt) | If(first, XsaveBit, MachineFeatures.Xsave)
        | If(first, AvxBit, MachineFeatures.Avx) | If(seventh, Avx2Bit, MachineFeatures.Avx2)
        | If(first, F16cBit, MachineFeatures.F16c) | If(first, FmaBit, MachineFeatures.Fma);

    /// <summary>
    /// What a guest cannot use whose kernel has not switched on the upper halves of the YMM registers.
    /// </summary>
    public const MachineFeatures Vectors = MachineFeatures.Xsave | MachineFeatures.Avx | MachineFeatures.Avx2
        | MachineFeatures.F16c | MachineFeatures.Fma;

    private static MachineFeatures If(uint register, int bit, MachineFeatures feature) =>
        (register >> bit & 1) != 0 ? feature : MachineFeatures.None;
}
