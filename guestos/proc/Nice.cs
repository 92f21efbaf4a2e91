namespace Guestos;

/// <summary>
/// Nice values, −20 to 19, and what they weigh: each step is a quarter more or less of the processor (nice(2),
/// sched(7)).
/// </summary>
public static unsafe class Nice
{
    public const int Min = -20;
    public const int Max = 19;

    /// <summary>The weight of nice 0.</summary>
    public const uint Normal = 1024;

    /// <summary>SCHED_IDLE.</summary>
    public const uint IdleWeight = 3;
    public const byte IdlePolicy = 5;

    public static uint WeightOf(int nice)
    {
        uint weight = Normal;
        for (; nice > 0; nice--)
            weight = weight * 4 / 5;
        for (; nice < 0; nice++)
            weight = weight * 5 / 4;
        return weight;
    }

    /// <summary>A thread's own: what it inherits from others does not count.</summary>
    public static uint WeightOf(Thread* thread) =>
        thread->Policy == IdlePolicy ? IdleWeight : WeightOf(thread->NiceValue);

    /// <summary>Processor time as virtual time.</summary>
    public static ulong Scale(ulong nanoseconds, uint weight) =>
        weight == Normal ? nanoseconds : nanoseconds * Normal / weight;
}
