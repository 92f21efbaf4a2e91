namespace Guestos;

/// <summary>
/// How often each system call was asked for that this kernel does not have (/proc/evilman/unknown_syscalls).
/// </summary>
public static unsafe class UnknownCalls
{
    /// <summary>Numbers that are counted one by one; higher ones share the last counter.</summary>
    public const int MaxNumbers = 512;

    private struct Counters
    {
        public fixed uint ByNumber[MaxNumbers];
    }

    private static Counters s_counters;

    public static void Count(ulong number) => s_counters.ByNumber[number < MaxNumbers ? number : MaxNumbers - 1]++;

    /// <param name="number">Below <see cref="MaxNumbers"/>.</param>
    public static uint Of(int number) => s_counters.ByNumber[number];
}
