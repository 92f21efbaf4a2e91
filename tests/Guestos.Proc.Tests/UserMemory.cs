using System;

namespace Guestos.Proc.Tests;

/// <summary>The memory of all processes, at one address in user space.</summary>
internal static unsafe class UserMemory
{
    public const ulong At = 0x1000_0000_0000;
    public const ulong Length = 1 << 16;

    private static readonly byte* s_memory = DirectMap.Map(At, Length);

    /// <summary>Where <see cref="Simulation.Wait"/> has its status word.</summary>
    public const ulong Status = At;

    /// <summary>Words for tests.</summary>
    public const ulong Words = At + 0x1000;

    /// <summary>The end of a stack.</summary>
    public const ulong StackTop = At + Length;

    public static bool Holds(ulong from, ulong to) => s_memory != null && from >= At && to <= At + Length;

    public static T Read<T>(ulong address)
        where T : unmanaged => *(T*)address;

    public static void Write<T>(ulong address, T value)
        where T : unmanaged
    {
        if (!Holds(address, address + (ulong)sizeof(T)))
            throw new ArgumentOutOfRangeException(nameof(address));
        *(T*)address = value;
    }
}
