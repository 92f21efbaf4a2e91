using System.Runtime.InteropServices;

namespace System.Linux;

#pragma warning disable CS0649 // Not every program writes each field; the kernel does.

/// <summary>
/// struct __kernel_timespec (linux/time_types.h). ppoll(2) leaves there what is left of the time that it was given.
/// </summary>
internal struct Timespec
{
    public ulong Seconds;
    public ulong Nanoseconds;
}

/// <summary>struct __kernel_sock_timeval (linux/time_types.h).</summary>
internal struct Timeval
{
    public ulong Seconds;
    public ulong Microseconds;
}

/// <summary>struct pollfd (asm-generic/poll.h). A negative descriptor is skipped.</summary>
internal struct PollDescriptor
{
    public int Descriptor;

    /// <summary>The events that are asked for.</summary>
    public short Events;

    /// <summary>Those that are there; POLLERR, POLLHUP and POLLNVAL are told without being asked for.</summary>
    public short Returned;
}

/// <summary>siginfo_t (asm-generic/siginfo.h) as waitid(2) fills it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct ChildStatus
{
    /// <summary>CLD_EXITED, or how else the process ended.</summary>
    [FieldOffset(8)]
    public int Code;

    [FieldOffset(16)]
    public int Pid;

    /// <summary>The exit code, or the signal.</summary>
    [FieldOffset(24)]
    public uint Status;
}
