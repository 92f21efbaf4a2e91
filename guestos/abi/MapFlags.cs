namespace Guestos;

/// <summary>
/// Flags of mmap(2), without their MAP_ (include/uapi/asm-generic/mman.h, mman-common.h).
/// </summary>
internal static class MapFlags
{
    public const ulong SHARED = 0x01;
    public const ulong PRIVATE = 0x02;
    public const ulong SHARED_VALIDATE = 0x03;

    /// <summary>In which the three above lie.</summary>
    public const ulong TYPE = 0x0f;
    public const ulong FIXED = 0x10;
    public const ulong ANONYMOUS = 0x20;

    /// <summary>MAP_32BIT: in the first 2 GiB.</summary>
    public const ulong BELOW_2G = 0x40;
    public const ulong GROWSDOWN = 0x100;
    public const ulong LOCKED = 0x2000;
    public const ulong NORESERVE = 0x4000;
    public const ulong POPULATE = 0x8000;
    public const ulong FIXED_NOREPLACE = 0x100000;

    /// <summary>
    /// LEGACY_MAP_MASK (include/linux/mman.h): what MAP_SHARED_VALIDATE lets pass, bits 32 and higher among it.
    /// </summary>
    public const ulong Legacy = 0xffff_ffff_fc07_f9f3;
}
