using System;
using System.Collections.Generic;
using Xunit;

namespace Netstack.Tests;

/// <summary>Two stacks, a faulty wire each way, and a clock that jumps from event to event.</summary>
public sealed unsafe class TwoHosts : IDisposable
{
    private readonly FaultyWire toA, toB;

    public Host A { get; }

    public Host B { get; }

    public ulong Now { get; private set; } = 1_000_000_000;

    public FaultyWire ToA => toA;

    public FaultyWire ToB => toB;

    /// <summary>Seen by every frame before it meets the wire; false loses it.</summary>
    public Func<bool, byte[], bool>? Inspect { get; set; }

    public List<Action<ulong>> Programs { get; } = [];

    public TwoHosts(FaultRates rates, int seed, uint a, uint b, Func<StackConfiguration, StackConfiguration>? change = null)
    {
        A = new Host(a, LinkCapabilities.None, change);
        B = new Host(b, LinkCapabilities.None, change);
        toA = new FaultyWire(seed * 2, rates);
        toB = new FaultyWire(seed * 2 + 1, rates);
        A.OnTransmit = frame =>
        {
            if (Inspect?.Invoke(true, frame.Bytes) ?? true)
                toB.Put(frame.Bytes, Now);
        };
        B.OnTransmit = frame =>
        {
            if (Inspect?.Invoke(false, frame.Bytes) ?? true)
                toA.Put(frame.Bytes, Now);
        };
    }

    /// <summary>Connects A to a listener of B.</summary>
    public (int AtA, int AtB) Connect(ushort port = 80)
    {
        int listener = B.Stack->Listen(0, port, 4);
        int atA = A.Stack->Connect(ArrivalAddress, port, 0, 0, Now);
        Assert.True(listener >= 0 && atA >= 0);
        int atB = SocketError.WouldBlock;
        Run(() => (atB = B.Stack->Accept(listener)) >= 0, 300, "a connection is accepted");
        return (atA, atB);
    }

    private uint ArrivalAddress => B.Stack->Addresses[0];

    public void RunStreams(long fromA, long fromB, int seconds = 3600)
    {
        (int atA, int atB) = Connect();
        Streamer a = new(A, atA, fromA), b = new(B, atB, fromB);
        Programs.Add(a.Step);
        Programs.Add(b.Step);
        Run(() => (a.Done && b.Done) || a.Error != 0 || b.Error != 0, seconds, "both streams end");
        Assert.Equal((0, 0), (a.Error, b.Error));
        Assert.Equal((-1L, -1L), (a.WrongAt, b.WrongAt));
        Assert.Equal((fromB, fromA), (a.Received, b.Received));
        Programs.Clear();
    }

    /// <summary>Lets time pass until the condition holds, at most so many virtual seconds.</summary>
    public void Run(Func<bool> until, double seconds, string what)
    {
        ulong end = Now + (ulong)(seconds * 1e9);
        while (true)
        {
            foreach (Action<ulong> program in Programs)
                program(Now);
            if (until())
                return;
            ulong next = Math.Min(Math.Min(toA.Next, toB.Next), Math.Min(A.Stack->NextDeadline(), B.Stack->NextDeadline()));
            Assert.True(next <= end, $"not within {seconds} s: {what}; next event at {next}, now {Now}");
            Now = Math.Max(Now, next);
            while (toA.TryTake(Now, out byte[] frame))
                A.Receive(frame, Now);
            while (toB.TryTake(Now, out byte[] frame))
                B.Receive(frame, Now);
            if (Now >= A.Stack->NextDeadline())
                A.Stack->Poll(Now);
            if (Now >= B.Stack->NextDeadline())
                B.Stack->Poll(Now);
        }
    }

    /// <summary>Lets so much time pass.</summary>
    public void Pass(double seconds)
    {
        ulong end = Now + (ulong)(seconds * 1e9);
        while (true)
        {
            ulong next = Math.Min(Math.Min(toA.Next, toB.Next), Math.Min(A.Stack->NextDeadline(), B.Stack->NextDeadline()));
            if (next > end)
                break;
            Run(Once(), seconds + 1, "time passes");
        }
        Now = end;
    }

    private static Func<bool> Once()
    {
        int calls = 0;
        return () => calls++ > 0;
    }

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
    }
}
