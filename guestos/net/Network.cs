using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Board;
using Netstack;

namespace Guestos;

/// <summary>
/// The guest's place on the network: one virtio network device, one stack. The stack is ordinary memory and migrates as
/// it is; the device's rings and buffers stay behind (excluded frames) and are set up anew on arrival, on whatever
/// device is there.
/// </summary>
public static unsafe class Network
{
    /// <summary>
    /// Connections by memory, one for so many frames: a table entry, since what they hold in buffers is lent while it
    /// is needed. A few are kept for those that the guest needs to be ruled and to move: the command port's, and those
    /// that privileged programs open.
    /// </summary>
    private const ulong FramesPerConnection = 8;
    private const ulong MinConnections = 512;
    private const ulong MaxConnections = 8192;
    private const int ReservedConnections = 32;

    /// <summary>Of the listeners, and of the datagram sockets, the last are the superuser's.</summary>
    private const int ReservedSockets = 16;

    /// <summary>Where the guest takes commands (docs/protocols.md, "Guest commands").</summary>
    public const ushort CommandPort = 1708;

    public const int Mtu = 1500;
    private const int ReceiveBuffers = 96;

    private static Stack* s_stack;
    private static NetDevice s_device;
    private static byte* s_deviceMemory;
    private static ulong s_deviceMemoryLength;
    private static bool s_deviceUp;

    /// <summary>From a fork until it is undone: what takes the frames that this side must not answer.</summary>
    private static delegate*<FramePiece*, int, void> s_captureLate;

    public static Stack* Stack => s_stack;

    /// <summary>The guest's own address, host order; 0 for none.</summary>
    public static uint Address { get; private set; }

    /// <summary>The mask of its network, and the router (0 for none).</summary>
    public static uint Mask { get; private set; }
    public static uint Gateway { get; private set; }

    /// <summary>Null without a device.</summary>
    public static NetDevice* Device => s_deviceUp ? (NetDevice*)Unsafe.AsPointer(ref s_device) : null;

    /// <summary>
    /// Finds the device, takes the addresses from the command line (guest.address=A.B.C.D/LEN guest.gateway=A.B.C.D,
    /// else the first of evilman.guests with the prefix of evilman.boot) and builds the stack. Without a device only
    /// loopback works.
    /// </summary>
    public static void Start(ReadOnlySpan<byte> commandLine, ulong secretLow, ulong secretHigh)
    {
        SocketFile.Init();
        LocalSocketFile.Init();
        NetlinkSocket.Init();
        ProcNet.Register();
        NetOptions options = default;
        options.ReceiveBuffers = ReceiveBuffers;
        s_deviceMemoryLength = NetDevice.RequiredMemory(options);
        ulong memory = Frames.AllocateExcluded((int)((s_deviceMemoryLength + Frames.Size - 1) / Frames.Size));
        if (memory != 0)
            s_deviceMemory = DirectMap.At(memory);
        StartDevice(commandLine);

        StackConfiguration configuration = default;
        configuration.Link = MakeLink();
        configuration.MacAddress = s_deviceUp ? s_device.MacAddress : 0x020000000001;
        NetworkAddress.Read(commandLine, out configuration.Address, out configuration.PrefixLength,
            out configuration.Gateway);
        Address = configuration.Address;
        Mask = configuration.PrefixLength > 0 ? uint.MaxValue << 32 - configuration.PrefixLength : 0;
        Gateway = configuration.Gateway;
        configuration.SecretLow = secretLow;
        configuration.SecretHigh = secretHigh;
        ulong connections = Frames.Total / FramesPerConnection;
        configuration.Connections = (int)Math.Clamp(connections, MinConnections, MaxConnections);
        configuration.ReservedConnections = ReservedConnections;
        configuration.Listeners = 256;
        configuration.ReservedListeners = ReservedSockets;
        configuration.DatagramSockets = 256;
        configuration.ReservedDatagramSockets = ReservedSockets;
        configuration.Neighbours = 128;
        configuration.ReceiveBuffer = RingPool.Size;
        configuration.SendBuffer = RingPool.Size;
        configuration.DatagramBuffer = 128 * 1024;
        // So that the longest packet goes through it whole.
        configuration.LoopbackBuffer = 256 * 1024;
        configuration.SendChunks = 640;
        ulong size = Netstack.Stack.RequiredMemory(configuration);
        ulong block = Frames.AllocateContiguous((int)((size + Frames.Size - 1) / Frames.Size));
        if (size == 0 || block == 0 || !RingPool.Start() || !SocketTable.Start(configuration))
            Panic.Stop("no memory for the network stack"u8);
        s_stack = Netstack.Stack.Init(DirectMap.At(block), size, configuration);
        if (s_stack == null)
            Panic.Stop("the network stack refuses its configuration"u8);
        if (s_deviceUp && configuration.Address != 0)
            s_stack->Announce(Clock.Monotonic);
        if (s_deviceUp)
            StartIpv6(commandLine);
        // What came before the device was asked for an interrupt will not interrupt.
        Poll();
    }

