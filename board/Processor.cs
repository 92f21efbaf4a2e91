using System;
using System.Runtime;
using System.Runtime.CompilerServices;

namespace Board;

/// <summary>Privileged instructions (Intel SDM vol. 2), one method each.</summary>
/// <remarks>
/// Contract of this folder: runs in ring 0 on one processor. Nothing here locks, or turns interrupts off: of each
/// device there is one caller at a time, by the caller's means. Memory for queues and buffers is the caller's, and
/// stays where it is while the device is on. What a device answers is not trusted.
/// </remarks>
public static unsafe class Processor
{
    [RuntimeImport("*", "cpu_rdmsr"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong ReadMsr(uint register);

    [RuntimeImport("*", "cpu_wrmsr"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void WriteMsr(uint register, ulong value);

    [RuntimeImport("*", "cpu_rdtsc"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong ReadTimeStampCounter();

    /// <summary>EAX, EBX, ECX, EDX of a leaf into <paramref name="result"/>[0..3].</summary>
    [RuntimeImport("*", "cpu_cpuid"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void CpuId(uint leaf, uint subleaf, uint* result);

    [RuntimeImport("*", "cpu_write_cr0"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void WriteCr0(ulong value);

    [RuntimeImport("*", "cpu_read_cr2"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong ReadCr2();

    [RuntimeImport("*", "cpu_read_cr3"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong ReadCr3();

    [RuntimeImport("*", "cpu_write_cr3"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void WriteCr3(ulong value);

    [RuntimeImport("*", "cpu_write_cr4"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void WriteCr4(ulong value);

    [RuntimeImport("*", "cpu_invlpg"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void InvalidatePage(ulong virtualAddress);

    [RuntimeImport("*", "cpu_cli"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void DisableInterrupts();

    [RuntimeImport("*", "cpu_sti_hlt"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void EnableInterruptsAndHalt();

    [RuntimeImport("*", "cpu_hlt"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Halt();

    [RuntimeImport("*", "cpu_pause"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Pause();

    [RuntimeImport("*", "cpu_lidt"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void LoadIdt(void* descriptor);

    [RuntimeImport("*", "cpu_ltr"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void LoadTaskRegister(ushort selector);

    /// <summary>
    /// Ends the machine: the i8042 reset line, and where there is none a triple fault. Does not return.
    /// </summary>
    [RuntimeImport("*", "machine_reset"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Reset();

    [RuntimeImport("*", "memory_fence"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Fence();
}
