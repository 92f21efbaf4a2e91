namespace Guestos;

/// <summary>All RAM and the device windows at 0xffffc00000000000 + physical.</summary>
public static unsafe class DirectMap
{
    /// <summary>Bytes of a page, of which the direct map is made.</summary>
    public const int PageSize = 4096;

    public const ulong Base = 0xffff_c000_0000_0000;

    /// <summary>
    /// User addresses are below, as on Linux: the page before 2^47 is nobody's, since the address behind a system call
    /// at its end would not be canonical, and SYSRET would fault in ring 0 with the stack of user mode.
    /// </summary>
    public const ulong UserEnd = (1UL << 47) - PageSize;

    public static byte* At(ulong physical) => (byte*)(Base + physical);

    public static ulong PhysicalOf(void* kernelPointer) => (ulong)kernelPointer - Base;
}
