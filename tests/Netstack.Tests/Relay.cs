using System;
using System.Diagnostics;
using System.Threading;

namespace Netstack.Tests;

/// <summary>A wire between two TAP devices: owns both descriptors, and a thread moves the frames through a faulty wire for each direction.</summary>
public sealed unsafe class Relay : IDisposable
{
    private readonly int[] _taps;
    private readonly FaultyWire _toA, _toB;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Thread _thread;
    private readonly byte[] _buffer = new byte[2048];
    private ulong _darkUntil;
    private volatile bool _stopping, _cut;
    private int _darkened;

    public Relay(int tapA, int tapB, int seed, FaultRates rates)
    {
        _taps = [tapA, tapB];
        _toA = new FaultyWire(seed * 2, rates);
        _toB = new FaultyWire(seed * 2 + 1, rates);
        _thread = new Thread(Run) { IsBackground = true };
    }

    public FaultyWire ToA => _toA;

    public FaultyWire ToB => _toB;

    /// <summary>The frame from A, counted from 1, that the wire is dark from; 0 for never.</summary>
    public int DarkFrom { get; init; }

    /// <summary>How long it is dark then, both ways.</summary>
    public TimeSpan DarkFor { get; init; }

    /// <summary>Frames that met the dark, or a wire that is cut.</summary>
    public int Darkened => _darkened;

    /// <summary>Frames before they meet the wire, the first argument true for those from A. Runs on the relay's thread.</summary>
    public Action<bool, byte[]>? Inspect { get; init; }

    /// <summary>Begins to move frames.</summary>
    public void Start() => _thread.Start();

    /// <summary>From now on nothing passes.</summary>
    public void Cut() => _cut = true;

    public override string ToString() => $"A to B: {_toB}; B to A: {_toA}; {_darkened} in the dark";

    private ulong Now => (ulong)_clock.Elapsed.TotalNanoseconds;

    private void Run()
    {
        while (!_stopping)
        {
            ulong now = Now, next = Math.Min(_toA.Next, _toB.Next);
            // Short enough that the end of the test is not waited for.
            Native.WaitReadable(_taps, next <= now ? 0 : (long)Math.Min(10_000_000, next - now));
            Take(_taps[0], _toB, fromA: true);
            Take(_taps[1], _toA, fromA: false);
            Give(_toB, _taps[1]);
            Give(_toA, _taps[0]);
        }
    }

    private void Take(int tap, FaultyWire wire, bool fromA)
    {
        fixed (byte* at = _buffer)
        {
            nint length;
            for (int i = 0; i < 64 && (length = Native.read(tap, at, _buffer.Length)) > 0; i++)
            {
                byte[] frame = _buffer.AsSpan(0, (int)length).ToArray();
                Inspect?.Invoke(fromA, frame);
                ulong now = Now;
                if (fromA && DarkFrom > 0 && _darkUntil == 0 && wire.Total + 1 >= DarkFrom)
                    _darkUntil = now + (ulong)DarkFor.TotalNanoseconds;
                if (_cut || now < _darkUntil)
                    _darkened++;
                else
                    wire.Put(frame, now);
            }
        }
    }

    private void Give(FaultyWire wire, int tap)
    {
        while (wire.TryTake(Now, out byte[] frame))
        {
            if (_cut)
                continue;
            fixed (byte* at = frame)
                Native.write(tap, at, frame.Length);
        }
    }

    public void Dispose()
    {
        _stopping = true;
        if (_thread.IsAlive)
            _thread.Join();
        foreach (int tap in _taps)
            Native.close(tap);
    }
}
