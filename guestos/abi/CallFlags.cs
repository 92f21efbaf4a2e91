namespace Guestos;

/// <summary>
/// The flags of a system call, none but those that the call knows. The system call interface has them as 32 bits: what
/// a register holds above does not count.
/// </summary>
public readonly struct CallFlags
{
    private readonly uint bits;

    private CallFlags(uint bits) => this.bits = bits;

    /// <summary>False, mostly EINVAL, when one is set that is not among the <paramref name="known"/>.</summary>
    public static bool TryMake(ulong register, uint known, out CallFlags flags)
    {
        flags = new CallFlags((uint)register & known);
        return ((uint)register & ~known) == 0;
    }

    public bool Has(uint flag) => (bits & flag) != 0;

    public bool HasAll(uint flags) => (bits & flags) == flags;

    public bool IsEmpty => bits == 0;
}
