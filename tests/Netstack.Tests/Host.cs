using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Netstack.Tests;

/// <summary>One frame as the link saw it, flattened, with its offload fields.</summary>
public sealed record SentFrame(byte[] Bytes, bool NeedsChecksum, int SegmentSize);

/// <summary>A stack in native memory with a link that records frames.</summary>
public sealed unsafe class Host : IDisposable
{
    private readonly GCHandle self;
    private readonly byte* memory;

    public Stack* Stack { get; }

    /// <summary>Called for every frame that leaves; when null, frames gather in <see cref="Sent"/>.</summary>
    public Action<SentFrame>? OnTransmit { get; set; }

    public List<SentFrame> Sent { get; } = [];

    /// <summary>Frames that the link takes before it says that it is busy.</summary>
    public int Room { get; set; } = int.MaxValue;

    public Dictionary<ulong, IntPtr> Pages { get; } = [];

    public List<ulong> Released { get; } = [];

    public HashSet<int> Changed { get; } = [];

    public Host(uint address, LinkCapabilities capabilities = LinkCapabilities.None, Func<StackConfiguration, StackConfiguration>? change = null)
    {
        self = GCHandle.Alloc(this);
        StackConfiguration configuration = new()
        {
            MacAddress = 0x024500000000UL | address,
            Address = address,
            PrefixLength = 24,
            SecretLow = 0x0706050403020100UL ^ address,
            SecretHigh = 0x0f0e0d0c0b0a0908,
        };
        configuration.Link.Context = (void*)GCHandle.ToIntPtr(self);
        configuration.Link.Transmit = &Transmit;
        configuration.Link.ResolveFrame = &Resolve;
        configuration.Link.ReleaseFrame = &Release;
        configuration.Link.Changed = &Change;
        configuration.Link.Capabilities = capabilities;
        if (change != null)
            configuration = change(configuration);
        ulong size = Netstack.Stack.RequiredMemory(configuration);
        memory = (byte*)NativeMemory.AlignedAlloc((nuint)size, 64);
        // What was there before must not matter.
        new Span<byte>(memory, (int)size).Fill(0xa5);
        Stack = Netstack.Stack.Init(memory, size, configuration);
        if (Stack == null)
            throw new InvalidOperationException("the configuration is refused");
    }

    /// <summary>Rings that are out, and the most that there may be.</summary>
    public HashSet<IntPtr> Rings { get; } = [];

    public int MaxRings { get; set; } = int.MaxValue;

    /// <summary>The same with rings that are lent while they are needed.</summary>
    public static StackConfiguration WithRings(StackConfiguration configuration)
    {
        configuration.Link.TakeRing = &TakeRing;
        configuration.Link.GiveRing = &GiveRing;
        return configuration;
    }

    /// <summary>A ring that the owner lends to a connection for as long as it lasts.</summary>
    public byte* OwnRing(int length)
    {
        byte* ring = (byte*)NativeMemory.Alloc((nuint)length);
        Rings.Add((IntPtr)ring);
        return ring;
    }

    private static byte* TakeRing(void* context, int length, bool reserved)
    {
        Host host = Of(context);
        if (host.Rings.Count >= host.MaxRings && !reserved)
            return null;
        byte* ring = (byte*)NativeMemory.Alloc((nuint)length);
        new Span<byte>(ring, length).Fill(0xa5);
        host.Rings.Add((IntPtr)ring);
        return ring;
    }

    private static void GiveRing(void* context, byte* ring, int length, bool sent)
    {
        if (!Of(context).Rings.Remove((IntPtr)ring))
            throw new InvalidOperationException("a ring is given back that was not taken");
        NativeMemory.Free(ring);
    }

    public void Receive(byte[] frame, ulong now, FrameFlags flags = FrameFlags.None)
    {
        fixed (byte* at = frame)
            Stack->ReceiveFrame(at, frame.Length, flags, now);
    }

    public ulong AddPage(byte[] content)
    {
        ulong reference = (ulong)Pages.Count + 1000;
        byte* page = (byte*)NativeMemory.Alloc((nuint)content.Length);
        content.CopyTo(new Span<byte>(page, content.Length));
        Pages[reference] = (IntPtr)page;
        return reference;
    }

    private static Host Of(void* context) => (Host)GCHandle.FromIntPtr((IntPtr)context).Target!;

    private static bool Transmit(void* context, Transmission* frame)
    {
        Host host = Of(context);
        if (host.Room <= 0)
            return false;
        host.Room--;
        byte[] bytes = new byte[frame->TotalLength];
        new ReadOnlySpan<byte>(frame->Header, frame->HeaderLength).CopyTo(bytes);
        int at = frame->HeaderLength;
        for (int i = 0; i < frame->PieceCount; i++)
        {
            new ReadOnlySpan<byte>(frame->Pieces[i].Address, frame->Pieces[i].Length).CopyTo(bytes.AsSpan(at));
            at += frame->Pieces[i].Length;
        }
        if (at != bytes.Length)
            throw new InvalidOperationException("TotalLength is not the sum of the parts");
        SentFrame sent = new(bytes, frame->NeedsChecksum, frame->SegmentSize);
        if (host.OnTransmit != null)
            host.OnTransmit(sent);
        else
            host.Sent.Add(sent);
        return true;
    }

    private static byte* Resolve(void* context, ulong reference) => (byte*)Of(context).Pages[reference];

    private static void Release(void* context, ulong reference) => Of(context).Released.Add(reference);

    private static void Change(void* context, int socket, Readiness what) => Of(context).Changed.Add(socket);

    public void Dispose()
    {
        foreach (IntPtr ring in Rings)
            NativeMemory.Free((void*)ring);
        foreach (IntPtr page in Pages.Values)
            NativeMemory.Free((void*)page);
        NativeMemory.AlignedFree(memory);
        self.Free();
    }
}
