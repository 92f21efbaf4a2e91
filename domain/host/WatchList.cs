using System;
using System.Threading;
using Domain.Linux;

namespace Domain.Host;

/// <summary>
/// Which descriptors are waited for, and for what. Written by the CPU thread only, read by it and by the thread of
/// <see cref="Watcher"/>.
/// </summary>
internal sealed class WatchList
{
    public const int MaxDescriptors = 4;

    private readonly int[] descriptors = new int[MaxDescriptors];
    private readonly int[] events = new int[MaxDescriptors];
    private int count;

    /// <summary>Adds a descriptor before the machine runs; the answer names it in <see cref="Set"/>.</summary>
    public int Add(int descriptor)
    {
        descriptors[count] = descriptor;
        return count++;
    }

    /// <summary>
    /// Waits for these events; 0 still reports a hang-up, -1 nothing. True when there is now more to wait for.
    /// </summary>
    public bool Set(int slot, int wanted)
    {
        int before = events[slot];
        if (before == wanted)
            return false;
        Volatile.Write(ref events[slot], wanted);
        return (wanted & ~before) != 0 || before < 0;
    }

    /// <summary>Fills in what to poll; slot n lies at index n.</summary>
    public int Fill(Span<PollDescriptor> into)
    {
        for (int i = 0; i < count; i++)
        {
            int wanted = Volatile.Read(ref events[i]);
            into[i] = new PollDescriptor { Descriptor = wanted < 0 ? -1 : descriptors[i],
                Events = (short)Math.Max(wanted, 0) };
        }
        return count;
    }
}
