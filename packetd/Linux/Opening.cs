using System;
using Wire;

namespace Packetd;

/// <summary>What packetd opens before it gives up the right to open anything.</summary>
internal static class Opening
{
    public const int SigInt = 2, SigPipe = 13, SigTerm = 15, SigChild = 17;
    private const int NonBlock = 0x800, CloseOnExec = 0x80000, CurrentDirectory = -100, StandardError = 2;

    /// <summary>Reads the secret: the file up to its first newline. Returns its length.</summary>
    public static unsafe int ReadKey(byte* path, Span<byte> key)
    {
        int file = Kernel.Do(Call.OpenAt, CurrentDirectory, (nint)path, CloseOnExec);
        int length = file < 0 ? file : Kernel.Read(file, key);
        if (length < 0)
            Log.Fail("cannot read the key file"u8, ": error %."u8, -length);
        Kernel.Do(Call.Close, file);
        int end = key.Slice(0, length).IndexOf((byte)'\n');
        length = end >= 0 ? end : length;
        if (length is < 16 or > HmacSha1.MaxKeySize)
            Log.Fail("the key file"u8, " does not hold 16 to 64 bytes."u8);
        return length;
    }

    /// <summary>
    /// A packet socket (packet(7)) with virtio-net headers, which takes either the frames that are for the node itself, to
    /// its MAC or to a group, or all others. Two sockets are two queues: who floods the node floods no domain.
    /// </summary>
    public static unsafe int Link(byte* name, uint address, bool own)
    {
        const int PacketFamily = 17, Raw = 3, GetIndex = 0x8933, PacketLevel = 263, AddMembership = 1, VnetHeader = 15, IgnoreOutgoing = 23;
        const int SocketLevel = 1, SendBuffer = 7, ReceiveBuffer = 8, BufferForce = 32 - SendBuffer;
        const ulong Promiscuous = 1, AllProtocols = 0x0300; // ETH_P_ALL in network order
        int link = Kernel.Do(Call.Socket, PacketFamily, Raw | NonBlock | CloseOnExec);
        if (link < 0)
            Log.Fail("cannot open a packet socket"u8, ": error %."u8, -link);
        // What is opened takes the lowest numbers, so from here on 0 to 4 are in use, and no end of a machine's pairs is among them.
        if (link <= StandardError)
            Log.Fail("standard input, output and error"u8, " must be open."u8);
        Span<byte> request = stackalloc byte[40]; // struct ifreq: 16 bytes of name, then the index
        for (int i = 0; i < 15 && name[i] != 0; i++)
            request[i] = name[i];
        int error = Kernel.Do(Call.Ioctl, link, GetIndex, Kernel.At(request));
        if (error < 0)
            Log.Fail("there is no such link"u8, ": error %."u8, -error);
        ulong index = Bytes.Le32(request, 16);

        // Buffers as large as the host lets everyone have, or larger where packetd may have more; but a short queue for the
        // node itself, so that a good token in a flood is soon lost and sent again, or soon answered.
        ulong size = own ? 1UL << 20 : 16 << 20;
        for (int option = SendBuffer; option <= ReceiveBuffer; option++)
        {
            Set(link, SocketLevel, option, size);
            Set(link, SocketLevel, option + BufferForce, size);
        }
        Set(link, PacketLevel, IgnoreOutgoing, 1);
        Span<ulong> member = stackalloc ulong[] { index | Promiscuous << 32, 0 }; // struct packet_mreq
        Span<ulong> place = stackalloc ulong[] { PacketFamily | AllProtocols << 16 | index << 32, 0, 0 }; // struct sockaddr_ll
        error = Set(link, PacketLevel, VnetHeader, 1) | AttachFilter(link, address, own)
            | Kernel.Do(Call.SetSockOpt, link, PacketLevel, AddMembership, Kernel.At(member), 16) | Kernel.Do(Call.Bind, link, Kernel.At(place), 20);
        if (error < 0)
            Log.Fail("cannot attach to the link"u8, ": error %."u8, -error);
        return link;
    }

    private static int Set(int socket, int level, int option, ulong value) =>
        Kernel.Do(Call.SetSockOpt, socket, level, option, Kernel.At(stackalloc ulong[] { value }), sizeof(int));

    /// <summary>Classic BPF (linux/filter.h) over the frame's first six bytes.</summary>
    private static int AttachFilter(int link, uint address, bool own)
    {
        const ulong LoadWord = 0x20, LoadHalf = 0x28, LoadByte = 0x30, JumpIfEqual = 0x15, JumpIfSet = 0x45, Return = 0x06;
        const int SocketLevel = 1, Attach = 26;
        const ulong All = 0xFFFFFFFFUL << 32;
        Span<ulong> program = stackalloc ulong[8];
        program[0] = LoadByte;
        program[1] = JumpIfSet | 4 << 16 | 1UL << 32; // a group
        program[2] = LoadWord;
        program[3] = JumpIfEqual | 3UL << 24 | (ulong)((uint)Packet.MacPrefix << 16 | address >> 16) << 32;
        program[4] = LoadHalf | 4UL << 32;
        program[5] = JumpIfEqual | 1UL << 24 | (ulong)(address & 0xFFFF) << 32;
        program[6] = Return | (own ? All : 0);
        program[7] = Return | (own ? 0 : All);
        Span<ulong> described = stackalloc ulong[] { (ulong)program.Length, (ulong)Kernel.At(program) }; // struct sock_fprog
        return Kernel.Do(Call.SetSockOpt, link, SocketLevel, Attach, Kernel.At(described), 16);
    }

    /// <summary>A descriptor that tells of the end of children and of the wish that packetd end.</summary>
    public static int Signals()
    {
        // A log whose reader is gone makes no SIGPIPE: its lines are lost, no more.
        const ulong Told = 1UL << (SigInt - 1) | 1UL << (SigTerm - 1) | 1UL << (SigChild - 1), Silent = 1UL << (SigPipe - 1);
        Kernel.Do(Call.SigProcMask, 0, Kernel.At(stackalloc ulong[] { Told | Silent }), 0, 8);
        int signals = Kernel.Do(Call.SignalFd4, -1, Kernel.At(stackalloc ulong[] { Told }), 8, NonBlock | CloseOnExec);
        if (signals < 0)
            Log.Fail("cannot open a signal descriptor"u8, ": error %."u8, -signals);
        return signals;
    }

    /// <summary>
    /// Waits a second, so that the one in which packetd was started is over: tokens tell whole seconds, so no token that an
    /// earlier packetd may have honoured was issued at the returned time or later.
    /// </summary>
    public static ulong WaitForNextSecond()
    {
        Span<ulong> time = stackalloc ulong[] { 1, 0 }; // struct timespec
        Kernel.Do(Call.Ppoll, 0, 0, Kernel.At(time));
        Kernel.Do(Call.ClockGetTime, 0, Kernel.At(time));
        return time[0];
    }
}
