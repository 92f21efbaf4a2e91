using System;
using System.Linux;
using Netstack;

namespace NetstackHost;

/// <summary>A packet socket (packet(7)) on one interface, as the device of a stack.</summary>
internal unsafe struct PacketLink
{
    private const int Ioctl = 16, Writev = 20, Socket = 41, Recvfrom = 45, Bind = 49, SetSockOpt = 54;
    private const int PacketFamily = 17, Raw = 3, NonBlock = 0x800, GetIndex = 0x8933, TryAgain = -11;
    private const int SocketLevel = 1, PacketLevel = 263, ReceiveBuffer = 8, AddMembership = 1, IgnoreOutgoing = 23;
    private const ulong Promiscuous = 1, AllProtocols = 0x0300; // ETH_P_ALL in network order

    public int Descriptor;

    /// <summary>Transmit had no room since the last look.</summary>
    public bool Busy;

    /// <summary>Frames that the kernel refused for another reason than room.</summary>
    public ulong Refused;

    /// <summary>Attaches to the interface of that name. Returns 0 or −errno.</summary>
    public nint Open(byte* name)
    {
        nint link = Syscall.Invoke(Socket, PacketFamily, Raw | NonBlock, 0);
        if (link < 0)
            return link;
        byte* request = stackalloc byte[40]; // struct ifreq: 16 bytes of name, then the index
        for (int i = 0; i < 15 && name[i] != 0; i++)
            request[i] = name[i];
        nint result = Syscall.Invoke(Ioctl, link, GetIndex, (nint)request);
        if (result < 0)
            return result;
        ulong index = *(uint*)(request + 16);
        ulong value = 4 << 20;
        Syscall.Invoke(SetSockOpt, link, SocketLevel, ReceiveBuffer, (nint)(&value), 4); // as much of it as the host allows
        value = 1;
        Syscall.Invoke(SetSockOpt, link, PacketLevel, IgnoreOutgoing, (nint)(&value), 4);
        ulong* member = stackalloc ulong[] { index | Promiscuous << 32, 0 }; // struct packet_mreq
        result = Syscall.Invoke(SetSockOpt, link, PacketLevel, AddMembership, (nint)member, 16);
        if (result < 0)
            return result;
        ulong* place = stackalloc ulong[] { PacketFamily | AllProtocols << 16 | index << 32, 0, 0 }; // struct sockaddr_ll
        result = Syscall.Invoke(Bind, link, (nint)place, 20);
        Descriptor = (int)link;
        return result;
    }

    /// <summary>One frame, or 0 when none waits.</summary>
    public readonly int Receive(byte* to, int room)
    {
        nint length = Syscall.Invoke(Recvfrom, Descriptor, (nint)to, room);
        return length < 0 ? 0 : (int)length;
    }

    /// <summary>The stack's Transmit hook; <paramref name="context"/> is a PacketLink.</summary>
    public static bool Transmit(void* context, Transmission* frame)
    {
        PacketLink* self = (PacketLink*)context;
        ulong* pieces = stackalloc ulong[2 * (Link.MaxPiecesOfAnyLink + 1)]; // struct iovec
        pieces[0] = (ulong)frame->Header;
        pieces[1] = (ulong)frame->HeaderLength;
        for (int i = 0; i < frame->PieceCount; i++)
        {
            pieces[2 * i + 2] = (ulong)frame->Pieces[i].Address;
            pieces[2 * i + 3] = (ulong)frame->Pieces[i].Length;
        }
        nint sent = Syscall.Invoke(Writev, self->Descriptor, (nint)pieces, frame->PieceCount + 1);
        if (sent == TryAgain)
        {
            self->Busy = true;
            return false;
        }
        if (sent < 0)
            self->Refused++;
        return true;
    }
}
