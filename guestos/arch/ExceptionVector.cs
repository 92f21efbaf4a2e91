namespace Guestos;

/// <summary>Vectors of the processor's exceptions, and of NMI, by the SDM's mnemonics (vol. 3A table 6-1).</summary>
internal static class ExceptionVector
{
    public const int DE = 0;
    public const int DB = 1;
    public const int NMI = 2;
    public const int BP = 3;
    public const int OF = 4;
    public const int BR = 5;
    public const int UD = 6;
    public const int DF = 8;
    public const int NP = 11;
    public const int SS = 12;
    public const int PF = 14;
    public const int MF = 16;
    public const int AC = 17;
    public const int MC = 18;
    public const int XM = 19;
}
