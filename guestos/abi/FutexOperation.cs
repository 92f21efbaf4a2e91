namespace Guestos;

/// <summary>
/// The operation of FUTEX_WAKE_OP (futex(2)): four bits of what is done with a word, four of how its old value is
/// compared, and an operand of twelve bits for each, with a sign.
/// </summary>
internal static class FutexOperation
{
    private const uint ShiftedOperand = 8;

    /// <summary>False for a number that is no operation.</summary>
    public static bool TryApply(uint operation, uint old, out uint changed, out bool holds)
    {
        uint kind = operation >> 28;
        int operand = (int)(operation << 8) >> 20;
        int compared = (int)(operation << 20) >> 20;
        if ((kind & ShiftedOperand) != 0)
            operand = 1 << (operand & 31);
        changed = (kind & ~ShiftedOperand) switch
        {
            0 => (uint)operand,
            1 => old + (uint)operand,
            2 => old | (uint)operand,
            3 => old & ~(uint)operand,
            4 => old ^ (uint)operand,
            _ => old,
        };
        uint comparison = operation >> 24 & 15;
        holds = comparison switch
        {
            0 => (int)old == compared,
            1 => (int)old != compared,
            2 => (int)old < compared,
            3 => (int)old <= compared,
            4 => (int)old > compared,
            _ => (int)old >= compared,
        };
        return (kind & ~ShiftedOperand) <= 4 && comparison <= 5;
    }
}
