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