    /// <summary>Whether IPv6 is spoken on the link.</summary>
    public static bool HasIpv6 { get; private set; }

    /// <summary>
    /// IPv6 on the link, where the command line asks for it (<see cref="NetworkAddress.Read6"/>): a node's packetd
    /// passes none on. The addresses that are made here end with the guest's address of IPv4 (RFC 5214 §6.1), which is
    /// no other host's and stays when the guest moves.
    /// </summary>
    private static void StartIpv6(ReadOnlySpan<byte> commandLine)
    {
        const ulong ofIpv4 = 0x5efeul << 32;
        ulong now = Clock.Monotonic;
        if (!NetworkAddress.Read6(commandLine, out Address address, out int prefixLength, out Address router)
            || Address == 0 || !s_stack->StartIpv6(ofIpv4 | Address, takesAdvertisements: address.IsUnspecified, now))
            return;
        HasIpv6 = true;
        if (!address.IsUnspecified && !s_stack->AddAddress6(address, prefixLength, now))
            Console.Write("net: guest.address6 is no address of a host\n"u8);
        if (!router.IsUnspecified)
            s_stack->AddRouter6(router);
    }

    /// <summary>Nothing that was given to the device is still to be read by it.</summary>
    public static bool IsTransmitted => !s_deviceUp || s_device.IsTransmitted();

    /// <summary>When <see cref="Tick"/> is needed next, on the clock of <see cref="Clock.Monotonic"/>.</summary>
    public static ulong NextDeadline => s_stack != null ? s_stack->NextDeadline() : ulong.MaxValue;

    /// <summary>Timers of the stack. Called by the kernel's timer interrupt when the deadline has passed.</summary>
    public static void Tick()
    {
        if (s_stack != null)
            s_stack->Poll(Clock.Monotonic);
    }

    /// <summary>
    /// Takes what the device has received. Also of use in a long run in the kernel, which no interrupt reaches.
    /// </summary>
    public static void Poll()
    {
        if (!s_deviceUp)
            return;
        do
        {
            if (s_device.Reclaim())
                s_stack->LinkReady(Clock.Monotonic);
            ReceiveAll();
        }
        while (s_device.RequestInterrupt());
    }

    private static void OnInterrupt()
    {
        if (!s_deviceUp)
            return;
        s_device.TakeInterrupt();
        Poll();
    }

    private static void ReceiveAll()
    {
        BufferPiece* buffers = stackalloc BufferPiece[NetDevice.MaxReceivePieces];
        while (true)
        {
            int count = s_device.Receive(buffers, out bool checksumValid);
            if (count == 0)
                return;
            // SAFETY: both are the same two fields, an address and a length.
            var pieces = (FramePiece*)buffers;
            bool late = s_captureLate != null && !IsMigrationTraffic(pieces);
            // What the device says of a frame is not kept with it: a late one is whole, and verified where it is
            // delivered.
            if (s_device.IsUnfinished
                && (late
                    || !ReceivedChecksum.IsTransport(pieces, s_device.UnfinishedStart, s_device.UnfinishedOffset)))
            {
                if (!ReceivedChecksum.Finish(pieces, count, s_device.UnfinishedStart, s_device.UnfinishedOffset))
                    continue;
                checksumValid = false;
            }
            if (late)
                s_captureLate(pieces, count);
            else
                s_stack->ReceiveFrame(pieces, count, checksumValid ? FrameFlags.ChecksumValid : FrameFlags.None,
                    Clock.Monotonic);
        }
    }

