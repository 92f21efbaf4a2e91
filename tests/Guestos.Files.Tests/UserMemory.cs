using System;

namespace Guestos.Tests;

/// <summary>
/// Memory of the process for what it passes to the kernel: below <see cref="AddressSpace.End"/>, where a heap never lies. What is taken is
/// not given back: tests are short.
/// </summary>
internal static unsafe class UserMemory
{
    private const ulong Address = 0x10_0000_0000;
    private const ulong Length = 1 << 30;
    private const ulong Alignment = 16;

    private static ulong s_next = (ulong)DirectMap.Map(Address, Length);

    /// <summary>Pages from here to <see cref="BadEnd"/> are not mapped.</summary>
    public static ulong BadStart, BadEnd;

    public static bool Holds(ulong from, ulong to) => from >= Address && to <= Address + Length && (from >= BadEnd || to <= BadStart);

    /// <summary>The address of zeroed bytes.</summary>
    public static ulong Take(ulong bytes)
    {
        ulong taken = s_next;
        s_next += (bytes + Alignment - 1) & ~(Alignment - 1);
        return s_next <= Address + Length ? taken : throw new InvalidOperationException("the tests' user memory is used up");
    }
}
