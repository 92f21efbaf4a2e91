namespace Guestos;

/// <summary>
/// The base of FS or GS in user mode: a user address, so canonical. Loading another value into its register would fault
/// in the kernel (SDM vol. 2 WRMSR). Zero is the default.
/// </summary>
public readonly struct SegmentBase
{
    public ulong Address { get; }

    private SegmentBase(ulong address) => Address = address;

    /// <summary>False, EPERM (arch_prctl(2)), for what lies outside of the lower canonical half.</summary>
    public static bool TryMake(ulong address, out SegmentBase segment)
    {
        // TASK_SIZE_MAX of Linux: the last page below the hole is nobody's.
        bool valid = address < (1UL << 47) - Frames.Size;
        segment = new SegmentBase(valid ? address : 0);
        return valid;
    }
}