    // After the fork this side hears only the migration's connections, and their peers' ARP: everything else belongs to
    // the copy. None of them is over IPv6, which migrate/CheckpointDevice.cs refuses.
    private static bool IsMigrationTraffic(FramePiece* first)
    {
        const int ArpType = 0x0806;
        const int Ipv4Type = 0x0800;
        const int Ethernet = 14;
        const int ArpSender = 14;
        const int Source = 12;
        const int Destination = 16;
        const int Ports = 20;
        if (first->Length < Ethernet + Ports + 4)
            return false;
        // SAFETY: the length was checked; options make the ports lie further on, but the connection's peers send none.
        var frame = new ReadOnlySpan<byte>(first->Address, Ethernet + Ports + 4);
        ReadOnlySpan<byte> packet = frame.Slice(Ethernet);
        int type = BinaryPrimitives.ReadUInt16BigEndian(frame.Slice(Ethernet - 2));
        if (type == ArpType)
            return s_stack->PassesFilter(BinaryPrimitives.ReadUInt32BigEndian(packet.Slice(ArpSender)));
        if (type != Ipv4Type || packet[0] != 0x45 || packet[9] != Ipv4.ProtocolTcp)
            return false;
        Endpoints connection = default;
        connection.RemoteAddress = BinaryPrimitives.ReadUInt32BigEndian(packet.Slice(Source));
        connection.LocalAddress = BinaryPrimitives.ReadUInt32BigEndian(packet.Slice(Destination));
        connection.RemotePort = BinaryPrimitives.ReadUInt16BigEndian(packet.Slice(Ports));
        connection.LocalPort = BinaryPrimitives.ReadUInt16BigEndian(packet.Slice(Ports + 2));
        return s_stack->PassesFilter(connection);
    }

    private static bool Transmit(void* context, Transmission* frame)
    {
        if (!s_deviceUp)
            return true;
        if (frame->NeedsChecksum && !s_device.CanChecksum)
            return TransmitFinished(frame);
        NetTransmission transmission;
        transmission.Header = frame->Header;
        transmission.HeaderLength = frame->HeaderLength;
        transmission.Pieces = (BufferPiece*)frame->Pieces;
        transmission.PieceCount = frame->PieceCount;
        transmission.NeedsChecksum = frame->NeedsChecksum;
        transmission.ChecksumStart = frame->ChecksumStart;
        transmission.ChecksumOffset = frame->ChecksumOffset;
        transmission.SegmentSize = frame->SegmentSize;
        return s_device.Transmit(&transmission);
    }

    /// <summary>
    /// For a device without checksums: the frame is copied and summed as it is in the copy. The pages of a checkpoint
    /// go on changing while they are sent, some by the very sending, and a sum over the page itself would be wrong by
    /// the time the device reads it.
    /// </summary>
    private static bool TransmitFinished(Transmission* frame)
    {
        const int Capacity = 14 + Mtu;
        byte* copy = stackalloc byte[Capacity];
        if (frame->TotalLength > Capacity)
            return true;
        Buffer.MemoryCopy(frame->Header, copy, Capacity, frame->HeaderLength);
        int length = frame->HeaderLength;
        for (int i = 0; i < frame->PieceCount; i++)
        {
            FramePiece* piece = frame->Pieces + i;
            Buffer.MemoryCopy(piece->Address, copy + length, Capacity - length, piece->Length);
            length += piece->Length;
        }
        // The field holds the pseudo-header's sum already. A sum of zero would mean "none" in UDP (RFC 768).
        ushort sum = (ushort)~Checksum.Fold(Checksum.Sum(copy + frame->ChecksumStart, length - frame->ChecksumStart));
        *(ushort*)(copy + frame->ChecksumStart + frame->ChecksumOffset) = sum == 0 ? (ushort)0xffff : sum;
        NetTransmission transmission = default;
        transmission.Header = copy;
        transmission.HeaderLength = length;
        return s_device.Transmit(&transmission);
    }

    /// <summary>
    /// Where the bytes of a page are that was queued by its physical address. Null while that is where it lies.
    /// </summary>
    public static delegate*<ulong, byte*> ResolvePage;

    private static byte* ResolveFrame(void* context, ulong reference) =>
        ResolvePage != null ? ResolvePage(reference) : DirectMap.At(reference);

    private static void OnChanged(void* context, int handle, Netstack.Readiness what) => Sockets.Changed(handle, what);

    private static Link MakeLink()
    {
        Link link = default;
        link.Transmit = &Transmit;
        link.ResolveFrame = &ResolveFrame;
        link.TakeRing = &RingPool.Take;
        link.GiveRing = &RingPool.Give;
        link.Changed = &OnChanged;
        link.Mtu = Mtu;
        // Checksums are done below the stack in any case: by the device, or in the copy that the device is given.
        link.Capabilities = s_deviceUp && s_device.CanSegment
            ? LinkCapabilities.TransmitChecksum | LinkCapabilities.Segmentation
            : LinkCapabilities.TransmitChecksum;
        return link;
    }

