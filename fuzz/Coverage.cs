using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace Fuzz;

/// <summary>
/// Where the instrumented ring 0 counts its branches. It counts only between <see cref="On"/> and <see cref="Off"/>, so
/// that a script's own use of the same code (to mint, to sum) is not taken for the node's.
/// </summary>
internal static unsafe class Coverage
{
    /// <summary>One counter for each pair of branches (SharpFuzz's map).</summary>
    public const int Branches = 65536;

    /// <summary>More than the largest number of a <see cref="Wire.Refusal"/>; each answer is checked against it.</summary>
    public const int Answers = 32;

    /// <summary>One counter for each pair of answers in a row and number of domains: states that look alike to branches.</summary>
    public const int States = (World.Slots + 1) * Answers * Answers;

    // SAFETY: as long as the program runs, and as large as SharpFuzz's 16-bit identifiers can reach.
    private static readonly byte* s_nowhere = (byte*)NativeMemory.AllocZeroed(Branches + States);

    private static byte* s_counters = s_nowhere;

    static Coverage() => Trace.SharedMem = s_nowhere;

    /// <summary>From now on counts go there: <see cref="Branches"/> and then <see cref="States"/> bytes.</summary>
    public static void CountInto(byte* memory) => s_counters = memory;

    public static void On()
    {
        Trace.PrevLocation = 0;
        Trace.SharedMem = s_counters;
    }

    public static void Off() => Trace.SharedMem = s_nowhere;

    // SAFETY: the index is within States.
    public static void Reached(int state) => s_counters[Branches + state % States]++;
}
