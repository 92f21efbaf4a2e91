namespace Domain;

/// <summary>
/// What 32- and 16-bit code may reach through a segment (SDM vol. 3, 5.3 and 5.4). 64-bit code is not checked.
/// </summary>
internal static unsafe class Segment
{
    // Bits of a descriptor from 40 on, as CpuState.SegmentRights holds them.
    public const uint Writable = 2, Readable = 2, ExpandDown = 4, Conforming = 4, Code = 8, NotSystem = 0x10,
        Present = 0x80;
    public const uint Long = 0x2000, Big = 0x4000;

    internal const uint FlatCode = Present | NotSystem | Code | Readable | 1 | Big | 0x8000;
    internal const uint FlatData = Present | NotSystem | Writable | 1 | Big | 0x8000;

    public static ulong BaseOf(ulong descriptor) => descriptor >> 16 & 0xff_ffff | descriptor >> 32 & 0xff00_0000;

    public static uint LimitOf(ulong descriptor)
    {
        uint limit = (uint)(descriptor & 0xffff | descriptor >> 32 & 0xf_0000);
        return (descriptor >> 55 & 1) != 0 ? limit << 12 | 0xfff : limit;
    }

    public static uint RightsOf(ulong descriptor) => (uint)(descriptor >> 40) & 0xf0ff;

    public static int LevelOf(ulong descriptor) => (int)(descriptor >> 45) & 3;

    /// <summary>
    /// Whether <paramref name="size"/> bytes at <paramref name="offset"/> may be accessed through <paramref
    /// name="segment"/>.
    /// </summary>
    public static bool Allows(CpuState* s, int segment, ulong offset, int size, bool write)
    {
        uint rights = s->SegmentRights[segment];
        if ((rights & Present) == 0)
            return false;
        bool code = (rights & Code) != 0;
        // The same bit: data that may be written, code that may be read.
        if (write ? code || (rights & Writable) == 0 : code && (rights & Readable) == 0)
            return false;
        uint limit = s->SegmentLimit[segment];
        ulong last = offset + (ulong)size - 1;
        if (!code && (rights & ExpandDown) != 0)
            return offset > limit && last <= ((rights & Big) != 0 ? uint.MaxValue : ushort.MaxValue);
        // An access over the end of 4 GiB wraps: the manual leaves it to the processor.
        return last <= limit || limit == uint.MaxValue;
    }

    public static void Refuse(CpuState* s, Op* op, int segment) =>
        Cpu.Raise(s, op, segment == Cpu.SegmentSs ? ExceptionVector.SS : ExceptionVector.GP);

    /// <summary>Loads a segment register's hidden part.</summary>
    public static void Set(CpuState* s, int segment, ushort selector, ulong start, uint limit, uint rights)
    {
        s->Selector[segment] = selector;
        s->SegmentBase[segment] = start;
        s->SegmentLimit[segment] = limit;
        s->SegmentRights[segment] = rights;
        const uint needed = Present | Readable;
        bool flat = start == 0 && limit == uint.MaxValue && (rights & needed) == needed
            && (segment == Cpu.SegmentCs || (rights & (Code | ExpandDown)) == 0)
            && (segment != Cpu.SegmentSs || (rights & Big) != 0);
        s->Unflat = flat ? s->Unflat & ~(1u << segment) : s->Unflat | 1u << segment;
    }

    public static void Set(CpuState* s, int segment, ushort selector, ulong descriptor) =>
        Set(s, segment, selector, BaseOf(descriptor), LimitOf(descriptor), RightsOf(descriptor));

    /// <summary>The flat segments that SYSCALL, SYSRET and PVH's start define without a descriptor.</summary>
    public static void SetFlat(CpuState* s, int segment, ushort selector)
    {
        uint level = (uint)(selector & 3) << 5;
        Set(s, segment, selector, 0, uint.MaxValue, level | (segment == Cpu.SegmentCs ? FlatCode : FlatData));
    }
}