    private static void StartDevice(ReadOnlySpan<byte> commandLine)
    {
        s_deviceUp = false;
        NetOptions options = default;
        options.ReceiveBuffers = ReceiveBuffers;
        while (DeviceAnnouncement.TryNext(ref commandLine, out DeviceAnnouncement announced))
        {
            var transport = new VirtioMmio(DirectMap.At(announced.Base));
            if (transport.Kind != VirtioDeviceKind.Network)
                continue;
            if (s_deviceMemory == null
                || !s_device.TryStart(transport, s_deviceMemory, s_deviceMemoryLength, DirectMap.Base, options))
            {
                Console.Write("net: the device refuses to start\n"u8);
                continue;
            }
            s_deviceUp = true;
            Interrupts.Register(announced.Interrupt, &OnInterrupt);
            s_device.RequestInterrupt();
            return;
        }
        Console.Write("net: no device\n"u8);
    }

    // ---- migration ----

    /// <summary>
    /// The fork has happened: from now on only the migration's connections leave (thesis §5.4). Without any, nothing
    /// does.
    /// </summary>
    /// <param name="captureLate">Takes what arrives for anybody else, in pieces.</param>
    internal static void OnFork(ReadOnlySpan<int> sockets, delegate*<FramePiece*, int, void> captureLate)
    {
        s_captureLate = captureLate;
        Span<Endpoints> connections = stackalloc Endpoints[Netstack.Stack.MaxFiltered];
        int count = 0;
        foreach (int socket in sockets)
            if (count < connections.Length && s_stack->GetEndpoints(socket, out connections[count]) == 0)
                count++;
        s_stack->FilterOutgoing(connections.Slice(0, count));
    }

    /// <summary>
    /// The copy may run from now on, with the same addresses: nobody but the migration's peers may hear of this side.
    /// </summary>
    internal static void OnCommit() => s_stack->FilterAllButPeers();

    /// <summary>
    /// The migration is over before its commit: the connection holds references to pages that go on changing now.
    /// </summary>
    internal static void AbandonStream(int socket)
    {
        if (socket >= 0)
            s_stack->Abort(socket, Clock.Monotonic);
    }

    /// <summary>The fork is undone: packets leave again.</summary>
    internal static void StopFiltering()
    {
        s_captureLate = null;
        s_stack->StopFiltering();
    }

    /// <summary>A frame that came before, and is delivered only now.</summary>
    internal static void Deliver(byte* frame, int length) =>
        s_stack->ReceiveFrame(frame, length, FrameFlags.None, Clock.Monotonic);

    /// <summary>After <see cref="StopFiltering"/>, when all frames of the time between are delivered.</summary>
    internal static void Resume() => s_stack->Resume(Clock.Monotonic);

    // A late frame was sent to the address of the machine left behind.
    private static void ReaddressLate(byte* frame, int length)
    {
        const int AddressLength = 6;
        bool toOne = length >= AddressLength && (frame[0] & 1) == 0;
        for (int i = 0; toOne && i < AddressLength; i++)
            frame[i] = (byte)(s_device.MacAddress >> 8 * (AddressLength - 1 - i));
    }

    /// <summary>In the copy: a new device, its address, the old connections.</summary>
    /// <param name="late">Late frames as docs/architecture.md, "Checkpoint hand-over", lays them out: u64 length,
    /// frame, padding to 8.</param>
    internal static void OnArrival(ReadOnlySpan<byte> commandLine, ReadOnlySpan<int> migrationSockets,
        ReadOnlySpan<byte> late)
    {
        StartDevice(commandLine);
        ulong now = Clock.Monotonic;
        s_stack->ChangeLink(MakeLink());
        if (s_deviceUp)
            s_stack->ChangeMacAddress(s_device.MacAddress);
        Span<ulong> secrets = stackalloc ulong[2];
        Randomness.Fill(System.Runtime.InteropServices.MemoryMarshal.AsBytes(secrets));
        s_stack->Stir(secrets[0], secrets[1], now);
        // The migration's connections end here without a word.
        foreach (int socket in migrationSockets)
            s_stack->Forget(socket);
        s_stack->Announce(now);
        while (late.Length >= 8)
        {
            ulong length = BinaryPrimitives.ReadUInt64LittleEndian(late);
            if (length > (ulong)late.Length - 8)
                break;
            // SAFETY: the bytes were just found to be there; the stack keeps nothing of them.
            fixed (byte* frame = late.Slice(8, (int)length))
            {
                ReaddressLate(frame, (int)length);
                s_stack->ReceiveFrame(frame, (int)length, FrameFlags.None, now);
            }
            late = late.Slice((int)Math.Min(8 + (length + 7) & ~7UL, (ulong)late.Length));
        }
        s_stack->Resume(now);
        Poll();
        Sockets.WakeAll();
    }
}
