namespace Domain;

/// <summary>Vectors of the exceptions that the emulated processor raises (SDM vol. 3, table 6-1).</summary>
internal static class ExceptionVector
{
    public const int DE = 0;
    public const int DB = 1;
    public const int BP = 3;
    public const int BR = 5;
    public const int UD = 6;
    public const int NM = 7;
    public const int DF = 8;
    public const int TS = 10;
    public const int NP = 11;
    public const int SS = 12;
    public const int GP = 13;
    public const int PF = 14;
    public const int MF = 16;
    public const int XM = 19;
}
