using System.Threading;

// What corelib's drivers use of corelib, for ordinary .NET.

namespace System.Machine;

internal static class Processor
{
    public static void Fence() => Interlocked.MemoryBarrier();

    public static void Pause() => Thread.SpinWait(1);
}

internal static unsafe class Mmio
{
    public static byte Read8(void* register) => Volatile.Read(ref *(byte*)register);

    public static uint Read32(void* register) => Volatile.Read(ref *(uint*)register);

    public static void Write32(void* register, uint value) => Volatile.Write(ref *(uint*)register, value);
}
