using System;
using System.Threading;

// What corelib's drivers and clocks use of corelib, for ordinary .NET.

namespace Board;

internal static unsafe class Processor
{
    /// <summary>What <see cref="CpuId"/> says of a leaf: nothing, or registers EAX to EDX. For the calling thread.</summary>
    [ThreadStatic]
    public static Func<uint, uint[]>? Leaves;

    /// <summary>For the calling thread.</summary>
    [ThreadStatic]
    public static Func<ulong>? Counter;

    public static void Fence() => Interlocked.MemoryBarrier();

    public static void Pause() => Thread.SpinWait(1);

    public static ulong ReadTimeStampCounter() => Counter!();

    public static void CpuId(uint leaf, uint index, uint* registers)
    {
        uint[] said = Leaves!(leaf);
        for (int i = 0; i < 4; i++)
            registers[i] = said[i];
    }
}

/// <summary>A timer that counts down at the rate that QEMU's has.</summary>
public readonly struct LocalApic(Func<uint> count)
{
    public void StartCounting()
    {
    }

    public void StopTimer()
    {
    }

    public uint TimerCount => count();
}

internal static class CmosClock
{
    public static byte RawSeconds => throw new NotSupportedException();
}

internal static unsafe class Mmio
{
    public static byte Read8(void* register) => Volatile.Read(ref *(byte*)register);

    public static uint Read32(void* register) => Volatile.Read(ref *(uint*)register);

    public static void Write32(void* register, uint value) => Volatile.Write(ref *(uint*)register, value);
}
