using System;

namespace Guestos;

/// <summary>What uname(2) and /proc/sys/kernel say of the kernel.</summary>
public static class SystemNames
{
    public static ReadOnlySpan<byte> KernelType => "Linux"u8;

    /// <summary>The Linux whose system calls these are; programs compare it with what they need.</summary>
    public static ReadOnlySpan<byte> KernelRelease => "6.12.0"u8;
    public static ReadOnlySpan<byte> KernelVersion => "#1 guestos"u8;
    public static ReadOnlySpan<byte> Machine => "x86_64"u8;
}
