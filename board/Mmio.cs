using System;
using System.Runtime;
using System.Runtime.CompilerServices;

namespace Board;

/// <summary>
/// Device registers in memory. Devices answer accesses of exactly one width, and the compiler narrows even volatile
/// loads when only some bits matter: so each access is a call to one instruction.
/// </summary>
public static unsafe class Mmio
{
    [RuntimeImport("*", "mmio_read8"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern byte Read8(void* register);

    [RuntimeImport("*", "mmio_read32"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern uint Read32(void* register);

    [RuntimeImport("*", "mmio_write32"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Write32(void* register, uint value);
}
