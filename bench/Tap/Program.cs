using System.Linux;
using System.Runtime;

namespace Tap;

/// <summary>
/// Relays between descriptor 3 (docs/architecture.md, "The monitor") and the TAP device whose name stands where a
/// monitor finds its firmware, with virtio-net headers on both sides (linux/if_tun.h).
/// </summary>
internal static unsafe class Program
{
    private const int Read = 0, Write = 1, Open = 2, Poll = 7, Ioctl = 16, Fcntl = 72;
    private const int Frames = 3, ReadWrite = 2, NonBlock = 0x800, SetStatusFlags = 4, In = 1;
    private const nint SetInterface = 0x400454CA, SetOffload = 0x400454D0, ChecksumAndTcp4 = 0x1 | 0x2 | 0x8;
    private const ulong TapWithHeader = 0x0002 | 0x1000 | 0x4000;

    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv, byte** envp)
    {
        nint tap;
        fixed (byte* path = "/dev/net/tun\0"u8)
            tap = Syscall.Invoke(Open, (nint)path, ReadWrite);
        ulong* request = stackalloc ulong[5];
        for (int i = 0; i < 15 && argc > 1 && argv[argc - 1][i] != 0; i++)
            ((byte*)request)[i] = argv[argc - 1][i];
        request[2] = TapWithHeader;
        if (tap < 0 || Syscall.Invoke(Ioctl, tap, SetInterface, (nint)request) < 0
            || Syscall.Invoke(Ioctl, tap, SetOffload, ChecksumAndTcp4) < 0)
            return 4;
        Syscall.Invoke(Fcntl, tap, SetStatusFlags, NonBlock);
        Syscall.Invoke(Fcntl, Frames, SetStatusFlags, NonBlock);

        byte* packet = stackalloc byte[70_000];
        ulong* polls = stackalloc ulong[2];
        while (true)
        {
            polls[0] = (uint)tap | (ulong)In << 32;
            polls[1] = Frames | (ulong)In << 32;
            Syscall.Invoke(Poll, (nint)polls, 2, -1);
            if (Move(tap, Frames, packet) == 0 || Move(Frames, tap, packet) == 0)
                return 0;
        }
    }

    /// <summary>
    /// Moves what is there, so much at a time; 0 at the end of the stream. Waits where frames would be lost.
    /// </summary>
    private static nint Move(nint from, nint to, byte* packet)
    {
        ulong* poll = stackalloc ulong[1];
        for (int i = 0; i < 64; i++)
        {
            nint length = Syscall.Invoke(Read, from, (nint)packet, 70_000);
            if (length <= 0)
                return length;
            while (Syscall.Invoke(Write, to, (nint)packet, length) == -11)
            {
                *poll = (uint)to | 4UL << 32;
                Syscall.Invoke(Poll, (nint)poll, 1, -1);
            }
        }
        return 1;
    }
}
