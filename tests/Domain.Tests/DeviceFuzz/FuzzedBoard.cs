using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Domain.Devices;
using Domain.Linux;
using Xunit;

namespace Domain.Tests.DeviceFuzz;

/// <summary>Every device of a machine on its bus, with hosts that look at what they are given.</summary>
/// <remarks>What no device may do is an exception: write or read beside RAM, or tell the processor of a write that was none.</remarks>
internal sealed unsafe class FuzzedBoard : IConsole, IFrameChannel
{
    public const ulong VirtioBase = 0xfeb0_0000, RamBytes = 1 << 20;

    /// <summary>How many virtio devices there are.</summary>
    public const int Devices = 4;

    private const int MaxFrame = 65535 + 14 + NetHeader.Bytes;
    private static readonly byte[] s_markBytes = BitConverter.GetBytes(GuardedMemory.Mark);

    private readonly GuardedMemory memory;
    private readonly byte[] frame = new byte[MaxFrame];
    private int frameLength;

    public readonly Bus Bus = new();
    public readonly VirtioMmio[] Transports = new VirtioMmio[Devices];
    public readonly VirtioDevice[] Virtio = new VirtioDevice[Devices];
    public readonly VirtioNet Net;
    public readonly VirtioConsole Console;
    public readonly LocalApic LocalApic;
    public readonly Uart Uart;
    public ulong Now = 1_000_000_000;
    public ulong Frames, ConsoleBytes;
    public int Ends;

    /// <summary>How the peer behaves: no room for the guest's frames; gone.</summary>
    public bool Full, Closed;

    public FuzzedBoard(GuardedMemory memory, int disk, long diskBytes, bool offload, bool readOnlyDisk)
    {
        this.memory = memory;
        Offload = offload;
        LocalApic = new LocalApic(() => Now);
        var ioApic = new IoApic(LocalApic);
        Uart = new Uart(this, ioApic.Line(Uart.Irq));
        Bus.MapMmio(LocalApic.Address, LocalApic.Length, LocalApic);
        Bus.MapMmio(IoApic.Address, IoApic.Length, ioApic);
        Bus.MapPorts(Uart.Port, Uart.PortCount, Uart);
        Bus.MapPorts(Cmos.Port, Cmos.PortCount, new Cmos());
        Bus.MapPorts(I8042.Port, I8042.PortCount, new I8042(() => Ends++));
        Bus.MapPorts(Pvpanic.Port, Pvpanic.PortCount, new Pvpanic(() => Ends++, () => Ends++));
        Bus.MapPorts(SleepRegisters.Port, SleepRegisters.PortCount, new SleepRegisters(() => Ends++));

        var dma = new DmaMemory(memory.Ram, Written);
        Virtio[0] = Net = new VirtioNet(dma, this, [2, 0x45, 10, 0, 0, 1]);
        Virtio[1] = new VirtioBlock(dma, disk, (ulong)diskBytes, readOnlyDisk);
        Virtio[2] = Console = new VirtioConsole(dma, this);
        Virtio[3] = new VirtioEntropy(dma);
        for (int i = 0; i < Devices; i++)
        {
            Transports[i] = new VirtioMmio(Virtio[i], ioApic.Line(16 + i));
            Bus.MapMmio(VirtioBase + (ulong)i * VirtioMmio.Length, VirtioMmio.Length, Transports[i]);
        }
    }

    public static readonly (ulong Address, ulong Length)[] MmioWindows =
    [
        (LocalApic.Address, LocalApic.Length), (IoApic.Address, IoApic.Length), (VirtioBase, Devices * VirtioMmio.Length),
    ];

    public static readonly (ushort Port, ushort Count)[] PortWindows =
    [
        (Uart.Port, Uart.PortCount), (Cmos.Port, Cmos.PortCount), (I8042.Port, I8042.PortCount),
        (Pvpanic.Port, Pvpanic.PortCount), (SleepRegisters.Port, SleepRegisters.PortCount),
    ];

    /// <summary>The frame, with header where <see cref="Offload"/> says so, that the peer sends next.</summary>
    public Span<byte> NextFrame(int length)
    {
        frameLength = length;
        return frame.AsSpan(0, length);
    }

    public void Write(ReadOnlySpan<byte> text)
    {
        ConsoleBytes += (ulong)text.Length;
        Look(text);
    }

    public bool Offload { get; }

    public int Receive(IoVector* pieces, int count)
    {
        Look(pieces, count);
        if (frameLength == 0)
            return Closed ? FrameResult.Gone : FrameResult.Later;
        int done = 0;
        for (int i = 0; i < count && done < frameLength; i++)
        {
            int part = (int)Math.Min((ulong)(frameLength - done), pieces[i].Length);
            frame.AsSpan(done, part).CopyTo(new Span<byte>(pieces[i].Start, part));
            done += part;
        }
        bool whole = done == frameLength;
        frameLength = 0;
        return whole ? done : FrameResult.Lost;
    }

    public int Send(IoVector* pieces, int count)
    {
        Look(pieces, count);
        if (Closed || Full)
            return Closed ? FrameResult.Gone : FrameResult.Later;
        int length = 0;
        for (int i = 0; i < count; i++)
        {
            Look(new ReadOnlySpan<byte>(pieces[i].Start, (int)pieces[i].Length));
            length += (int)pieces[i].Length;
        }
        Frames++;
        return length <= MaxFrame ? length : throw new InvalidOperationException($"a frame of {length} bytes");
    }

    private void Written(ulong physical, ulong length)
    {
        if (!memory.Ram.Contains(physical, length))
            throw new InvalidOperationException($"a device claims to have written {length} bytes at {physical:x}");
    }

    // A piece is the guest's, and lies in RAM, or the device's own, and lies far away from it.
    private void Look(IoVector* pieces, int count)
    {
        for (int i = 0; i < count; i++)
        {
            ulong from = (ulong)pieces[i].Start - (ulong)memory.Ram.Base;
            if (!memory.Ram.Contains(from, pieces[i].Length) && memory.Surrounds(pieces[i].Start, pieces[i].Length))
                throw new InvalidOperationException($"a piece of {pieces[i].Length} bytes at {from:x} of RAM");
        }
    }

    private static void Look(ReadOnlySpan<byte> text)
    {
        if (text.IndexOf(s_markBytes) >= 0)
            throw new InvalidOperationException("what lies beside RAM has come out");
    }
}
