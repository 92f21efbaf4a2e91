using System.Runtime;
using System.Runtime.CompilerServices;
using Wire;

namespace Loader.Checkpoint;

/// <summary>
/// Gives the processor to the checkpoint's recovery code (thesis §6.5.1; docs/architecture.md, "Checkpoint hand-over").
/// </summary>
internal static unsafe class Unroll
{
    private const ulong Present = 1;
    private const ulong Writable = 2;
    private const ulong Large = 1 << 7;
    private const ulong LargePage = 0x200000;

    [RuntimeImport("*", "resume_checkpoint"), MethodImpl(MethodImplOptions.InternalCall)]
    private static extern void Resume(ulong* tables, ulong entry, ulong startInfo, ulong argument,
        ArrivalBlock* arrival);

    public static void Run(ulong entry, ulong startInfo, ulong argument) =>
        Resume(BuildTables(), entry, startInfo, argument, Areas.Arrival());

    /// <summary>
    /// The first 4 GiB at 0 and again at the kernel's direct map, in pages of 2 MiB (Intel SDM vol. 3A §4.5).
    /// </summary>
    private static ulong* BuildTables()
    {
        ulong* top = Areas.PageTables();
        ulong* pointers = top + 512;
        ulong* directories = top + 1024;
        ulong entry = (ulong)pointers | Present | Writable;
        top[0] = entry;
        top[CheckpointHeader.DirectMap >> 39 & 511] = entry;
        for (ulong i = 0; i < 4; i++)
            pointers[i] = (ulong)(directories + 512 * i) | Present | Writable;
        for (ulong i = 0; i < 2048; i++)
            directories[i] = i * LargePage | Present | Writable | Large;
        return top;
    }
}
