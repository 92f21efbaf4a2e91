namespace Guestos.Mm.Tests;

/// <summary>One machine of 160 MiB with a kernel, a module and a hole, for all tests of this assembly.</summary>
internal static unsafe class SimulatedMachine
{
    public const ulong Size = 160 << 20;
    public const ulong Module = 0x500000;
    public const ulong ModuleLength = 0x12345;
    public const ulong Hole = 0x1800000;
    public const ulong HoleLength = 0x3000;

    /// <summary>Whether it has started: the first question starts it.</summary>
    public static readonly bool HasStarted = Frames.Init(default, Size, KernelImage.End() - DirectMap.Base) && PageTable.BuildKernel(Size);
}
