using System;
using System.Collections.Generic;
using System.Text;
using Domain.Devices;
using Domain.Linux;

namespace Domain.Tests;

/// <summary>An interrupt line that records its level and how often it was driven high.</summary>
internal sealed class FakeLine : IInterruptLine
{
    public bool High;
    public int Events;

    public void Set(bool high)
    {
        High = high;
        if (high)
            Events++;
    }
}

internal sealed class FakeConsole : IConsole
{
    public readonly StringBuilder Text = new();

    public void Write(ReadOnlySpan<byte> text) => Text.Append(Encoding.Latin1.GetString(text));
}

/// <summary>Frames in lists instead of a descriptor.</summary>
internal sealed unsafe class FakeChannel(bool offload) : IFrameChannel
{
    public readonly Queue<byte[]> Incoming = new();
    public readonly List<byte[]> Sent = [];
    public bool Full, Closed;

    public bool Offload => offload;

    public int Receive(IoVector* pieces, int count)
    {
        if (Incoming.Count == 0)
            return Closed ? FrameResult.Gone : FrameResult.Later;
        byte[] frame = Incoming.Dequeue();
        int done = 0;
        for (int i = 0; i < count && done < frame.Length; i++)
        {
            int part = (int)Math.Min((ulong)(frame.Length - done), pieces[i].Length);
            frame.AsSpan(done, part).CopyTo(new Span<byte>(pieces[i].Start, part));
            done += part;
        }
        return done < frame.Length ? FrameResult.Lost : done;
    }

    public int Send(IoVector* pieces, int count)
    {
        if (Closed)
            return FrameResult.Gone;
        if (Full)
            return FrameResult.Later;
        var frame = new List<byte>();
        for (int i = 0; i < count; i++)
            frame.AddRange(new ReadOnlySpan<byte>(pieces[i].Start, (int)pieces[i].Length));
        Sent.Add([.. frame]);
        return frame.Count;
    }
}
