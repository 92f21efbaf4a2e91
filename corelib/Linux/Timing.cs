using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace System.Linux;

/// <summary>The monotonic clock, and waiting.</summary>
internal static class Timing
{
    public const ulong NanosecondsInSecond = 1_000_000_000;

    /// <summary>CLOCK_MONOTONIC in nanoseconds.</summary>
    public static ulong Now()
    {
        Timespec time = default;
        Call(CallNumber.ClockGetTime, CLOCK_MONOTONIC, AddressOf(ref time));
        return time.Seconds * NanosecondsInSecond + time.Nanoseconds;
    }

    public static void Sleep(ulong nanoseconds)
    {
        Timespec time = Of(nanoseconds);
        Call(CallNumber.NanoSleep, AddressOf(ref time));
    }

    private static Timespec Of(ulong nanoseconds) => new()
    {
        Seconds = nanoseconds / NanosecondsInSecond,
        Nanoseconds = nanoseconds % NanosecondsInSecond,
    };

    /// <summary>
    /// Waits until one of them has events: how many, 0 when the time passed, or −errno. Negative milliseconds: for
    /// ever.
    /// </summary>
    public static int Poll(Span<PollDescriptor> descriptors, int milliseconds)
    {
        Timespec time = Of((ulong)Math.Max(milliseconds, 0) * 1_000_000);
        nint limit = milliseconds < 0 ? 0 : AddressOf(ref time);
        return Call(CallNumber.Ppoll, AddressOf((ReadOnlySpan<PollDescriptor>)descriptors), descriptors.Length, limit);
    }

    /// <summary>Waits for one descriptor. More than 0 when it has events, 0 when the time passed, or −errno.</summary>
    public static int Poll(int descriptor, short events, int milliseconds)
    {
        Span<PollDescriptor> descriptors = stackalloc PollDescriptor[1];
        descriptors[0] = new() { Descriptor = descriptor, Events = events };
        return Poll(descriptors, milliseconds);
    }
}
