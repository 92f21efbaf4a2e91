using System;
using System.Diagnostics;
using System.Threading;

namespace Testing.Wires;

/// <summary>A wire between two TAP devices: owns both descriptors, and a thread moves the frames through a faulty wire for each direction.</summary>
public sealed unsafe class Relay : IDisposable
{
    private readonly int[] taps;
    private readonly FaultyWire toA, toB;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly Thread thread;
    private readonly byte[] buffer = new byte[2048];
    private ulong darkUntil;
    private volatile bool stopping, cut;
    private int darkened;

    public Relay(int tapA, int tapB, int seed, FaultRates rates)
    {
        taps = [tapA, tapB];
        toA = new FaultyWire(seed * 2, rates);
        toB = new FaultyWire(seed * 2 + 1, rates);
        thread = new Thread(Run) { IsBackground = true };
    }

    public FaultyWire ToA => toA;

    public FaultyWire ToB => toB;

    /// <summary>The frame from A, counted from 1, that the wire is dark from; 0 for never.</summary>
    public int DarkFrom { get; init; }

    /// <summary>How long it is dark then, both ways.</summary>
    public TimeSpan DarkFor { get; init; }

    /// <summary>Frames that met the dark, or a wire that is cut.</summary>
    public int Darkened => darkened;

    /// <summary>Frames before they meet the wire, the first argument true for those from A. Runs on the relay's thread.</summary>
    public Action<bool, byte[]>? Inspect { get; init; }

    /// <summary>Begins to move frames.</summary>
    public void Start() => thread.Start();

    /// <summary>From now on nothing passes.</summary>
    public void Cut() => cut = true;

    public override string ToString() => $"A to B: {toB}; B to A: {toA}; {darkened} in the dark";

    private ulong Now => (ulong)clock.Elapsed.TotalNanoseconds;

    private void Run()
    {
        while (!stopping)
        {
            ulong now = Now, next = Math.Min(toA.Next, toB.Next);
            // Short enough that the end of the test is not waited for.
            TapDevices.WaitReadable(taps, next <= now ? 0 : (long)Math.Min(10_000_000, next - now));
            Take(taps[0], toB, fromA: true);
            Take(taps[1], toA, fromA: false);
            Give(toB, taps[1]);
            Give(toA, taps[0]);
        }
    }

    private void Take(int tap, FaultyWire wire, bool fromA)
    {
        fixed (byte* at = buffer)
        {
            nint length;
            for (int i = 0; i < 64 && (length = TapDevices.read(tap, at, buffer.Length)) > 0; i++)
            {
                byte[] frame = buffer.AsSpan(0, (int)length).ToArray();
                Inspect?.Invoke(fromA, frame);
                ulong now = Now;
                if (fromA && DarkFrom > 0 && darkUntil == 0 && wire.Total + 1 >= DarkFrom)
                    darkUntil = now + (ulong)DarkFor.TotalNanoseconds;
                if (cut || now < darkUntil)
                    darkened++;
                else
                    wire.Put(frame, now);
            }
        }
    }

    private void Give(FaultyWire wire, int tap)
    {
        while (wire.TryTake(Now, out byte[] frame))
        {
            if (cut)
                continue;
            fixed (byte* at = frame)
                TapDevices.write(tap, at, frame.Length);
        }
    }

    public void Dispose()
    {
        stopping = true;
        if (thread.IsAlive)
            thread.Join();
        foreach (int tap in taps)
            TapDevices.close(tap);
    }
}
