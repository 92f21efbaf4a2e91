using System;

namespace Plug;

/// <summary>One descriptor to wait for (struct pollfd); a negative one is skipped.</summary>
internal struct Poll
{
    public const int In = 1, Out = 4;
    private const uint Gone16 = 0x8 | 0x10 | 0x20; // POLLERR, POLLHUP, POLLNVAL: never asked for, always told

    private int descriptor;
    private uint events;

    public void On(int descriptor, int wanted) => (this.descriptor, events) = (descriptor, (uint)wanted);

    /// <summary>Whether there is something to do, or the other end is gone.</summary>
    public readonly bool Ready => events >> 16 != 0;

    public readonly bool Gone => (events >> 16 & Gone16) != 0;

    /// <summary>Waits, without a limit, for any of them. ppoll(2), which a stop and its end do not turn into another call.</summary>
    public static void Wait(Span<Poll> polls) => Kernel.Do(Call.Ppoll, Kernel.At(polls), polls.Length);
}
