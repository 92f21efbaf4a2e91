using System;
using Board;
using Netstack;
using Wire;
using Bytes = Wire.Bytes;

namespace Cstrap;

/// <summary>The one network device, the stack on it, and the loop that drives both by polling.</summary>
internal static unsafe class Network
{
    /// <summary>
    /// Frames that one <see cref="Poll"/> takes at most, so that its caller handles what came before more is taken.
    /// </summary>
    private const int Burst = 16;

    private const int ReceiveBuffer = 256 * 1024;
    private const int SendBuffer = 16 * 1024;
    private const int Connections = 6;

    private static NetDevice s_device;

    public static Stack* Stack;

    /// <summary>Finds the first network device that the command line announces and starts the stack on it.</summary>
    /// <param name="memory">For the stack, 64-byte aligned.</param>
    public static bool TryStart(ReadOnlySpan<byte> commandLine, in BootArguments arguments, byte* memory, ulong length)
    {
        if (!TryStartDevice(commandLine, out int interrupt))
        {
            Log.Line("No virtio network device (virtio-mmio version 2) is announced on the command line."u8);
            return false;
        }
        StackConfiguration configuration = new()
        {
            MacAddress = s_device.MacAddress,
            Address = arguments.BootAddress,
            PrefixLength = arguments.PrefixLength,
            Gateway = arguments.Gateway,
            Connections = Connections,
            Listeners = 1,
            DatagramSockets = -1,
            LoopbackBuffer = -1,
            ReceiveBuffer = ReceiveBuffer,
            SendBuffer = SendBuffer,
            SendChunks = 1,
            TimeWaitMilliseconds = 5000,
        };
        // SAFETY: one stack for the life of the firmware; the hooks only touch this class's device.
        configuration.Link.Transmit = &Transmit;
        if (s_device.CanChecksum)
            configuration.Link.Capabilities |= LinkCapabilities.TransmitChecksum;
        if (s_device.CanSegment)
            configuration.Link.Capabilities |= LinkCapabilities.Segmentation;
        Span<byte> secret = stackalloc byte[Bytes32.Size];
        Entropy.Next(secret);
        configuration.SecretLow = Bytes.Le64(secret, 0);
        configuration.SecretHigh = Bytes.Le64(secret, 8);
        Stack = Netstack.Stack.Init(memory, length, configuration);
        if (Stack == null)
        {
            Log.Line("The network stack does not fit the firmware window."u8);
            return false;
        }
        if (!Idle.WakeOn(interrupt))
            Log.Line("The network device's interrupt has no I/O APIC input: sleeping is coarse."u8);
        Stack->Announce(Idle.Now);
        return true;
    }

    private static bool TryStartDevice(ReadOnlySpan<byte> commandLine, out int interrupt)
    {
        NetOptions options =
            new() { QueueSize = 256, ReceiveBuffers = 104, ReceiveBufferSize = 4096, TransmitSlots = 32 };
        while (DeviceAnnouncement.TryNext(ref commandLine, out DeviceAnnouncement announced))
        {
            interrupt = announced.Interrupt;
            if (s_device.TryStart(new VirtioMmio((byte*)announced.Base), (byte*)Layout.DeviceMemory,
                Layout.DeviceMemoryEnd - Layout.DeviceMemory, 0, options))
                return true;
        }
        interrupt = 0;
        return false;
    }

    private static bool Transmit(void* context, Transmission* frame)
    {
        NetTransmission transmission;
        transmission.Header = frame->Header;
        transmission.HeaderLength = frame->HeaderLength;
        transmission.Pieces = (BufferPiece*)frame->Pieces; // the same layout: address, length
        transmission.PieceCount = frame->PieceCount;
        transmission.NeedsChecksum = frame->NeedsChecksum;
        transmission.ChecksumStart = frame->ChecksumStart;
        transmission.ChecksumOffset = frame->ChecksumOffset;
        transmission.SegmentSize = frame->SegmentSize;
        return s_device.Transmit(&transmission);
    }

    /// <summary>Takes what has come, runs what is due. True when there was anything.</summary>
    public static bool Poll()
    {
        ulong now = Idle.Now;
        FramePiece* pieces = stackalloc FramePiece[NetDevice.MaxReceivePieces];
        int frames = 0;
        while (frames < Burst)
        {
            int count = s_device.Receive((BufferPiece*)pieces, out bool checksumValid);
            if (count == 0)
                break;
            Stack->ReceiveFrame(pieces, count, checksumValid ? FrameFlags.ChecksumValid : FrameFlags.None, now);
            frames++;
        }
        if (s_device.Reclaim())
            Stack->LinkReady(now);
        if (Stack->NextDeadline() <= now)
            Stack->Poll(now);
        if (s_device.Broken)
        {
            Log.Line("The network device broke its rings."u8);
            Processor.Reset();
        }
        return frames > 0;
    }

    /// <summary>Sleeps until a frame comes or something is due, at the latest at <paramref name="deadline"/>.</summary>
    public static void Wait(ulong deadline)
    {
        s_device.TakeInterrupt();
        if (!s_device.RequestInterrupt())
            Idle.Sleep(Math.Min(deadline, Stack->NextDeadline()));
        s_device.StopInterrupts();
    }

    /// <summary>True when everything that was handed to the device has left it.</summary>
    public static bool IsTransmitted() => s_device.IsTransmitted();

    /// <summary>Resets every device that was announced.</summary>
    public static void Stop(ReadOnlySpan<byte> commandLine)
    {
        while (DeviceAnnouncement.TryNext(ref commandLine, out DeviceAnnouncement announced))
        {
            VirtioMmio transport = new((byte*)announced.Base);
            if (transport.Kind != VirtioDeviceKind.None)
                transport.Reset();
        }
    }
}
