using System;
using System.Collections.Generic;

namespace Netstack.Tests;

/// <summary>What a wire does to frames, as probabilities.</summary>
public sealed record FaultRates(double Loss = 0, double Duplicate = 0, double Reorder = 0, double Corrupt = 0, ulong Delay = 100_000, ulong Jitter = 0);

/// <summary>One direction of a wire: a seeded queue that loses, delays, reorders, duplicates and corrupts.</summary>
public sealed class FaultyWire(int seed, FaultRates rates)
{
    private readonly Random _random = new(seed);
    private readonly PriorityQueue<byte[], (ulong, long)> _queue = new();
    private long _order;
    private ulong _last;

    public int Lost { get; private set; }

    public int Total { get; private set; }

    public ulong Next => _queue.TryPeek(out _, out (ulong, long) priority) ? priority.Item1 : ulong.MaxValue;

    public void Put(byte[] frame, ulong now)
    {
        Total++;
        if (_random.NextDouble() < rates.Loss)
        {
            Lost++;
            return;
        }
        int copies = _random.NextDouble() < rates.Duplicate ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            byte[] copy = frame;
            if (_random.NextDouble() < rates.Corrupt)
            {
                copy = (byte[])frame.Clone();
                copy[_random.Next(copy.Length)] ^= (byte)(1 << _random.Next(8));
            }
            ulong at = now + rates.Delay + (rates.Jitter == 0 ? 0 : (ulong)_random.NextInt64((long)rates.Jitter));
            if (_random.NextDouble() < rates.Reorder)
                at += rates.Delay + (ulong)_random.NextInt64(2_000_000);
            else
                at = _last = Math.Max(at, _last);
            _queue.Enqueue(copy, (at, _order++));
        }
    }

    public bool TryTake(ulong now, out byte[] frame)
    {
        frame = [];
        if (Next > now)
            return false;
        frame = _queue.Dequeue();
        return true;
    }
}
