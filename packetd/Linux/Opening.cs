using System;
using Wire;

namespace Packetd;

/// <summary>What packetd opens before it gives up the right to open anything.</summary>
internal static class Opening
{
    private const int CloseOnExec = 0x80000, CurrentDirectory = -100, StandardError = 2;
    private const int PacketFamily = 17, Raw = 3, GetIndex = 0x8933, PacketLevel = 263, AddMembership = 1, VnetHeader = 15, IgnoreOutgoing = 23;
    private const int SocketLevel = 1, AttachFilter = 26, SendBufferForce = 32, ReceiveBufferForce = 33;
    private const ulong Promiscuous = 1, AllProtocols = 0x0300; // ETH_P_ALL in network order
    private const ulong LoadWord = 0x20, LoadByte = 0x30, JumpIfEqual = 0x15, JumpIfSet = 0x45, Return = 0x06, All = 0xFFFFFFFFUL << 32;
    private const ulong VlanTag = 0xFFFFF030UL << 32; // SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT

    /// <summary>The secret: the file up to its first newline.</summary>
    public static unsafe ReadOnlySpan<byte> ReadKey(byte* path, Span<byte> key)
    {
        int file = Kernel.Must(Call.OpenAt, "cannot open the key file"u8, CurrentDirectory, (nint)path, CloseOnExec);
        int end = Kernel.Must(Call.Read, "cannot read the key file"u8, file, Kernel.At(key), key.Length), length = 0;
        Kernel.Do(Call.Close, file);
        while (length < end && key[length] != '\n')
            length++;
        if (length is < 16 or > HmacSha1.MaxKeySize)
            Log.Fail("the key file"u8, " does not hold 16 to 64 bytes."u8);
        return key.Slice(0, length);
    }

    /// <summary>
    /// A packet socket (packet(7)) with virtio-net headers, which takes either the frames that are for the node itself, to
    /// its MAC or to a group, or all others. Two sockets are two queues: who floods the node floods no domain.
    /// </summary>
    public static unsafe int Link(byte* name, uint address, bool own)
    {
        int link = Kernel.Must(Call.Socket, "cannot open a packet socket"u8, PacketFamily, Raw | CloseOnExec);
        // What is opened takes the lowest numbers, so after two of these 0 to 4 are in use, and no end of a machine's pairs is among them.
        if (link <= StandardError)
            Log.Fail("standard input, output and error"u8, " must be open."u8);
        Span<byte> request = stackalloc byte[40]; // struct ifreq: 16 bytes of name, then the index
        for (int i = 0; i < 15 && name[i] != 0; i++)
            request[i] = name[i];
        Kernel.Must(Call.Ioctl, "there is no such link"u8, link, GetIndex, Kernel.At(request));
        ulong index = Bytes.Le32(request, 16);

        // Large buffers where packetd may have them; but a short queue for the node itself, so that a good token in a flood is
        // soon lost and sent again, or soon answered.
        ulong size = own ? 1UL << 20 : 16 << 20;
        Set(link, SocketLevel, SendBufferForce, size);
        Set(link, SocketLevel, ReceiveBufferForce, size);
        Set(link, PacketLevel, IgnoreOutgoing, 1);
        // Classic BPF (linux/filter.h) takes no frame with a VLAN tag, which is not in the frame any more here, and tells the two queues
        // apart by the frame's target: a group, or the last four bytes of the node's MAC. What either queue takes is looked at again by Node.
        Span<ulong> filter = stackalloc ulong[]
        {
            LoadByte | VlanTag, JumpIfEqual | 6UL << 24,
            LoadByte, JumpIfSet | 2 << 16 | 1UL << 32, LoadWord | 2UL << 32, JumpIfEqual | 1UL << 24 | (ulong)address << 32,
            Return | (own ? All : 0), Return | (own ? 0 : All), Return,
        };
        Span<ulong> place = stackalloc ulong[] { PacketFamily | AllProtocols << 16 | index << 32, 0, 0 };
        int error = Set(link, PacketLevel, VnetHeader, 1)
            | Set(link, SocketLevel, AttachFilter, (ulong)filter.Length, (ulong)Kernel.At(filter), 16) // struct sock_fprog
            | Set(link, PacketLevel, AddMembership, index | Promiscuous << 32, 0, 16); // struct packet_mreq
        if (error < 0)
            Log.Fail("cannot attach to the link"u8, ": error %."u8, -error);
        Kernel.Must(Call.Bind, "cannot bind to the link"u8, link, Kernel.At(place), 20); // struct sockaddr_ll
        return link;
    }

    private static int Set(int socket, int level, int option, ulong value, ulong second = 0, int size = sizeof(int)) =>
        Kernel.Do(Call.SetSockOpt, socket, level, option, Kernel.At<ulong>(stackalloc ulong[] { value, second }), size);
}
