using System;
using System.Collections.Generic;
using System.Globalization;

namespace Testing.Wires;

/// <summary>
/// What a wire does to frames: probabilities, nanoseconds, and where <paramref name="BitsPerSecond"/> is not 0, a line of that speed
/// behind a queue of <paramref name="QueueBytes"/> whose tail is dropped.
/// </summary>
public sealed record FaultRates(
    double Loss = 0, double Duplicate = 0, double Reorder = 0, double Corrupt = 0, ulong Delay = 100_000, ulong Jitter = 0,
    long BitsPerSecond = 0, int QueueBytes = 65536);

/// <summary>
/// One direction of a wire: a seeded queue that loses, delays, reorders, duplicates and corrupts. What happens to the n-th frame
/// depends on the seed and n alone, so a failure repeats as far as both sides send the same frames.
/// </summary>
public sealed class FaultyWire(int seed, FaultRates rates)
{
    /// <summary>Frames on their way at once; those that find it full are lost.</summary>
    private const int MaxFrames = 4096;

    private readonly PriorityQueue<byte[], (ulong, long)> queue = new();
    private volatile FaultRates rates = rates;
    private long order;
    private ulong last, lineFree;

    /// <summary>What happens to the frames that are put on it from now on.</summary>
    public FaultRates Rates
    {
        get => rates;
        set => rates = value;
    }

    public int Lost { get; private set; }

    public int Duplicated { get; private set; }

    public int Reordered { get; private set; }

    public int Corrupted { get; private set; }

    /// <summary>Lost because the queue before the line, or the wire, was full.</summary>
    public int Overflowed { get; private set; }

    public int Total { get; private set; }

    public ulong Next => queue.TryPeek(out _, out (ulong, long) priority) ? priority.Item1 : ulong.MaxValue;

    public void Put(byte[] frame, ulong now)
    {
        Dice dice = new(seed, ++Total);
        if (dice.Throw() < rates.Loss)
        {
            Lost++;
            return;
        }
        int copies = dice.Throw() < rates.Duplicate ? 2 : 1;
        Duplicated += copies - 1;
        for (int i = 0; i < copies; i++)
        {
            if (queue.Count >= MaxFrames || !TryPassLine(frame.Length, now, out ulong at))
            {
                Overflowed++;
                continue;
            }
            byte[] copy = frame;
            if (dice.Throw() < rates.Corrupt && IsIpv4(frame))
            {
                copy = Damage(frame, ref dice);
                Corrupted++;
            }
            at += rates.Delay + (ulong)(dice.Throw() * rates.Jitter);
            if (dice.Throw() < rates.Reorder)
            {
                at += rates.Delay + (ulong)(dice.Throw() * 2_000_000);
                Reordered++;
            }
            else
                at = last = Math.Max(at, last);
            queue.Enqueue(copy, (at, order++));
        }
    }

    public bool TryTake(ulong now, out byte[] frame)
    {
        frame = [];
        if (Next > now)
            return false;
        frame = queue.Dequeue();
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Total} frames, {Lost} lost, {Duplicated} doubled, {Reordered} delayed behind others, {Corrupted} damaged, {Overflowed} too many");

    /// <summary>When the line has sent these bytes; false when its queue has no room for them.</summary>
    private bool TryPassLine(int bytes, ulong now, out ulong at)
    {
        at = now;
        if (rates.BitsPerSecond == 0)
            return true;
        ulong begin = Math.Max(now, lineFree);
        if ((UInt128)(begin - now) * (ulong)rates.BitsPerSecond > (UInt128)(rates.QueueBytes - bytes) * 8_000_000_000)
            return false;
        at = lineFree = begin + (ulong)bytes * 8_000_000_000 / (ulong)rates.BitsPerSecond;
        return true;
    }

    /// <summary>
    /// Ethernet's own check would catch damage to anything; beyond it, only IPv4 and what it carries can. ARP has no sum at all.
    /// </summary>
    private static bool IsIpv4(byte[] frame) => frame.Length >= 34 && frame[12] == 8 && frame[13] == 0;

    /// <summary>Turns over a burst of 1 to 15 bits behind the Ethernet header: the Internet checksum (RFC 1071) sees every one of those.</summary>
    private static byte[] Damage(byte[] frame, ref Dice dice)
    {
        byte[] copy = (byte[])frame.Clone();
        int length = 1 + (int)(dice.Throw() * 15), room = (copy.Length - 14) * 8 - length;
        int first = 14 * 8 + (int)(dice.Throw() * room);
        for (int i = 0; i < length; i++)
        {
            if (i == 0 || i == length - 1 || dice.Throw() < 0.5)
                copy[(first + i) / 8] ^= (byte)(0x80 >> (first + i) % 8);
        }
        return copy;
    }

    /// <summary>Random numbers of one frame (SplitMix64), the same for the same seed and frame everywhere and always.</summary>
    private struct Dice(int seed, int frame)
    {
        private ulong state = Mix(Mix((ulong)seed) + (ulong)frame);

        /// <summary>From 0 to below 1.</summary>
        public double Throw() => (Mix(state += 0x9e3779b97f4a7c15) >> 11) * (1.0 / (1UL << 53));

        private static ulong Mix(ulong z)
        {
            z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
            z = (z ^ z >> 27) * 0x94d049bb133111eb;
            return z ^ z >> 31;
        }
    }
}
