namespace Guestos;

/// <summary>All RAM and the device windows at 0xffffc00000000000 + physical.</summary>
public static unsafe class DirectMap
{
    /// <summary>Bytes of a page, of which the direct map is made.</summary>
    public const int PageSize = 4096;

    public const ulong Base = 0xffff_c000_0000_0000;

    public static byte* At(ulong physical) => (byte*)(Base + physical);

    public static ulong PhysicalOf(void* kernelPointer) => (ulong)kernelPointer - Base;
}
