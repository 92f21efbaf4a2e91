using System;
using System.Runtime.InteropServices;

namespace Guestos.Migrate.Tests;

/// <summary>
/// Memory of a process for what it passes to the kernel: below <see cref="AddressSpace.End"/>, where a heap never lies.
/// </summary>
internal static unsafe class UserMemory
{
    private const ulong Address = 0x10_0000_0000;
    private const ulong Length = 1 << 20;

    private static readonly byte* s_memory = DirectMap.Map(Address, Length);

    public static bool Holds(ulong from, ulong to) => from >= At && to <= At + Length;

    /// <summary>All of it.</summary>
    public static Span<byte> All => new(s_memory, (int)Length);

    /// <summary>The address of a structure at its begin.</summary>
    public static ulong Put<T>(T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(All, value);
        return At;
    }

    /// <summary>The structure at its begin.</summary>
    public static T Get<T>()
        where T : unmanaged => MemoryMarshal.Read<T>(All);

    /// <summary>The address of bytes in its second half.</summary>
    public static ulong PutBytes(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(All.Slice((int)Length / 2));
        return At + Length / 2;
    }

    public static ulong At => (ulong)s_memory;
}
