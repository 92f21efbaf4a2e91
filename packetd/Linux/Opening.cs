using System;
using Wire;

namespace Packetd;

/// <summary>What packetd opens before it gives up the right to open anything.</summary>
internal static class Opening
{
    public const int SigInt = 2, SigTerm = 15, SigChild = 17;
    private const int NonBlock = 0x800, CloseOnExec = 0x80000, ReadWrite = 2;

    /// <summary>Fills descriptors 0 to 4 with /dev/null where they are free: a monitor's 3 and 4 then never collide with ours.</summary>
    public static unsafe void ReserveLowDescriptors()
    {
        fixed (byte* path = "/dev/null\0"u8) // SAFETY: a terminated string.
        {
            int opened;
            do
                opened = Kernel.Do(Call.Open, (nint)path, ReadWrite | CloseOnExec);
            while (opened is >= 0 and < 5);
            if (opened < 0)
                Log.Fail("cannot open /dev/null"u8, opened);
            Kernel.Do(Call.Close, opened);
        }
    }

    /// <summary>Reads the secret: the file up to its first newline. Returns its length.</summary>
    public static unsafe int ReadKey(byte* path, Span<byte> key)
    {
        int file = Kernel.Do(Call.Open, (nint)path, CloseOnExec);
        int length = file < 0 ? file : Kernel.Read(file, key);
        if (length < 0)
            Log.Fail("cannot read the key file"u8, length);
        Kernel.Do(Call.Close, file);
        int end = key.Slice(0, length).IndexOf((byte)'\n');
        length = end >= 0 ? end : length;
        if (length is < 16 or > HmacSha1.MaxKeySize)
            Log.Fail("the key file does not hold 16 to 64 bytes"u8, 0);
        return length;
    }

    /// <summary>
    /// A packet socket (packet(7)) with virtio-net headers, which takes either the frames that are for the node itself, to
    /// its MAC or to a group, or all others. Two sockets are two queues: who floods the node floods no domain.
    /// </summary>
    public static unsafe int Link(byte* name, uint address, bool own)
    {
        const int PacketFamily = 17, Raw = 3, GetIndex = 0x8933, PacketLevel = 263, AddMembership = 1, VnetHeader = 15, IgnoreOutgoing = 23;
        const int SocketLevel = 1, SendBuffer = 7, ReceiveBuffer = 8, SendBufferForce = 32, ReceiveBufferForce = 33;
        const ulong Promiscuous = 1, AllProtocols = 0x0300; // ETH_P_ALL in network order
        int link = Kernel.Do(Call.Socket, PacketFamily, Raw | NonBlock | CloseOnExec);
        if (link < 0)
            Log.Fail("cannot open a packet socket"u8, link);
        Span<ulong> request = stackalloc ulong[5]; // struct ifreq: 16 bytes of name, then the index
        Span<byte> field = System.Runtime.InteropServices.MemoryMarshal.AsBytes(request);
        for (int i = 0; i < 15 && name[i] != 0; i++)
            field[i] = name[i];
        int error = Kernel.With3(Call.Ioctl, link, GetIndex, request);
        if (error < 0)
            Log.Fail("there is no such link"u8, error);
        ulong index = (uint)request[2];

        // As much as the host lets everyone have, or more where packetd may have more.
        Span<ulong> size = stackalloc ulong[] { 16 << 20 };
        Kernel.With4(Call.SetSockOpt, link, SocketLevel, ReceiveBuffer, size, sizeof(int));
        Kernel.With4(Call.SetSockOpt, link, SocketLevel, SendBuffer, size, sizeof(int));
        Kernel.With4(Call.SetSockOpt, link, SocketLevel, ReceiveBufferForce, size, sizeof(int));
        Kernel.With4(Call.SetSockOpt, link, SocketLevel, SendBufferForce, size, sizeof(int));
        Kernel.With4(Call.SetSockOpt, link, PacketLevel, IgnoreOutgoing, stackalloc ulong[] { 1 }, sizeof(int));
        error = Kernel.With4(Call.SetSockOpt, link, PacketLevel, VnetHeader, stackalloc ulong[] { 1 }, sizeof(int));
        if (error == 0)
            error = AttachFilter(link, address, own);
        if (error == 0) // struct packet_mreq
            error = Kernel.With4(Call.SetSockOpt, link, PacketLevel, AddMembership, stackalloc ulong[] { index | Promiscuous << 32, 0 }, 16);
        if (error == 0) // struct sockaddr_ll
            error = Kernel.With2(Call.Bind, link, stackalloc ulong[] { PacketFamily | AllProtocols << 16 | index << 32, 0, 0 }, 20);
        if (error < 0)
            Log.Fail("cannot attach to the link"u8, error);
        return link;
    }

    /// <summary>Classic BPF (linux/filter.h) over the frame's first six bytes.</summary>
    private static unsafe int AttachFilter(int link, uint address, bool own)
    {
        const ulong LoadWord = 0x20, LoadHalf = 0x28, LoadByte = 0x30, JumpIfEqual = 0x15, JumpIfSet = 0x45, Return = 0x06;
        const int SocketLevel = 1, Attach = 26;
        const ulong All = 0xFFFFFFFFUL << 32;
        ulong* program = stackalloc ulong[8];
        program[0] = LoadByte;
        program[1] = JumpIfSet | 4 << 16 | 1UL << 32; // a group
        program[2] = LoadWord;
        program[3] = JumpIfEqual | 3UL << 24 | (ulong)((uint)Packet.MacPrefix << 16 | address >> 16) << 32;
        program[4] = LoadHalf | 4UL << 32;
        program[5] = JumpIfEqual | 1UL << 24 | (ulong)(address & 0xFFFF) << 32;
        program[6] = Return | (own ? All : 0);
        program[7] = Return | (own ? 0 : All);
        // SAFETY: struct sock_fprog is a count and a pointer to that many instructions.
        return Kernel.With4(Call.SetSockOpt, link, SocketLevel, Attach, stackalloc ulong[] { 8, (ulong)program }, 16);
    }

    /// <summary>A descriptor that tells of the end of children and of the wish that packetd end.</summary>
    public static int Signals()
    {
        const ulong Set = 1UL << (SigInt - 1) | 1UL << (SigTerm - 1) | 1UL << (SigChild - 1);
        Kernel.With2(Call.SigProcMask, 0, stackalloc ulong[] { Set }, 0, 8);
        int signals = Kernel.With2(Call.SignalFd4, -1, stackalloc ulong[] { Set }, 8, NonBlock | CloseOnExec);
        if (signals < 0)
            Log.Fail("cannot open a signal descriptor"u8, signals);
        return signals;
    }

    /// <summary>
    /// Waits until the second in which packetd was started is over: tokens tell whole seconds, so no token that an earlier
    /// packetd may have honoured was issued at the returned time or later.
    /// </summary>
    public static ulong WaitForNextSecond()
    {
        Span<ulong> time = stackalloc ulong[2];
        Kernel.With2(Call.ClockGetTime, 0, time);
        ulong next = time[0] + 1;
        while (time[0] < next)
        {
            Kernel.With1(Call.NanoSleep, stackalloc ulong[] { 0, 1_000_000_000 - time[1] });
            Kernel.With2(Call.ClockGetTime, 0, time);
        }
        return time[0];
    }
}
